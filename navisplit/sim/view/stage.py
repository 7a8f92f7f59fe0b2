"""The world, the things in it and the drones' trails, as nodes of viser's scene. Used from one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from navisplit.sim.markers import Trail
from navisplit.sim.scene import Material, Scene
from navisplit.sim.things import Thing
from navisplit.sim.view.meshes import Chunk, chunks, glb_of, glb_of_thing

if TYPE_CHECKING:
    import viser

    from navisplit.sim.view.snapshot import Details, Drone, Snapshot

TRAILS = ((255, 60, 40), (40, 140, 255), (250, 190, 30), (170, 80, 255))  # of drones for which no script chose one
LABEL_ABOVE_M = 0.6
SKY_LIGHT, GROUND_LIGHT, SUN_LIGHT = (225, 235, 250), (150, 140, 120), (255, 244, 225)
SUN_M = 1000.0
SKY_TOP, SKY_BOTTOM = (150, 186, 222), (226, 233, 238)

_UNSHADED: dict[str, Any] = {"cast_shadow": False, "receive_shadow": False}


@dataclass
class _Node:
    """A thing as the browser has it."""

    thing: Thing
    handle: Any  # None where it has no triangles


class Stage:
    """What is in the world."""

    def __init__(self, scene_api: viser.SceneApi) -> None:
        self._api = scene_api
        self._materials: Sequence[Material] = ()
        self._chunks: tuple[Chunk, ...] = ()
        self._sent: dict[str, tuple[frozenset[str], Any]] = {}  # by chunk: what it was sent without, and its handle
        self._nodes: dict[str, _Node] = {}
        self._labels: dict[str, Any] = {}
        self._trails: dict[str, Any] = {}
        scene_api.set_background_image(_sky())

    def build(self, scene: Scene, materials: Sequence[Material]) -> None:
        """Send the baked world, in the place of the one before; ``materials`` are what the things' numbers count."""
        for _, handle in self._sent.values():
            _remove(handle)
        self._sent.clear()
        self._show_things(())
        self._materials = materials
        self._light(np.asarray(scene.light.sun_direction, np.float64))
        self._chunks = tuple(chunks(scene))
        for chunk in self._chunks:
            self._send(chunk, frozenset())

    def _light(self, to_sun: np.ndarray) -> None:
        """Sun and sky without shadows, in the place of viser's lamps."""
        self._api.configure_default_lights(False)
        self._api.configure_environment_map(None)
        self._api.add_light_hemisphere("/light/sky", sky_color=SKY_LIGHT, ground_color=GROUND_LIGHT, intensity=3.2)
        x, y, z = (to_sun * SUN_M).tolist()
        self._api.add_light_directional("/light/sun", color=SUN_LIGHT, intensity=3.0, position=(x, y, z))

    def show(self, moment: Snapshot) -> None:
        """Bring everything to a moment; only what has changed is sent."""
        for chunk in self._chunks:
            gone = chunk.names & moment.hidden
            if gone != self._sent[chunk.name][0]:
                _remove(self._sent[chunk.name][1])
                self._send(chunk, gone)
        self._show_things(moment.things)
        self._show_labels(moment.drones)

    def _send(self, chunk: Chunk, gone: frozenset[str]) -> None:
        data = glb_of(chunk.without(gone), self._materials)
        handle = self._api.add_glb(f"/world/{chunk.name}", data, **_UNSHADED) if data else None
        self._sent[chunk.name] = (gone, handle)

    def _show_things(self, things: Sequence[Thing]) -> None:
        shown = {thing.name: thing for thing in things}
        for name in [name for name in self._nodes if name not in shown]:
            _remove(self._nodes.pop(name).handle)
        for name, thing in shown.items():
            node = self._nodes.get(name)
            if node is None or not _same_look(node.thing, thing):
                if node is not None:
                    _remove(node.handle)
                self._nodes[name] = _Node(thing, self._add(thing))
            elif thing is not node.thing:
                _move(node, thing)

    def _add(self, thing: Thing) -> Any:
        data = glb_of_thing(thing, self._materials)
        if not data:
            return None
        return self._api.add_glb(
            f"/things/{_node_name(thing.name)}",
            data,
            scale=thing.scale,
            position=thing.position,
            wxyz=_wxyz(thing),
            **_UNSHADED,
        )

    def _show_labels(self, drones: Sequence[Drone]) -> None:
        for drone in drones:
            x, y, z = drone.position
            place = (x, y, z + LABEL_ABOVE_M)
            if drone.name not in self._labels:
                self._labels[drone.name] = self._api.add_label(
                    f"/drones/{_node_name(drone.name)}", drone.name, position=place, anchor="bottom-center"
                )
            else:
                self._labels[drone.name].position = place
        for name in self._labels.keys() - {drone.name for drone in drones}:
            _remove(self._labels.pop(name))

    def show_trails(self, details: Details) -> None:
        """The drones' ways, each sent whole."""
        for number, (name, segments) in enumerate(details.trails.items()):
            _remove(self._trails.pop(name, None))
            if len(segments):
                colour, thickness = _trail_look(details.trail_looks.get(name), number)
                self._trails[name] = self._api.add_line_segments(
                    f"/trails/{_node_name(name)}", segments, colour, thickness=thickness, thickness_units="screen"
                )


def _trail_look(chosen: Trail | None, number: int) -> tuple[tuple[int, int, int], float]:
    if chosen is None:
        return TRAILS[number % len(TRAILS)], Trail.thickness
    red, green, blue = (round(255 * min(1.0, max(0.0, part))) for part in chosen.colour[:3])
    return (red, green, blue), chosen.thickness


def _same_look(old: Thing, new: Thing) -> bool:
    return old.shape is new.shape and old.material == new.material


def _move(node: _Node, thing: Thing) -> None:
    old, handle, node.thing = node.thing, node.handle, thing
    if handle is None:
        return
    if old.position != thing.position:
        handle.position = thing.position
    if old.orientation != thing.orientation:
        handle.wxyz = _wxyz(thing)
    if old.scale != thing.scale:
        handle.scale = thing.scale


def _wxyz(thing: Thing) -> tuple[float, float, float, float]:
    x, y, z, w = thing.orientation
    return w, x, y, z


def _remove(handle: Any) -> None:
    if handle is not None:
        handle.remove()


def _node_name(name: str) -> str:
    """A name without the slash, which in viser's tree makes a child."""
    return name.replace("/", "\u2215")


def _sky() -> np.ndarray:
    """(64, 1, 3) pale below, blue above."""
    share = np.linspace(0.0, 1.0, 64)[:, None, None]
    rows = (1.0 - share) * np.array(SKY_TOP) + share * np.array(SKY_BOTTOM)
    return np.repeat(rows.astype(np.uint8), 64, axis=1)
