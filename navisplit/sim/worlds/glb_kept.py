"""Mesh files as they were read the last time, so that a start of a known world spares trimesh and its imports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from navisplit.sim.render.baked import Arrays, fingerprint, recall, shaped, within
from navisplit.sim.scene import Material
from navisplit.sim.worlds import glb, images
from navisplit.sim.worlds.description import Mesh
from navisplit.sim.worlds.glb import Part


def read_parts(path: Path) -> dict[str, Part]:
    """``glb.read_parts``, from the user's cache where this content was read before by this code.

    Only ``.glb`` is kept: other formats name further files.
    """
    if path.suffix.lower() != ".glb" or not path.is_file():
        return glb.read_parts(path)
    code = [Path(module.__file__ or "").read_bytes() for module in (glb, images)]
    key = fingerprint(np.frombuffer(path.read_bytes(), np.uint8), path.stem, *code)
    return _parts(recall("meshes", key, lambda: _arrays(glb.read_parts(path)), _usable))


def _arrays(parts: dict[str, Part]) -> Arrays:
    """The numbers of all parts one after another, and as text all else: few arrays are read quickly."""
    meshes = [part.mesh for part in parts.values()]
    looks: list[Material] = []
    which = []
    for part in parts.values():
        found = [n for n, look in enumerate(looks) if _equal(look, part.material)]
        if not found:
            looks.append(part.material)
        which.append(found[0] if found else len(looks) - 1)
    texts = [[m.name, m.tile_m, m.foliage, m.glow, len(m.albedo)] for m in looks]
    return {
        "texts": np.frombuffer(json.dumps([list(parts), texts]).encode(), np.uint8),
        "counts": np.array(
            [(len(m.vertices), len(m.faces), m.uv is not None, n) for m, n in zip(meshes, which, strict=True)], np.int64
        ),
        "vertices": np.concatenate([m.vertices for m in meshes]),
        "normals": np.concatenate([m.normals for m in meshes]),
        "uv": np.concatenate([np.zeros((len(m.vertices), 2), np.float32) if m.uv is None else m.uv for m in meshes]),
        "faces": np.concatenate([m.faces for m in meshes]),
        "texels": np.concatenate([m.albedo.reshape(-1, 3) for m in looks]),
    }


def _equal(a: Material, b: Material) -> bool:
    told = (a.name, a.tile_m, a.foliage, a.glow) == (b.name, b.tile_m, b.foliage, b.glow)
    return told and np.array_equal(a.albedo, b.albedo)


def _parts(arrays: Arrays) -> dict[str, Part]:
    names, texts = json.loads(arrays["texts"].tobytes())
    looks, texel = [], 0
    for name, tile_m, foliage, glow, side in texts:
        albedo = arrays["texels"][texel : texel + side * side].reshape(side, side, 3)
        looks.append(Material(name, albedo, tile_m, foliage, glow))
        texel += side * side
    parts, corner, face = {}, 0, 0
    for name, (corners, faces, has_uv, look) in zip(names, arrays["counts"].tolist(), strict=True):
        here = slice(corner, corner + corners)
        uv = arrays["uv"][here] if has_uv else None
        mesh = Mesh(arrays["vertices"][here], arrays["faces"][face : face + faces], arrays["normals"][here], uv)
        parts[name] = Part(mesh, looks[look])
        corner, face = corner + corners, face + faces
    return parts


def _usable(arrays: Arrays) -> bool:
    """Whether the parts fill the arrays and every face of a part leads to one of its own corners."""
    names, texts = json.loads(arrays["texts"].tobytes())
    counts = arrays["counts"]
    if not (shaped(counts, np.int64, len(names), 4) and len(names) > 0 and counts.min() >= 0):
        return False
    corners, faces, texels = int(counts[:, 0].sum()), int(counts[:, 1].sum()), sum(side**2 for *_, side in texts)
    if not (
        within(counts[:, 3], 0, len(texts))
        and all(shaped(arrays[name], np.float32, corners, 3) for name in ("vertices", "normals"))
        and shaped(arrays["uv"], np.float32, corners, 2)
        and shaped(arrays["faces"], np.int32, faces, 3)
        and shaped(arrays["texels"], np.float32, texels, 3)
    ):
        return False
    return bool(((arrays["faces"] >= 0) & (arrays["faces"] < np.repeat(counts[:, 0], counts[:, 1])[:, None])).all())
