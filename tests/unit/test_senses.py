"""What the drone refuses to believe: frozen, dark, blinded and noisy pictures; states that cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from navisplit.frames import Odometry, quaternion_from_euler
from navisplit.vehicle.senses import CameraCheck, OdometryCheck, Senses

MS = 1_000_000
RNG = np.random.default_rng(0)
RAMP = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (144, 256, 3))


def state(stamp_ns: int = 0, x: float = 0.0, speed: float = 0.0, yaw: float = 0.0) -> Odometry:
    velocity = np.array([speed, 0.0, 0.0])
    return Odometry(stamp_ns, np.array([x, 0.0, 2.0]), quaternion_from_euler(0.0, 0.0, yaw), velocity, np.zeros(3))


def straight(check: OdometryCheck, start_ns: int, count: int, x: float, speed: float) -> tuple[int, float]:
    """States every 20 ms of a vehicle that flies on; the next stamp and place."""
    for _ in range(count):
        check.note(state(start_ns, x, speed))
        start_ns, x = start_ns + 20 * MS, x + 0.02 * speed
    return start_ns, x


@pytest.mark.fault(30, does="does not send a picture that it has seen before from elsewhere, and stops")
@pytest.mark.parametrize("elsewhere", [state(x=0.2), state(yaw=0.1)])
def test_the_same_picture_from_elsewhere_is_frozen_and_from_here_is_not(elsewhere):
    check = CameraCheck()
    assert check.refusal(RAMP, state()) is None
    assert check.refusal(RAMP.copy(), state(x=0.05)) is None  # it hovers
    assert check.refusal(RAMP.copy(), elsewhere) == "frozen picture"
    assert check.refusal(RAMP.copy(), state(x=3.0)) == "frozen picture"
    assert check.refusal(RAMP // 2, state(x=3.0)) is None


def test_slow_motion_under_a_frozen_picture_adds_up():
    check = CameraCheck()
    seen = [check.refusal(RAMP, state(x=0.02 * n)) for n in range(8)]
    assert seen[:6] == [None] * 6 and seen[6:] == ["frozen picture"] * 2


@pytest.mark.fault(31, does="does not send a black, white or noisy picture, and stops")
@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.zeros((144, 256, 3), np.uint8), "dark picture"),
        (np.full((144, 256, 3), 4, np.uint8), "dark picture"),
        (np.full((144, 256, 3), 255, np.uint8), "blinded picture"),
        (RNG.integers(0, 256, (144, 256, 3), np.uint8), "noisy picture"),
    ],
)
def test_a_picture_that_shows_nothing_is_refused(picture, reason):
    assert CameraCheck().refusal(picture, state()) == reason


@pytest.mark.parametrize("sky", [0.3, 0.6, 0.9])
def test_a_white_sky_or_a_dark_ground_alone_is_no_reason(sky):
    picture = RAMP.copy()
    picture[: int(sky * 144)] = 255
    assert CameraCheck().refusal(picture, state()) is None
    picture[: int(sky * 144)] = 0
    assert CameraCheck().refusal(picture, state(x=1.0)) is None


@pytest.mark.fault(34, does="sends nothing while the state is not finite, and stops")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_state_that_is_not_finite_is_refused_and_the_next_one_taken(value):
    senses = Senses()
    assert senses.refusal(RAMP, state(0, value), 0) == "odometry not finite"
    assert senses.refusal(RAMP, state(100 * MS), 100 * MS) is None
    assert senses.refused == {"odometry not finite": 1}


def test_a_jump_is_distrusted_for_longer_than_the_edge_remembers():
    check = OdometryCheck()
    now, x = straight(check, 0, 50, 0.0, 4.0)
    assert check.refusal(state(now - 20 * MS, x), now) is None
    jumped = now
    now, x = straight(check, now, 59, x + 5.0, 4.0)
    assert check.refusal(state(now - 20 * MS, x), now) == "odometry jumps"
    now, x = straight(check, now, 10, x, 4.0)
    assert check.refusal(state(now - 20 * MS, x), now) is None and now - jumped > 1_200 * MS


def test_a_position_that_stands_while_the_velocity_does_not_is_found_out():
    check = OdometryCheck()
    now, x = straight(check, 0, 50, 0.0, 4.0)
    for step in range(10):
        check.note(state(now + step * 20 * MS, x, 4.0))
    assert check.refusal(state(now + 180 * MS, x), now + 180 * MS) == "odometry jumps"


def test_hard_manoeuvres_and_noise_are_believed():
    check, x, speed = OdometryCheck(), 0.0, 0.0
    for step in range(500):  # 8 m/s^2 to and fro, 5 cm of noise, states lost and late
        speed_before, speed = speed, 4.0 * np.sin(2.0 * step * 0.02)
        x += 0.01 * (speed_before + speed)
        if step % 7:
            check.note(state(step * 20 * MS, x + RNG.normal(0.0, 0.05), speed))
        check.note(state(max(step - 2, 0) * 20 * MS, 0.0, 0.0))  # an old one, late: passed over
        assert check.refusal(state(step * 20 * MS, x), step * 20 * MS) is None


def test_a_state_that_is_too_old_for_its_picture_is_refused():
    assert OdometryCheck().refusal(state(0), 150 * MS) is None
    assert OdometryCheck().refusal(state(0), 250 * MS) == "old odometry"


@pytest.mark.fault(39, does="after a reset: trusts nothing for 1.2 s, brakes and holds")
def test_a_simulator_that_was_reset_is_trusted_after_a_while():
    check = OdometryCheck()
    now, _ = straight(check, 60_000 * MS, 20, 0.0, 4.0)
    now, x = straight(check, 0, 10, 0.0, 0.0)
    assert check.refusal(state(now - 20 * MS, x), now) == "odometry jumps"
    now, x = straight(check, now, 60, 0.0, 0.0)
    assert check.refusal(state(now - 20 * MS, x), now) is None
