import numpy as np
import pytest

from navisplit.errors import UsageError, WorldError
from navisplit.sim.render.atlas import pack_atlas
from navisplit.sim.render.textures import kinds, natural_tile_m, texture
from navisplit.sim.scene import Material

WANTED = (
    "grass dirt forest_floor gravel bark birch_bark leaves needles brick plaster roof_tiles asphalt concrete wood "
    "fence_wood stone metal_painted"
).split()


@pytest.mark.parametrize("kind", WANTED)
def test_texture_is_a_plausible_albedo_that_wraps_around(kind):
    image = texture(kind, 3, 128)
    assert image.shape == (128, 128, 3) and image.dtype == np.float32
    assert image.min() >= 0 and image.max() <= 1 and 0.01 < image.mean() < 0.8
    for axis in (0, 1):
        steps = np.abs(np.diff(image, axis=axis, append=np.take(image, [0], axis))).mean(2)
        seam = np.take(steps, -1, axis).mean()
        usual = steps.mean(1 - axis)
        assert seam <= usual.max() * 1.05, "the seam is the strongest line of the picture"


@pytest.mark.parametrize("kind", WANTED)
def test_seeds_differ_and_repeat(kind):
    a, b = texture(kind, 1, 64), texture(kind, 2, 64)
    np.testing.assert_array_equal(a, texture(kind, 1, 64))
    assert np.abs(a - b).mean() > 0.002
    assert np.abs(a.mean((0, 1)) - b.mean((0, 1))).max() > 1e-3


def test_every_wanted_kind_has_a_natural_size():
    assert set(WANTED) <= set(kinds())
    assert all(0.5 <= natural_tile_m(k) <= 20 for k in kinds())


def test_unknown_texture_gets_a_hint():
    with pytest.raises(UsageError, match="Did you mean 'brick'"):
        texture("bricks")
    with pytest.raises(UsageError, match="size"):
        texture("brick", size=100)


def test_atlas_keeps_the_mean_colour_through_all_mip_levels():
    rng = np.random.default_rng(0)
    materials = [Material(f"m{n}", rng.random((1 << n, 1 << n, 3), np.float32)) for n in range(11)]
    atlas = pack_atlas(materials)
    for n, material in enumerate(materials):
        mean = material.albedo.mean((0, 1))
        np.testing.assert_allclose(atlas.means[n], mean, rtol=1e-3)
        last = atlas.texels[atlas.starts[n, n], :3].astype(float) / 255
        np.testing.assert_allclose(last**2, mean, atol=0.01)
        assert atlas.shape[n, 0] == n
    assert len(atlas.texels) == sum((1 << m) ** 2 for n in range(11) for m in range(n + 1))


@pytest.mark.parametrize("shape", [(3, 3, 3), (4, 8, 3), (4, 4), (2048, 2048, 3), (4, 4, 4), (0, 0, 3)])
def test_albedo_of_wrong_shape_is_refused_by_name(shape):
    with pytest.raises(WorldError, match="'odd'"):
        pack_atlas([Material("odd", np.zeros(shape, np.float32))])


def test_albedo_with_nan_or_bad_tile_is_refused():
    with pytest.raises(WorldError, match="finite"):
        pack_atlas([Material("nan", np.full((1, 1, 3), np.nan, np.float32))])
    with pytest.raises(WorldError, match="tile_m"):
        pack_atlas([Material("tile", np.zeros((1, 1, 3), np.float32), tile_m=0.0)])


def test_relief_is_brightness_against_the_surroundings():
    albedo = np.full((64, 64, 3), 0.2, np.float32)
    albedo[:16, :16] = np.random.default_rng(0).uniform(0.0, 1.0, (16, 16, 3))
    atlas = pack_atlas([Material("m", albedo)])
    texels = atlas.texels[: 64 * 64].reshape(64, 64, 4).astype(float)
    patch = albedo[:16, :16].mean(2)
    wanted = np.clip(128 + 64 * np.log2((patch + 0.02) / (patch.mean() + 0.02)), 0, 255)
    assert np.abs(texels[:16, :16, 3] - wanted).max() < 2.0 and (texels[16:, 16:, 3] == 128).all()
    assert np.abs((texels[..., :3] / 255) ** 2 - albedo).max() < 0.005
