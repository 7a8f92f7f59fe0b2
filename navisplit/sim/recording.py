"""Recordings in AirSim's layout: a folder named by its time with ``airsim_rec.txt`` (tab separated) and ``images/``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from navisplit.frames import Quaternion, Vector
from navisplit.sim.flight.quadrotor import STEP_NS
from navisplit.sim.settings_reader import Reader

TABLE, IMAGES = "airsim_rec.txt", "images"
COLUMNS = ("VehicleName", "TimeStamp", "POS_X", "POS_Y", "POS_Z", "Q_W", "Q_X", "Q_Y", "Q_Z", "ImageFile")
SCENE_SHOT: Mapping[str, Any] = {"camera_name": "", "image_type": 0, "pixels_as_float": False, "compress": True}
"""What is recorded of a vehicle unless settings name cameras: the Scene of its first camera, as PNG."""


@dataclass(frozen=True)
class RecordingSettings:
    """The ``Recording`` entry of settings.json."""

    interval_s: float = 0.05  # simulated seconds between two records, at least
    on_move: bool = False  # record a vehicle only when its pose has changed
    folder: str = ""  # parent of the recordings; AirSim's ~/Documents/AirSim when empty
    enabled: bool = False  # record from the start on
    shots: Mapping[str, tuple[Mapping[str, Any], ...]] | None = None  # image requests by vehicle; "" is the default one

    def shots_of(self, vehicle: str, is_default: bool) -> tuple[Mapping[str, Any], ...]:
        """What is photographed of a vehicle."""
        if self.shots is None:
            return (SCENE_SHOT,)
        return self.shots.get(vehicle, ()) + (self.shots.get("", ()) if is_default and vehicle else ())


def read_recording(entry: Reader) -> RecordingSettings:
    """The settings of the ``Recording`` entry."""
    shots: dict[str, list[dict[str, Any]]] = {}
    for shot in entry.each("Cameras"):
        request = {
            "camera_name": shot.text("CameraName", ""),
            "image_type": int(shot.number("ImageType", 0)),
            "pixels_as_float": shot.flag("PixelsAsFloat", False),
            "compress": shot.flag("Compress", True),
        }
        shots.setdefault(shot.text("VehicleName", ""), []).append(request)
    return RecordingSettings(
        interval_s=max(0.0, entry.number("RecordInterval", 0.05)),
        on_move=entry.flag("RecordOnMove", False),
        folder=entry.text("Folder", ""),
        enabled=entry.flag("Enabled", False),
        shots={name: tuple(of) for name, of in shots.items()} if "Cameras" in entry.values else None,
    )


@dataclass(frozen=True)
class Row:
    """One line of the table: a vehicle at a moment, NED from its start."""

    vehicle: str
    stamp_ns: int
    position: Vector
    orientation: Quaternion  # x, y, z, w

    def text(self, images: list[str]) -> str:
        """As AirSim writes it: six significant digits, milliseconds."""
        x, y, z, w = self.orientation.tolist()
        numbers = (f"{value:g}" for value in (*self.position.tolist(), w, x, y, z))
        return "\t".join((self.vehicle, str(self.stamp_ns // 1_000_000), *numbers, ";".join(images))) + "\n"


@dataclass
class Recording:
    """One recording: when the next record is due, and where it goes. The clock's owner asks and tells."""

    folder: Path
    settings: RecordingSettings
    due_ns: int  # of the simulation's clock
    busy: bool = False  # the last record is still being rendered or written
    left_out: int = 0  # records that were due while it was
    _last: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def take(self, rows: list[Row]) -> list[Row]:
        """Those of the vehicles' rows that are recorded now; the next record is an interval later."""
        self.due_ns = max(row.stamp_ns for row in rows) + max(STEP_NS, round(self.settings.interval_s * 1e9))
        if self.busy:
            self.left_out += 1
            return []  # as AirSim, whose thread is then still at work on the last one
        poses = {row.vehicle: (*row.position.tolist(), *row.orientation.tolist()) for row in rows}
        chosen = [row for row in rows if not self.settings.on_move or poses[row.vehicle] != self._last.get(row.vehicle)]
        self._last.update(poses)
        return chosen

    def write(self, row: Row, responses: list[dict[str, Any]]) -> None:
        """Add a line with its pictures (AirSim's image responses). Raises OSError."""
        names = []
        for response in responses:
            data, ending = image_file(response)
            name = f"img_{row.vehicle}_{response['camera_name']}_{response['image_type']}_{row.stamp_ns}{ending}"
            (self.folder / IMAGES / name.replace(os.sep, "_")).write_bytes(data)
            names.append(name.replace(os.sep, "_"))
        with (self.folder / TABLE).open("a", encoding="utf-8") as table:
            table.write(row.text(names))


def new_folder(parent: str, name: str) -> Path:
    """A fresh folder for a recording, with the table's head in it. Raises OSError."""
    base = Path(parent).expanduser() if parent else Path.home() / "Documents" / "AirSim"
    number, folder = 1, base / name
    while folder.exists():
        number += 1
        folder = base / f"{name}-{number}"
    (folder / IMAGES).mkdir(parents=True)
    (folder / TABLE).write_text("\t".join(COLUMNS) + "\n", encoding="utf-8")
    return folder


def image_file(response: Mapping[str, Any]) -> tuple[bytes, str]:
    """A picture as a file's bytes and ending: PFM for floats, PNG when compressed, PPM otherwise."""
    width, height = response["width"], response["height"]
    if response["pixels_as_float"]:
        floats = np.asarray(response["image_data_float"], "<f4").tobytes()  # AirSim's rows go down
        return f"Pf\n{width} {height}\n-1\n".encode() + floats, ".pfm"
    data = response["image_data_uint8"]
    if response["compress"]:
        return data, ".png"
    rgb = np.frombuffer(data, np.uint8).reshape(-1, 3)[:, ::-1]
    return f"P6\n{width} {height}\n255\n".encode() + rgb.tobytes(), ".ppm"
