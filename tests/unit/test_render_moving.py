"""What moves is seen, lit, hit and labelled like what was baked, and what was taken away leaves nothing behind."""

import dataclasses
import math

import numpy as np
import pytest
from render_scenes import MATERIALS, box, ground, view, yard

from navisplit.frames import quaternion_from_euler
from navisplit.sim.render.moving import Layers, LiveProbe
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.renderer import RayCaster
from navisplit.sim.scene import Actor, Light, Scene
from navisplit.sim.settings import load_settings
from navisplit.sim.simulation import Simulation
from navisplit.sim.things import Thing, Things
from navisplit.sim.trajectory import Trajectory

CRATE = box("box", (0, 0, 0), (2, 2, 2), 1, 7)
CLEAR = Light(fog_density=0.0, cloud_cover=0.0)


@pytest.fixture(scope="module")
def caster():
    return RayCaster(yard(CLEAR), shadow_resolution=512, ao=False)


def crate_at(x, y, z, yaw=0.0, **options):
    turned = tuple(quaternion_from_euler(0.0, 0.0, yaw).tolist())
    return Thing("box", CRATE, (x, y, z), turned, segmentation_id=70, **options)


def layer_of(scene, *things, hidden=(), labels=None):
    return Layers(scene).layer(things, frozenset(hidden), labels or {})


def brightness(frame):
    return frame.rgb.astype(int).sum(2)


def test_a_thing_looks_as_if_it_were_baked_where_it_stands(caster):
    layer = layer_of(caster.scene, crate_at(6, -2, 1.0, material=0))
    baked = dataclasses.replace(caster.scene, objects=(*caster.scene.objects, box("b", (6, -2, 1), (2, 2, 2), 0, 70)))
    moved, still = caster.render(view(), layer), RayCaster(baked, shadow_resolution=512, ao=False).render(view())
    assert (moved.segmentation == 70).sum() > 60
    np.testing.assert_array_equal(moved.segmentation, still.segmentation)
    np.testing.assert_array_equal(moved.objects, still.objects)
    np.testing.assert_allclose(moved.depth, still.depth, rtol=1e-4)
    away = np.abs(moved.rgb.astype(int) - still.rgb).max(2)
    assert np.quantile(away, 0.97) < 16  # a shadow is a ray here, a filtered map there; large patterns are laid anew
    np.testing.assert_allclose(caster.depth_batch([view()], layer)[0], moved.depth)


def test_what_is_hidden_is_not_seen_hit_or_in_the_sun(caster):
    scene = caster.scene
    bare = dataclasses.replace(scene, objects=scene.objects[::2])
    layer, without = layer_of(scene, hidden=["crate"]), RayCaster(bare, shadow_resolution=512, ao=False)
    from_above = view(64, 64, (10, 1.8, 8), pitch=np.pi / 2)
    for v in (view(), from_above):
        np.testing.assert_array_equal(caster.render(v, layer).depth, without.render(v).depth)
    lit, bare_lit, shaded = (
        brightness(f) for f in (caster.render(from_above, layer), without.render(from_above), caster.render(from_above))
    )
    assert np.abs(lit - bare_lit).max() < 20 < np.abs(lit - shaded).max()
    probe = LiveProbe(caster.query, lambda: layer)
    assert probe.cast([[0, 0, 1]], [[1, 0, 0]], 50.0)[1][0] == -1
    assert probe.nearest([[10, 0, 1.9]], 5.0)[1][0] == 0
    np.testing.assert_array_equal(caster.render(view()).depth, caster.render(view(), layer_of(scene)).depth)


def test_labels_change_the_segmentation_and_nothing_else(caster):
    plain, labelled = caster.render(view()), caster.render(view(), layer_of(caster.scene, labels={"crate": 33}))
    assert (labelled.segmentation == 33).sum() == (plain.segmentation == 7).sum() > 0
    np.testing.assert_array_equal(plain.rgb, labelled.rgb)
    np.testing.assert_array_equal(plain.objects, labelled.objects)


def test_textures_go_with_the_thing(caster):
    pictures = []
    for shift in (0.0, 0.37, 17.3):
        v = view(96, 54, (shift, -3, 31), yaw=0.1)
        pictures.append(caster.render(v, layer_of(caster.scene, crate_at(shift + 4.0, -3.0, 31.0, yaw=0.4))).rgb)
    assert pictures[0].std() > 20
    for other in pictures[1:]:
        assert np.quantile(np.abs(other.astype(int) - pictures[0]), 0.99) <= 2


