"""What scripts plot into the world, as nodes of viser's scene. Used from one thread.

Markers of one look are drawn as one node: a script may plot a point with each step of its flight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from navisplit.sim.markers import Marker, Shape

if TYPE_CHECKING:
    import viser

PIXEL_M = 0.005  # Unreal gives points a size on the screen, viser in the world: 10 pixels are 5 cm (our choice)
CM = 0.01
MAX_TEXTS = 300  # each is a node of its own; the newest are shown
MIN_AXES_M = 0.05  # AirSim's own default, 5 cm

_LINES = (Shape.LINE_STRIP, Shape.LINE_LIST)


class Marks:
    """All that is plotted now."""

    def __init__(self, scene_api: viser.SceneApi) -> None:
        self._api = scene_api
        self._handles: list[Any] = []

    def show(self, markers: Iterable[Marker]) -> None:
        """Draw these and nothing else."""
        for handle in self._handles:
            handle.remove()
        kept = tuple(markers)
        self._handles = [*self._points(kept), *self._lines(kept), *self._arrows(kept), *self._axes(kept)]
        self._handles += self._texts(kept)

    def _points(self, markers: tuple[Marker, ...]) -> Iterator[Any]:
        for size, group in _by_look(markers, (Shape.POINTS,), lambda m: m.thickness):
            yield self._api.add_point_cloud(
                f"/marks/points {size}",
                np.concatenate([m.points for m in group]).astype(np.float32),
                np.concatenate([np.tile(_rgb(m), (len(m.points), 1)) for m in group]),
                point_size=size * PIXEL_M,
                point_shape="circle",
                point_shading="flat",
                precision="float32",
            )

    def _lines(self, markers: tuple[Marker, ...]) -> Iterator[Any]:
        for thickness, group in _by_look(markers, _LINES, lambda m: m.thickness):
            points, colours = _segments_of(group)
            yield self._api.add_line_segments(
                f"/marks/lines {thickness}", points, colours, thickness=thickness, thickness_units="screen"
            )

    def _arrows(self, markers: tuple[Marker, ...]) -> Iterator[Any]:
        for (thickness, head), group in _by_look(markers, (Shape.ARROWS,), lambda m: (m.thickness, m.arrow_size)):
            points, colours = _segments_of(group)
            shaft = max(thickness * PIXEL_M / 4, 0.01)
            yield self._api.add_arrows(
                f"/marks/arrows {thickness} {head}",
                points,
                colours[:, 0],
                shaft_radius=shaft,
                head_radius=max(head * CM, 2 * shaft),
                head_length=max(2 * head * CM, 5 * shaft),
            )

    def _axes(self, markers: tuple[Marker, ...]) -> Iterator[Any]:
        for scale, group in _by_look(markers, (Shape.TRANSFORMS,), lambda m: m.scale):
            length = max(scale * CM, MIN_AXES_M)
            yield self._api.add_batched_axes(
                f"/marks/axes {scale}",
                np.concatenate([m.orientations for m in group])[:, [3, 0, 1, 2]].astype(np.float32),
                np.concatenate([m.points for m in group]).astype(np.float32),
                axes_length=length,
                axes_radius=length / 40,
            )

    def _texts(self, markers: tuple[Marker, ...]) -> Iterator[Any]:
        texts = [(text, at) for m in markers for text, at in zip(m.texts, m.points, strict=False)][-MAX_TEXTS:]
        for number, (text, (x, y, z)) in enumerate(texts):
            yield self._api.add_label(f"/marks/text {number}", text, position=(x, y, z), anchor="bottom-left")


def _by_look(markers: Iterable[Marker], shapes: tuple[Shape, ...], look: Any) -> list[tuple[Any, list[Marker]]]:
    """Markers with points of some shapes, those of one look together."""
    groups: dict[Any, list[Marker]] = {}
    for marker in markers:
        if marker.shape in shapes and len(marker.points):
            groups.setdefault(look(marker), []).append(marker)
    return list(groups.items())


def _segments_of(markers: list[Marker]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Segments (N, 2, 3) m and the colours of their ends (N, 2, 3)."""
    segments, colours = [], []
    for marker in markers:
        ends = marker.points.astype(np.float32)
        if marker.shape is Shape.LINE_STRIP:
            pairs = np.stack([ends[:-1], ends[1:]], axis=1)
        else:
            pairs = ends[: len(ends) // 2 * 2].reshape(-1, 2, 3)
        segments.append(pairs)
        colours.append(np.broadcast_to(_rgb(marker), pairs.shape))
    return np.concatenate(segments), np.ascontiguousarray(np.concatenate(colours))


def _rgb(marker: Marker) -> NDArray[np.uint8]:
    """(3,) sRGB."""
    return np.rint(255 * np.clip(marker.colour[:3], 0.0, 1.0)).astype(np.uint8)
