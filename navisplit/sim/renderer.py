"""Pictures of a scene: colour, planar depth and segmentation from one pass of rays."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import UsageError
from navisplit.frames import Intrinsics, Quaternion, Vector, rotation_matrix
from navisplit.sim.atlas import pack_atlas
from navisplit.sim.kernel import Floats
from navisplit.sim.query import SceneQuery
from navisplit.sim.scene import SKY_DEPTH_M, Light, Scene
from navisplit.sim.shading import World, render_frame, srgb_curve
from navisplit.sim.shadow import bake_shadow
from navisplit.sim.sky import bake_sky, bake_variation, sun_vector
from navisplit.sim.surface import build_surface, ground_colour
from navisplit.sim.trace import trace_depth


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


class Renderer(Protocol):
    """What draws a scene."""

    def render(self, view: CameraView) -> Frame:
        """Colour, depth and segmentation."""
        ...

    def depth_batch(self, views: Sequence[CameraView]) -> NDArray[np.float32]:
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
        self._atlas = pack_atlas(scene.materials)
        self._surface = build_surface(scene, self.query, ao)
        self._variation = bake_variation(self._seed)
        self._curve = srgb_curve()
        self.set_light(scene.light)

    def set_light(self, light: Light) -> None:
        """Light the scene anew: sky and shadow map (about 0.2 s)."""
        sky = bake_sky(light, ground_colour(self._surface, self.query, self._atlas), self._seed)
        triangles, glowing = self.query.bvh.triangles, self._atlas.glow[self._surface.kinds[:, 0]] > 0
        shadow = bake_shadow(
            triangles if glowing.all() else triangles[~glowing], sun_vector(light), self._shadow_resolution
        )
        self.light = light
        self._world = World(self.query.bvh, self._surface, self._atlas, shadow, sky, self._variation, self._curve)

    def render(self, view: CameraView) -> Frame:
        """Colour, depth and segmentation of any image size."""
        height, width = view.intrinsics.height, view.intrinsics.width
        frame = Frame(
            np.empty((height, width, 3), np.uint8),
            np.empty((height, width), np.float32),
            np.empty((height, width), np.uint8),
        )
        render_frame(self._world, camera_rows(view), frame.rgb, frame.depth, frame.segmentation)
        return frame

    def depth_batch(self, views: Sequence[CameraView]) -> NDArray[np.float32]:
        """Planar depth (N, H, W); UsageError when the views differ in size."""
        sizes = {(v.intrinsics.height, v.intrinsics.width) for v in views}
        if len(sizes) != 1:
            raise UsageError(
                f"depth_batch: expected views of one image size, found {sorted(sizes)}. Group them by size."
            )
        depth = np.empty((len(views), *sizes.pop()), np.float32)
        trace_depth(self.query.bvh, np.stack([camera_rows(v) for v in views]), np.float32(SKY_DEPTH_M), depth)
        return depth


def camera_rows(view: CameraView) -> Floats:
    """Kernel form of a view (4, 3): origin, direction of pixel (0, 0), step per column, step per row; x forward = 1."""
    rotation = rotation_matrix(np.asarray(view.orientation, np.float64) / np.linalg.norm(view.orientation))
    forward, right, down = rotation[:, 0], -rotation[:, 1], -rotation[:, 2]
    camera = view.intrinsics
    across, along = right / camera.fx, down / camera.fy
    rows = np.stack(
        [np.asarray(view.position, np.float64), forward - camera.cx * across - camera.cy * along, across, along]
    )
    if not all(map(math.isfinite, rows.ravel())):
        raise ValueError(f"CameraView: expected finite position, orientation and intrinsics, found {view}.")
    return rows.astype(np.float32)
