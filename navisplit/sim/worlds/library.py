"""Worlds by name: those that ship with NaviSplit, and files of the user's own."""

from __future__ import annotations

from pathlib import Path

from navisplit.errors import WorldError, nearest_name
from navisplit.resources import resource_folders
from navisplit.sim.scene import PlayerStart, Scene
from navisplit.sim.worlds.build import build_scene
from navisplit.sim.worlds.sdf_frames import world_scope
from navisplit.sim.worlds.sdf_reader import read_sdf, start_frame, world_element


def world_names() -> list[str]:
    """Names of the worlds that ship with NaviSplit."""
    return sorted({path.stem for folder in resource_folders("worlds") for path in folder.glob("*.sdf")})


def find_world(name_or_path: str | Path) -> Path:
    """The file of a world: a path to an SDF file, or the name of one that ships.

    Raises WorldError, with the nearest name, when there is none.
    """
    path = Path(name_or_path).expanduser()
    if path.suffix.lower() in {".sdf", ".world", ".xml"} or path.is_file():
        if path.is_file():
            return path
        raise WorldError(f"World file {path} does not exist.")
    for folder in resource_folders("worlds"):
        if (folder / f"{path}.sdf").is_file():
            return folder / f"{path}.sdf"
    raise WorldError(f"There is no world '{name_or_path}'.{nearest_name(str(name_or_path), world_names())}")


def load_scene(name_or_path: str | Path) -> Scene:
    """The scene of a world that ships (by name) or of any SDF file (by path). Raises WorldError."""
    return build_scene(read_sdf(find_world(name_or_path)))


def player_start(name_or_path: str | Path) -> PlayerStart:
    """Where vehicles start in a world. Reads only its SDF file, unless that states no ``player_start`` frame."""
    path = find_world(name_or_path)
    scope = world_scope(world_element(path), str(path))
    return start_frame(scope) or load_scene(path).player_start
