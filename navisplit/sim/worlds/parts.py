"""A world while it is being made: what the generators share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from navisplit.sim.scene import Material
from navisplit.sim.worlds.description import Mesh, MeshInstance, Model, Pose, Visual, class_instance_id
from navisplit.sim.worlds.meshes import Rng
from navisplit.sim.worlds.species import far_tree
from navisplit.sim.worlds.terrain import Terrain, noise

HORIZON_M = (8.0, 20.0, 40.0, 75.0, 130.0)
"""Ground lines beyond the border of a world, metres."""


@dataclass
class WorldParts:
    """Models, meshes and materials collected so far."""

    models: list[Model] = field(default_factory=list)
    meshes: dict[str, Mesh] = field(default_factory=dict)
    materials: dict[str, Material] = field(default_factory=dict)
    _count: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, label: str, visuals: list[Visual], pose: Pose | None = None) -> None:
        """Place one model: named after its label and number, with a segmentation id of its class."""
        name = label if kind == "ground" else f"{label}_{self._count[label]:03d}"
        ident = class_instance_id(kind, self._count[f"class {kind}"])
        self._count.update([label, f"class {kind}"])
        self.models.append(Model(name, tuple(visuals), pose or Pose(), ident))

    def keep(self, **materials: Material) -> None:
        """Take materials under their own names."""
        self.materials.update({m.name: m for m in materials.values()})


def instance(mesh: str, scale: float | tuple[float, float, float] = 1.0) -> MeshInstance:
    """A scaled mesh; scales are rounded, so that a file holds exactly what was in memory."""
    x, y, z = (round(float(v), 3) for v in np.broadcast_to(scale, 3))
    return MeshInstance(mesh, (x, y, z))


def stand(terrain: Terrain, x: float, y: float, rng: Rng, tilt: float = 0.0, sink: float = 0.0) -> Pose:
    """A pose on the ground, turned at random and tilted a little (standard deviation ``tilt``, radians)."""
    z = float(terrain.height(x, y)) - sink
    roll, pitch = np.clip(rng.normal(0, tilt, 2), -2 * tilt, 2 * tilt) if tilt else (0.0, 0.0)
    return Pose.from_euler(
        (round(x, 3), round(y, 3), round(z, 3)), float(roll), float(pitch), rng.uniform(0, 2 * np.pi)
    )


def add_far_trees(
    parts: WorldParts, terrain: Terrain, half: float, count: int, wood: str, crown: str, rng: Rng
) -> None:
    """Woods on the hills around a world, as one object outside of where anybody flies."""
    for k in range(3):
        tree = far_tree(rng)
        parts.meshes[f"far_{k}_wood"], parts.meshes[f"far_{k}_crown"] = tree.wood, tree.crown
    visuals = []
    while len(visuals) < 2 * count:
        x, y = rng.uniform(-half - 45, half + 45, 2)
        if max(abs(x), abs(y)) < half + 7:
            continue
        pose, k, size = stand(terrain, x, y, rng), rng.integers(3), float(rng.uniform(0.7, 1.2))
        for part, material in (("wood", wood), ("crown", crown)):
            visuals.append(Visual(f"{part}_{len(visuals)}", instance(f"far_{k}_{part}", size), material, pose))
    parts.add("tree", "far_trees", visuals)


def rising_horizon(x: ArrayLike, y: ArrayLike, half: float, seed: int) -> NDArray[np.float64]:
    """Height added beyond the border: wooded hills that close the horizon, so that no world ends in a cliff."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    beyond = np.maximum(np.maximum(np.abs(x), np.abs(y)) - half - 8.0, 0.0)
    return np.minimum(beyond, 70.0) * (0.09 + 0.12 * noise(x / 40, y / 40, seed + 7))
