"""Contact of the body with the scene: free distance, landing, and AirSim's impulse response to a hit.

The body is a sphere of 0.30 m around its origin, and it rests with the origin on the floor (AirSim's z = 0). So the
floor counts only by the origin's height, and near it the sphere that tests for obstacles rides up on the floor.
Everything here is ENU; called only when the known free distance is used up, so that contact is almost free in the open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.frames import Vector
from navisplit.sim.flight import quadrotor

BODY_RADIUS_M = 0.30
SEARCH_M = 12.0  # how far to look for the nearest surface; a larger free distance means fewer queries
FLOOR_NORMAL = 0.7  # a surface whose normal rises at least this much can be stood on (45 degrees)
LANDING_SPEED_MPS = 1.5  # touching the floor slower than this is a landing, faster is a hit (our choice)
FLOOR_REACH_M = BODY_RADIUS_M * (1.01 + 1.0 / FLOOR_NORMAL)  # from a radius above the origin: slopes are touched early
TOUCH_M = 1e-3
LEGS_M = 0.1  # cameras and range sensors of a drone that rests are this much above its origin (our choice)
_STANDING_M = 0.02  # a floor further below than this does not carry
_FAR_M = 1e4
_MOST_LAYERS = 16  # solids one above the other that a buried body is lifted through
MAX_SWEEP_M = 0.15  # a step longer than this is swept, so that nothing is jumped over


class SceneProbe(Protocol):
    """The part of ``navisplit.sim.render.query.SceneQuery`` that contact needs (all ENU, metres)."""

    def nearest(
        self, points: NDArray[np.float32], max_distance: float
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """Distance (N,), object index (N,) (-1 none), closest point (N, 3), normal (N, 3)."""

    def cast(
        self, origins: NDArray[np.float32], directions: NDArray[np.float32], max_range: float
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
        """Distance (N,), object index (N,) (-1 none), normal (N, 3)."""

    def inside(self, point: ArrayLike) -> bool:
        """Whether a point (3,) is within something solid or under the ground."""


class FlatGround:
    """A probe of one infinite floor at height ``z``: for tests and worlds without obstacles."""

    def __init__(self, z: float = 0.0) -> None:
        self.z = z

    def nearest(
        self, points: NDArray[np.float32], max_distance: float
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
        """See ``SceneProbe.nearest``."""
        points = np.asarray(points, np.float32).reshape(-1, 3)
        height = np.abs(points[:, 2] - self.z)
        closest = points.copy()
        closest[:, 2] = self.z
        index = np.where(height < max_distance, 0, -1).astype(np.int32)
        return (
            np.minimum(height, np.float32(max_distance)),
            index,
            closest,
            np.tile(np.float32([0, 0, 1]), (len(points), 1)),
        )

    def cast(
        self, origins: NDArray[np.float32], directions: NDArray[np.float32], max_range: float
    ) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]:
        """See ``SceneProbe.cast``."""
        origins, directions = np.asarray(origins, np.float32), np.asarray(directions, np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (self.z - origins[:, 2]) / directions[:, 2]
        hit = np.isfinite(distance) & (distance >= 0) & (distance < max_range)
        normal = np.tile(np.float32([0, 0, 1]), (len(origins), 1))
        return np.where(hit, distance, np.float32(max_range)), np.where(hit, 0, -1).astype(np.int32), normal

    def inside(self, point: ArrayLike) -> bool:
        """See ``SceneProbe.inside``."""
        return bool(np.asarray(point)[2] < self.z)


@dataclass(frozen=True)
class Contact:
    """The body touches a surface."""

    centre: Vector  # (3,) where the test sphere is, ENU m
    normal: Vector  # (3,) unit, from the surface to the body
    point: Vector  # (3,) on the surface
    penetration: float  # m
    object_index: int  # into Scene.objects, -1 unknown
    floor: bool  # a surface below that can be stood on

    @property
    def way_out(self) -> Vector:
        """Displacement (3,) ENU m that ends the penetration: up for a floor, along the normal for anything else."""
        return np.array([0.0, 0.0, self.penetration]) if self.floor else self.normal * self.penetration


@dataclass(frozen=True)
class CollisionState:
    """The last hit (or touchdown). ENU."""

    has_collided: bool = False
    stamp_ns: int = 0
    position: Vector = field(default_factory=lambda: np.zeros(3))  # (3,) of the vehicle, m
    point: Vector = field(default_factory=lambda: np.zeros(3))  # (3,) of the contact, m
    normal: Vector = field(default_factory=lambda: np.zeros(3))  # (3,) unit, towards the vehicle
    object_name: str = ""
    object_id: int = -1
    penetration: float = 0.0
    speed: float = 0.0  # of the vehicle against what it hit, m/s

    @classmethod
    def at(cls, contact: Contact, stamp_ns: int, position: Vector, name: str, speed: float) -> CollisionState:
        """Of a contact of a vehicle at ``position`` with what is called ``name``."""
        depth = max(0.0, contact.penetration)
        return cls(True, stamp_ns, position, contact.point, contact.normal, name, contact.object_index, depth, speed)


@dataclass(frozen=True)
class Surroundings:
    """What a probe at a place found: how far the body may move before the next probe, and what it touches."""

    free_m: float
    contacts: tuple[Contact, ...] = ()


def survey(probe: SceneProbe, position: Vector) -> Surroundings:
    """Look around a body whose origin is at ``position`` (ENU)."""
    distance, index, closest = _nearest(probe, position)
    if distance > BODY_RADIUS_M:
        return Surroundings(distance - BODY_RADIUS_M)
    floor = _floor_below(probe, position)
    if floor is None:
        return Surroundings(0.0, _obstacle(position, distance, index, closest))
    height, normal, floor_index = floor
    contacts: list[Contact] = []
    if position[2] <= height:
        contacts.append(
            Contact(position, normal, np.array([*position[:2], height]), height - position[2], floor_index, True)
        )
    raised = np.array([position[0], position[1], max(position[2], height + BODY_RADIUS_M)])
    distance, index, closest = _nearest(probe, raised)
    if (raised - closest)[2] < FLOOR_NORMAL * distance:  # beside or above, not the floor it rides on
        contacts.extend(_obstacle(raised, distance, index, closest))
    return Surroundings(0.0, tuple(contacts))


def stands(probe: SceneProbe, position: Vector) -> bool:
    """Whether there is a floor under the body's origin (ENU)."""
    floor = _floor_below(probe, position)
    return floor is not None and position[2] - floor[0] < _STANDING_M


