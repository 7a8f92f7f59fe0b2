"""Families of worlds: what moves keeps to its way, halls have no sky, bridges can be flown under, ruins stay unseen."""

import filecmp
import math

import numpy as np
import pytest

from navisplit.cli import main as cli
from navisplit.errors import UsageError
from navisplit.frames import Intrinsics, quaternion_from_euler, rotation_matrix
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.renderer import CameraView, RayCaster
from navisplit.sim.scene import SKY_DEPTH_M, Light
from navisplit.sim.weather import CALM, parse_weather
from navisplit.sim.worlds import build_scene, families, generate, load_scene, write_sdf
from navisplit.sim.worlds.description import GROUND_ID, Box, Model, Pose, Visual, World, plain_material
from navisplit.sim.worlds.registry import family_light, test_families, training_families
from navisplit.sim.worlds.traffic import START_ROOM_M
from navisplit.train.collect import plan


@pytest.fixture(scope="module")
def made():
    """World, scene and query of a family, made once."""
    kept = {}

    def make(family):
        if family not in kept:
            world = generate(family, 11)
            scene = build_scene(world)
            kept[family] = world, scene, SceneQuery(scene)
        return kept[family]

    return make


def body(actor, time_s):
    """Points of an actor's outline at a time (N, 3): all around, from knee to head."""
    position, orientation = actor.trajectory.pose(time_s)
    low, high = actor.shape.vertices.min(0), actor.shape.vertices.max(0)
    grid = np.stack(np.meshgrid([low[0], 0, high[0]], [low[1], 0, high[1]], [0.4 * high[2], 0.9 * high[2]]), -1)
    return grid.reshape(-1, 3) @ rotation_matrix(orientation).T + position


def is_drone(actor):
    return actor.shape.name.startswith("moving_drone")


@pytest.mark.parametrize("family", ["urban", "neighbourhood"])
def test_what_moves_stays_on_the_ground_and_meets_nothing_for_a_whole_round(made, family):
    world, scene, query = made(family)
    walkers = [a for a in scene.actors if not is_drone(a)]
    assert len(walkers) == round(families[family].__kwdefaults__["moving"]) > 3
    assert {a.shape.name.split("_")[1] for a in walkers} == {"car", "person"}
    ends = [a.trajectory.times_s[-1] for a in walkers]
    for actor, end in zip(walkers, ends, strict=True):
        assert actor.trajectory.loop and 30 < end < 500
        points = np.concatenate([body(actor, t) for t in np.linspace(0, end, 60)])
        room, hit, _, _ = query.nearest(points, 1.0)
        assert room.min() > 0.03, (actor.shape.name, scene.objects[hit[room.argmin()]].name)
        assert not any(query.inside(p) for p in points[::40]), actor.shape.name
        feet = np.array([actor.trajectory.pose(t)[0] for t in np.linspace(0, end, 25)])
        drop, hit, _ = query.cast(feet + [0, 0, 0.5], np.tile([0, 0, -1.0], (25, 1)), 3.0)
        assert (np.abs(drop - 0.5) < 0.15).all(), actor.shape.name
        assert {scene.objects[k].segmentation_id for k in hit} == {GROUND_ID}


@pytest.mark.parametrize("drones", [1.0, 2.0])
def test_drones_fly_over_the_street_and_keep_clear_of_everything_for_a_whole_round(drones):
    world = generate("urban", 11, drones=drones)
    scene = build_scene(world)
    query, flying = SceneQuery(scene), [a for a in scene.actors if is_drone(a)]
    assert len(flying) == drones
    for drone in flying:
        shape, end = drone.shape.vertices, drone.trajectory.times_s[-1]
        assert np.ptp(shape, axis=0) == pytest.approx([0.55, 0.55, 0.16], abs=0.08)
        times = np.arange(0.0, end, 0.25)
        places = np.array([drone.trajectory.pose(t)[0] for t in times])
        assert query.nearest(places, 2.0)[0].min() > 0.5
        drop, hit, _ = query.cast(places, np.tile([0, 0, -1.0], (len(times), 1)), 8.0)
        on_ground = np.array([scene.objects[k].segmentation_id == GROUND_ID for k in hit])
        assert on_ground.mean() > 0.8  # the rest is parked cars
        assert ((drop > 2.5) & (drop < 5.0))[on_ground].all()
        steps = np.linalg.norm(np.diff(places, axis=0), axis=1) / 0.25
        assert 2.0 < np.median(steps) < 5.0 and steps.max() < 5.5


@pytest.mark.parametrize("family", ["urban", "neighbourhood"])
@pytest.mark.parametrize("seed", [3, 52])  # in both of them scaffolds stand before some blocks
def test_nothing_that_moves_comes_near_the_start_where_scripts_put_several_drones(family, seed):
    world = generate(family, seed)
    assert len(world.actors) >= families[family].__kwdefaults__["moving"]
    for actor in world.actors:
        times = np.arange(0.0, actor.trajectory.times_s[-1], 0.1)
        places = np.array([actor.trajectory.pose(t)[0] for t in times])
        assert np.hypot(*(places - world.player_start.position)[:, :2].T).min() > START_ROOM_M - 0.1, actor.name