def test_a_thing_casts_a_shadow_and_stands_in_that_of_the_scene():
    caster = RayCaster(yard(dataclasses.replace(CLEAR, sun_direction=(0, -1, 0.8))), shadow_resolution=512, ao=False)
    above = view(64, 64, (-8, 4.0, 8), pitch=np.pi / 2)
    free = brightness(caster.render(above))
    shaded = caster.render(above, layer_of(caster.scene, crate_at(-8, 2.0, 1.0)))
    floor = shaded.segmentation == 1
    assert (brightness(shaded)[floor] < 0.6 * free[floor]).sum() > 40
    side = view(32, 32, (7.5, 2.5, 0.5))
    lit = caster.render(side, layer_of(caster.scene, crate_at(9.5, 20.0, 0.5)))
    behind = caster.render(side, layer_of(caster.scene, crate_at(9.8, 2.6, -0.2)))
    assert (behind.segmentation == 70).sum() > 100
    assert brightness(behind)[behind.segmentation == 70].mean() < 0.8 * brightness(lit)[lit.segmentation == 1].mean()


def test_queries_meet_things_exactly_as_if_they_were_baked():
    rng = np.random.default_rng(5)
    things, objects = [], list(yard().objects)
    for i in range(7):
        centre, yaw, size = rng.uniform(-6, 6, 3) + [0, 0, 7], rng.uniform(-3, 3), rng.uniform(0.3, 2.0, 3)
        thing = dataclasses.replace(crate_at(*centre, yaw=yaw), name=f"box{i}", scale=tuple(size))
        c, s = math.cos(yaw), math.sin(yaw)
        corners = (CRATE.vertices * size) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + centre
        things.append(thing)
        objects.append(dataclasses.replace(CRATE, vertices=corners.astype(np.float32)))
    scene = yard()
    layer = layer_of(scene, *things)
    live = LiveProbe(SceneQuery(scene), lambda: layer)
    baked = SceneQuery(dataclasses.replace(scene, objects=tuple(objects)))
    points, directions = rng.uniform(-9, 9, (300, 3)) + [0, 0, 9], rng.normal(size=(300, 3))
    directions[0] = 0.0
    for limit in (30.0, 1.0):
        for a, b in zip(live.nearest(points, limit), baked.nearest(points, limit), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-4)
        for a, b in zip(live.cast(points, directions, limit), baked.cast(points, directions, limit), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-4)
    assert (live.nearest(points, 30.0)[1] >= len(scene.objects)).sum() > 100


def test_a_layer_costs_no_copy_of_the_shapes_and_stays_as_it_was(caster):
    layers = Layers(caster.scene)
    first = layers.layer((crate_at(6, -2, 1),), frozenset(), {})
    before = caster.render(view(), first)
    second = layers.layer((crate_at(5, -1, 1), dataclasses.replace(crate_at(9, 9, 1), name="b")), frozenset(), {})
    assert second.instances.shapes.triangles is first.instances.shapes.triangles
    after = caster.render(view(), first)
    assert before.rgb.tobytes() == after.rgb.tobytes() != caster.render(view(), second).rgb.tobytes()


@pytest.mark.parametrize("scale", [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (math.nan, 1.0, 1.0)])
def test_a_thing_without_an_area_is_nowhere(caster, scale):
    layer = layer_of(caster.scene, crate_at(6, 0, 1, scale=scale))
    np.testing.assert_array_equal(caster.render(view(), layer).segmentation, caster.render(view()).segmentation)
    assert LiveProbe(caster.query, lambda: layer).cast([[0, 0, 1]], [[1, 0, 0]], 50.0)[1][0] == 1


# In the simulation ----------------------------------------------------------------------------------------------------
def street(speed=10.0):
    """Flat ground, and a car that comes from x = -20 at height 0..2."""
    way = Trajectory((0.0, 40.0 / speed), ((-20.0, 0.0, 1.0), (20.0, 0.0, 1.0)), (0.0, 0.0), loop=False)
    car = Actor(dataclasses.replace(CRATE, name="car"), way)
    return Scene("street", (ground(),), MATERIALS, actors=(car,))


def hovering(scene=None, z=1.0):
    simulation = Simulation(scene or street())
    simulation.vehicle().teleport(np.array([0.0, 0.0, z]), 0.0)
    return simulation


