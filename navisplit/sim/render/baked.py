"""What is baked from a world, kept on disk so that the next start of the same world is quick.

A file holds plain arrays (npz: no pickle, a checksum for each). Its name is a hash of all that it was made from, of the
code that makes it and of ``VERSION``; what is missing, broken or not of the expected shape is made anew. Nothing here
is needed for correctness.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""To be raised when a baked array changes its meaning by something outside of ``_MAKERS``."""

_MAKERS = ("ambient", "atlas", "bvh", "shadow", "surface", "trace")
"""Modules that bake: an edit of one makes everything anew."""

LIMIT_BYTES = 1 << 30
"""Of all files together; the least recently used go first."""

WORTH_TRIANGLES = 20_000
"""Scenes smaller than this are baked faster than files are looked after."""

Arrays = dict[str, NDArray[np.generic]]


def cache_folder() -> Path:
    """The user's cache folder for baked worlds (XDG base directory specification)."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(root) if Path(root).is_absolute() else Path.home() / ".cache"
    return base / "navisplit" / "baked"


def fingerprint(*parts: object) -> str:
    """Hash of arrays, by type, shape and content, and of other values by their text."""
    digest = hashlib.sha256()  # twice as fast as BLAKE2 where the processor has instructions for it
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape};".encode())
            digest.update(np.ascontiguousarray(part).view(np.uint8).data)
        else:
            digest.update(f"{part!r};".encode())
    return digest.hexdigest()[:32]


@cache
def _code() -> str:
    """Hash of the code that bakes."""
    folder = Path(__file__).parent
    sources = [folder / f"{name}.py" for name in _MAKERS]
    return fingerprint(*(source.read_bytes() if source.is_file() else b"" for source in sources))[:12]


def recall(kind: str, key: str, make: Callable[[], Arrays], fits: Callable[[Arrays], bool]) -> Arrays:
    """The arrays that ``make`` gives, from a file where there is one that ``fits``; else made and kept."""
    path = cache_folder() / f"{kind}-{VERSION}-{_code()}-{key}.npz"
    found = _read(path)
    if found is not None and _fits(found, fits):
        with contextlib.suppress(OSError):
            os.utime(path)  # it was used
        return found
    made = make()
    _write(path, made)
    return made


def _fits(found: Arrays, fits: Callable[[Arrays], bool]) -> bool:
    try:
        return fits(found)
    except (KeyError, ValueError, IndexError, TypeError):
        return False


def _read(path: Path) -> Arrays | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError):
        return None


def _write(path: Path, arrays: Arrays) -> None:
    """Put the file there at once or not at all. A full disk or a read-only home is no reason to stop."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=".npz")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, **arrays)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _make_room(path.parent, path)
    except OSError:
        return


def _make_room(folder: Path, newest: Path) -> None:
    files = []
    for path in folder.glob("*.npz"):
        with contextlib.suppress(OSError):
            entry = path.stat()
            files.append((path == newest, entry.st_mtime, entry.st_size, path))
    total = sum(size for _, _, size, _ in files)
    for _, _, size, path in sorted(files, key=lambda f: f[:2]):
        if total <= LIMIT_BYTES:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size


def shaped(array: NDArray[np.generic], kind: type, *shape: int | None) -> bool:
    """Whether an array has a type and a shape; None: any length."""
    return (
        array.dtype == kind
        and array.ndim == len(shape)
        and all(want is None or want == have for want, have in zip(shape, array.shape, strict=True))
    )


def within(array: NDArray[np.integer], low: int, high: int) -> bool:
    """Whether all integers are in low..high - 1, so that a kernel may use them as they are."""
    return array.size == 0 or bool(array.min() >= low and array.max() < high)
