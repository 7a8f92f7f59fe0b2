"""A branch set: the folder under ``models/`` that both ends of the link load.

    branches.json         format, hash, architecture, and of each branch: id, codec, expected bytes, integer tables
    head.safetensors      weights of the drone's half       tail.safetensors  weights of the edge's half
    teacher.safetensors   optional: the uncompressed bound   MODEL_CARD.md     data, metrics, licence, how to retrain

The hash covers weights of both halves, architecture and tables: packets carry it, so that a head never talks to a tail
it was not trained with. A gate in the same folder is not part of it: gates may change without the edge knowing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from navisplit.codecs import Tables, codec
from navisplit.errors import ConfigError, ModelError, UsageError, nearest_name
from navisplit.nets.architecture import Architecture, BranchConfig, architecture_from_mapping
from navisplit.nets.blocks import for_inference
from navisplit.nets.branch import HeadNetwork
from navisplit.nets.runtime import accelerated, chosen_runtime
from navisplit.nets.tail import TailNetwork
from navisplit.nets.teacher import Teacher
from navisplit.resources import resource_folders

FORMAT_VERSION = 3
SPEC_FILE, HEAD_FILE, TAIL_FILE, TEACHER_FILE = (
    "branches.json",
    "head.safetensors",
    "tail.safetensors",
    "teacher.safetensors",
)
MODELS_VARIABLE = "NAVISPLIT_MODELS"


@dataclass(frozen=True)
class BranchSpec:
    """One branch as both ends know it."""

    name: str
    id: int  # u8 in the packet
    shape: tuple[int, int, int]  # (C, H, W) of the symbols
    limit: int  # symbols are in [-limit, limit]
    codec: str
    tables: Tables
    expected_bytes: float  # mean over validation frames, slices without packet headers

    @property
    def channels(self) -> int:
        """Width of the bottleneck."""
        return self.shape[0]


@dataclass(frozen=True)
class BranchSet:
    """A loaded branch set, its networks ready for inference."""

    name: str
    path: Path
    hash: int  # u32
    architecture: Architecture
    branches: tuple[BranchSpec, ...]
    head: HeadNetwork
    tail: TailNetwork
    teacher: Teacher | None = None

    def branch(self, name: str) -> BranchSpec:
        """The branch of that name. Raises UsageError with the nearest known name."""
        for spec in self.branches:
            if spec.name == name:
                return spec
        known = [b.name for b in self.branches]
        raise UsageError(f"Branch set '{self.name}' has no branch '{name}'.{nearest_name(name, known)}")

    def branch_by_id(self, number: int) -> BranchSpec | None:
        """The branch that a packet names, or None."""
        return next((b for b in self.branches if b.id == number), None)


def models_folders() -> list[Path]:
    """Where branch sets live: $NAVISPLIT_MODELS first, then every ``models/`` that ships."""
    override = os.environ.get(MODELS_VARIABLE)
    return ([Path(override)] if override else []) + resource_folders("models")


def branch_set_names() -> list[str]:
    """All branch sets in the models folders."""
    return sorted({path.parent.name for folder in models_folders() for path in folder.glob(f"*/{SPEC_FILE}")})


def find_branch_set(name_or_path: str | Path) -> Path:
    """Folder of a branch set, by name under the models folders or by path. Raises ModelError with a hint."""
    for folder in [*(folder / str(name_or_path) for folder in models_folders()), Path(name_or_path)]:
        if (folder / SPEC_FILE).is_file():
            return folder
    looked = ", ".join(map(str, models_folders())) or "any models folder"
    raise ModelError(
        f"There is no branch set '{name_or_path}' (a folder with {SPEC_FILE}) under {looked}."
        f"{nearest_name(str(name_or_path), branch_set_names())} Train one with `navisplit train depth`."
    )


def load_branch_set(name_or_path: str | Path, *, with_teacher: bool = False, runtime: str | None = None) -> BranchSet:
    """Load networks and tables, checked against the hash. Raises ModelError when anything is missing or foreign.

    ``runtime`` is ``onnx`` or ``torch``, None for the one of this machine (``navisplit.nets.runtime``).
    """
    folder = find_branch_set(name_or_path)
    spec = _read_spec(folder)
    architecture, branches = _parse(spec, folder)
    found = content_hash(folder, spec)
    if found != spec.get("hash"):
        raise ModelError(
            f"Branch set {folder} has hash {found:08x}, but its {SPEC_FILE} says {spec.get('hash')!r}: files of "
            "different trainings are mixed. Restore the folder, or export it again."
        )
    head, tail, teacher = _networks(folder, architecture, with_teacher)
    if teacher is not None:
        for_inference(teacher)
    models = BranchSet(
        folder.name, folder, found, architecture, branches, for_inference(head), for_inference(tail), teacher
    )
    return accelerated(models) if (runtime or chosen_runtime()) == "onnx" else models


def trainable_networks(
    name_or_path: str | Path, architecture: Architecture
) -> tuple[HeadNetwork, TailNetwork, Teacher | None]:
    """Head, tail and teacher of a branch set as they were trained, for more training.

    Raises ModelError when they were made by another architecture; rates of branches may differ, and memory may lack.
    """
    folder = find_branch_set(name_or_path)
    found = _parse(_read_spec(folder), folder)[0]
    if _without_rates(found) != _without_rates(architecture):
        raise ModelError(
            f"Branch set '{name_or_path}' was made by another architecture than the one to train: expected the same "
            "widths, blocks and branches (their target_bytes may differ). Take its own, from its branches.json."
        )
    return _networks(folder, dataclasses.replace(architecture, memory=found.memory), with_teacher=True)


def _without_rates(architecture: Architecture) -> Architecture:
    branches = tuple(dataclasses.replace(b, target_bytes=1) for b in architecture.branches)
    return dataclasses.replace(architecture, branches=branches, memory=False)


def _networks(
    folder: Path, architecture: Architecture, with_teacher: bool
) -> tuple[HeadNetwork, TailNetwork, Teacher | None]:
    """As they were saved. Raises ModelError when a file does not fit."""
    head, tail = HeadNetwork(architecture), TailNetwork(architecture)
    _load_weights(head, folder / HEAD_FILE)
    _load_weights(tail, folder / TAIL_FILE)
    teacher = None
    if with_teacher and (folder / TEACHER_FILE).is_file():
        teacher = Teacher(architecture)
        _load_weights(teacher, folder / TEACHER_FILE)
    return head, tail, teacher


def save_branch_set(
    folder: Path,
    architecture: Architecture,
    networks: dict[str, nn.Module],
    tables: dict[str, Tables],
    expected_bytes: dict[str, float],
) -> int:
    """Write a branch set (``networks``: head, tail, maybe teacher; not folded); returns its hash. Keeps other files."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for name, network in networks.items():
        tensors: dict[str, Tensor] = {k: v.detach().contiguous().clone() for k, v in network.state_dict().items()}
        save_file(tensors, folder / f"{name}.safetensors")
    spec: dict[str, Any] = {
        "version": FORMAT_VERSION,
        "architecture": dataclasses.asdict(architecture),
        "branches": [
            {
                "name": branch.name,
                "id": number,
                "shape": list(architecture.symbol_shape(branch)),
                "codec": branch.codec,
                "expected_bytes": round(expected_bytes[branch.name], 1),
                "tables": tables[branch.name].to_json(),
            }
            for number, branch in enumerate(architecture.branches)
        ],
    }
    spec["hash"] = content_hash(folder, spec)
    (folder / SPEC_FILE).write_text(json.dumps(spec) + "\n")
    return spec["hash"]


