"""Golden packets of a branch set: what an installation must decode, on any machine, to the symbol.

``golden.json`` ships in the branch set's folder. It holds whole packets of each branch, the digest of the symbols that
they decode to, and a coarse copy of the depth that the tail infers. Decoding is arithmetic on integers (see
``navisplit.codecs.rans``) and must agree to the bit. Inference is arithmetic on floats, whose sums depend on processor
and library: it must agree within DEPTH_TOLERANCE.

Two frames a branch: one coded by the head from a picture (synthetic, by seed), one drawn from the branch's own tables,
in which the rarest symbols come too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit import wire
from navisplit.codecs import codec
from navisplit.codecs.tables import TOTAL
from navisplit.edge.tail import Tail
from navisplit.errors import ModelError, PacketError
from navisplit.nets.branch_set import BranchSet, BranchSpec
from navisplit.vehicle.head import Head

GOLDEN_FILE = "golden.json"
FORMAT_VERSION = 1
DEPTH_TOLERANCE = 0.001  # of log depth; instruction sets were measured to differ by 2e-6 (docs/codec.md)
_COARSE = 8  # every eighth pixel of the depth is kept
_STATE = wire.VehicleState(np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(3), np.zeros(3))


@dataclass(frozen=True)
class Checked:
    """One golden frame on this machine."""

    branch: str
    frame: str  # what it is of
    same_symbols: bool
    depth_error: float  # largest difference of log depth on the coarse grid


def write_golden(branch_set: BranchSet) -> Path:
    """Write the golden packets of a branch set into its folder."""
    frames = []
    head = Head(branch_set)
    for spec in branch_set.branches:
        seen = head.symbols(head.trunk(_picture(branch_set)), spec.name)
        for title, symbols in (("picture", seen), ("tables", _drawn(spec))):
            packets = _packets(branch_set, spec, symbols)
            received, depth = _decode(branch_set, packets)
            if not np.array_equal(received, symbols):
                raise ModelError(f"Branch '{spec.name}' does not decode to what was sent: its tables are broken.")
            frames.append(
                {
                    "branch": spec.name,
                    "frame": title,
                    "packets": [p.hex() for p in packets],
                    "symbols_blake2b": digest(symbols),
                    "log_depth": [round(float(v), 6) for v in np.log(depth)[::_COARSE, ::_COARSE].ravel()],
                }
            )
    path = branch_set.path / GOLDEN_FILE
    content = {"version": FORMAT_VERSION, "models_hash": branch_set.hash, "frames": frames}
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")
    return path


def check_golden(branch_set: BranchSet) -> list[Checked]:
    """Decode and infer every golden frame here. Raises ModelError when there are none, or none of this branch set."""
    content = _read(branch_set)
    results = []
    for frame in content["frames"]:
        expected = np.array(frame["log_depth"])
        try:
            symbols, depth = _decode(branch_set, [bytes.fromhex(p) for p in frame["packets"]])
        except PacketError:
            results.append(Checked(frame["branch"], frame["frame"], False, float("inf")))
            continue
        found = np.log(depth)[::_COARSE, ::_COARSE].ravel()
        error = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
        results.append(Checked(frame["branch"], frame["frame"], digest(symbols) == frame["symbols_blake2b"], error))
    return results


def digest(symbols: NDArray[np.int16]) -> str:
    """Of symbols (C, H, W) in C order, little endian, whatever the machine's own."""
    return blake2b(np.ascontiguousarray(symbols.astype("<i2")).tobytes(), digest_size=16).hexdigest()


def _read(branch_set: BranchSet) -> dict[str, Any]:
    path = branch_set.path / GOLDEN_FILE
    cure = f"Write them with `navisplit branches --models {branch_set.name} --write-golden`."
    try:
        content = json.loads(path.read_text())
        version, owner, _ = content["version"], content["models_hash"], content["frames"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} cannot be read ({error!r}). {cure}") from error
    if (version, owner) != (FORMAT_VERSION, branch_set.hash):
        raise ModelError(
            f"{path} is of version {version} for branch set {owner:08x}; expected version {FORMAT_VERSION} for "
            f"{branch_set.hash:08x}. {cure}"
        )
    return content


def _packets(branch_set: BranchSet, spec: BranchSpec, symbols: NDArray[np.int16]) -> list[bytes]:
    """What the vehicle would send."""
    coder = codec(spec.codec)
    slices = coder.encode(symbols, spec.tables, wire.MAX_PAYLOAD)
    return [
        wire.encode(
            wire.FeaturePacket(branch_set.hash, spec.id, coder.id, 0, 0, i, len(slices), spec.shape, _STATE, payload)
        )
        for i, payload in enumerate(slices)
    ]


def _decode(branch_set: BranchSet, packets: list[bytes]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Symbols (C, H, W) and depth, through the edge's own objects."""
    tail = Tail(branch_set)
    found = [p for p in map(wire.decode, packets) if isinstance(p, wire.FeaturePacket)]
    first = found[0]
    symbols, mask = tail.decode(first.branch, first.codec, first.shape, [p.payload for p in found])
    return symbols, tail.infer(first.branch, symbols, mask).depth


def _picture(branch_set: BranchSet) -> NDArray[np.uint8]:
    """A picture of soft blobs: what no camera saw, but the same everywhere."""
    import cv2

    architecture = branch_set.architecture
    coarse = np.random.default_rng(7).integers(0, 256, (9, 16, 3), np.uint8)
    return cv2.resize(coarse, (architecture.width, architecture.height), interpolation=cv2.INTER_NEAREST)


def _drawn(spec: BranchSpec) -> NDArray[np.int16]:
    """Symbols by their frequencies, the first of each channel running through the whole alphabet."""
    rng, tables = np.random.default_rng(spec.id), spec.tables
    channels, height, width = spec.shape
    index = np.stack(
        [rng.choice(tables.alphabet, height * width, p=row / TOTAL) for row in tables.frequencies[:: tables.contexts]]
    )
    count = min(tables.alphabet, height * width)
    index[:, :count] = np.arange(count)
    return (index.reshape(channels, height, width) + tables.offsets[:, None, None]).astype(np.int16)
