"""What the local planner promises, in a world of cylinders with analytic depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from navisplit.config import CameraConfig, PolicyConfig
from navisplit.edge.local_map import FREE_LOG_ODDS, OCCUPIED_LOG_ODDS, LocalMap
from navisplit.edge.planner import Planner
from navisplit.edge.policies import View, make_policy, policy_names
from navisplit.edge.primitives import follow
from navisplit.edge.wavefront import Wavefront
from navisplit.errors import UsageError
from navisplit.frames import quaternion_from_euler, rotation_matrix

FAR = np.float32(65504.0)
VIEW = View.of(CameraConfig(), np.empty((72, 128), np.float32))


@dataclass
class Seen:
    depth: np.ndarray
    spread: np.ndarray | None = None


@dataclass
class State:
    position: np.ndarray
    orientation: np.ndarray
    velocity: np.ndarray
    goal: np.ndarray


def look(trunks, position, orientation, walls=()):
    """Planar depth of vertical cylinders (N, 3: x, y, radius), of walls (x, y0, y1) and of the floor."""
    rotation = rotation_matrix(orientation)
    camera = position + rotation @ [VIEW.offset_x_m, 0.0, 0.0]
    k = VIEW.intrinsics
    left = -(np.arange(k.width) - k.cx) / k.fx
    up = -(np.arange(k.height) - k.cy) / k.fy
    rays = np.stack(np.broadcast_arrays(1.0, left[None, :], up[:, None]), -1) @ rotation.T
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(rays[..., 2] < -1e-6, -camera[2] / rays[..., 2], FAR)
        a = rays[..., 0] ** 2 + rays[..., 1] ** 2
        for x, y, radius in trunks:
            dx, dy = camera[0] - x, camera[1] - y
            b = dx * rays[..., 0] + dy * rays[..., 1]
            root = b * b - a * (dx * dx + dy * dy - radius**2)
            t = (-b - np.sqrt(root)) / a
            depth = np.where((root > 0) & (t > 0) & (t < depth), t, depth)
        for x, low, high in walls:
            t = (x - camera[0]) / rays[..., 0]
            y = camera[1] + t * rays[..., 1]
            depth = np.where((t > 0) & (t < depth) & (y > low) & (y < high), t, depth)
    return depth.astype(np.float32)


def fly(policy, goal, trunks=(), walls=(), time_s=40.0, start=(0.0, 0.0, 2.0), yaw=0.0, stop=True):
    """Fly in the vehicle model with 50 ms of delay; path (N, 3) and smallest distance to a trunk."""
    goal = np.asarray(goal, float)
    state = np.zeros(8)
    state[:3] = start
    command, rate, turning = np.zeros(3), 0.0, 0.0
    path, nearest = [state[:3].copy()], np.inf
    for frame in range(int(time_s * 10)):
        tilt = np.arctan2(state[6:8], 9.81)
        pitch = tilt[0] * math.cos(yaw) + tilt[1] * math.sin(yaw)
        roll = tilt[0] * math.sin(yaw) - tilt[1] * math.cos(yaw)
        orientation = quaternion_from_euler(roll, pitch, yaw)
        now = State(state[:3].copy(), orientation, state[3:6].copy(), goal)
        decision = policy.act(Seen(look(trunks, now.position, orientation, walls)), VIEW, now, frame * 100_000_000)
        for tick in range(10):
            if tick == 5:
                command, rate = decision.command.velocity, decision.command.yaw_rate
            follow(state, *command, 0.01)
            turning += (rate - turning) * 0.05
            yaw += turning * 0.01
            for x, y, radius in trunks:
                nearest = min(nearest, math.hypot(state[0] - x, state[1] - y) - radius)
        path.append(state[:3].copy())
        if stop and np.linalg.norm(state[:3] - goal) < 1.0:
            break
    return np.array(path), nearest


def forest(seed, length=30.0, area=13.0):
    rng = np.random.default_rng(seed)
    trunks = []
    while len(trunks) < length * 20 / area:
        x, y, radius = rng.uniform(1, length - 1), rng.uniform(-10, 10), rng.uniform(0.12, 0.35)
        if min(math.hypot(x, y), math.hypot(x - length, y)) > 2.5:
            if all(math.hypot(x - u, y - v) > radius + r + 1.4 for u, v, r in trunks):
                trunks.append((x, y, radius))
    return trunks


def arrived(path, goal, within=1.0):
    return np.linalg.norm(path[-1] - goal) < within


@pytest.mark.parametrize("seed", range(3))
def test_flies_through_a_forest_without_touching_a_trunk(seed):
    path, nearest = fly(Planner(PolicyConfig()), (30, 0, 2.5), forest(seed), time_s=25)
    assert arrived(path, (30, 0, 2.5))
    assert nearest > 0.35  # body 0.30


def test_finds_the_way_around_a_wall_wider_than_the_view():
    wall = (6.0, -5.0, 5.0)
    path, _ = fly(Planner(PolicyConfig(max_z_m=4.0)), (12, 0, 2), walls=[wall, (6.3, -5.0, 5.0)])
    assert arrived(path, (12, 0, 2))
    crossing = np.interp(6.0, path[:, 0], np.abs(path[:, 1]))
    assert crossing > 5.3


def test_a_goal_behind_is_turned_to_before_flown_to():
    path, _ = fly(Planner(PolicyConfig()), (-15, 0, 2), time_s=20)
    assert arrived(path, (-15, 0, 2))


def test_stays_in_the_airspace():
    config = PolicyConfig(min_z_m=1.0, max_z_m=3.0)
    path, _ = fly(Planner(config), (12, 0, 1.6), walls=[(6.0, -3.0, 3.0), (6.3, -3.0, 3.0)])
    assert path[:, 2].min() > 1.0 and path[:, 2].max() < 3.0


def test_stops_at_the_goal():
    goal = np.array([15.0, 0, 2])
    path, _ = fly(Planner(PolicyConfig(speed_mps=4.0)), goal, time_s=14, stop=False)
    assert arrived(path, goal)
    assert path[:, 0].max() < 16.0
    assert np.linalg.norm(path[-1] - path[-6]) < 0.1


def test_stops_when_the_way_is_blocked_on_all_sides():
    policy = Planner(PolicyConfig())
    orientation = quaternion_from_euler(0, 0, 0)
    at = State(np.array([0, 0, 2.0]), orientation, np.array([3.0, 0, 0]), np.array([30.0, 0, 2]))
    near = np.full((72, 128), 1.2, np.float32)
    decision = policy.act(Seen(near), VIEW, at, 0)
    assert decision.command.velocity[0] < 1.0
    assert decision.clearance_m < 3.0


def test_a_trunk_that_left_the_view_is_not_forgotten():
    local_map = LocalMap()
    position, east = np.array([0, 0, 2.0]), quaternion_from_euler(0, 0, 0)
    local_map.centre_on(position, 0)
    local_map.insert(Seen(look([(4.0, 0.0, 0.3)], position, east)), VIEW, position, east)
    moved, west = np.array([1.0, 1.0, 2.0]), quaternion_from_euler(0, 0, math.pi)
    for frame in range(1, 20):
        local_map.centre_on(moved, frame * 100_000_000)
        local_map.insert(Seen(look([], moved, west)), VIEW, moved, west)
    local_map.update_clearance()
    assert local_map.clearance_at(np.array([[3.75, 0.0, 2.0]]))[0] < 0.45
    assert local_map.clearance_at(np.array([[2.0, 0.0, 2.0]]))[0] > 1.2


@pytest.mark.parametrize("pitch_deg, roll_deg", [(0, 0), (20, 0), (-15, 10)])
def test_a_tilted_camera_puts_the_trunk_where_it_stands(pitch_deg, roll_deg):
    local_map = LocalMap()
    position = np.array([10.0, -4.0, 2.0])
    orientation = quaternion_from_euler(math.radians(roll_deg), math.radians(pitch_deg), 0.3)
    trunk = (10 + 5 * math.cos(0.3), -4 + 5 * math.sin(0.3), 0.25)
    local_map.centre_on(position, 0)
    local_map.insert(Seen(look([trunk], position, orientation)), VIEW, position, orientation)
    occupied = np.argwhere(local_map.log_odds > OCCUPIED_LOG_ODDS)
    points = local_map.origin + (occupied + 0.5) * local_map.config.cell_m
    points = points[points[:, 2] > 0.6]  # not the floor
    assert len(points) > 4
    surface = np.hypot(points[:, 0] - trunk[0], points[:, 1] - trunk[1]) - trunk[2]
    assert np.abs(surface).max() < 0.45


def test_free_space_is_carved_only_where_it_was_seen():
    local_map = LocalMap()
    position, east = np.array([0, 0, 2.0]), quaternion_from_euler(0, 0, 0)
    local_map.centre_on(position, 0)
    local_map.insert(Seen(look([(4.0, 0.0, 0.4)], position, east)), VIEW, position, east)

    def at(x, y, z):
        return local_map.log_odds[tuple(((np.array([x, y, z]) - local_map.origin) / 0.3).astype(int))]

    assert at(2.5, 0, 2.0) < FREE_LOG_ODDS  # in front of the trunk
    assert at(7.0, 0, 2.0) == 0.0  # hidden by it
    assert at(-3.0, 0, 2.0) == 0.0  # behind the drone


def test_the_wavefront_leads_out_of_a_dead_end():
    local_map = LocalMap()
    position = np.array([0, 0, 2.0])
    local_map.centre_on(position, 0)
    local_map.log_odds[:] = -1.0
    cells = local_map.config
    u = lambda x: int((x - local_map.origin[0]) / cells.cell_m)  # noqa: E731
    local_map.log_odds[u(4.0), u(-5.0) : u(5.0), :] = 2.0
    for side in (-5.0, 5.0):
        local_map.log_odds[u(-3.0) : u(4.0), u(side), :] = 2.0
    local_map.update_clearance()
    front = Wavefront()
    front.update(local_map, np.array([40.0, 0, 2]), 1.0, 6.0, position)
    way = front.way(position, 6.0)
    assert way[-1][0] < -1.0  # away from the goal first
    assert front.at(position) > 42.0


def test_without_a_picture_it_flies_from_memory_and_invents_nothing():
    policy = Planner(PolicyConfig())
    at = State(np.array([0, 0, 2.0]), quaternion_from_euler(0, 0, 0), np.zeros(3), np.array([30.0, 0, 2]))
    blind = policy.act(None, None, at, 0)
    assert np.linalg.norm(blind.command.velocity) <= 3.0 and blind.command.finite
    assert blind.confidence < 0.2


def test_the_same_input_gives_the_same_command():
    results = []
    for _ in range(2):
        path, _ = fly(Planner(PolicyConfig()), (30, 0, 2), forest(7), time_s=4)
        results.append(path.tobytes())
    assert results[0] == results[1]


def test_uncertain_depth_flies_slower():
    orientation = quaternion_from_euler(0, 0, 0)
    speeds = []
    for spread in (0.02, 0.6):
        policy = Planner(PolicyConfig())
        for frame in range(5):
            at = State(np.array([0, 0, 2.0]), orientation, np.zeros(3), np.array([30.0, 0, 2]))
            depth = look([], at.position, orientation)
            seen = Seen(depth, np.full(depth.shape, spread, np.float32))
            decision = policy.act(seen, VIEW, at, frame * 100_000_000)
        speeds.append(np.linalg.norm(decision.command.velocity))
    assert speeds[1] < 0.75 * speeds[0]


def test_the_reactive_baseline_steers_around_a_trunk():
    path, nearest = fly(make_policy(PolicyConfig(name="reactive")), (15, 0, 2), [(7.0, 0.1, 0.3)], time_s=20)
    assert arrived(path, (15, 0, 2), within=2.0) and nearest > 0.3


def test_an_unknown_policy_is_refused_with_a_hint():
    assert {"planner", "reactive"} <= set(policy_names())
    with pytest.raises(UsageError, match="Did you mean 'planner'"):
        make_policy(PolicyConfig(name="planer"))
