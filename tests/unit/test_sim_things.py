"""What may change in a scene, and where actors are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from navisplit.errors import UsageError, WorldError
from navisplit.frames import quaternion_from_euler, rotation_matrix, yaw_of
from navisplit.sim.scene import Actor, Material, Scene, SceneObject
from navisplit.sim.things import Thing, Things
from navisplit.sim.trajectory import Trajectory

ROUND = Trajectory((0.0, 10.0, 20.0), ((0.0, 0.0, 0.0), (10.0, 0.0, 0.0), (0.0, 0.0, 0.0)), (0.0, math.pi, 0.0))


def triangle(name: str, position=(0.0, 0.0, 0.0), yaw: float = 0.0) -> SceneObject:
    """A baked triangle whose own corners are (0,0,0), (1,0,0), (0,0,1)."""
    orientation = quaternion_from_euler(0.0, 0.0, yaw)
    own = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1]], np.float64)
    turned = rotation_matrix(orientation)
    return SceneObject(
        name,
        (own @ turned.T + position).astype(np.float32),
        np.array([[0, 1, 2]], np.int32),
        np.tile(turned @ [0.0, -1.0, 0.0], (3, 1)).astype(np.float32),
        np.zeros(1, np.int32),
        7,
        position=position,
        orientation=tuple(orientation.tolist()),
    )


@pytest.fixture
def things() -> Things:
    material = Material("plain", np.full((1, 1, 3), 0.5, np.float32))
    baked = triangle("Tree_1", (3.0, 4.0, 0.0), yaw=1.0)
    return Things(Scene("test", (baked,), (material,), actors=(Actor(triangle("car"), ROUND),)))


def test_an_actor_is_where_its_way_points_put_it_at_any_time_and_goes_round():
    assert ROUND.pose(-1.0)[0] == (0.0, 0.0, 0.0)
    assert ROUND.pose(5.0)[0] == pytest.approx((5.0, 0.0, 0.0))
    assert yaw_of(np.array(ROUND.pose(5.0)[1])) == pytest.approx(math.pi / 2)
    assert ROUND.pose(10.0)[0] == pytest.approx((10.0, 0.0, 0.0))
    assert ROUND.pose(47.5)[0] == pytest.approx(ROUND.pose(7.5)[0])


def test_an_actor_that_does_not_loop_rests_at_its_last_way_point():
    once = Trajectory((0.0, 2.0), ((0.0, 0.0, 0.0), (4.0, 0.0, 0.0)), (0.0, 0.0), loop=False, delay_s=1.0)
    assert [once.pose(t)[0][0] for t in (0.5, 2.0, 3.0, 99.0)] == pytest.approx([0.0, 2.0, 4.0, 4.0])


@pytest.mark.parametrize("times", [(), (0.0, 0.0), (1.0, 0.5), (-1.0, 2.0), (0.0, math.nan)])
def test_a_trajectory_that_makes_no_sense_is_refused(times):
    with pytest.raises(WorldError, match="Trajectory"):
        Trajectory(times, tuple((0.0, 0.0, 0.0) for _ in times), tuple(0.0 for _ in times))


def test_actors_move_with_time_and_the_revision_tells(things):
    before = things.revision
    things.advance(0.0)
    assert things.revision == before
    things.advance(5.0)
    assert things.revision > before
    assert things.find("car").position == pytest.approx((5.0, 0.0, 0.0))


def test_a_baked_object_that_is_moved_keeps_its_shape_and_leaves_its_place(things):
    assert things.hidden == frozenset()
    assert things.place("Tree_1", np.array([1.0, 1.0, 2.0]), np.array([0.0, 0.0, 0.0, 2.0]))
    tree = things.find("Tree_1")
    assert tree.shape.vertices == pytest.approx(np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1]]), abs=1e-6)
    assert (tree.position, tree.orientation) == ((1.0, 1.0, 2.0), (0.0, 0.0, 0.0, 1.0))
    assert tree.segmentation_id == 7
    assert things.hidden == {"Tree_1"}
    assert things.names() == ["car", "Tree_1"]


def test_relabelling_a_baked_object_leaves_it_baked(things):
    assert things.label("Tree_1", 42)
    assert (things.labels, things.hidden) == ({"Tree_1": 42}, frozenset())
    assert things.find("Tree_1").segmentation_id == 42
    assert things.label("car", 43) and things.find("car").segmentation_id == 43


def test_what_is_destroyed_is_gone_until_reset(things):
    assert things.remove("Tree_1") and things.remove("car")
    assert things.names() == []
    assert not things.remove("car") and not things.place("Tree_1", np.zeros(3), np.array([0, 0, 0, 1.0]))
    things.advance(1.0)
    assert things.names() == []
    things.reset(1.0)
    assert things.names() == ["Tree_1", "car"]


def test_a_name_that_is_taken_is_refused(things):
    with pytest.raises(UsageError, match="Tree_1"):
        things.add(Thing("Tree_1", triangle("x")))
    things.add(Thing("crate", triangle("crate"), scale=(2.0, 2.0, 2.0)))
    assert things.find("crate").radius_m == pytest.approx(2.0)
