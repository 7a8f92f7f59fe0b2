"""Pictures of a scene: colour, planar depth and segmentation from one pass of rays."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError
from navisplit.frames import Intrinsics, Quaternion, Vector, rotation_matrix
from navisplit.sim.kernel import Floats
from navisplit.sim.render import airframe
from navisplit.sim.render.atlas import joined, pack_atlas
from navisplit.sim.render.baked import WORTH_TRIANGLES
from navisplit.sim.render.depth import trace_depth
from navisplit.sim.render.frame import render_frame, srgb_curve
from navisplit.sim.render.moving import Layers, MovingLayer
from navisplit.sim.render.normals import trace_normals
from navisplit.sim.render.ortho import flat_depth, flat_rows
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.render.shading import World
from navisplit.sim.render.shadow import ShadowMap, bake_shadow, without_triangles
from navisplit.sim.render.sky import bake_sky, bake_variation, sun_vector
from navisplit.sim.render.surface import build_surface, ground_colour, surface_kinds
from navisplit.sim.scene import SKY_DEPTH_M, Light, Material, Scene

ROOF_TEXELS = 1024


@dataclass(frozen=True)
class CameraView:
    """A pinhole camera somewhere in the map."""

    position: Vector  # (3,) m, ENU
    orientation: Quaternion  # (4,) x, y, z, w; camera body FLU -> ENU, x forward
    intrinsics: Intrinsics


@dataclass
class Frame:
    """One picture."""

    rgb: NDArray[np.uint8]  # (H, W, 3) sRGB
    depth: NDArray[np.float32]  # (H, W) planar, m; SKY_DEPTH_M where there is only sky
    segmentation: NDArray[np.uint8]  # (H, W) segmentation id of the object; 0 where there is only sky
    objects: NDArray[np.int32] | None = None  # (H, W) number of the object: the scene's, then the layer's things; -1


class Renderer(Protocol):
    """What draws a scene."""

    def render(self, view: CameraView, layer: MovingLayer | None = None) -> Frame:
        """Colour, depth and segmentation of the scene as baked, or with a layer of what moved."""
        ...

    def depth_batch(self, views: Sequence[CameraView], layer: MovingLayer | None = None) -> NDArray[np.float32]:
        """Planar depth (N, H, W) of views of one size."""
        ...


class RayCaster:
    """The renderer on the CPU. Serial and deterministic; calls release the GIL and may come from several threads."""

    def __init__(
        self, scene: Scene, *, shadow_resolution: int = 2048, ao: bool = True, query: SceneQuery | None = None
    ) -> None:
        """Bake ``scene``: hierarchy (shared with ``query`` when given), ambient occlusion, shadow map, sky."""
        if not 16 <= shadow_resolution <= 8192:
            raise UsageError(f"shadow_resolution: expected 16..8192, found {shadow_resolution}.")
        self.scene = scene
        self.query = query if query is not None else SceneQuery(scene)
        self._shadow_resolution = shadow_resolution
        self._seed = zlib.crc32(scene.name.encode())
        cached = scene.triangle_count >= WORTH_TRIANGLES
        self._atlas = pack_atlas((*scene.materials, *airframe.MATERIALS), cached)
        kinds = surface_kinds(scene, self.query)
        glowing = self._atlas.looks[kinds[:, 0], 4] > 0  # skylights let the sun through
        self._opaque = np.full(len(glowing), True) if glowing.all() else ~glowing
        self._variation = bake_variation(self._seed)
        self._curve = srgb_curve()
        self._still = Layers(scene).empty
        self._lock = threading.Lock()
        sun = sun_vector(scene.light)
        with ThreadPoolExecutor(1) as beside:  # the shadow map takes one core, parts of the surface leave one idle
            shadow = beside.submit(self._cast_shadow, sun, cached)
            self._surface = build_surface(scene, self.query, kinds, ao)
            self._shadow = tuple(sun), shadow.result()
        self._light(scene.light)

    def set_light(self, light: Light) -> None:
        """Light the scene anew: sky and shadow map (about 0.2 s)."""
        self._light(light)

    def _cast_shadow(self, sun: Vector, cached: bool) -> ShadowMap:
        return bake_shadow(self.query.bvh.triangles[self._opaque], sun, self._shadow_resolution, cached)

    def _light(self, light: Light) -> None:
        sky = bake_sky(light, ground_colour(self._surface, self.query, self._atlas), self._seed)
        sun = sun_vector(light)
        if self._shadow[0] != tuple(sun):  # clouds and fog move no shadow
            self._shadow = tuple(sun), self._cast_shadow(sun, cached=False)
        shadow = self._shadow[1]
        with self._lock:
            self.light = light
            seen = self.query.bvh, self.query.clusters
            self._world = World(*seen, self._surface, self._atlas, shadow, sky, self._variation, self._curve)
            self._thinned: tuple[frozenset[str], World] = (frozenset(), self._world)

    def add_material(self, material: Material) -> None:
        """One more, numbered on, for things; pictures that are being drawn keep the old ones."""
        more = pack_atlas((material,))
        with self._lock:
            self._atlas = joined(self._atlas, more)
            self._world = self._world._replace(atlas=self._atlas)
            self._thinned = (self._thinned[0], self._thinned[1]._replace(atlas=self._atlas))

    def render(self, view: CameraView, layer: MovingLayer | None = None) -> Frame:
        """Colour, depth and segmentation of any image size; ``layer``: what moved, None for the scene as baked."""
        layer = layer or self._still
        return _draw(self._world_without(layer.hidden), layer, camera_rows(view), view.intrinsics)

    def render_flat(self, view: CameraView, width_m: float, layer: MovingLayer | None = None) -> Frame:
        """Orthographic picture: parallel rays ``width_m`` wide from the view's plane on; without air. See ``ortho``."""
        camera, unit_m, start_m = flat_rows(view.position, view.orientation, view.intrinsics, width_m)
        layer = layer or self._still
        world = self._world_without(layer.hidden)
        clear = world._replace(sky=world.sky._replace(air=np.zeros_like(world.sky.air)))
        frame = _draw(clear, layer, camera, view.intrinsics)
        frame.depth = flat_depth(frame.depth, unit_m, start_m)
        return frame

    def normals(self, view: CameraView, layer: MovingLayer | None = None) -> Floats:
        """Unit normals (H, W, 3) of what the view sees, ENU, towards the camera; zero where there is only sky."""
        normals = np.empty((view.intrinsics.height, view.intrinsics.width, 3), np.float32)
        layer = layer or self._still
        world = self._world_without(layer.hidden)
        things, own = layer.moving.things, layer.moving.surface
        trace_normals(world.clusters, world.bvh, world.surface, things, own, camera_rows(view), normals)
        return normals

    @cached_property
    def roofs(self) -> ShadowMap:
        """What the open sky reaches, as a shadow map of a sun overhead: rain and snow fall only there."""
        large = self.scene.triangle_count >= WORTH_TRIANGLES
        return bake_shadow(self.query.bvh.triangles, (0.0, 0.0, 1.0), ROOF_TEXELS, large)

    def depth_batch(self, views: Sequence[CameraView], layer: MovingLayer | None = None) -> NDArray[np.float32]:
        """Planar depth (N, H, W); UsageError when the views differ in size."""
        sizes = {(v.intrinsics.height, v.intrinsics.width) for v in views}
        if len(sizes) != 1:
            raise UsageError(
                f"depth_batch: expected views of one image size, found {sorted(sizes)}. Group them by size."
            )
        layer = layer or self._still
        depth = np.empty((len(views), *sizes.pop()), np.float32)
        clusters = self.query.without(layer.hidden).clusters
        trace_depth(clusters, layer.instances, rows_of_cameras(views), np.float32(SKY_DEPTH_M), depth)
        return depth

    def _world_without(self, hidden: frozenset[str]) -> World:
        """The baked world without some objects and their shadows. The last one is kept."""
        with self._lock:
            if self._thinned[0] != hidden:
                query = self.query.without(hidden)
                rest = query.bvh
                gone = self.query.bvh.triangles[(rest.triangles != self.query.bvh.triangles).any(1)]
                shadow = (
                    without_triangles(self._world.shadow, rest.triangles[self._opaque], gone)
                    if hidden
                    else self._world.shadow
                )
                self._thinned = (hidden, self._world._replace(bvh=rest, clusters=query.clusters, shadow=shadow))
            return self._thinned[1]


