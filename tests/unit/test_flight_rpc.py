"""The RPC table and the wire format keep AirSim's contract, without sockets."""

import struct

import msgpack
import numpy as np
import pytest
from sim_service import make_service, refused

from navisplit.sim.rpc.codec import Double, encode_response
from navisplit.sim.rpc.table import METHODS, call

AIRSIM_METHODS = """
ping 0 getServerVersion 0 getMinRequiredClientVersion 0 simPause 1 simIsPaused 0 simContinueForTime 1
simContinueForFrames 1 simSetTimeOfDay 6 simEnableWeather 1 simSetWeatherParameter 2 enableApiControl 2
isApiControlEnabled 1 armDisarm 2 simRunConsoleCommand 1 simGetImages 3 simGetImage 4 simGetPresetLensSettings 3
simGetLensSettings 3 simSetPresetLensSettings 4 simGetPresetFilmbackSettings 3 simSetPresetFilmbackSettings 4
simGetFilmbackSettings 3 simSetFilmbackSettings 5 simGetFocalLength 3 simSetFocalLength 4 simEnableManualFocus 4
simGetFocusDistance 3 simSetFocusDistance 4 simGetFocusAperture 3 simSetFocusAperture 4 simEnableFocusPlane 4
simGetCurrentFieldOfView 3 simTestLineOfSightToPoint 2 simTestLineOfSightBetweenPoints 2 simGetWorldExtents 0
simGetMeshPositionVertexBuffers 0 simAddVehicle 4 simSetVehiclePose 3 simGetVehiclePose 1 simSetTraceLine 3
simSetSegmentationObjectID 3 simGetSegmentationObjectID 1 simAddDetectionFilterMeshName 5
simSetDetectionFilterRadius 5 simClearDetectionMeshNames 4 simGetDetections 4 reset 0 simPrintLogMessage 3
getHomeGeoPoint 1 getLidarData 2 getImuData 2 getBarometerData 2 getMagnetometerData 2 getGpsData 2
getDistanceSensorData 2 simGetCameraInfo 3 simSetDistortionParam 5 simGetDistortionParams 3 simSetCameraPose 4
simSetCameraFov 4 simGetCollisionInfo 1 simListSceneObjects 1 simLoadLevel 1 simSpawnObject 6 simDestroyObject 1
simListAssets 0 simGetObjectPose 1 simGetObjectScale 1 simSetObjectPose 3 simSetObjectScale 2
simFlushPersistentMarkers 0 simPlotPoints 5 simPlotLineStrip 5 simPlotLineList 5 simPlotArrows 7 simPlotStrings 5
simPlotTransforms 5 simPlotTransformsWithNames 7 simGetGroundTruthKinematics 1 simSetKinematics 3
simGetGroundTruthEnvironment 1 simCreateVoxelGrid 6 simSetLightIntensity 2 cancelLastTask 1 simSwapTextures 4
simSetObjectMaterial 3 simSetObjectMaterialFromTexture 3 startRecording 0 stopRecording 0 isRecording 0 simSetWind 1
listVehicles 0 getSettingsString 0 takeoff 2 land 2 goHome 2 moveByVelocityBodyFrame 7 moveByVelocityZBodyFrame 7
moveByMotorPWMs 6 moveByRollPitchYawZ 6 moveByRollPitchYawThrottle 6 moveByRollPitchYawrateThrottle 6
moveByRollPitchYawrateZ 6 moveByAngleRatesZ 6 moveByAngleRatesThrottle 6 moveByVelocity 7 moveByVelocityZ 7
moveOnPath 8 moveToGPS 10 moveToPosition 10 moveToZ 7 moveByManual 7 rotateToYaw 4 rotateByYawRate 3 hover 1
setAngleLevelControllerGains 4 setAngleRateControllerGains 4 setVelocityControllerGains 4
setPositionControllerGains 4 moveByRC 2 setSafety 9 getRotorStates 1 getMultirotorState 1
""".split()
COUNTS = {name: int(count) for name, count in zip(AIRSIM_METHODS[::2], AIRSIM_METHODS[1::2], strict=True)}


@pytest.fixture
def service():
    return make_service()


def test_every_method_of_airsim_exists_with_its_argument_count():
    assert COUNTS == {name: len(method.parameters) for name, method in METHODS.items()}


def test_a_wrong_argument_count_is_refused_in_rpclibs_words(service):
    assert refused(service, "takeoff") == (
        "rpclib: client error C0002: Function 'takeoff' was called with an invalid number of arguments. "
        "Expected: 2, got: 0"
    )


def test_an_unknown_method_is_refused_in_rpclibs_words(service):
    text = "rpclib: server could not find function 'getCarState' with argument count 1."
    assert refused(service, "getCarState", "") == text