def test_a_car_that_drives_into_a_hovering_drone_is_named_with_its_speed():
    simulation = hovering()
    simulation.advance(1.5)
    assert not simulation.vehicle().collision.has_collided
    simulation.advance(0.5)
    hit = simulation.vehicle().collision
    assert hit.object_name == "car"
    assert hit.object_id == 1
    assert hit.speed == pytest.approx(10.0, abs=0.5)
    assert simulation.vehicle().odometry().velocity[0] > 10.0  # knocked away
    simulation.advance(0.3)
    assert simulation.vehicle().position[0] > simulation.things.find("car").position[0] + 1.0


def test_a_drone_that_stands_in_the_way_of_a_car_is_knocked_over_too():
    simulation, met = Simulation(street()), []
    for _ in range(700):
        simulation.step()
        met.append(simulation.vehicle().collision.object_name)
    assert "car" in met
    assert simulation.vehicle().position[0] > 0.5


def test_a_drone_flies_again_when_what_it_stands_on_is_taken_away():
    scene = Scene("pile", (ground(), box("pile", (0, 0, 1), (2, 2, 2), 1, 3)), MATERIALS)
    simulation = hovering(scene, z=2.5)
    drone = simulation.vehicle()
    drone.land()
    simulation.advance(8.0)
    assert drone.pilot.grounded and drone.position[2] == pytest.approx(2.0, abs=0.01)
    simulation.things.label("pile", 9)
    simulation.advance(0.5)
    assert drone.pilot.grounded
    simulation.things.remove("pile")
    simulation.advance(1.0)
    assert not drone.pilot.grounded and drone.position[2] < 2.0


def test_the_flight_is_the_same_however_the_steps_are_asked_for():
    ends = []
    for pieces in ([700], [1] * 700, [7] * 100, [3, 5, 11, 200, 481]):
        simulation = hovering()
        simulation.vehicle().move_to(np.array([0.3, 0.6, 1.4]), 0.5)
        for count in pieces:
            simulation.steps(count)
        drone = simulation.vehicle()
        assert drone.collision.object_name == "car"
        ends.append(drone.pilot.body.tobytes() + drone.pilot.rotors.tobytes())
    assert len(set(ends)) == 1


def test_drones_see_each_other_and_never_themselves():
    names = '{"A": {"VehicleType": "SimpleFlight"}, "B": {"VehicleType": "SimpleFlight", "X": 3, "Z": -1}}'
    settings = load_settings('{"SettingsVersion": 1.2, "SimMode": "Multirotor", "Vehicles": ' + names + "}", ())
    scene = Scene("field", (ground(),), MATERIALS, CLEAR)
    simulation = Simulation(scene, renderer=RayCaster(scene, shadow_resolution=64, ao=False), settings=settings)
    a, b = simulation.vehicles
    a.teleport(np.array([0.0, 0.0, 1.0]), math.pi / 2)
    b.teleport(np.array([0.0, 2.5, 1.0]), -math.pi / 2)
    shape = simulation.snapshot().things
    assert [t.name for t in shape] == ["A", "B"] and all(t.vehicle for t in shape)
    for drone, other in ((a, 1), (b, 1)):
        frame = simulation.capture(vehicle=drone.name)
        assert 30 < (frame.objects == other).sum() < 3000
        assert frame.depth[frame.objects == other].min() > 1.5
    assert (simulation.capture("3", vehicle="A").objects == 0).all()
    assert simulation.probe_of("A").cast([[0, 0.5, 1.1]], [[0, 1, 0]], 9.0)[1][0] == 1
    assert simulation.probe.cast([[0, 0.5, 1.1]], [[0, 1, 0]], 9.0)[1][0] == -1
    span = np.ptp(shape[0].shape.vertices, axis=0)
    assert 0.5 < span[:2].max() < 0.6


def test_a_simulation_without_things_has_nothing_to_trace():
    simulation = Simulation(yard())
    simulation.steps(5)
    assert len(simulation.snapshot(without=simulation.vehicle().name).instances.order) == 0


def test_things_may_vanish_and_come_back_between_pictures(caster):
    things = Things(caster.scene)
    layers = Layers(caster.scene)

    def see():
        return caster.render(view(), layers.layer(things.things, things.hidden, things.labels))

    first = see()
    things.place("crate", np.array([10.0, -4.0, 1.0]), np.array([0.0, 0.0, 0.0, 1.0]))
    assert set(np.unique(see().objects)) == {-1, 0, 2, 3}
    things.reset(0.0)
    assert see().rgb.tobytes() == first.rgb.tobytes()
