"""The planner stays between the floor and the ceiling that it was given, at any speed."""

from __future__ import annotations

import numpy as np
import pytest

from navisplit.config import PolicyConfig
from navisplit.edge.planner import SPARE_Z_M, SPARE_Z_S, Planner
from navisplit.wire import VehicleState

LEVEL = np.array([0.0, 0.0, 0.0, 1.0])


def flown(z: float, climb: float, speed: float = 4.0, commanded: float = 0.0, top: float = 6.0) -> np.ndarray:
    planner = Planner(PolicyConfig(min_z_m=0.5, max_z_m=top))
    position = np.array([0.0, 0.0, z])
    state = VehicleState(position, LEVEL, np.array([speed, 0.0, climb]), np.array([30.0, 0.0, 2.0]))
    return planner._within_airspace(np.array([speed, 1.0, commanded]), position, state)


@pytest.mark.parametrize(("z", "climb"), [(5.9, 0.0), (5.6, 0.5), (5.0, 2.9), (6.2, 0.0)])
def test_what_nears_the_top_is_told_to_sink(z, climb):
    command = flown(z, climb, commanded=0.6)
    assert command[2] < 0.0 and command[:2].tolist() == [4.0, 1.0]


@pytest.mark.parametrize(("z", "climb"), [(0.6, 0.0), (1.0, -1.5), (0.4, 0.0)])
def test_what_nears_the_floor_is_told_to_climb(z, climb):
    assert flown(z, climb, commanded=-0.6)[2] > 0.0


def test_in_the_middle_a_command_is_left_as_it_is():
    assert flown(3.0, 0.0, commanded=0.7)[2] == 0.7


def test_more_is_kept_the_faster_it_flies():
    slow, fast = (flown(5.4, 0.0, speed, commanded=1.0)[2] for speed in (1.0, 8.0))
    assert fast < slow
    assert 5.4 < 6.0 - SPARE_Z_M - SPARE_Z_S * 1.0


def test_an_airspace_lower_than_what_is_kept_is_flown_in_the_middle_of():
    assert flown(0.9, 0.0, commanded=1.0, top=1.0)[2] < 0.0 < flown(0.6, 0.0, commanded=-1.0, top=1.0)[2]