def risen(probe: SceneProbe, position: Vector) -> Vector:
    """Where a body that is put at ``position`` (ENU) comes to be: there, or on top of what it would be buried in.

    Buried is what is within a solid, and what has something above and nothing below.
    """
    ways, place = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]], np.float32), np.array(position, np.float64)
    for _ in range(_MOST_LAYERS):
        origin = place + (0.0, 0.0, TOUCH_M)
        distance, index, _ = probe.cast(np.tile(origin, (2, 1)).astype(np.float32), ways, _FAR_M)
        above, below = (index >= 0).tolist()
        if not above or (below and not probe.inside(origin)):
            break
        place[2] += TOUCH_M + float(distance[0])
    return place


def sweep(probe: SceneProbe, start: Vector, end: Vector) -> float:
    """How far a body may go from ``start`` towards ``end`` before its centre would cross a surface, m."""
    path = end - start
    length = float(np.linalg.norm(path))
    if length <= MAX_SWEEP_M:
        return length
    ray = (path / length).astype(np.float32)
    distance, index, _ = probe.cast(start.astype(np.float32)[None], ray[None], length + BODY_RADIUS_M)
    return length if index[0] < 0 else min(length, max(0.0, float(distance[0]) - 0.5 * BODY_RADIUS_M))


def _nearest(probe: SceneProbe, position: Vector) -> tuple[float, int, Vector]:
    distance, index, closest, _ = probe.nearest(np.asarray(position, np.float32)[None], SEARCH_M)
    return float(distance[0]), int(index[0]), np.asarray(closest[0], np.float64)


def _obstacle(centre: Vector, distance: float, index: int, closest: Vector) -> tuple[Contact, ...]:
    if distance >= BODY_RADIUS_M:
        return ()
    away = centre - closest
    length = float(np.linalg.norm(away))
    normal = away / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])
    return (Contact(centre, normal, closest, BODY_RADIUS_M - distance, index, False),)


def _floor_below(probe: SceneProbe, position: Vector) -> tuple[float, Vector, int] | None:
    """Height, normal and object of a floor under the origin, near enough for the sphere to touch it.

    A surface above the origin is a ceiling when it is the underside of something solid, or further away than a step
    can sink into a floor; unless nothing is below: then the origin is under the ground.
    """
    height, normal, index = _below(probe, position, BODY_RADIUS_M, FLOOR_REACH_M)
    sunk = height - position[2]
    if index >= 0 and (sunk > MAX_SWEEP_M or (sunk > TOUCH_M and probe.inside((*position[:2], height + TOUCH_M)))):
        lower = _below(probe, position, min(MAX_SWEEP_M, sunk - TOUCH_M), _FAR_M)
        if lower[2] >= 0:
            height, normal, index = lower
    if index < 0 or normal[2] < FLOOR_NORMAL or height < position[2] + BODY_RADIUS_M - FLOOR_REACH_M:
        return None
    return height, normal, index


def _below(probe: SceneProbe, position: Vector, above: float, reach: float) -> tuple[float, Vector, int]:
    """First surface down from ``above`` the origin: height, normal (3,) that rises, object (-1 for none)."""
    origin = np.array([[position[0], position[1], position[2] + above]], np.float32)
    distance, index, normal = probe.cast(origin, np.array([[0.0, 0.0, -1.0]], np.float32), reach)
    up = np.asarray(normal[0], np.float64)
    return float(position[2]) + above - float(distance[0]), up if up[2] > 0 else -up, int(index[0])


def bounce(velocity: Vector, angular_rate: Vector, contact: Contact) -> tuple[Vector, Vector]:
    """World velocity and angular rate (same axes) after AirSim's impulse: restitution 0.55, friction 0.5.

    The arm of the impulse is the sphere's radius, so that the normal impulse does not turn the body and friction does.
    """
    approach = float(velocity @ contact.normal)
    if approach >= 0:
        return velocity, angular_rate
    arm = -BODY_RADIUS_M * contact.normal
    surface = velocity + np.cross(angular_rate, arm)
    sliding = surface - contact.normal * float(surface @ contact.normal)
    speed = float(np.linalg.norm(sliding))
    after = velocity - (1 + quadrotor.RESTITUTION) * approach * contact.normal
    turned = angular_rate
    if speed > 1e-9:
        direction = sliding / speed
        inertia = (quadrotor.INERTIA_X + quadrotor.INERTIA_Y) / 2
        impulse = -speed * quadrotor.FRICTION / (1 / quadrotor.MASS + BODY_RADIUS_M**2 / inertia)
        after = after + direction * impulse / quadrotor.MASS
        turned = turned + np.cross(arm, direction) * impulse
    return after, turned * 0.9
