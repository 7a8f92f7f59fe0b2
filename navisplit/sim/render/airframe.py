"""What a simulated drone looks like to the others: a quadrotor of 0.56 m over its propellers (our own drawing).

FLU frame, metres; the origin is where the body's is for contact, level with its feet. Rotors are AirSim's 0.2275 m out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from navisplit.sim.scene import Material, SceneObject

if TYPE_CHECKING:
    from navisplit.sim.worlds.description import Mesh

ARM_M = 0.2275
_PROPELLER_M = 0.12  # radius
_ARM_Z, _MOTOR_Z, _PROPELLER_Z = 0.105, 0.118, 0.141
_TURNS = (0.35, 1.25, 2.3, 0.9)  # of the propellers, which stand still in a picture, rad


def _plain(name: str, *colour: float) -> Material:
    return Material(name, np.full((1, 1, 3), colour, np.float32), tile_m=None)


MATERIALS = (
    _plain("drone shell", 0.62, 0.64, 0.66),
    _plain("drone carbon", 0.035, 0.036, 0.04),
    _plain("drone propeller", 0.09, 0.09, 0.1),
    _plain("drone front", 0.80, 0.16, 0.02),
    _plain("drone glass", 0.01, 0.012, 0.02),
)
"""Appended to every scene's own materials."""

_SHELL, _CARBON, _PROPELLER, _FRONT, _GLASS = range(len(MATERIALS))


def quadrotor_shape(first_material: int) -> SceneObject:
    """The drone's triangles; ``first_material`` is the number of ``MATERIALS[0]`` among a renderer's materials."""
    from navisplit.sim.worlds.meshes import merge

    parts = quadrotor_parts()
    whole = merge([mesh for _, mesh in parts])
    material = np.concatenate([np.full(len(mesh.faces), first_material + kind, np.int32) for kind, mesh in parts])
    return SceneObject("quadrotor", whole.vertices, whole.faces, whole.normals, material, 255)


def quadrotor_parts() -> list[tuple[int, Mesh]]:
    """The drone in pieces, each with the index of its look in ``MATERIALS``."""
    parts = [*_body(), *_gear()]
    for number, angle in enumerate((math.pi / 4, -math.pi / 4, 3 * math.pi / 4, -3 * math.pi / 4)):
        parts += _arm(angle, _TURNS[number], _FRONT if abs(angle) < math.pi / 2 else _PROPELLER)
    return parts


def _body() -> list[tuple[int, Mesh]]:
    from navisplit.sim.worlds.meshes import boxes
    from navisplit.sim.worlds.primitives import sphere

    hull = sphere(1.0, 14)
    shell = _stretched(hull, (0.125, 0.062, 0.036), (0.0, 0.0, 0.112))
    nose = _stretched(sphere(1.0, 10), (0.026, 0.026, 0.024), (0.112, 0.0, 0.088))
    lens = _stretched(sphere(1.0, 8), (0.012, 0.013, 0.013), (0.132, 0.0, 0.088))
    battery = boxes([[-0.015, 0.0, 0.142]], [[0.12, 0.055, 0.03]])
    stripe = boxes([[-0.015, 0.0, 0.1575]], [[0.03, 0.056, 0.002]])
    return [(_SHELL, shell), (_CARBON, nose), (_GLASS, lens), (_CARBON, battery), (_FRONT, stripe)]


def _gear() -> list[tuple[int, Mesh]]:
    from navisplit.sim.worlds.meshes import tube

    parts = []
    for side in (-1.0, 1.0):
        for end in (-0.10, 0.10):
            foot = tube([[0.0, side * 0.105, 0.008], [end, side * 0.105, 0.008]], [0.008, 0.008], 6, closed=True)
            parts.append((_CARBON, foot))
        for x in (-0.055, 0.055):
            leg = tube([[x, side * 0.045, 0.095], [x, side * 0.105, 0.008]], [0.006, 0.005], 6)
            parts.append((_CARBON, leg))
    return parts


def _arm(angle: float, turn: float, propeller: int) -> list[tuple[int, Mesh]]:
    from navisplit.sim.worlds.meshes import boxes, tube
    from navisplit.sim.worlds.primitives import cylinder

    x, y = math.cos(angle), math.sin(angle)
    arm = tube(
        [[0.05 * x, 0.04 * y, _ARM_Z], [ARM_M * x, ARM_M * y, _ARM_Z]],
        [0.015, 0.010],
        8,
    )
    motor = _stretched(cylinder(1.0, 1.0, 10), (0.019, 0.019, 0.036), (ARM_M * x, ARM_M * y, _MOTOR_Z))
    blades = boxes([[ARM_M * x, ARM_M * y, _PROPELLER_Z]], [[2 * _PROPELLER_M, 0.022, 0.004]], turn)
    return [(_CARBON, arm), (_SHELL, motor), (propeller, blades)]


def _stretched(mesh: Mesh, scale: tuple[float, float, float], centre: tuple[float, float, float]) -> Mesh:
    from navisplit.sim.worlds.meshes import moved

    return moved(mesh, centre, 0.0, scale)
