"""Every method of the table: its arguments are checked in rpclib's words, and its answer has AirSim's type."""

import json
import re
from pathlib import Path

import pytest
from rpc_arguments import GOOD, VECTOR, arguments_of
from sim_service import FREE, kind_of, make_service, refused, settled

from navisplit.airsim.transport import CAMERA_CALLS
from navisplit.sim.rpc.table import METHODS, BadCast, HandlerError, call, convert

BOOL = """ping simIsPaused isApiControlEnabled armDisarm simRunConsoleCommand simTestLineOfSightToPoint isRecording
simTestLineOfSightBetweenPoints simAddVehicle simSetSegmentationObjectID simLoadLevel simDestroyObject simSetObjectPose
simSetObjectScale simCreateVoxelGrid simSetLightIntensity simSetObjectMaterial simSetObjectMaterialFromTexture takeoff
land goHome hover moveByVelocity moveByVelocityZ moveByVelocityBodyFrame moveByVelocityZBodyFrame moveByMotorPWMs
moveByRollPitchYawZ moveByRollPitchYawThrottle moveByRollPitchYawrateThrottle moveByRollPitchYawrateZ moveByAngleRatesZ
moveByAngleRatesThrottle moveOnPath moveToGPS moveToPosition moveToZ moveByManual rotateToYaw rotateByYawRate""".split()
NOTHING = """simPause simContinueForTime simContinueForFrames simSetTimeOfDay simEnableWeather simSetWeatherParameter
enableApiControl simSetPresetLensSettings simSetPresetFilmbackSettings simSetFocalLength simEnableManualFocus
simSetFocusDistance simSetFocusAperture simEnableFocusPlane simSetVehiclePose simSetTraceLine simSetCameraPose
simAddDetectionFilterMeshName simSetDetectionFilterRadius simClearDetectionMeshNames reset simPrintLogMessage
simSetDistortionParam simSetCameraFov simFlushPersistentMarkers simPlotPoints simPlotLineStrip simPlotLineList
simPlotArrows simPlotStrings simPlotTransforms simPlotTransformsWithNames simSetKinematics cancelLastTask startRecording
stopRecording simSetWind setAngleLevelControllerGains setAngleRateControllerGains setVelocityControllerGains
setPositionControllerGains moveByRC""".split()
RETURNS = {
    **dict.fromkeys(BOOL, "bool"),
    **dict.fromkeys(NOTHING, "nil"),
    **dict.fromkeys(("getServerVersion", "getMinRequiredClientVersion", "simGetSegmentationObjectID"), "int"),
    **dict.fromkeys(("simGetFocalLength", "simGetFocusDistance", "simGetFocusAperture", "simSetFilmbackSettings"), "f"),
    **dict.fromkeys(
        ("simGetLensSettings", "simGetFilmbackSettings", "simGetCurrentFieldOfView", "getSettingsString"), "str"
    ),
    **dict.fromkeys(("listVehicles", "simListSceneObjects", "simListAssets"), ["str"]),
    **dict.fromkeys(("simGetPresetLensSettings", "simGetPresetFilmbackSettings"), ["str"]),
    **dict.fromkeys(("simGetDetections", "simSwapTextures"), []),
    "simGetDistortionParams": ["f"],
    "simGetImage": "bin",
}
REFUSED = ("getLidarData", "getDistanceSensorData", "simSpawnObject", "setSafety")

EXTERNAL = (1, None)  # Cosys' client sends a string there
WRONG = {"bool": (1, "true", None), "int": (1.0, True, "1", None), "float": ("1", False, None, [1.0]), "str": (5, None)}
STRUCT = (5, "x", None, [0.0, 0.0, 0.0])


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_service(json.dumps({"Recording": {"Folder": str(tmp_path)}}))


@pytest.mark.parametrize("name", sorted(RETURNS))
def test_a_method_answers_with_airsims_type(service, name):
    call("enableApiControl", [True, ""], service)
    assert kind_of(settled(service, call(name, arguments_of(name), service))) == RETURNS[name]


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_refuses_every_argument_of_a_wrong_type(service, name):
    good = arguments_of(name)
    for at, (parameter, kind) in enumerate(METHODS[name].parameters):
        bad = ("text", {}, 5) if kind.startswith("[") else WRONG.get(kind, STRUCT)
        bad = EXTERNAL if parameter == "external" else bad
        for value in bad:
            text = refused(service, name, *good[:at], value, *good[at + 1 :])
            assert text.endswith(f"'{name}' (called with {len(good)} arg(s)) threw an exception. The exception "
                                 "contained this information: std::bad_cast."), (at, value)  # fmt: skip


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_refuses_one_argument_too_many_and_too_few(service, name):
    good, method = arguments_of(name), METHODS[name]
    more = [GOOD[kind] for _, kind in method.extra]
    counts = [[*good, *more, ""]] + ([good[: -1 - method.optional]] if good else [])
    for arguments in counts:
        text = refused(service, name, *arguments)
        assert text == (
            f"rpclib: client error C0002: Function '{name}' was called with an invalid number of arguments. "
            f"Expected: {len(good)}, got: {len(arguments)}"
        )


def test_only_camera_calls_may_leave_out_their_last_argument():
    optional = {name for name, method in METHODS.items() if method.optional}
    assert optional == CAMERA_CALLS
    assert {METHODS[name].parameters[-1] for name in optional} == {("external", "bool")}


CAMERAS = {"simGetImages", "simGetImage", "simGetCameraInfo", "simSetCameraPose", "simSetCameraFov"}
NEUTRAL = (CAMERA_CALLS - CAMERAS) | {"simAddVehicle", "simSetTraceLine", *REFUSED}  # these do nothing to a vehicle
NAMING = {name for name, method in METHODS.items() if ("vehicle_name", "str") in method.parameters} - NEUTRAL


