"""Good arguments of every RPC method, by the kinds of its parameters."""

from sim_service import FREE

from navisplit.sim.rpc.table import METHODS

VECTOR = {"x_val": 0.0, "y_val": 0.0, "z_val": -1.0}
POSE = {"position": VECTOR, "orientation": {"w_val": 1.0, "x_val": 0.0, "y_val": 0.0, "z_val": 0.0}}
GOOD = {
    "bool": True,
    "int": 1,
    "float": 0.5,
    "str": "",
    "map": {},
    "RCData": {},
    "Vector3r": VECTOR,
    "Pose": POSE,
    "YawMode": FREE,
    "GeoPoint": {"latitude": 47.6, "longitude": -122.1, "altitude": 150.0},
    "ImageRequest": {"camera_name": "0", "image_type": 0, "pixels_as_float": False, "compress": False},
    "KinematicsState": POSE,
    "[float]": [0.1, 0.2, 0.3],
    "[str]": ["a"],
    "[Vector3r]": [VECTOR],
    "[Pose]": [POSE],
    "[ImageRequest]": [],
}
NAMED = {"external": False, "name_regex": ".*", "image_type": 0, "velocity": 5.0, "lookahead": -1.0, "drivetrain": 0}


def arguments_of(name):
    return [NAMED.get(parameter, GOOD[kind]) for parameter, kind in METHODS[name].parameters]
