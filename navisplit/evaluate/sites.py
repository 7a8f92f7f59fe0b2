"""The worlds of an evaluation, each with its routes: worlds that exist, and new ones of a family by their seeds.

``forest`` and ``town.sdf`` are worlds that exist; ``forest:9500..9509,density=1.4`` are ten new ones, written below the
evaluation's folder. The same text gives the same worlds to the byte on every machine.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from navisplit.errors import NaviSplitError, RouteError, UsageError

if TYPE_CHECKING:
    from navisplit.sim.worlds.routes import Route

LENGTH_M = (60.0, 150.0)  # straight-line distances of the routes through new worlds
ROUTES_MADE = 50  # through each new world, or more where more are asked for: fewer are always the first of these
_GENERATED = re.compile(r"(?P<family>[a-z_]+):(?P<first>\d+)(\.\.(?P<last>\d+))?(?P<options>(,[^,]+)*)")


@dataclass(frozen=True)
class Recipe:
    """A new world of a family."""

    family: str
    seed: int
    options: tuple[tuple[str, float], ...] = ()

    @property
    def name(self) -> str:
        """Name of the world and its file: ``forest-9500-density1.4``."""
        return "-".join([self.family, str(self.seed), *(f"{key}{value:g}" for key, value in self.options)])

    def make(self, folder: Path, routes: int, length_m: tuple[float, float]) -> Path:
        """The world's file below ``folder``, made unless it is there already."""
        from navisplit.sim.worlds.making import make_world, rules_for

        home, partial = folder / self.name, folder / f"{self.name}.partial"
        if not home.is_dir():  # a folder is there as a whole or not at all
            shutil.rmtree(partial, ignore_errors=True)
            file = partial / f"{self.name}.sdf"
            options = dict(self.options)
            make_world(self.family, self.seed, file, routes=routes, rules=rules_for(length_m), options=options)
            partial.replace(home)
        return home / f"{self.name}.sdf"


@dataclass(frozen=True)
class Site:
    """One world to fly in, as a worker needs it."""

    name: str
    file: Path
    digest: str  # of the world's file
    recipe: Recipe | None = None

    def find(self) -> Path:
        """The world's file on this machine, made here if it must be. Raises WorldError or NaviSplitError."""
        if self.file.is_file():
            return self.file
        return _elsewhere(self)


@cache
def _elsewhere(site: Site) -> Path:
    """A world whose file is on another machine: by its name, or made once more."""
    from navisplit.sim.worlds import find_world

    if site.recipe is None:
        file = find_world(site.name)
    else:
        from navisplit.sim.worlds.making import make_world, rules_for

        file = Path(tempfile.mkdtemp(prefix="navisplit-")) / site.file.name
        options = dict(site.recipe.options)
        make_world(site.recipe.family, site.recipe.seed, file, routes=0, rules=rules_for(LENGTH_M), options=options)
    if file_digest(file) != site.digest:
        raise NaviSplitError(
            f"World '{site.name}' is another one on this machine: expected the digest {site.digest}, found "
            f"{file_digest(file)}. Install the same version of NaviSplit on all machines."
        )
    return file


def parse_world(text: str) -> list[str | Recipe]:
    """A world that exists, or the new ones that the text asks for. Raises UsageError."""
    match = _GENERATED.fullmatch(text.strip())
    if match is None or Path(text).is_file():
        return [text]
    from navisplit.sim.worlds import family_options

    known = family_options(match["family"])
    options = []
    for part in filter(None, match["options"].split(",")):
        key, _, value = part.partition("=")
        try:
            options.append((key.strip(), float(value)))
        except ValueError:
            raise UsageError(f"--world {text}: expected NAME=NUMBER after the comma, got '{part}'.") from None
        if options[-1][0] not in known:
            raise UsageError(
                f"--world {text}: expected options of '{match['family']}', {', '.join(known)}; got '{key}'."
            )
    first, last = int(match["first"]), int(match["last"] or match["first"])
    if last < first or last - first >= 1000:
        raise UsageError(f"--world {text}: expected rising seeds, at most 1000 of them, got {first}..{last}.")
    return [Recipe(match["family"], seed, tuple(sorted(options))) for seed in range(first, last + 1)]


def open_sites(
    worlds: Sequence[str], routes: str, folder: Path, length_m: tuple[float, float] = LENGTH_M
) -> list[tuple[Site, list[Route]]]:
    """All worlds with their routes: ``routes`` is a number, shared evenly among the worlds, or the CSV file of one.

    Raises UsageError, WorldError and RouteError.
    """
    from navisplit.sim.worlds import find_world, read_routes, select_routes

    wanted = [part for text in worlds for part in parse_world(text)]
    if not routes.strip().lstrip("+-").isdigit():
        if len(wanted) != 1:
            raise UsageError(f"--routes {routes}: the routes of one world, expected one --world, got {len(wanted)}.")
        (part,) = wanted
        file = part.make(folder, 0, length_m) if isinstance(part, Recipe) else find_world(part)
        return [(_site(part, file), read_routes(routes))]
    shares = _shares(int(routes), len(wanted))
    found: list[tuple[Site, list[Route]]] = []
    for part, share in zip(wanted, shares, strict=True):
        if isinstance(part, Recipe):
            file = part.make(folder, max(share, ROUTES_MADE), length_m)
        else:
            file = find_world(part)
        site = _site(part, file)
        if site.name in (other.name for other, _ in found):
            raise UsageError(f"--world: '{site.name}' is there twice; expected worlds of different names.")
        found.append((site, select_routes(share, file)))
    return found


def _shares(total: int, worlds: int) -> list[int]:
    """A number of routes for each world."""
    if total < worlds:
        raise RouteError(f"--routes: expected at least one for each of the {worlds} worlds, got {total}.")
    return [total // worlds + (i < total % worlds) for i in range(worlds)]


def _site(part: str | Recipe, file: Path) -> Site:
    recipe = part if isinstance(part, Recipe) else None
    name = recipe.name if recipe else file.stem
    return Site(name, file.absolute(), file_digest(file), recipe)


def file_digest(file: Path) -> str:
    """CRC32 of a file, 8 hexadecimal digits."""
    return f"{zlib.crc32(file.read_bytes()):08x}"


def routes_digest(routes: Sequence[Route]) -> str:
    """CRC32 of what defines routes: two evaluations with the same digest flew the same ways."""
    rows = [(r.id, *r.start, r.start_yaw, *r.goal, r.min_z or 0.0, r.max_z or 0.0) for r in routes]
    return f"{zlib.crc32(np.array(rows, np.float64).tobytes()):08x}"
