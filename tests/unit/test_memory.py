"""What the tail remembers is where it was, seen from where the drone is."""

import numpy as np
import pytest
import torch
from depth_fixtures import TINY

from navisplit.config import CameraConfig
from navisplit.edge.memory import DepthMemory
from navisplit.edge.tail import Depth
from navisplit.frames import Intrinsics, quaternion_from_euler
from navisplit.nets.memory import CHANNELS, TYPICAL_DEPTH_M, Motion, Pose, as_tensor, motion_between, recollect
from navisplit.nets.tail import TailNetwork
from navisplit.wire import VehicleState

INTRINSICS = Intrinsics(32, 16, 16.0, 16.0, 15.75, 7.75)  # pixel j of depth is pixel 2j of a 64 pixel wide picture
STILL = Motion(np.eye(3), np.zeros(3), 0.1)


def moved(x=0.0, y=0.0, z=0.0, yaw=0.0):
    old = Pose(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), 1.0)
    return motion_between(old, Pose(np.array([x, y, z]), quaternion_from_euler(0.0, 0.0, yaw), 1.2))


def wall(depth):
    return np.full((16, 32), np.log(depth), np.float32), np.full((16, 32), -1.0, np.float32)


def depths(memory):
    """Depth (4, H/4, W/4) of a memory, NaN where it has none."""
    return np.where(memory[8:12] > 0, np.exp(memory[:4]) * TYPICAL_DEPTH_M, np.nan)


def test_a_drone_that_stands_still_remembers_what_it_saw():
    log_depth = np.log(np.random.default_rng(0).uniform(1, 20, (16, 32))).astype(np.float32)
    memory = recollect(log_depth, wall(1.0)[1], STILL, INTRINSICS)
    nearest = np.exp(log_depth).reshape(4, 2, 2, 8, 2, 2).min(axis=(2, 5)).transpose(1, 3, 0, 2).reshape(4, 4, 8)
    np.testing.assert_allclose(depths(memory), nearest, rtol=1e-5)  # of the pixels that share a cell the nearest
    assert memory.shape == (CHANNELS, 4, 8) and (memory[4:8] == -1.0).all() and (memory[-1] == np.float32(0.1)).all()


def test_a_wall_comes_nearer_by_the_way_flown_and_age_is_told():
    memory = recollect(*wall(10.0), moved(x=3.0), INTRINSICS)
    np.testing.assert_allclose(depths(memory)[memory[8:12] > 0], 7.0, rtol=1e-5)
    np.testing.assert_allclose(memory[-1], 0.2, rtol=1e-5)
    assert (memory[8:12] > 0).mean() > 0.7


def test_what_is_left_behind_is_forgotten():
    assert not recollect(*wall(2.0), moved(x=2.5), INTRINSICS)[8:12].any()


def test_turning_left_moves_memories_to_the_right():
    log_depth, log_scale = wall(30.0)
    log_depth[:, 15:17] = np.log(5.0)  # a trunk ahead
    memory = depths(recollect(log_depth, log_scale, moved(yaw=0.3), INTRINSICS))
    rows, columns = np.nonzero(np.where(np.isnan(memory), np.inf, memory).min(axis=0) < 8.0)
    assert columns.min() > 4 and len(rows)


def test_a_mirrored_motion_is_that_of_mirrored_pictures():
    log_depth = np.log(np.random.default_rng(1).uniform(3, 9, (16, 32))).astype(np.float32)
    centred = Intrinsics(32, 16, 16.0, 16.0, 15.5, 7.5)
    motion = moved(x=0.4, y=0.6, yaw=0.2)
    plain = recollect(log_depth, wall(1.0)[1], motion, centred)
    flipped = recollect(log_depth[:, ::-1].copy(), wall(1.0)[1], motion.mirrored(), centred)
    swapped = flipped[[1, 0, 3, 2]][..., ::-1]  # cells of 2 x 2 are mirrored too
    np.testing.assert_allclose(plain[:4], swapped, atol=1e-5)


def test_a_fresh_tail_ignores_its_memory_and_a_missing_one_never_counts():
    torch.manual_seed(0)
    tail = TailNetwork(TINY).eval()
    symbols, received = torch.randn(1, 4, 4, 8), torch.ones(1, 4, 1, 1)
    memory = as_tensor(np.random.default_rng(0).normal(size=(CHANNELS, 4, 8)).astype(np.float32))
    with torch.no_grad():
        alone = tail(symbols, received, "b1")[0]
        torch.testing.assert_close(tail(symbols, received, "b1", memory)[0], alone)
        torch.nn.init.normal_(tail.recall.mix.weight)
        assert (tail(symbols, received, "b1", memory)[0] - alone).abs().max() > 1e-3
        torch.testing.assert_close(tail(symbols, received, "b1", memory, torch.zeros(1))[0], alone)


def state(x, yaw=0.0):
    return VehicleState(np.array([x, 0.0, 2.0]), quaternion_from_euler(0.0, 0.0, yaw), np.zeros(3), np.zeros(3))


@pytest.fixture
def memory():
    return DepthMemory(CameraConfig(width=64, height=32))


def seen(depth, spread=0.2):
    return Depth(np.full((16, 32), depth, np.float32), np.full((16, 32), spread, np.float32))


def test_the_edge_remembers_its_last_answer_from_the_cameras_place(memory):
    assert memory.recall(state(0.0), 10**9) is None
    memory.keep(seen(10.0), state(0.0), 10**9)
    recalled = memory.recall(state(1.0, yaw=0.0), 12 * 10**8)
    np.testing.assert_allclose(depths(recalled)[recalled[8:12] > 0], 9.0, rtol=1e-5)
    turned = memory.recall(state(0.0, yaw=np.pi), 12 * 10**8)  # the camera is 0.46 m ahead of the body's centre
    assert not turned[8:12].any()


@pytest.mark.parametrize("stamp_ns", [10**9, 9 * 10**8, 21 * 10**8])
def test_old_answers_and_those_of_the_future_are_not_remembered(memory, stamp_ns):
    memory.keep(seen(10.0), state(0.0), 10**9)
    assert memory.recall(state(0.0), stamp_ns) is None


def test_exact_depth_is_not_kept_and_forgetting_forgets(memory):
    memory.keep(Depth(np.ones((16, 32), np.float32)), state(0.0), 10**9)
    assert memory.recall(state(0.0), 11 * 10**8) is None
    memory.keep(seen(10.0), state(0.0), 10**9)
    memory.forget()
    assert memory.recall(state(0.0), 11 * 10**8) is None