def test_in_a_large_town_cars_go_around_single_blocks_away_from_the_start():
    ends = {a.trajectory.times_s[-1] for a in generate("urban", 4, size_m=300.0).actors if "car" in a.name}
    assert len(ends) == 4 and max(ends) < 80.0  # each its own way, none of them around the whole town


def test_drones_change_nothing_else_of_a_town_and_have_room_or_are_refused(made):
    world = made("urban")[0]
    bare = generate("urban", 11, drones=0.0)
    assert [a.name for a in bare.actors] == [a.name for a in world.actors[: len(bare.actors)]]
    assert bare.models == world.models and bare.light == world.light
    assert len(world.actors) == len(bare.actors) + 1
    with pytest.raises(UsageError, match="drones.*room for"):
        generate("urban", 11, drones=50.0)


@pytest.mark.parametrize("family", ["urban", "neighbourhood"])
def test_what_moves_never_meets_what_moves_and_does_not_jump(made, family):
    _, scene, _ = made(family)
    times = np.arange(0.0, 150.0, 0.5)
    places = np.array([[a.trajectory.pose(t)[0] for t in times] for a in scene.actors])
    sizes = np.array([np.hypot(*np.abs(a.shape.vertices[:, :2]).max(0)) for a in scene.actors])
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1).min(-1) + 1e9 * np.eye(len(sizes))
    assert (gaps > np.maximum(sizes[:, None], sizes[None])).all()
    assert np.linalg.norm(np.diff(places, axis=1), axis=-1).max() < 0.5 * 7.5  # nobody is faster than 7.5 m/s


def test_a_town_survives_its_file_with_its_actors_tints_and_lights(made, tmp_path):
    world, scene, _ = made("urban")
    write_sdf(world, tmp_path / "t.sdf")
    read = load_scene(tmp_path / "t.sdf")
    assert [o.name for o in read.objects] == [o.name for o in scene.objects]
    for a, b in zip(scene.objects[::7], read.objects[::7], strict=True):
        assert len(a.vertices) == len(b.vertices) and a.segmentation_id == b.segmentation_id
        np.testing.assert_allclose(sorted(a.vertices[:, 2]), sorted(b.vertices[:, 2]), atol=1e-3)
        for i, j in zip(a.material[::50], b.material[::50], strict=False):
            one, two = scene.materials[i], read.materials[j]
            assert (one.tile_m, one.foliage, one.glow) == (two.tile_m, two.foliage, two.glow)
            np.testing.assert_allclose(one.albedo.mean((0, 1)), two.albedo.mean((0, 1)), atol=0.02)
    for a, b in zip(scene.actors, read.actors, strict=True):
        assert (a.shape.name, a.shape.segmentation_id) == (b.shape.name, b.shape.segmentation_id)
        np.testing.assert_allclose(np.ptp(a.shape.vertices, axis=0), np.ptp(b.shape.vertices, axis=0), atol=1e-4)
        for t in (0.0, 17.3, 250.0):
            np.testing.assert_allclose(a.trajectory.pose(t)[0], b.trajectory.pose(t)[0], atol=2e-3)
        assert all(read.materials[k].tile_m is None for k in np.unique(b.shape.material))


