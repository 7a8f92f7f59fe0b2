"""Recordings: AirSim's folder, at the asked moments of simulated time, of the asked cameras."""

import json
from datetime import datetime

import cv2
import numpy as np
import pytest
from flight_server import flat_simulation, serving
from rpc_wire import Wire
from sim_service import make_service

from navisplit.errors import ConfigError
from navisplit.sim.recording import image_file
from navisplit.sim.rpc.recorder import Recorder
from navisplit.sim.rpc.table import call
from navisplit.sim.settings import parse_settings

STEP_S = 0.003


def recording_service(folder, vehicles=None, **options):
    entry = {"Folder": str(folder), "RecordInterval": 0.1, **options}
    service = make_service(json.dumps({"Recording": entry, "Vehicles": vehicles or {"A": {}}}))
    service.recorder = Recorder(service, lambda: datetime(2026, 11, 24, 9, 30, 5))
    service.pacer.alarm = service.recorder
    return service


def run(service, seconds):
    """Let exactly this much simulated time pass through the pacer."""
    waiting, now_s = call("simContinueForTime", [seconds], service), getattr(service, "now_s", 0.0)
    while not waiting.done:
        service.pacer.drive(now_s)
        now_s += 0.1
    service.now_s = now_s


def table_of(folder):
    lines = (folder / "airsim_rec.txt").read_text().splitlines()
    assert lines[0] == "VehicleName\tTimeStamp\tPOS_X\tPOS_Y\tPOS_Z\tQ_W\tQ_X\tQ_Y\tQ_Z\tImageFile"
    return [line.split("\t") for line in lines[1:]]


def test_a_recording_has_airsims_layout_and_exact_moments(tmp_path):
    service = recording_service(tmp_path)
    call("startRecording", [], service)
    assert call("isRecording", [], service) is True
    run(service, 1.0)
    call("stopRecording", [], service)
    assert call("isRecording", [], service) is False
    run(service, 1.0)
    folder = tmp_path / "2026-11-24-09-30-05"
    rows = table_of(folder)
    assert [int(row[1]) for row in rows] == [100 * n for n in range(11)]  # ms
    assert {row[0] for row in rows} == {"A"} and all(len(row) == 10 for row in rows)
    names = [row[9] for row in rows]
    assert names[0] == "img_A__0_0.png"
    assert sorted(path.name for path in (folder / "images").iterdir()) == sorted(names)
    assert cv2.imread(str(folder / "images" / names[0])).shape == (144, 256, 3)


def test_the_table_holds_the_pose_from_the_start_with_the_scalar_first(tmp_path):
    service = recording_service(tmp_path, {"A": {"X": 50}})
    pose = {"position": {"x_val": 1.25, "y_val": -2.0, "z_val": 0.0}, "orientation": {"w_val": 0.8, "z_val": 0.6}}
    call("simSetVehiclePose", [pose, True, ""], service)
    call("startRecording", [], service)
    run(service, STEP_S)
    (row,) = table_of(next(tmp_path.iterdir()))
    assert [float(value) for value in row[2:9]] == pytest.approx([1.25, -2.0, 0.0, 0.8, 0.0, 0.0, 0.6], abs=1e-3)


def test_cameras_of_the_settings_are_recorded_in_their_formats(tmp_path):
    cameras = [
        {"CameraName": "0", "ImageType": 1, "PixelsAsFloat": True, "VehicleName": "A"},
        {"CameraName": "bottom_center", "Compress": False, "VehicleName": "A"},
        {"CameraName": "0", "ImageType": 5, "VehicleName": "B"},
    ]
    service = recording_service(tmp_path, {"A": {}, "B": {}}, Cameras=cameras)
    call("startRecording", [], service)
    run(service, STEP_S)
    a, b = table_of(next(tmp_path.iterdir()))
    assert a[9] == "img_A_0_1_0.pfm;img_A_bottom_center_0_0.ppm" and b[9] == "img_B_0_5_0.png"
    images = next(tmp_path.iterdir()) / "images"
    assert cv2.imread(str(images / "img_A_bottom_center_0_0.ppm"))[70, 3].tolist() == [0, 0, 255]  # red at left
    data = (images / "img_A_0_1_0.pfm").read_bytes()
    assert data.startswith(b"Pf\n256 144\n-1\n") and np.frombuffer(data[-4:], "<f4")[0] == 7.0


