"""A rolling map around a place, for the tests of what the planner remembers."""

import numpy as np

from navisplit.config import CameraConfig
from navisplit.edge.local_map import LocalMap
from navisplit.edge.policies import View
from navisplit.frames import quaternion_from_euler

EAST = quaternion_from_euler(0, 0, 0)
HERE = np.array([0.0, 0.0, 2.0])
VIEW = View.of(CameraConfig(), np.empty((72, 128), np.float32))


def centred(position=HERE):
    """A new map around a position (3,)."""
    made = LocalMap()
    made.centre_on(np.asarray(position, float), 0)
    return made


def cell(local_map, *point):
    """Index of the cell that holds a point."""
    return tuple(np.floor((np.array(point) - local_map.origin) / local_map.config.cell_m).astype(int))