def content_hash(folder: Path, spec: dict[str, Any]) -> int:
    """u32 over the weights of both halves and everything in the spec but the hash itself (BLAKE2b, our choice)."""
    digest = hashlib.blake2b(digest_size=4)
    rest = {k: v for k, v in spec.items() if k != "hash"}
    digest.update(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())
    for name in (HEAD_FILE, TAIL_FILE):
        try:
            digest.update((folder / name).read_bytes())
        except OSError as error:
            raise ModelError(f"Branch set {folder} lacks {name}; restore the folder, or export it again.") from error
    return int.from_bytes(digest.digest(), "big")


def _read_spec(folder: Path) -> dict[str, Any]:
    try:
        spec = json.loads((folder / SPEC_FILE).read_text())
        version = spec["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / SPEC_FILE} cannot be read ({error!r}); restore it or export again.") from error
    if version != FORMAT_VERSION:
        raise ModelError(f"Branch set {folder} is of format {version!r}, expected {FORMAT_VERSION}: export it again.")
    return spec


def _parse(spec: dict[str, Any], folder: Path) -> tuple[Architecture, tuple[BranchSpec, ...]]:
    try:
        architecture = architecture_from_mapping(spec["architecture"])
        if [b["name"] for b in spec["branches"]] != [b.name for b in architecture.branches]:
            raise ModelError("its branches are not those of its architecture")
        branches = tuple(
            _branch(entry, config, architecture)
            for entry, config in zip(spec["branches"], architecture.branches, strict=True)
        )
    except (KeyError, TypeError, ValueError, ConfigError, UsageError, ModelError) as error:
        raise ModelError(f"{folder / SPEC_FILE} is not valid ({error}); restore the file or export again.") from error
    return architecture, branches


def _branch(entry: dict[str, Any], config: BranchConfig, architecture: Architecture) -> BranchSpec:
    tables, shape = Tables.from_json(entry["tables"]), architecture.symbol_shape(config)
    codec(entry["codec"])  # an unknown codec is refused here, not in flight
    if tuple(entry["shape"]) != shape or tables.channels != shape[0] or tables.alphabet > 2 * config.limit + 1:
        raise ModelError(f"branch '{config.name}' has symbols {entry['shape']} and tables that do not fit {shape}")
    return BranchSpec(
        config.name, int(entry["id"]), shape, config.limit, entry["codec"], tables, float(entry["expected_bytes"])
    )


def _load_weights(network: nn.Module, path: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = load_file(path)
        network.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path} does not fit its architecture ({reason}): export again.") from error
    for name, tensor in weights.items():
        if not bool(tensor.isfinite().all()):
            raise ModelError(f"{path}: '{name}' holds values that are not finite: the training diverged, train again.")
