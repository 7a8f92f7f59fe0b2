"""Where the files that ship with NaviSplit are: worlds, models, configuration and launch files.

Three layouts are looked through in this order: a source tree (the folder next to the package), ``pip install``
(``sys.prefix/share/navisplit``) and an ament workspace (``<prefix>/share/navisplit`` of every ``AMENT_PREFIX_PATH``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Literal

from navisplit.errors import UsageError, nearest_name

Kind = Literal["worlds", "models", "config", "launch"]
KINDS: tuple[Kind, ...] = ("worlds", "models", "config", "launch")


def resource_folders(kind: Kind) -> list[Path]:
    """The existing folders of a kind, most specific first. Raises UsageError for an unknown kind."""
    if kind not in KINDS:
        raise UsageError(f"There is no kind of resource '{kind}'.{nearest_name(kind, KINDS)}")
    roots = [Path(__file__).resolve().parent.parent, Path(sys.prefix) / "share" / "navisplit"]
    ament = os.environ.get("AMENT_PREFIX_PATH", "")
    roots += [Path(prefix) / "share" / "navisplit" for prefix in ament.split(os.pathsep) if prefix]
    found = [root / kind for root in roots if (root / kind).is_dir()]
    return list(dict.fromkeys(found))


def resource(kind: Kind, name: str) -> Path:
    """The path of one shipped file or folder, for example ``resource("worlds", "forest.sdf")``.

    Raises UsageError, with the nearest name, when no folder of that kind holds it.
    """
    folders = resource_folders(kind)
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    known = {entry.name for folder in folders for entry in folder.iterdir() if not entry.name.startswith(".")}
    raise UsageError(f"No '{name}' under {kind}/.{nearest_name(name, known)}")
