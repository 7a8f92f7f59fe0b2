"""Many vehicles and other worlds: added at run time, each by its name, put back by reset, taken to a new level."""

import json
import math

import pytest
from flight_server import Painter, box
from sim_service import FREE, make_service, refused, settled

from navisplit.sim.flight.contact import FlatGround
from navisplit.sim.rpc.table import call
from navisplit.sim.scene import PlayerStart, Scene

EAST = {"w_val": math.sqrt(0.5), "x_val": 0.0, "y_val": 0.0, "z_val": math.sqrt(0.5)}
CAMERAS = {"CaptureSettings": [{"ImageType": 0, "Width": 64, "Height": 48}]}


@pytest.fixture
def service():
    return make_service(json.dumps({"Vehicles": {"Zoe": {}, "Ann": {"X": 2}}, "CameraDefaults": CAMERAS}))


def add(service, name="Late", kind="SimpleFlight", at=(5.0, -3.0, -1.0), orientation=EAST):
    pose = {"position": dict(zip(("x_val", "y_val", "z_val"), at, strict=True)), "orientation": orientation}
    return call("simAddVehicle", [name, kind, pose, ""], service)


def place(service, name):
    return tuple(round(v, 3) for v in call("simGetObjectPose", [name], service)["position"].values())


def test_the_default_vehicle_is_the_first_of_the_alphabet_as_in_airsim(service):
    assert call("listVehicles", [], service) == ["Ann", "Zoe"]
    assert service.simulation.vehicle("").name == "Ann"


@pytest.mark.parametrize("kind", ["SimpleFlight", "simpleflight"])
def test_a_vehicle_is_added_where_it_was_asked_for_and_flies(service, kind):
    service.simulation.advance(1.0)
    assert add(service, kind=kind) is True
    assert call("listVehicles", [], service) == ["Ann", "Late", "Zoe"] and place(service, "Late") == (5.0, -3.0, -1.0)
    state = call("getMultirotorState", ["Late"], service)
    assert state["timestamp"] == service.simulation.clock_ns
    assert state["kinematics_estimated"]["position"] == {"x_val": 0.0, "y_val": 0.0, "z_val": 0.0}
    assert math.degrees(service.simulation.vehicle("Late").pilot.yaw) == pytest.approx(90.0)
    call("enableApiControl", [True, "Late"], service)
    assert settled(service, call("moveByVelocity", [0.0, 0.0, -2.0, 2.0, 0, FREE, "Late"], service)) is True
    assert call("simGetVehiclePose", ["Late"], service)["position"]["z_val"] < -2.0
    assert place(service, "Ann")[2] == 0.0


def test_an_added_vehicle_has_the_default_cameras_of_the_settings_and_the_wind(service):
    call("simSetWind", [{"x_val": 3.0}], service)
    add(service)
    assert service.simulation.vehicle("Late").cameras["front_center"].capture().width == 64
    assert service.simulation.vehicle("Late").pilot.air[:3].tolist() == [3.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "case",
    [{"name": "Ann"}, {"name": ""}, {"name": "tree_1"}, {"kind": "PhysXCar"}, {"at": (1e9, 0.0, 0.0)}],
    ids=lambda case: next(iter(case)),
)
def test_a_vehicle_that_cannot_be_is_refused_with_a_word_to_the_operator(service, case):
    assert add(service, **case) is False
    assert call("listVehicles", [], service) == ["Ann", "Zoe"]
    assert len(service.told) == 1 and service.told[0].startswith("simAddVehicle: ")


def test_a_reset_puts_every_vehicle_back_and_leaves_objects_markers_and_the_clock(service):
    add(service)
    call("simSetObjectPose", ["tree_1", {"position": {"x_val": 30.0}}, True], service)
    call("simPlotPoints", [[{"x_val": 1.0}], [1.0, 0.0, 0.0, 1.0], 1.0, 9.0, True], service)
    moves = []
    for name in ("Late", "Ann"):
        call("enableApiControl", [True, name], service)
        moves.append(call("moveByVelocity", [0.0, 0.0, -2.0, 20.0, 0, FREE, name], service))
    service.simulation.advance(2.0)
    before_ns = service.simulation.clock_ns
    call("reset", [], service)
    assert [move.result for move in moves] == [False, False]
    assert (place(service, "Late"), place(service, "Ann")) == ((5.0, -3.0, -1.0), (2.0, 0.0, 0.0))
    assert not call("isApiControlEnabled", ["Late"], service)
    assert place(service, "tree_1")[0] == 30.0 and len(service.simulation.markers.visible(before_ns)) == 1
    assert service.simulation.clock_ns == before_ns


def test_commands_of_one_vehicle_leave_those_of_the_others_alone(service):
    for name in ("Ann", "Zoe"):
        call("enableApiControl", [True, name], service)
    ann, zoe = (call("moveByVelocity", [0.0, 0.0, -1.0, 3.0, 0, FREE, name], service) for name in ("Ann", "Zoe"))
    newer = call("moveByVelocity", [0.0, 0.0, -1.0, 2.0, 0, FREE, "Ann"], service)
    assert (ann.done, ann.result, zoe.done) == (True, False, False)
    assert settled(service, newer) is True and settled(service, zoe) is True


# Levels ---------------------------------------------------------------------------------------------------------------
@pytest.fixture
def levels(monkeypatch):
    def load(name):
        return Scene(name, (box("tower", (0, 0, 0), (2, 2, 30), 9),), (), player_start=PlayerStart((100.0, 50.0, 7.0)))

    monkeypatch.setattr("navisplit.sim.worlds.world_names", lambda: ["flat", "harbour"])
    monkeypatch.setattr("navisplit.sim.worlds.load_scene", load)
    monkeypatch.setattr(Painter, "__init__", lambda self, scene=None: self.__dict__.update(views=[], scene=scene))
    monkeypatch.setattr(Painter, "query", FlatGround(7.0))


def test_a_world_that_ships_is_entered_with_every_vehicle_at_its_start(service, levels):
    add(service)
    call("enableApiControl", [True, "Ann"], service)
    move = call("moveByVelocity", [0.0, 0.0, -1.0, 30.0, 0, FREE, "Ann"], service)
    service.simulation.advance(1.0)
    stamp = service.simulation.clock_ns
    later = call("simLoadLevel", ["harbour"], service)
    assert not move.done  # it flies on while the world is built
    assert settled(service, later) is True
    assert (move.done, move.result) == (True, False) and service.simulation.clock_ns == stamp
    assert call("simListSceneObjects", [".*"], service) == ["tower", "Ann", "Zoe", "Late"]
    assert service.simulation.vehicle("Ann").position.tolist() == [100.0, 52.0, 7.0]
    assert place(service, "Late") == (5.0, -3.0, -1.0)
    assert service.simulation.renderer.scene is service.simulation.scene
    call("enableApiControl", [True, "Ann"], service)
    assert settled(service, call("moveByVelocity", [0.0, 0.0, -1.0, 1.0, 0, FREE, "Ann"], service)) is True


@pytest.mark.parametrize("level", ["atlantis", "", "../forest", "/etc/passwd", "harbour.sdf"])
def test_a_level_that_does_not_ship_is_refused_and_nothing_changes(service, levels, level):
    scene = service.simulation.scene
    assert call("simLoadLevel", [level], service) is False
    assert service.simulation.scene is scene and "Known: flat, harbour" in service.told[0]


def test_an_unknown_vehicle_is_refused_by_name(service):
    assert "Vehicle API for 'Bob' is not available" in refused(service, "getMultirotorState", "Bob")