def test_an_argument_of_the_wrong_type_is_a_bad_cast(service):
    text = refused(service, "takeoff", "soon", "")
    assert text == (
        "rpclib: function 'takeoff' (called with 2 arg(s)) threw an exception. "
        "The exception contained this information: std::bad_cast."
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_a_number_that_would_poison_the_flight_is_refused(service, value):
    arguments = [value, 0.0, 0.0, 1.0, 0, {"is_rate": True, "yaw_or_rate": 0.0}, ""]
    assert "vx must be a finite number" in refused(service, "moveByVelocity", *arguments)


@pytest.mark.parametrize("endless", [float("inf"), 1.8e299, 3e38])
@pytest.mark.parametrize("method", ["land", "takeoff", "goHome"])
def test_an_endless_timeout_is_no_error(service, method, endless):
    task = call(method, [endless, ""], service)
    assert task.error is None and (method != "land" or not task.done)


def test_an_unknown_vehicle_is_refused_in_airsims_words(service):
    assert "Vehicle API for 'Drone9' is not available" in refused(service, "getMultirotorState", "Drone9")


def test_the_state_is_complete_on_the_wire(service):
    answer = msgpack.unpackb(encode_response(7, None, call("getMultirotorState", [""], service)))
    assert answer[:3] == [1, 7, None]
    state = answer[3]
    keys = {"collision", "kinematics_estimated", "gps_location", "timestamp", "landed_state", "rc_data"}
    assert set(state) == keys
    assert len(state["collision"]) == 8 and len(state["kinematics_estimated"]) == 6
    assert state["gps_location"]["latitude"] == 47.641468  # a double: float32 would be 0.3 m off


def test_numbers_are_written_as_rpclib_writes_them():
    assert encode_response(1, None, True) == bytes.fromhex("940101c0c3")
    assert encode_response(4, None, None) == bytes.fromhex("940104c0c0")
    assert encode_response(0, None, 1.5)[-5:] == bytes.fromhex("ca3fc00000")
    assert encode_response(0, None, Double(1.5))[-9:] == b"\xcb" + struct.pack(">d", 1.5)
    assert encode_response(0, None, b"abc")[-5:] == b"\xc4\x03abc"
    eight = np.full(8, 1.5, np.float32)
    assert encode_response(0, None, eight)[-41:] == b"\x98" + bytes.fromhex("ca3fc00000") * 8
    assert encode_response(0, "no", None)[-4:] == b"\xa2no\xc0"
    assert msgpack.unpackb(encode_response(0, None, 3e38 * 10))[3] == pytest.approx(3.4e38, rel=0.01)
    assert np.isnan(msgpack.unpackb(encode_response(0, None, float("nan")))[3])


def test_objects_are_found_by_the_whole_name(service):
    assert call("simListSceneObjects", ["tree_.*"], service) == ["tree_1"]
    assert call("simListSceneObjects", ["tree"], service) == []
    assert "regex_error" in refused(service, "simListSceneObjects", "(")
    pose = call("simGetObjectPose", ["tree_1"], service)["position"]
    assert (pose["x_val"], pose["y_val"], pose["z_val"]) == (5.0, 5.0, -4.5)
    assert np.isnan(call("simGetObjectPose", ["nothing"], service)["position"]["x_val"])
    assert call("simGetSegmentationObjectID", ["tree_1"], service) == 3
    assert call("simGetSegmentationObjectID", ["nothing"], service) == -1


def test_a_pose_with_nan_keeps_the_present_value(service):
    nan = float("nan")
    pose = {
        "position": {"x_val": 3.0, "y_val": nan, "z_val": -2.0},
        "orientation": {"w_val": nan, "x_val": nan, "y_val": nan, "z_val": nan},
    }
    call("simSetVehiclePose", [pose, True, ""], service)
    answer = call("simGetVehiclePose", [""], service)
    assert answer["position"] == {"x_val": 3.0, "y_val": 0.0, "z_val": -2.0}
    assert np.isfinite(list(answer["orientation"].values())).all()


def test_a_collision_is_reported_once_and_kept(service):
    drone = service.simulation.vehicle()
    drone.teleport(np.array([0.0, 0.0, 3.0]), 0.0)
    drone.pilot.enable_api_control(False)
    service.simulation.advance(2.0)
    first, second = (call("simGetCollisionInfo", [""], service) for _ in range(2))
    assert first["has_collided"] and not second["has_collided"]
    assert first["time_stamp"] == second["time_stamp"] > 0 and first["object_name"] == "ground"
    call("reset", [], service)
    assert call("simGetCollisionInfo", [""], service)["object_name"] == ""


def test_a_call_without_effect_is_told_once(service):
    for _ in range(3):
        assert call("simRunConsoleCommand", ["stat fps"], service) is False
    assert service.told == ["simRunConsoleCommand has no effect in this simulator."]


def test_sensors_agree_with_the_state(service):
    assert call("getImuData", ["", ""], service)["linear_acceleration"]["z_val"] == pytest.approx(-9.80665, abs=0.3)
    assert call("getBarometerData", ["", ""], service)["altitude"] == pytest.approx(122.0, abs=60.0)
    assert call("getGpsData", ["", ""], service)["gnss"]["fix_type"] == 3
    assert "No lidar with name L exist on vehicle" in refused(service, "getLidarData", "L", "")
    assert not call(
        "simTestLineOfSightToPoint", [{"altitude": 100.0, "latitude": 47.6, "longitude": -122.1}, ""], service
    )


def test_gains_reach_the_axes_they_belong_to(service):
    call("setVelocityControllerGains", [[1.0, 2.0, 3.0], [0.0] * 3, [0.0] * 3, ""], service)
    gains = service.simulation.vehicle().pilot.gains
    assert gains[4, 0].tolist() == [2.0, 1.0, 0.0, 3.0]