@pytest.mark.parametrize("name", sorted(NAMING))
def test_no_method_acts_on_a_vehicle_that_is_not_there(service, name):
    arguments = arguments_of(name)
    arguments[[parameter for parameter, _ in METHODS[name].parameters].index("vehicle_name")] = "Drone9"
    before = service.simulation.vehicle().pilot.body.tobytes()
    assert refused(service, name, *arguments).endswith(
        "Vehicle API for 'Drone9' is not available. This could either because this is simulation-only API or this "
        "vehicle does not exist."
    )
    assert service.simulation.vehicle().pilot.body.tobytes() == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("getLidarData", "No lidar with name  exist on vehicle."),
        ("getDistanceSensorData", "No distance sensor with name  exist on vehicle."),
        ("simSpawnObject", "There were no objects with name  found in the Registry."),
        ("setSafety", "The setSafety call requires safety_eval_ptr_ to be set first."),
    ],
)
def test_what_airsim_refuses_without_an_option_is_refused_in_its_words(service, name, text):
    assert refused(service, name, *arguments_of(name)) == (
        f"rpclib: function '{name}' (called with {len(METHODS[name].parameters)} arg(s)) threw an exception. "
        f"The exception contained this information: {text}"
    )


def test_every_method_is_under_one_of_these_promises():
    structs = {"simGetImages", "simGetCameraInfo", "simGetVehiclePose", "simGetObjectPose", "simGetObjectScale"}
    structs |= {"simGetCollisionInfo", "simGetGroundTruthKinematics", "simGetGroundTruthEnvironment", "getImuData"}
    structs |= {"getHomeGeoPoint", "getBarometerData", "getMagnetometerData", "getGpsData", "getRotorStates"}
    structs |= {"getMultirotorState", "simGetWorldExtents", "simGetMeshPositionVertexBuffers"}
    assert set(RETURNS) | set(REFUSED) | structs == set(METHODS)


KINDS = {"double": "float", "uint": "int", "unsigned char": "int", "ImageType": "int", "WeatherParameter": "int",
         "ObsAvoidanceStrategy": "int"}  # fmt: skip
SPELT = {"heigth": "height", "focal_lenght": "focal_length", "preset_lens_settings": "preset", "type": "image_type",
         "preset_filmback_settings": "preset", "request_adapter": "requests"}  # fmt: skip
"""AirSim's parameter names that are not its client's, or misspelt."""


def airsims_methods():
    """Name to (parameter, kind) pairs, from the list of the real server's 123 methods."""
    lines = (Path(__file__).parent / "data" / "airsim_methods.txt").read_text().splitlines()
    methods = {}
    for name, parameters in (re.fullmatch(r"(\w+)\((.*)\) -> .*", line).groups() for line in lines):
        pairs = [pair.split(":") for pair in parameters.split(", ") if pair]
        methods[name] = [(SPELT.get(parameter, parameter), KINDS.get(kind, kind)) for parameter, kind in pairs]
    return methods


def test_the_table_has_every_method_of_airsim_and_no_other():
    assert len(airsims_methods()) == 123 and set(METHODS) == set(airsims_methods())


@pytest.mark.parametrize("name", sorted(airsims_methods()))
def test_a_method_takes_what_airsims_takes(name):
    assert list(METHODS[name].parameters) == airsims_methods()[name]


def test_cosys_arguments_are_understood(service):
    assert call("simGetObjectPose", ["tree_1"], service) == call("simGetObjectPose", ["tree_1", True], service)
    assert call("simGetObjectPose", ["tree_1", False], service)["position"]["x_val"] == pytest.approx(500.0)  # cm
    for name in ("simGetImage", "simGetDetections"):
        settled(service, call(name, [*arguments_of(name)[:-1], "a layer"], service))  # an annotation layer's name
    assert call("getServerVersion", [], service) == 1


# Conversions --------------------------------------------------------------------------------------------------------
def test_a_whole_number_is_a_float_and_bytes_are_text():
    assert convert("float", 3) == 3.0 and isinstance(convert("float", 3), float)
    assert convert("str", b"Drone\xff") == "Drone\ufffd"


def test_structs_may_be_incomplete_and_have_more_keys_than_known():
    assert convert("Vector3r", {"y_val": 2}).tolist() == [0.0, 2.0, 0.0]
    position, orientation = convert("Pose", {"extra": {"deep": 1}})
    assert position.tolist() == [0.0, 0.0, 0.0] and orientation.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert convert("YawMode", {}) == convert("YawMode", FREE)
    request = convert("ImageRequest", {"annotation_name": "x"})
    assert (request.camera_name, request.image_type, request.pixels_as_float, request.compress) == ("0", 0, False, True)


@pytest.mark.parametrize("kind", ["Vector3r", "[Vector3r]", "KinematicsState", "YawMode"])
def test_a_number_that_is_not_finite_never_gets_into_a_flight(kind):
    nan = float("nan")
    bad = {"Vector3r": {"x_val": nan}, "YawMode": {"yaw_or_rate": -float("inf")}}
    bad |= {"[Vector3r]": [VECTOR, {"z_val": nan}], "KinematicsState": {"linear_velocity": {"y_val": nan}}}
    with pytest.raises(HandlerError) as refusal:
        convert(kind, bad[kind])
    assert not isinstance(refusal.value, BadCast)


def test_only_times_may_be_huge_or_infinite():
    assert convert("float", float("inf"), "duration") == convert("float", float("inf"), "timeout_sec") == 3.0e38
    for name, value in (("duration", float("-inf")), ("duration", float("nan")), ("x", 1e31), ("yaw", float("inf"))):
        with pytest.raises(HandlerError, match=f"{name} must be a finite number"):
            convert("float", value, name)
