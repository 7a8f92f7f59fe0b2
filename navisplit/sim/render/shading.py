"""Colour of a packet: texture, sun with soft shadow, sky light, air. All colour is linear until ``lanes.develop``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from navisplit.sim.kernel import Bytes, Floats, Ints, floor, index, inlined, kernel, outlined, smaller
from navisplit.sim.render import lanes as at
from navisplit.sim.render.air import dome_colour, sky_colour
from navisplit.sim.render.atlas import Atlas
from navisplit.sim.render.bvh import Bvh
from navisplit.sim.render.clusters import Clusters
from navisplit.sim.render.instances import Instances, Lanes, hide_from_sun
from navisplit.sim.render.lanes import (
    enter_frame,
    face_sun,
    leave_frame,
    light_rays,
    meet_triangle,
    place_rays,
    tilt_normals,
)
from navisplit.sim.render.shadow import ShadowMap, sunlit
from navisplit.sim.render.sky import Sky
from navisplit.sim.render.surface import TRIPLANAR, Surface
from navisplit.sim.render.texturing import blend_planes, sample
from navisplit.sim.render.trace import FAR, LANES

f32 = np.float32
_ZERO, _HALF, _ONE = f32(0.0), f32(0.5), f32(1.0)
_BACK_OFF, _SUN_LIFT_M = f32(0.9999), f32(0.02)  # a ray to the sun starts this far off the surface that it is for
_OTHER = np.int32(-2)  # in the place of a triangle that is not looked at now


class World(NamedTuple):
    """Everything a frame needs."""

    bvh: Bvh
    clusters: Clusters  # of ``bvh``
    surface: Surface
    atlas: Atlas
    shadow: ShadowMap
    sky: Sky
    variation: Floats  # (N, N) large-scale brightness of natural surfaces, around 1
    curve: Bytes  # (4096,) linear 0..1 -> sRGB


class Moving(NamedTuple):
    """What changes from picture to picture besides the camera."""

    things: Instances
    surface: Surface  # of the triangles of ``things.shapes``
    labels: Ints  # (objects,) segmentation ids of the scene's own objects


class Shades(NamedTuple):
    """Scratch for the shading of one packet."""

    lane: Floats  # (lanes.SIZE,)
    points: Floats  # (3, 32)
    visible: Floats  # (32,) share of the sun that things leave
    current: Ints  # (32,) triangles that are looked at, or _OTHER
    waiting: Ints  # (32,) 1 where a triangle has still to be looked at
    kinds: Ints  # (3 x 32,) material, MAPPED or TRIPLANAR, number of the object among the surface's own


@inlined
def _variation(table: Floats, x: np.float32, y: np.float32) -> np.float32:
    """Brightness of the ground at (x, y), one table entry per 0.75 m, repeating after 384 m."""
    u, v = x * f32(1.0 / 0.75), y * f32(1.0 / 0.75)
    i, j = floor(u), floor(v)
    a, b = u - f32(i), v - f32(j)
    mask = table.shape[0] - 1
    i, j, k, l = index(i & mask), index(j & mask), index((i + 1) & mask), index((j + 1) & mask)
    return (table[j, i] * (_ONE - a) + table[j, k] * a) * (_ONE - b) + (table[l, i] * (_ONE - a) + table[l, k] * a) * b


@outlined
def _meet_triangles(atlas: Atlas, triangles: Floats, surface: Surface, pixel: np.float32, shades: Shades) -> None:
    """What the rays of ``shades.current`` see, one of their few different triangles after another."""
    current, waiting, kinds = shades.current, shades.waiting, shades.kinds
    for k in range(LANES):
        waiting[k] = 1 if current[k] >= 0 else 0
    for k in range(LANES):
        if waiting[k] == 0:
            continue
        t = current[k]
        material, mode, number = surface.kinds[t, 0], surface.kinds[t, 1], surface.kinds[t, 2]
        leaf = _ONE if atlas.shape[material, 1] != 0 else _ZERO
        meet_triangle(shades.lane, triangles, surface.values, t, leaf, pixel, current)
        for j in range(LANES):
            here = current[j] == t
            waiting[j] = 0 if here else waiting[j]
            kinds[j] = material if here else kinds[j]
            kinds[LANES + j] = mode if here else kinds[LANES + j]
            kinds[2 * LANES + j] = number if here else kinds[2 * LANES + j]


@inlined
def _lay_texture(world: World, lane: Floats, k: int, material: int, mode: int) -> None:
    """Colour of the material and slope of the relief of ray k."""
    x, y, z = lane[at.PX + k], lane[at.PY + k], lane[at.PZ + k]
    tiles, footprint = lane[at.TILES + k], lane[at.FOOTPRINT + k]
    if mode == TRIPLANAR:
        red, green, blue, gx, gy, gz = blend_planes(
            world.atlas, material, x, y, z, lane[at.NX + k], lane[at.NY + k], lane[at.NZ + k], tiles, footprint
        )
    else:
        red, green, blue, gu, gv = sample(world.atlas, material, lane[at.U + k], lane[at.V + k], tiles, footprint)
        gx = gu * lane[at.AX + k] + gv * lane[at.DX + k]
        gy = gu * lane[at.AY + k] + gv * lane[at.DY + k]
        gz = gu * lane[at.AZ + k] + gv * lane[at.DZ + k]
    looks = world.atlas.looks
    red, green, blue = red * looks[material, 0], green * looks[material, 1], blue * looks[material, 2]
    red, green, blue = smaller(red, _ONE), smaller(green, _ONE), smaller(blue, _ONE)
    gx, gy, gz = gx * looks[material, 3], gy * looks[material, 3], gz * looks[material, 3]
    if world.atlas.shape[material, 2] != 0:
        vary = _variation(world.variation, x + z * f32(0.6), y - z * f32(0.5))
        warm = _HALF * _variation(world.variation, y * f32(0.41) + z, x * f32(-0.41) + z) - _HALF
        red, green, blue = red * vary * (_ONE + warm), green * vary, blue * vary * (_ONE - warm)
    lane[at.RED + k], lane[at.GREEN + k], lane[at.BLUE + k] = red, green, blue
    lane[at.GLOW + k] = looks[material, 4]
    lane[at.GX + k], lane[at.GY + k], lane[at.GZ + k] = gx, gy, gz


@outlined
def _lay_textures(world: World, shades: Shades, hit: Ints) -> None:
    for k in range(LANES):
        if hit[k] >= 0:
            _lay_texture(world, shades.lane, index(k), shades.kinds[k], shades.kinds[LANES + k])


@outlined
def _ask_shadow(shadow: ShadowMap, lane: Floats, hit: Ints) -> None:
    """Leave to every ray that faces the sun what the scene leaves of it."""
    for k in range(LANES):
        n = index(k)
        if hit[k] >= 0 and lane[at.SUN + n] > 0:
            lane[at.SUN + n] *= sunlit(shadow, lane[at.SX + n], lane[at.SY + n], lane[at.SZ + n])


@outlined
def _look_up_haze(sky: Sky, lane: Floats, hit: Ints) -> None:
    """Colour of the air in the direction of every ray that hit something."""
    for k in range(LANES):
        n = index(k)
        if hit[k] >= 0:
            red, green, blue = dome_colour(sky.haze, lane[at.UX + n], lane[at.UY + n], max(lane[at.UZ + n], _ZERO))
            lane[at.HAZE_RED + n], lane[at.HAZE_GREEN + n], lane[at.HAZE_BLUE + n] = red, green, blue


@outlined
def _paint_sky(sky: Sky, lane: Floats, hit: Ints) -> None:
    """Colour of every ray that hit nothing."""
    for k in range(LANES):
        n = index(k)
        if hit[k] < 0:
            red, green, blue = sky_colour(sky, lane[at.UX + n], lane[at.UY + n], lane[at.UZ + n])
            lane[at.RED + n], lane[at.GREEN + n], lane[at.BLUE + n] = red, green, blue


@outlined
def _meet_things(world: World, moving: Moving, hit: Ints, thing: Ints, pixel: np.float32, shades: Shades) -> None:
    """As ``_meet_triangles`` for the rays that hit things, each in its own frame."""
    things, current = moving.things, shades.current
    for k in range(LANES):
        n = thing[k]
        if n < 0:
            continue
        met = False
        for j in range(k):
            met |= thing[j] == n
        if not met:
            enter_frame(shades.lane, things.frames, n, thing)
            for j in range(LANES):
                current[j] = hit[j] if thing[j] == n else _OTHER
            _meet_triangles(world.atlas, things.shapes.triangles, moving.surface, pixel, shades)


@outlined
def _leave_things(things: Instances, thing: Ints, lane: Floats) -> None:
    for k in range(LANES):
        n = thing[k]
        met = n < 0
        for j in range(k):
            met |= thing[j] == n
        if not met:
            leave_frame(lane, things.frames, n, thing)


@outlined
def shade_packet(world: World, moving: Moving, origin: Floats, directions: Floats, distance: Floats, hit: Ints,
                 thing: Ints, pixel: np.float32, any_things: bool, shades: Shades) -> None:  # fmt: skip
    """Linear colour of a packet's rays, in rows RED, GREEN and BLUE of ``shades.lane``.

    ``hit`` (32,): triangle of the scene, or of ``moving.things.shapes`` where ``thing`` (32,) is a row; -1: sky.
    """
    lane, current, sky, solid = shades.lane, shades.current, world.sky, False
    place_rays(lane, origin, directions, distance)
    for k in range(LANES):
        current[k] = hit[k] if thing[k] < 0 else _OTHER
        solid |= hit[k] >= 0
    if solid:
        _meet_triangles(world.atlas, world.bvh.triangles, world.surface, pixel, shades)
        if any_things:
            _meet_things(world, moving, hit, thing, pixel, shades)
        _lay_textures(world, shades, hit)
        if any_things:
            _leave_things(moving.things, thing, lane)
        tilt_normals(lane)
        face_sun(lane, sky.sun, world.shadow.texel_m[0], world.shadow.to_texel, shades.visible)
        _ask_shadow(world.shadow, lane, hit)
        _look_up_haze(sky, lane, hit)
        light_rays(lane, sky.sunlight, sky.above, sky.below, sky.air[0])
    _paint_sky(sky, lane, hit)


@outlined
def shade_from_things(world: World, things: Instances, origin: Floats, directions: Floats, distance: Floats,
                      hit: Ints, lanes: Lanes, stack: Ints, shades: Shades) -> None:  # fmt: skip
    """Share of the sun that things leave to what a packet hit, to ``shades.visible`` (32,)."""
    sun, points, visible = world.sky.sun, shades.points, shades.visible
    for k in range(LANES):
        for c in range(3):
            points[c, k] = origin[c] + directions[c, k] * distance[k] * _BACK_OFF + sun[c] * _SUN_LIFT_M
        visible[k] = FAR if hit[k] >= 0 else -_ONE
    hide_from_sun(things, sun, points, lanes, stack, visible)
    for k in range(LANES):
        visible[k] = _ONE if visible[k] > 0 else _ZERO


@kernel
def new_shades() -> Shades:
    """Scratch of a packet that nothing hides from the sun."""
    return Shades(
        np.zeros(at.SIZE, np.float32),
        np.empty((3, LANES), np.float32),
        np.ones(LANES, np.float32),
        np.empty(LANES, np.int32),
        np.empty(LANES, np.int32),
        np.zeros(3 * LANES, np.int32),
    )
