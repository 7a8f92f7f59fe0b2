"""The learned policy: what it sees, what it may ask for, and which files it flies on."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from policy_worlds import random_net

from navisplit.config import CameraConfig, PolicyConfig
from navisplit.edge.commands import MIRRORED, VELOCITIES
from navisplit.edge.learned import Learned, clearance_along, steer
from navisplit.edge.policies import View, make_policy
from navisplit.edge.surroundings import AZIMUTH_EDGES, BEARINGS, LEVELS, SIZE, STATE, Surroundings, mirrored
from navisplit.edge.tail import Depth
from navisplit.errors import ModelError, UsageError
from navisplit.frames import VelocityCommand, quaternion_from_euler
from navisplit.nets.policy import load_policy, save_policy
from navisplit.wire import VehicleState

VIEW = View.of(CameraConfig(), np.empty((72, 128), np.float32))
FAR = 50.0
CONFIG = PolicyConfig(name="learned", speed_mps=3.0)
CELLS = LEVELS * BEARINGS


def state(yaw=0.0, position=(0, 0, 3), velocity=(0, 0, 0), goal=(30, 0, 3)):
    orientation = quaternion_from_euler(0, 0, yaw)
    return VehicleState(*(np.asarray(v, float) for v in (position, orientation, velocity, goal)))


def post(column, depth_m=4.0):
    """A post four pixels wide at a column of the image."""
    depth = np.full((72, 128), FAR, np.float32)
    depth[:, column : column + 4] = depth_m
    return Depth(depth, None)


def look(eyes, image, now, stamp_s=0.0, last=None):
    return eyes.observe(image, VIEW if image else None, now, round(stamp_s * 1e9), last or VelocityCommand.zero())


def level(observation):
    """The panorama at flight height."""
    return observation[:CELLS].reshape(LEVELS, BEARINGS)[LEVELS // 2]


def bearing_of(observation):
    """Middle of the bearing at which something is nearest, degrees."""
    i = int(np.argmax(level(observation)))
    return math.degrees(0.5 * (AZIMUTH_EDGES[i] + AZIMUTH_EDGES[i + 1]))


def test_a_post_on_the_left_is_seen_on_the_left_and_at_its_distance():
    seen = look(Surroundings(CONFIG), post(30), state())
    assert seen.shape == (SIZE,) and seen.dtype == np.float32
    # Column 31.5 of 128, focal length 64 pixels, the camera 0.46 m ahead.
    left = (63.75 - 31.5) / 64 * 4.0
    assert bearing_of(seen) == pytest.approx(math.degrees(math.atan2(left, 4.46)), abs=5)
    assert clearance_along(seen, np.array([4.46, left, 0])) == pytest.approx(math.hypot(4.46, left), abs=0.3)
    assert clearance_along(seen, np.array([1.0, -0.5, 0])) == pytest.approx(15.0, abs=0.1)


def test_what_left_the_view_is_remembered_where_it_is_and_forgotten_after_a_while():
    eyes = Surroundings(CONFIG)
    look(eyes, post(62), state())  # dead ahead
    turned = state(yaw=math.radians(-90))
    clear = Depth(np.full((72, 128), FAR, np.float32), None)
    assert bearing_of(look(eyes, clear, turned, 1.0)) == pytest.approx(90, abs=10)
    assert not level(look(eyes, clear, turned, 6.0)).any()


def test_in_view_the_newest_image_counts_and_not_the_memory():
    eyes = Surroundings(CONFIG)
    look(eyes, post(62), state())
    assert not level(look(eyes, Depth(np.full((72, 128), FAR, np.float32), None), state(), 0.1)).any()


def test_bearings_never_in_view_are_not_known():
    seen = look(Surroundings(CONFIG), post(62), state())
    known = seen[CELLS : CELLS + BEARINGS]
    middle = np.degrees(0.5 * (AZIMUTH_EDGES[1:] + AZIMUTH_EDGES[:-1]))
    assert known[np.abs(middle) < 40].all() and not known[np.abs(middle) > 60].any()


def test_a_mirrored_scene_is_the_scene_seen_in_a_mirror():
    """The camera's centre lies a quarter pixel off the middle, so a post clear of the cells' borders is compared."""
    left = look(Surroundings(CONFIG), post(40), state(velocity=(1, 0.5, 0), goal=(10, 5, 3)), last=VelocityCommand(
        np.array([1.0, 0.4, 0]), 0.3))  # fmt: skip
    right = look(Surroundings(CONFIG), post(84), state(velocity=(1, -0.5, 0), goal=(10, -5, 3)), last=VelocityCommand(
        np.array([1.0, -0.4, 0]), -0.3))  # fmt: skip
    assert mirrored(left[None])[0] == pytest.approx(right, abs=0.02)
    assert not np.allclose(left, right, atol=0.02)
    assert VELOCITIES[MIRRORED] == pytest.approx(VELOCITIES * [1, -1, 1], abs=1e-9)


def test_the_goal_and_the_motion_are_told_relative_to_the_heading():
    seen = look(Surroundings(CONFIG), None, state(yaw=math.radians(90), velocity=(0, 2, 0), goal=(0, 30, 3)))
    values = dict(zip(STATE, seen[CELLS + BEARINGS :], strict=True))
    assert values["goal_x"] == pytest.approx(1.0, abs=1e-4) and values["goal_y"] == pytest.approx(0.0, abs=1e-4)
    assert values["velocity_x"] == pytest.approx(0.5) and values["velocity_y"] == pytest.approx(0.0, abs=1e-4)


def test_commands_stay_within_speed_and_lead_back_into_the_airspace():
    config = PolicyConfig(name="learned", speed_mps=3.0, min_z_m=1.0, max_z_m=6.0)
    for share in VELOCITIES:
        assert np.linalg.norm(steer(share, 1.0, state(), config).velocity) <= 3.0 + 1e-9
        assert steer(share, 0.0, state(position=(0, 0, 0.8)), config).velocity[2] > 0
        assert steer(share, 0.0, state(position=(0, 0, 6.2)), config).velocity[2] < 0
        assert abs(steer(share, 0.0, state(position=(0, 0, 90.0)), config).velocity[2]) <= 3.0
    assert np.linalg.norm(steer(VELOCITIES[0], 0, state(goal=(2, 0, 3)), config).velocity) < 2.0


def test_it_flies_from_memory_without_an_image_and_forgets_on_reset():
    policy = Learned(CONFIG, random_net())
    first = policy.act(post(62), VIEW, state(), 0)
    blind = policy.act(None, None, state(), 10**8)
    assert first.command.finite and blind.command.finite
    policy.reset()
    again = policy.act(post(62), VIEW, state(), 0)
    assert np.array_equal(again.command.velocity, first.command.velocity)
    assert again.command.yaw_rate == first.command.yaw_rate


def test_the_policy_that_ships_is_found_by_its_name_and_flies():
    policy = make_policy(CONFIG)
    decision = policy.act(post(10), VIEW, state(), 0)
    assert decision.command.velocity[0] > 1.0  # the way is free
    assert isinstance(policy.hash, int)


def saved(folder, **notes):
    save_policy(random_net(), folder, **notes)
    return folder


def load(folder):
    return load_policy(folder, inputs=SIZE, commands=163, yaw_rates=7)


def test_a_folder_of_ones_own_flies_by_its_path(tmp_path):
    folder = saved(tmp_path / "mine")
    policy = make_policy(PolicyConfig(name=f"learned:{folder}"))
    assert policy.hash == random_net().hash
    assert np.array_equal(load(folder).layers[0][0], random_net().layers[0][0])


def test_names_and_folders_that_are_none_are_told(tmp_path):
    with pytest.raises(UsageError, match="takes no argument"):
        make_policy(PolicyConfig(name="planner:x"))
    with pytest.raises(UsageError, match="There is no folder"):
        make_policy(PolicyConfig(name=f"learned:{tmp_path / 'none'}"))
    with pytest.raises(UsageError, match="under models/"):
        make_policy(PolicyConfig(name="learned:polic"))
    with pytest.raises(ModelError, match="There is no policy in"):
        make_policy(PolicyConfig(name=f"learned:{tmp_path}"))


def _other_sizes(folder):
    save_policy(type(random_net())(random_net().layers, 100), folder)


def _not_finite(folder):
    net = random_net()
    net.layers[0][0][0, 0] = np.nan
    save_policy(net, folder)


def _edit(**changes):
    def change(folder):
        meta = json.loads((folder / "policy.json").read_text())
        (folder / "policy.json").write_text(json.dumps({**meta, **changes}))

    return change


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / "policy.safetensors").write_bytes(b"PK\x03\x04" + b"\0" * 64), "cannot be read"),
        (lambda f: (f / "policy.json").write_text("[]"), "cannot be read"),
        (_other_sizes, "does not fit"),
        (_not_finite, "not finite"),
        (_edit(version=9), "expected version 1"),
        (_edit(hash="00000000"), "do not belong together"),
        (_edit(layers=7), "cannot be read"),
        (_edit(layers=1), "does not fit"),
    ],
)
def test_foreign_and_damaged_files_are_refused(tmp_path, damage, words):
    folder = saved(tmp_path)
    damage(folder)
    with pytest.raises(ModelError, match=words):
        load(folder)