def test_without_cameras_only_the_table_is_written(tmp_path):
    service = recording_service(tmp_path, Cameras=[])
    call("startRecording", [], service)
    run(service, 0.3)
    assert [row[9] for row in table_of(next(tmp_path.iterdir()))] == [""] * 4  # at 0, 100, 200 and 300 ms


def test_a_vehicle_at_rest_is_left_out_when_only_moves_are_recorded(tmp_path):
    service = recording_service(tmp_path, {"A": {}, "B": {}}, RecordOnMove=True, Cameras=[])
    call("startRecording", [], service)
    run(service, 0.5)
    call("simSetVehiclePose", [{"position": {"x_val": 5.0}}, True, "B"], service)
    run(service, 0.15)
    rows = table_of(next(tmp_path.iterdir()))
    assert [row[0] for row in rows[:2]] == ["A", "B"] and {row[0] for row in rows[2:]} == {"B"}


def test_records_that_come_while_the_last_is_still_written_are_counted_and_told(tmp_path):
    service = recording_service(tmp_path, Cameras=[])
    waiting = []
    service.background = lambda work, done: waiting.append((work, done))
    call("startRecording", [], service)
    run(service, 0.35)  # due at 0, 100, 200 and 300 ms
    ((work, done),) = waiting
    work()
    done(None)
    call("stopRecording", [], service)
    assert len(table_of(tmp_path / "2026-11-24-09-30-05")) == 1
    assert "3 records are left out" in service.told[-1]


def test_two_recordings_within_a_second_are_two_folders(tmp_path):
    service = recording_service(tmp_path, Cameras=[])
    for _ in range(2):
        call("startRecording", [], service)
        call("startRecording", [], service)  # no effect while recording
        call("stopRecording", [], service)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["2026-11-24-09-30-05", "2026-11-24-09-30-05-2"]


def test_a_folder_that_cannot_be_made_is_told_and_nothing_records(tmp_path):
    (tmp_path / "file").write_text("")
    service = recording_service(tmp_path / "file")
    call("startRecording", [], service)
    assert call("isRecording", [], service) is False
    assert "Recording.Folder" in service.told[-1]


def test_a_camera_that_is_not_there_ends_the_recording_with_a_word(tmp_path):
    service = recording_service(tmp_path, Cameras=[{"CameraName": "rear"}])
    call("startRecording", [], service)
    run(service, STEP_S)
    assert call("isRecording", [], service) is False and any("rear" in line for line in service.told)


def test_a_cameras_name_cannot_leave_the_folder(tmp_path):
    response = {"camera_name": "../../x", "image_type": 0, "pixels_as_float": False, "compress": True}
    service = recording_service(tmp_path, Cameras=[])
    call("startRecording", [], service)
    run(service, STEP_S)
    recording = service.recorder.recording
    row = type("Row", (), {"vehicle": "A", "stamp_ns": 1, "text": lambda self, names: ""})()
    recording.write(row, [response | {"width": 1, "height": 1, "image_data_uint8": b"x"}])
    assert [path.name for path in (recording.folder / "images").iterdir()] == ["img_A_.._.._x_0_1.png"]


def test_the_colours_of_an_uncompressed_picture_are_rgb_in_the_file():
    response = {"width": 2, "height": 1, "pixels_as_float": False, "compress": False}
    assert image_file(response | {"image_data_uint8": bytes([1, 2, 3, 4, 5, 6])}) == (
        b"P6\n2 1\n255\n" + bytes([3, 2, 1, 6, 5, 4]), ".ppm"
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ['{"Recording": {"RecordOnMove": 1}}', '{"Recording": {"Cameras": {}}}', '{"Recording": {"RecordInterval": "x"}}'],
)
def test_settings_of_a_wrong_type_are_named(text):
    with pytest.raises(ConfigError, match="Recording"):
        parse_settings(text)


def test_the_server_records_from_the_start_when_told_so_and_serves_on(tmp_path):
    entry = {"Folder": str(tmp_path), "Enabled": True, "RecordInterval": 0.05}
    with serving(flat_simulation(settings=parse_settings(json.dumps({"Recording": entry})))) as server:
        client = Wire(server)
        assert client.ask("isRecording") is True
        client.ask("simContinueForTime", 0.3)
        client.ask("stopRecording")
        client.ask("simGetImage", "0", 0, "", False)  # behind the last record
        client.close()
    rows = table_of(next(tmp_path.iterdir()))
    assert 2 <= len(rows) <= 7