def test_the_same_seed_writes_the_same_files_to_the_byte(tmp_path):
    for folder in ("a", "b"):
        write_sdf(generate("urban", 5, size_m=110.0), tmp_path / folder / "t.sdf")
    names = [str(p.relative_to(tmp_path / "a")) for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert len(names) > 10
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", names, shallow=False)[0] == names


def test_a_hall_is_closed_and_high_enough_to_fly_in(made):
    _, scene, query = made("warehouse")
    rng = np.random.default_rng(0)
    floor = scene.objects[0].vertices[:, :2]
    spots = np.column_stack([rng.uniform(floor.min(0) + 2, floor.max(0) - 2, (60, 2)), rng.uniform(1, 6, 60)])
    spots = spots[[not query.inside(p) for p in spots]]
    assert len(spots) > 40
    directions = rng.normal(size=(50, 3))
    for spot in spots:
        distance, hit, _ = query.cast(np.tile(spot, (50, 1)), directions, SKY_DEPTH_M)
        assert (hit >= 0).all() and distance.max() < 200
    up = query.cast([[0.0, 0.0, 1.0]], [[0.0, 0.0, 1.0]], 50.0)[0][0]
    assert up > 6.5


def test_the_sun_comes_through_skylights_and_lamps_glow(made):
    world, scene, _ = made("warehouse")
    assert {m.name for m in scene.materials if m.glow > 0} >= {"lamp", "skylight"}
    assert world.light.ambient < 0.7
    assert family_light("warehouse", np.random.default_rng(1)).ambient < 0.7
    assert family_light("forest", np.random.default_rng(1)).ambient > 0.7


def test_a_glowing_ceiling_is_bright_from_below_and_lets_the_sun_through():
    def picture(glow):
        plain = {"grey": plain_material("grey", (0.4, 0.4, 0.4)), "roof": plain_material("roof", (0.2,) * 3, glow=glow)}
        floor = Visual("v", Box((30.0, 30.0, 0.2)), "grey")
        roof = Visual("v", Box((30.0, 30.0, 0.2)), "roof", Pose((0.0, 0.0, 4.0)))
        light = Light(sun_direction=(0.1, 0.1, 0.98), cloud_cover=0.1, fog_density=0.0)
        scene = build_scene(World("hall", (Model("floor", (floor,)), Model("roof", (roof,))), {}, plain, light))
        caster = RayCaster(scene, shadow_resolution=256)
        lens = Intrinsics.from_fov(32, 18, 60.0)
        views = [quaternion_from_euler(0.0, pitch, 0.0) for pitch in (-1.2, 1.2)]
        return [caster.render(CameraView(np.array([0.0, 0, 2.0]), v, lens)).rgb.mean() for v in views]

    (dark_roof, dark_floor), (bright_roof, bright_floor) = picture(0.0), picture(1.5)
    assert bright_roof > 1.3 * dark_roof and bright_floor > 1.3 * dark_floor, (dark_roof, bright_roof)


def test_bridges_over_streets_can_be_flown_under(made):
    _, scene, query = made("urban")
    bridges = [o for o in scene.objects if o.name.startswith("skywalk")]
    assert bridges
    for bridge in bridges:
        x, y, z = bridge.position
        under = query.cast([[x, y, z - 0.1]], [[0, 0, -1.0]], 20.0)
        assert scene.objects[under[1][0]].segmentation_id == GROUND_ID and 4.3 < under[0][0] < 7.0


def test_no_two_houses_of_a_town_have_the_same_paint(made):
    _, scene, _ = made("urban")
    looks = [
        frozenset(scene.materials[k].name for k in np.unique(o.material)) for o in scene.objects if "house_" in o.name
    ]
    assert len(looks) > 30 and len(set(looks)) == len(looks)


def test_ruins_are_for_testing_and_nothing_is_trained_on_them(made):
    assert test_families == {"ruins"}
    assert set(training_families()) == set(families) - {"ruins"}
    planned = plan(100, 10, training_families(), 0)
    for split in ("train", "validation"):
        assert {p.family for p in planned if p.split == split} == set(training_families())
    assert {p.family for p in planned if p.split == "test"} == set(families)
    with pytest.raises(UsageError, match="kept for testing"):
        plan(100, 10, ["forest", "ruins"], 0)
    from navisplit.train.gate_run import GateData

    assert not set(GateData().families) & test_families


def test_sizes_and_traffic_that_cannot_be_are_refused():
    for family in families:
        with pytest.raises(UsageError, match="size_m.*40 to 1000"):
            generate(family, 1, size_m=10.0)
        build_scene(generate(family, 1, size_m=40.0))
    with pytest.raises(UsageError, match="moving.*room for"):
        generate("urban", 1, moving=500.0)


def test_options_change_what_they_name(made):
    few = generate("forest", 3, conifers=0.0, size_m=100.0)
    assert not any(m.name.startswith("tree_conifer") for m in few.models)
    all_of_them = generate("forest", 3, conifers=1.0, size_m=100.0)
    assert not any(m.name.startswith(("tree_broadleaf", "tree_birch")) for m in all_of_them.models)
    assert generate("urban", 3, moving=0.0, drones=0.0).actors == ()
    flat, steep = (np.ptp(build_scene(generate("ruins", 3, relief_m=r)).objects[0].vertices[:, 2]) for r in (0.0, 9.0))
    assert steep > flat + 2
    dim, bright = (generate("warehouse", 3, light=v, size_m=80.0).light.ambient for v in (0.5, 1.0))
    assert dim == pytest.approx(bright / 2, rel=1e-3) and math.isfinite(dim)


def test_a_world_is_made_with_the_weather_asked_for_and_a_hall_with_none(tmp_path, capsys):
    def make(family, *options):
        return cli.main(["world", family, "--out", str(tmp_path / "w.sdf"), "--routes", "0", *options])

    assert make("urban", "--option", "size_m=40", "--weather", "seed=7") == 0
    assert load_scene(tmp_path / "w.sdf").weather == parse_weather("seed=7")
    assert make("urban", "--option", "size_m=40") == 0
    assert load_scene(tmp_path / "w.sdf").weather == CALM
    assert make("warehouse", "--weather", "rain=0.5") == 2
    assert "under a roof, expected none" in capsys.readouterr().err
