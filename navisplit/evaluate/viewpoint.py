"""Where the camera of a flight is, and how coarse it sees."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from navisplit.config import CameraConfig, FlightConfig
from navisplit.edge.policies import View
from navisplit.evaluate.oracle import GRID
from navisplit.frames import Odometry, rotation_matrix

if TYPE_CHECKING:
    from navisplit.sim.render.renderer import CameraView


def camera_view(odometry: Odometry, camera: CameraConfig) -> CameraView:
    """Where the forward camera is on a vehicle in that state."""
    from navisplit.sim.render.renderer import CameraView

    ahead = rotation_matrix(odometry.orientation)[:, 0] * camera.offset_x_m
    return CameraView(odometry.position + ahead, odometry.orientation, camera.intrinsics)


def on_grid(view: CameraView, config: FlightConfig) -> CameraView:
    """The same view at the resolution of the tail's depth."""
    return dataclasses.replace(view, intrinsics=View.of(config.camera, np.empty(GRID, np.float32)).intrinsics)
