"""Generated worlds: the same from the same seed, different from another, and fit to fly in."""

import numpy as np
import pytest

from navisplit.errors import UsageError
from navisplit.resources import resource
from navisplit.sim.worlds import build_scene, families, generate, load_scene, world_names
from navisplit.sim.worlds.build import top_surface
from navisplit.sim.worlds.description import GROUND_ID

SHIPPED = ("forest", "forest_2", "neighbourhood", "neighbourhood_2", "ruins", "urban", "warehouse")


@pytest.fixture(scope="module", params=sorted(families))
def scene(request):
    return build_scene(generate(request.param, 11))


def test_the_same_seed_makes_the_same_world_to_the_bit():
    for family in families:
        a, b, other = (build_scene(generate(family, seed, density=0.3, size_m=110.0)) for seed in (4, 4, 5))
        assert a.light == b.light != other.light
        for one, two in zip(a.objects, b.objects, strict=True):
            assert one.name == two.name and one.vertices.tobytes() == two.vertices.tobytes()
        assert all(m.albedo.tobytes() == n.albedo.tobytes() for m, n in zip(a.materials, b.materials, strict=True))
        assert a.objects[0].vertices.tobytes() != other.objects[0].vertices.tobytes()


def test_a_world_is_finite_and_of_the_promised_size(scene):
    assert 40_000 < scene.triangle_count < 260_000
    for item in scene.objects:
        assert np.isfinite(item.vertices).all()
        lengths = np.linalg.norm(item.normals[np.unique(item.faces)], axis=1)
        np.testing.assert_allclose(lengths, 1, atol=1e-3)
        assert item.faces.max() < len(item.vertices) and item.faces.min() >= 0
    for material in scene.materials:
        assert 0 <= material.albedo.min() and material.albedo.max() <= 1 and material.albedo.dtype == np.float32


def test_segmentation_tells_the_ground_from_everything_else(scene):
    ground = [o.name for o in scene.objects if o.segmentation_id == GROUND_ID]
    assert ground == ["ground"]
    assert all(2 <= o.segmentation_id <= 255 for o in scene.objects if o.name != "ground")
    assert len({o.name for o in scene.objects}) == len(scene.objects)


def test_the_player_start_is_on_the_ground_with_room_around_it(scene):
    x, y, z = scene.player_start.position
    ground = tuple(o for o in scene.objects if o.segmentation_id == GROUND_ID)
    assert z == pytest.approx(top_surface(ground, x, y), abs=0.05)
    for item in scene.objects:
        if item.segmentation_id != GROUND_ID and not item.name.startswith(("wires", "far_trees")):
            low = item.vertices[item.vertices[:, 2] < z + 1.5]
            assert len(low) == 0 or np.hypot(low[:, 0] - x, low[:, 1] - y).min() > 2.0, item.name


def test_nothing_floats(scene):
    ground = tuple(o for o in scene.objects if o.segmentation_id == GROUND_ID)
    standing = ("tree", "house", "rock", "bush", "lamp_", "pole", "shed", "car", "rack", "stack", "machine", "column")
    items = [o for o in scene.objects if o.name.startswith(standing)][::9]
    assert len(items) > 20
    for item in items:
        x, y, _ = item.position
        assert item.vertices[:, 2].min() < top_surface(ground, x, y) + 0.12, item.name


def test_trunks_leave_room_for_a_drone_and_have_real_diameters():
    world = generate("forest", 11)
    trees = [m for m in world.models if m.name.startswith("tree_")]
    assert 250 <= len(trees) <= 350
    assert len({m.name.rsplit("_", 1)[0] for m in trees}) >= 4
    places = np.array([m.pose.position[:2] for m in trees])
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1) + 1e9 * np.eye(len(places))
    assert gaps.min() >= 2.2
    assert np.hypot(*places.T).min() > 4.0
    scene = build_scene(world)
    low = [
        o for o in scene.objects if o.segmentation_id != GROUND_ID and o.name.startswith(("tree", "bush"))
        and ((o.vertices[:, 2] - o.position[2] > 1.0) & (o.vertices[:, 2] - o.position[2] < 3.5)
             & (np.hypot(o.vertices[:, 0] - o.position[0], o.vertices[:, 1] - o.position[1]) > 0.8)).any()
    ]  # fmt: skip
    assert len(low) > 100  # branches, young crowns and bushes at the height of flight


def test_unknown_families_and_options_are_refused_with_a_hint():
    with pytest.raises(UsageError, match="Did you mean 'forest'"):
        generate("forrest", 1)
    with pytest.raises(UsageError, match="Did you mean 'density'"):
        generate("forest", 1, densty=2.0)
    for bad in (-1.0, float("nan"), "thick", True):
        with pytest.raises(UsageError, match="density"):
            generate("forest", 1, density=bad)
    with pytest.raises(UsageError, match="seed"):
        generate("forest", -1)


def test_the_shipped_worlds_are_all_there_and_small():
    assert set(SHIPPED) <= set(world_names())
    folder = resource("worlds", "forest.sdf").parent
    for name in SHIPPED:
        files = [folder / f"{name}.sdf", folder / f"{name}.routes.csv", *folder.glob(f"meshes/{name}[._]*")]
        if name in {"forest", "neighbourhood"}:
            files = [f for f in files if "_2" not in f.name]
        assert sum(f.stat().st_size for f in files) < 3.1e6, name


def test_a_shipped_world_loads():
    scene = load_scene("forest")
    assert scene.name == "forest" and scene.triangle_count > 40_000
