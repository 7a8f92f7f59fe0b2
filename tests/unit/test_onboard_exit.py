"""What the on-board exit promises: it goes on where it sees that the way is free, and stops short where it is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from navisplit.config import CameraConfig, GuardConfig
from navisplit.errors import ModelError
from navisplit.frames import Odometry, VelocityCommand, quaternion_from_euler
from navisplit.nets.exit import COLUMNS, META_FILE, ROWS, ExitNet, load_exit, save_exit
from navisplit.train.exit import nearest, pinball, true_reach
from navisplit.vehicle.guard import Guard, Stage
from navisplit.vehicle.onboard_exit import SIDES, SPEED_SHARE, STOP_M, OnboardExit
from navisplit.wire import AnswerPacket

CAMERA = CameraConfig()
CRUISE_MPS = 4.0
GOAL = np.array([50.0, 0.0, 2.0])
MS = 1_000_000


def odometry(yaw=0.0, pitch=0.0, velocity=(0.0, 0.0, 0.0)):
    orientation = quaternion_from_euler(0.0, pitch, yaw)
    return Odometry(0, np.array([0.0, 0.0, 2.0]), orientation, np.array(velocity), np.zeros(3))


def exit_that_sees(distances):
    return OnboardExit(lambda _: np.log(np.asarray(distances, np.float32))[None], CAMERA, CRUISE_MPS)


def picture(far=20.0):
    return np.full((ROWS, COLUMNS), far, np.float32)


def test_it_flies_to_the_goal_where_all_is_free_and_never_faster_than_its_share():
    command = exit_that_sees(picture()).command(None, odometry(), GOAL)
    assert command.velocity == pytest.approx([SPEED_SHARE * CRUISE_MPS, 0.0, 0.0])
    assert command.yaw_rate == 0.0


@pytest.mark.parametrize("distance", [0.3, 0.7, 1.0])
def test_it_stops_short_of_a_wall(distance):
    command = exit_that_sees(picture(distance)).command(None, odometry(), GOAL)
    assert not command.velocity.any()


def test_it_flies_slower_the_nearer_the_wall():
    speeds = [np.linalg.norm(exit_that_sees(picture(d)).command(None, odometry(), GOAL).velocity) for d in (2, 2.5, 3)]
    assert 0 < speeds[0] < speeds[1] < speeds[2] < SPEED_SHARE * CRUISE_MPS


def test_it_passes_a_trunk_on_the_free_side():
    seen = picture()
    seen[:, 6:10] = 3.0  # in the middle
    seen[:, 10:] = 2.0  # and all of the right
    velocity = exit_that_sees(seen).command(None, odometry(), GOAL).velocity
    assert velocity[1] > 0.2 and velocity[0] > 0.5


def test_level_ground_is_no_obstacle_also_while_the_nose_is_down():
    rows = CAMERA.intrinsics.scaled(COLUMNS, ROWS).rays()[..., 1]
    for pitch in (0.0, math.radians(10)):
        down = rows * math.cos(pitch) + math.sin(pitch)  # per metre ahead
        seen = np.where(down > 0.05, 2.0 / np.maximum(down, 0.05), 20.0)
        pilot = exit_that_sees(np.minimum(seen, 20.0))
        assert pilot.look(None, odometry(pitch=pitch)).reach[0] > 3.0


def test_a_goal_behind_is_turned_to_on_the_spot():
    command = exit_that_sees(picture()).command(None, odometry(yaw=math.pi / 2), GOAL)
    assert not command.velocity.any() and command.yaw_rate < 0


def test_moving_too_fast_to_stop_it_brakes_first():
    seen = picture()
    seen[:, 6:10] = 4.0
    assert exit_that_sees(seen).command(None, odometry(velocity=(1.0, 0, 0)), GOAL).velocity.any()
    assert not exit_that_sees(seen).command(None, odometry(velocity=(4.0, 0, 0)), GOAL).velocity.any()


def test_moving_where_the_camera_does_not_look_it_brakes_first():
    for velocity in ((0.0, 2.0, 0.0), (-2.0, 0.0, 0.0)):
        assert not exit_that_sees(picture()).command(None, odometry(velocity=velocity), GOAL).velocity.any()


def test_it_climbs_gently_to_the_height_of_the_goal():
    goal = GOAL + [0.0, 0.0, 3.0]
    assert 0 < exit_that_sees(picture()).command(None, odometry(), goal).velocity[2] <= 0.3


def test_at_the_goal_it_stands():
    command = exit_that_sees(picture()).command(None, odometry(), np.array([0.5 * STOP_M, 0.0, 2.0]))
    assert not command.velocity.any() and command.yaw_rate == 0.0


def test_what_the_cells_say_and_what_the_depth_image_says_agree_on_a_wall():
    depth = np.full((72, 128), 4.0, np.float32)
    cells = np.exp(nearest(depth[None])[0])
    reach = exit_that_sees(cells).look(None, odometry()).reach
    assert reach == pytest.approx(true_reach(depth, odometry(), CAMERA), abs=0.3)
    assert len(reach) == len(SIDES)


def test_the_nearest_of_a_cell_is_not_one_noisy_pixel():
    depth = np.full((1, 72, 128), 8.0, np.float32)
    depth[0, 0, 0] = 0.4
    assert np.exp(nearest(depth))[0, 0, 0] == pytest.approx(8.0)
    depth[0, :6, :4] = 2.0  # a branch
    assert np.exp(nearest(depth))[0, 0, 0] == pytest.approx(2.0)


def test_the_loss_is_least_at_the_wanted_quantile():
    true = torch.log(torch.linspace(1.0, 1.5, 1001))
    best = min(torch.linspace(0.0, 0.4, 81), key=lambda s: float(pinball(s.expand_as(true), true, 0.3)))
    assert float((true < best).float().mean()) == pytest.approx(0.3, abs=0.06)


def test_an_exit_of_another_trunk_is_refused_and_says_how_to_get_one(tmp_path):
    with pytest.raises(ModelError, match="train exit"):
        load_exit(tmp_path, models_hash=1, channels=8)
    net = ExitNet(8)
    save_exit(net, tmp_path, 1, {"seed": 0})
    features = torch.randn(2, 8, 18, 32)
    torch.testing.assert_close(load_exit(tmp_path, models_hash=1, channels=8)(features), net(features))
    with pytest.raises(ModelError, match="00000001.*00000002"):
        load_exit(tmp_path, models_hash=2, channels=8)
    with pytest.raises(ModelError, match="cannot be read"):
        load_exit(tmp_path, models_hash=1, channels=9)
    (tmp_path / META_FILE).write_text("{}")
    with pytest.raises(ModelError, match="cannot be read"):
        load_exit(tmp_path, models_hash=1, channels=8)


def answer_to(stamp_ns):
    command = VelocityCommand(np.array([3.0, 0.0, 0.0]))
    return AnswerPacket(
        model_hash=0, sequence=0, stamp_ns=stamp_ns, command=command, clearance_m=9.0, confidence=1.0, branch=0,
        received_slices=1,
    )  # fmt: skip


class Silence:
    """A guard whose edge has answered once and then falls silent, while the exit goes on at 10 Hz."""

    def __init__(self, exit_velocity=(1.0, 0.0, 0.0)):
        self.guard, self.now = Guard(GuardConfig()), 0
        self.exit = VelocityCommand(np.array(exit_velocity))

    def answer(self):
        self.guard.note_sent(self.now, self.now)
        answer = answer_to(self.now)
        assert self.guard.accept(answer, self.now) is None

    def fly(self, milliseconds, answers=False):
        stages, speeds = [], []
        for _ in range(milliseconds // 20):
            if self.now % (100 * MS) == 0:
                self.guard.note_exit(self.exit, self.now)
                if answers:
                    self.answer()
            output = self.guard.command(np.zeros(3), self.now)
            stages.append(output.stage)
            speeds.append(float(np.linalg.norm(output.command.velocity)))
            self.now += 20 * MS
        return stages, speeds


def test_the_exit_flies_between_brake_and_land_and_gives_back_smoothly():
    flight = Silence()
    flight.fly(1000, answers=True)
    stages, _ = flight.fly(4800)
    seconds = {stage: stages.count(stage) * 0.02 for stage in set(stages)}
    assert set(seconds) == {Stage.EDGE, Stage.EXIT} and seconds[Stage.EDGE] <= 0.25
    stages, speeds = flight.fly(3000, answers=True)
    assert stages[0] is Stage.EXIT and stages[-1] is Stage.EDGE and Stage.HOLD not in stages
    assert max(abs(b - a) for a, b in zip(speeds[:-1], speeds[1:], strict=True)) <= 8.0 * 0.02 + 1e-9
    flight.fly(5200)
    assert flight.guard.stage is Stage.LAND


def test_an_exit_that_stands_brakes_at_once():
    flight = Silence(exit_velocity=(0.0, 0.0, 0.0))
    flight.fly(1000, answers=True)
    stages, speeds = flight.fly(400)
    assert speeds[stages.index(Stage.EXIT)] == 0.0


def test_the_exit_flies_nothing_before_the_edge_has_flown():
    flight = Silence()
    stages, speeds = flight.fly(600)
    assert set(stages) == {Stage.BRAKE} and not any(speeds)
    flight.fly(600, answers=True)
    flight.guard.rearm(flight.now)
    stages, _ = flight.fly(600)
    assert Stage.EXIT not in stages
