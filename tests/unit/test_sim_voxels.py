"""Voxel grids: which cells are occupied, and a file that binvox's readers take, laid out as AirSim's."""

import numpy as np
import pytest
from render_scenes import box, ground
from sim_service import make_service, refused, settled

from navisplit.sim.rpc.table import call
from navisplit.sim.scene import Scene
from navisplit.sim.simulation import Simulation
from navisplit.sim.voxels import Grid, binvox_bytes, occupancy
from navisplit.sim.worlds.primitives import sphere

AT = {"x_val": 0.0, "y_val": 0.0, "z_val": 0.0}


def read_binvox(data):
    """(first, second, third) dimension as the format's specification orders its voxels, and its head."""
    head, body = data.split(b"data\n", 1)
    lines = head.decode().splitlines()
    dims = [int(n) for n in lines[1].split()[1:]]
    pairs = np.frombuffer(body, np.uint8).reshape(-1, 2)
    assert pairs[:, 1].min() > 0 and set(pairs[:, 0]) <= {0, 1}
    return np.repeat(pairs[:, 0], pairs[:, 1]).reshape(dims).astype(bool), lines


def solid(centre, size):
    item = box("it", centre, size, 0, 1)
    return item.vertices, item.faces


def test_a_box_fills_its_cells_inside_too_and_no_others():
    grid = Grid(np.zeros(3), (10, 10, 10), 1.0)
    filled = occupancy(grid, [solid((2.0, -1.0, 0.0), (3.0, 3.0, 5.0))])  # ENU; cell centres are whole metres
    expected = np.zeros((10, 10, 10), bool)
    expected[3:6, 6:9, 3:8] = True  # north -2..0, east 1..3, up -2..2: around cell 5
    assert (filled == expected).all()


def test_a_sphere_is_filled_to_its_volume():
    mesh = sphere(4.0)
    filled = occupancy(Grid(np.zeros(3), (10, 10, 10), 0.25), [(mesh.vertices, mesh.faces)])
    assert filled.sum() * 0.25**3 == pytest.approx(4 / 3 * np.pi * 64, rel=0.12)  # its surface's cells stick out
    assert filled[20, 20, 20] and not filled[0, 0, 0]


def test_two_solids_in_each_other_are_both_filled():
    filled = occupancy(Grid(np.zeros(3), (10, 10, 10), 1.0), [solid((0, 0, 0), (7, 7, 7)), solid((0, 0, 0), (3, 3, 3))])
    assert filled.sum() == 7**3


def test_a_ground_without_thickness_is_one_layer():
    item = ground(half=20.0)
    filled = occupancy(Grid(np.array([0.0, 0.0, 0.3]), (8, 8, 8), 1.0), [(item.vertices, item.faces)])
    assert filled[:, :, 4].all() and filled.sum() == 64


def test_what_reaches_into_the_grid_from_outside_is_filled():
    filled = occupancy(Grid(np.zeros(3), (4, 4, 4), 1.0), [solid((0.0, 0.0, -50.0), (200.0, 200.0, 99.0))])
    assert filled[:, :, :2].all() and not filled[:, :, 2:].any()  # its top is at -0.5, between cells 1 and 2


def test_the_file_is_read_back_and_is_airsims_for_a_cube():
    rng = np.random.default_rng(5)
    filled = rng.random((6, 6, 6)) < 0.3
    filled[:, :, 0], filled[0] = True, False
    data, lines = read_binvox(binvox_bytes(Grid(np.zeros(3), (6, 6, 6), 1.0), filled))
    assert lines == ["#binvox 1", "dim 6 6 6", "translate -3 -3 -3", "scale 0.166667"]
    assert (data == filled.transpose(1, 2, 0)).all()  # AirSim's order: x fastest, then z, then y


def test_runs_longer_than_a_byte_are_cut():
    filled = np.zeros((10, 20, 30), bool)
    filled[5] = True
    data, lines = read_binvox(binvox_bytes(Grid(np.zeros(3), (10, 20, 30), 1.0), filled))
    assert lines[1] == "dim 20 30 10" and (data == filled.transpose(1, 2, 0)).all()


# Through the API ------------------------------------------------------------------------------------------------------
@pytest.fixture
def service():
    scene = Scene("yard", (ground(), box("crate", (10, 0, 1), (2, 2, 2), 0, 7)), ())
    service = make_service()
    service.simulation = Simulation(scene, probe=service.simulation.probe)
    return service


def grid_of(service, path, size=(24, 24, 8), res=1.0):
    outcome = call("simCreateVoxelGrid", [AT, *size, res, str(path)], service)
    return settled(service, outcome), outcome


def test_a_grid_of_the_world_is_written_with_what_scripts_moved(service, tmp_path):
    path = tmp_path / "map.binvox"
    assert grid_of(service, path)[0] is True
    data, _ = read_binvox(path.read_bytes())
    assert data[22, 4 + 1, 12] and data[12, 4, 12] and not data[12, 5, 12]  # crate 10 m east, ground, air
    call("simSetObjectPose", ["crate", {"position": {"x_val": -5.0}}, True], service)
    assert grid_of(service, path)[0] is True  # a voxel grid is replaced
    moved, _ = read_binvox(path.read_bytes())
    assert moved.sum() == data.sum() and not moved[22, 5, 12]
    assert [each.name for each in tmp_path.iterdir()] == ["map.binvox"]


def test_no_file_but_a_voxel_grid_is_ever_overwritten(service, tmp_path):
    precious = tmp_path / "thesis.txt"
    precious.write_text("years of work")
    for path in (precious, tmp_path, tmp_path / "nowhere" / "map.binvox", "", "a\0b"):
        assert grid_of(service, path)[0] is False
    assert precious.read_text() == "years of work"
    assert len(service.told) == 5 and "exists and is not a voxel grid" in service.told[0]


def test_a_grid_that_makes_no_sense_or_is_too_large_is_refused(service, tmp_path):
    for size, res in (((0, 5, 5), 1.0), ((5, 5, 5), 0.0), ((5, 5, 5), 9.0), ((2000, 2000, 2000), 0.5)):
        assert "cell" in refused(service, "simCreateVoxelGrid", AT, *size, res, str(tmp_path / "m.binvox"))