def _draw(world: World, layer: MovingLayer, camera: Floats, size: Intrinsics) -> Frame:
    """One pass of ``camera`` (4, 3) over a picture of ``size``."""
    shape = size.height, size.width
    frame = Frame(
        np.empty((*shape, 3), np.uint8),
        np.empty(shape, np.float32),
        np.empty(shape, np.uint8),
        np.empty(shape, np.int32),
    )
    render_frame(world, layer.moving, camera, frame.rgb, frame.depth, frame.segmentation, frame.objects)
    return frame


def camera_rows(view: CameraView) -> Floats:
    """Kernel form of a view (4, 3): origin, direction of pixel (0, 0), step per column, step per row; x forward = 1."""
    return rows_of_cameras([view])[0]


def rows_of_cameras(views: Sequence[CameraView]) -> Floats:
    """``camera_rows`` of many views (N, 4, 3): one by one they would cost a twentieth of a batch at 64x36."""
    position = np.array([view.position for view in views], np.float64)
    orientation = np.array([view.orientation for view in views], np.float64)
    cameras = [view.intrinsics for view in views]
    fx, fy, cx, cy = np.array([(c.fx, c.fy, c.cx, c.cy) for c in cameras]).T[:, :, None]
    rotation = rotation_matrix(orientation / np.linalg.norm(orientation, axis=1, keepdims=True))
    forward, right, down = rotation[:, :, 0], -rotation[:, :, 1], -rotation[:, :, 2]
    across, along = right / fx, down / fy
    rows = np.stack([position, forward - cx * across - cy * along, across, along], axis=1)
    finite = np.isfinite(rows).all((1, 2))
    if not finite.all():
        view = views[int(np.argmin(finite))]
        raise ValueError(f"CameraView: expected finite position, orientation and intrinsics, found {view}.")
    return rows.astype(np.float32)
