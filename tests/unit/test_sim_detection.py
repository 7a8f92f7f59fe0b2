"""Detections: what is in view, near enough and not hidden, with boxes in pixels and metres as AirSim gives them."""

import numpy as np
import pytest
from render_scenes import MATERIALS, box, ground, view
from sim_service import kind_of, make_service

from navisplit.sim.camera.detection import Candidate, DetectionFilter, detect
from navisplit.sim.render.query import SceneQuery
from navisplit.sim.rpc.table import call
from navisplit.sim.scene import Scene

LEVEL = np.array([0.0, 0.0, 0.0, 1.0])
STRUCT = {
    "name": "str",
    "geo_point": {"latitude": "d", "longitude": "d", "altitude": "f"},
    "box2D": {"min": {"x_val": "f", "y_val": "f"}, "max": {"x_val": "f", "y_val": "f"}},
    "box3D": {side: {axis: "f" for axis in ("x_val", "y_val", "z_val")} for side in ("min", "max")},
    "relative_pose": {
        "position": {axis: "f" for axis in ("x_val", "y_val", "z_val")},
        "orientation": {axis: "f" for axis in ("w_val", "x_val", "y_val", "z_val")},
    },
}


@pytest.fixture(scope="module")
def query():
    """A crate ahead, a crate hidden behind it, one beside, one behind the camera."""
    crates = {"Crate_1": (10, 0, 1), "Crate_2": (16, 0, 1), "Crate_3": (10, 6, 1), "Crate_4": (-8, 0, 1)}
    objects = (ground(), *(box(name, centre, (2, 2, 2), 1, 7) for name, centre in crates.items()))
    return SceneQuery(Scene("crates", objects, MATERIALS))


def found(query, *names, radius_cm=20_000.0, seen_from=None):
    candidates = [
        Candidate(o.name, i, o.vertices.mean(0).astype(float), LEVEL, o.vertices.astype(float), o.faces)
        for i, o in enumerate(query.scene.objects)
    ]
    return detect(seen_from or view(), DetectionFilter(radius_cm, list(names)), candidates, query)


def test_only_what_is_in_view_and_not_hidden_is_found(query):
    assert [d.name for d in found(query, "crate_*")] == ["Crate_1", "Crate_3"]
    above = view(position=(0.0, 0.0, 8.0), pitch=0.4)
    assert [d.name for d in found(query, "Crate_*", seen_from=above)] == ["Crate_1", "Crate_2", "Crate_3"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Crate_3"], ["Crate_3"]),
        (["crate_?"], ["Crate_1", "Crate_3"]),
        (["rate_1"], []),
        (["*1", "*3"], ["Crate_1", "Crate_3"]),
        (["Crate_[13]"], []),  # only * and ? are wild
        ([], []),
    ],
)
def test_names_are_matched_as_unreal_matches_them(query, names, expected):
    assert [d.name for d in found(query, *names)] == expected


def test_what_is_beyond_the_radius_is_not_found(query):
    assert [d.name for d in found(query, "Crate*", radius_cm=1050.0)] == ["Crate_1"]


def test_the_boxes_of_a_crate_ahead(query):
    (crate,) = found(query, "Crate_1")
    # near face 9 m ahead, 2 m wide: 64 x 36 pixels at 90 degrees have a focal length of 32
    left, top, right, bottom = crate.box_px
    assert (left, right) == pytest.approx((32 - 32 / 9, 32 + 32 / 9), abs=0.01)
    assert (top, bottom) == pytest.approx((18 - 32 / 9, 18 + 32 / 9), abs=0.01)
    assert crate.relative_position == pytest.approx([10.0, 0.0, 0.0], abs=1e-6)
    # forward, right, down of the corner that is least in the map (west, south, low) and of its opposite
    assert crate.low == pytest.approx([9.0, 1.0, 1.0], abs=1e-6)
    assert crate.high == pytest.approx([11.0, -1.0, -1.0], abs=1e-6)


def test_a_box_that_passes_the_camera_is_cut_at_the_picture(query):
    (floor,) = found(query, "ground")
    assert floor.box_px[0] == 0.0 and floor.box_px[2:] == (64.0, 36.0) and 17 < floor.box_px[1] < 20


def test_the_relative_orientation_is_the_cameras_seen_from_the_object(query):
    (crate,) = found(query, "Crate_1", seen_from=view(yaw=0.2))  # ENU: to the left, so clockwise from above: -0.2
    assert crate.relative_orientation == pytest.approx([0.0, 0.0, -np.sin(0.1), np.cos(0.1)], abs=1e-6)


def test_filters_belong_to_a_camera_and_an_image_type_and_answers_are_complete():
    service = make_service('{"Vehicles": {"A": {"Z": -3, "Yaw": 45}, "B": {"X": 9, "Y": 9, "Z": -3}}}')
    asked = ["0", 0, "A", False]
    assert call("simGetDetections", asked, service) == []
    call("simAddDetectionFilterMeshName", ["0", 0, "tree*", "A", False], service)
    call("simAddDetectionFilterMeshName", ["0", 0, "B", "A"], service)  # Cosys' client leaves out external
    seen = call("simGetDetections", asked, service)
    assert {d["name"] for d in seen} == {"tree_1", "B"} and all(kind_of(d) == STRUCT for d in seen)
    other = next(d for d in seen if d["name"] == "B")
    assert other["relative_pose"]["position"]["x_val"] == pytest.approx(9 * 2**0.5 - 0.46)
    assert other["geo_point"]["altitude"] == pytest.approx(125.0, abs=0.01)
    for elsewhere in (["0", 5, "A", False], ["1", 0, "A", False], ["0", 0, "B", False]):
        assert call("simGetDetections", elsewhere, service) == []
    call("simSetDetectionFilterRadius", ["0", 0, 100.0, "A", False], service)
    assert call("simGetDetections", asked, service) == []
    call("simSetDetectionFilterRadius", ["0", 0, 5000.0, "A", False], service)
    call("simClearDetectionMeshNames", asked, service)
    assert call("simGetDetections", asked, service) == []
