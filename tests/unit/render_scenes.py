"""Small scenes for the renderer's tests."""

import numpy as np

from navisplit.frames import Intrinsics, quaternion_from_euler
from navisplit.sim.render.renderer import CameraView
from navisplit.sim.scene import Light, Material, Scene, SceneObject


def plain(name, colour, **options):
    return Material(name, np.full((1, 1, 3), colour, np.float32), **options)


def box(name, centre, size, material, segmentation, inward=False):
    """Axis-aligned box with sharp edges."""
    vertices, faces, normals = [], [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            normal = np.eye(3)[axis] * sign
            start = len(vertices)
            vertices += [normal + a * u + b * v for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            normals += [-normal if inward else normal] * 4
            order = [[0, 1, 2], [0, 2, 3]] if (sign > 0) != inward else [[0, 2, 1], [0, 3, 2]]
            faces += [[start + i for i in face] for face in order]
    corners = np.array(vertices) * np.array(size) / 2 + np.array(centre)
    return SceneObject(
        name,
        corners.astype(np.float32),
        np.array(faces, np.int32),
        np.array(normals, np.float32),
        np.full(len(faces), material, np.int32),
        segmentation,
    )


def ground(half=40.0, cells=8, material=0, segmentation=1):
    x, y = np.meshgrid(np.linspace(-half, half, cells + 1), np.linspace(-half, half, cells + 1))
    vertices = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1).astype(np.float32)
    a = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)[None, :]).ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + cells + 2], 1), np.stack([a, a + cells + 2, a + cells + 1], 1)])
    up = np.tile(np.array([[0, 0, 1]], np.float32), (len(vertices), 1))
    return SceneObject(
        "ground", vertices, faces.astype(np.int32), up, np.full(len(faces), material, np.int32), segmentation
    )


MATERIALS = (
    plain("earth", (0.2, 0.2, 0.2)),
    Material(
        "checks", np.kron(np.indices((4, 4)).sum(0) % 2, np.ones((4, 4)))[..., None].repeat(3, 2).astype(np.float32)
    ),
    plain("leaf", (0.1, 0.3, 0.05), foliage=True),
)


def yard(light=None):
    """Ground, a box of 2 m at (10, 0), a leaf-coloured box at (10, 6)."""
    objects = (ground(), box("crate", (10, 0, 1), (2, 2, 2), 1, 7), box("bush", (10, 6, 1), (2, 2, 2), 2, 9))
    return Scene("yard", objects, MATERIALS, light or Light())


def view(width=64, height=36, position=(0.0, 0.0, 1.0), yaw=0.0, pitch=0.0, fov=90.0):
    return CameraView(
        np.array(position), quaternion_from_euler(0.0, pitch, yaw), Intrinsics.from_fov(width, height, fov)
    )
