"""Promises of the codec benchmark: real bitstreams, every byte counted, honest comparisons."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from depth_fixtures import TINY, write_data

from navisplit.cli.main import main
from navisplit.codecs import Tables
from navisplit.errors import ModelError, PacketError, UsageError
from navisplit.evaluate.codecbench.context import Context
from navisplit.evaluate.codecbench.flying import FlyingMethod
from navisplit.evaluate.codecbench.line_up import line_up
from navisplit.evaluate.codecbench.maps import predict, unpredict
from navisplit.evaluate.codecbench.methods import join, make, wire_bytes
from navisplit.evaluate.codecbench.run import CodecBench, Table, measure
from navisplit.frames import Odometry
from navisplit.nets.branch import HeadNetwork
from navisplit.nets.branch_set import load_branch_set, save_branch_set
from navisplit.nets.tail import TailNetwork
from navisplit.nets.teacher import Teacher
from navisplit.train.dataset import DepthData
from navisplit.train.metrics import DepthMetrics
from navisplit.vehicle.onboard import Onboard
from navisplit.wire import MAX_PAYLOAD

STILL = Odometry(0, np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(3), np.zeros(3))


def save(folder, codec):
    branches = tuple(dataclasses.replace(b, codec=codec) for b in TINY.branches)
    architecture = dataclasses.replace(TINY, branches=branches)
    tables = {b.name: Tables.uniform(b.channels, 2 * b.limit + 1, -b.limit) for b in branches}
    networks = {"head": HeadNetwork(TINY), "tail": TailNetwork(TINY), "teacher": Teacher(TINY)}
    torch.nn.init.normal_(networks["tail"].recall.mix.weight)  # new ones recall nothing
    save_branch_set(folder, architecture, networks, tables, {"b0": 8.0, "b1": 60.0})
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("codecbench")
    return save(root / "tiny", "rans"), save(root / "paper", "raw8"), write_data(root / "data", 18)


@pytest.fixture(scope="module")
def context(folders):
    return Context.load(str(folders[0]), folders[2], (str(folders[1]),))


@pytest.fixture(scope="module")
def picture(folders):
    return DepthData(folders[2], "test").take(np.array([1])).rgb[0]


def test_the_line_up_holds_every_baseline_that_was_asked_for(context):
    names = line_up(context)
    families = {name.partition(":")[0] for name in names}
    assert {"branch", "teacher", "float32", "features8", "crbq", "jpeg", "webp", "map"} <= families
    assert {"uniform-context", "uniform-channel", "uniform-dense", "uniform-zstd"} <= families
    assert {"branch:b0", "branch:b1", "branch:paper/b0", "branch:paper/b1"} <= set(names)
    assert len(set(names)) == len(names)


def test_every_method_gives_depth_from_its_bytes_alone(context, picture):
    for name in line_up(context):
        method, other = make(name, context), make(name, context)  # nothing may pass from one end to the other in memory
        slices = method.encode(method.head(picture))
        assert slices and all(isinstance(s, bytes) and 1 <= len(s) <= MAX_PAYLOAD for s in slices), name
        depth = other.tail(other.decode(slices))
        assert depth.shape == TINY.depth_shape and depth.dtype == np.float32, name
        assert (depth >= 0.29).all() and (depth <= 50.1).all(), name


@pytest.mark.parametrize(
    "name", ["float32", "uniform-context:0.5", "uniform-channel:0.5", "uniform-dense:0.5", "uniform-zstd:0.5"]
)
def test_features_arrive_as_they_were_coded(context, picture, name):
    method = make(name, context)
    features = method.head(picture)
    received = method.decode(method.encode(features))
    if name == "float32":
        np.testing.assert_array_equal(received, features)
    else:
        expected = method.round(features).clip(method.low, method.low + method.alphabet - 1)
        np.testing.assert_array_equal(received, expected)


def test_four_coders_of_one_step_differ_in_bytes_only(context, picture):
    depths = []
    for way in ("channel", "dense", "zstd", "context"):
        method = make(f"uniform-{way}:1", context)
        depths.append(method.tail(method.decode(method.encode(method.head(picture)))))
    for other in depths[1:]:
        np.testing.assert_array_equal(depths[0], other)


def test_eight_bit_features_are_within_half_a_step(context, picture):
    method = make("features8", context)
    features = method.head(picture)
    received = method.decode(method.encode(features))
    assert np.abs(received - features).max() <= 0.51 * (features.max() - features.min()) / 255 + 1e-6


def test_a_depth_map_is_coded_without_loss_whatever_way_is_smallest(context):
    method = make("map:b0/1@0.1", context)
    rng = np.random.default_rng(0)
    ways = set()
    for depth in (
        rng.uniform(0.3, 50, (16, 32)),
        np.full((16, 32), 3.0),
        np.linspace(0.3, 50, 512).reshape(16, 32),
        np.tile(rng.uniform(0.3, 50, (2, 4)), (8, 8)),
    ):
        depth = depth.astype(np.float32)
        slices = method.encode(depth)
        ways.add(slices[0][0])
        np.testing.assert_array_equal(method.decode(slices), method.quantise(depth))
        assert np.abs(np.log(method.tail(method.decode(slices)) / depth)).max() <= 0.051
    assert len(ways) > 1, "no coder is best for all maps"


def test_median_edge_prediction_is_undone_exactly():
    levels = np.random.default_rng(1).integers(0, 53, (9, 16)).astype(np.uint8)
    residuals = (levels.astype(np.int16) - predict(levels)) % 53
    np.testing.assert_array_equal(unpredict(residuals, 53), levels)


def test_a_file_with_a_lost_or_damaged_packet_is_refused(context, picture):
    method = make("jpeg:90", context)
    slices = method.encode(method.head(picture))
    with pytest.raises(PacketError, match="lost"):
        join([None, *slices[1:]])
    with pytest.raises(PacketError, match="no jpeg picture"):
        method.decode([b"\0" * 50])
    with pytest.raises(PacketError, match="announced size"):
        make("jpeg:90/2", context).decode(slices)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("jpg:40", "Did you mean 'jpeg'"),
        ("jpeg:140", "quality 0 to 100"),
        ("webp:40/3", "divisor 2, 4 or 8"),
        ("map:b0/4", "expected map:BRANCH/DIVISOR@STEP"),
        ("uniform-zstd:x", "expected a step"),
        ("branch:b7", "no branch 'b7'"),
        ("branch:other/b0", "branch sets loaded"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(context, name, reason):
    with pytest.raises(UsageError, match=reason):
        make(name, context)


def test_images_need_a_teacher_and_say_so(context):
    without = dataclasses.replace(context.models, teacher=None)
    with pytest.raises(ModelError, match="no teacher.safetensors"):
        make("jpeg:40", Context(without))


def test_encoders_are_counted_as_what_runs_on_the_drone(context):
    branch, on_board, image = (
        make("branch:b1", context).cost,
        make("map:b1/1@0.1", context).cost,
        make("jpeg:9", context).cost,
    )
    head = load_branch_set(context.models.path, runtime="torch").head
    assert branch.parameters == sum(p.numel() for part in (head.trunk, head.branches["b1"]) for p in part.parameters())
    assert on_board.parameters > branch.parameters and on_board.macs > branch.macs > 0
    assert (image.parameters, image.macs) == (0, 0)


def test_bytes_are_those_of_the_packets_that_the_vehicle_sends(context, picture):
    for name in ("branch:b1", "webp:60", "float32"):
        method = make(name, context)
        onboard = Onboard(FlyingMethod(method), name, context.models.hash)
        sent = onboard.process(picture, STILL, np.zeros(3), 1, now_ns=1)
        assert sent.size == wire_bytes(method.encode(method.head(picture)))


@pytest.fixture(scope="module")
def table(folders):
    methods = ("branch:b0", "branch:b1", "branch:paper/b0", "teacher", "jpeg:90", "jpeg:5", "webp:30", "map:b0/2@0.1")
    return Table.load(CodecBench(folders[2], str(folders[0]), (str(folders[1]),), methods, frames=6, timing_frames=1))


def test_figures_are_those_of_the_depth_metrics(table):
    scores = measure(table)
    metrics, sizes = DepthMetrics(), []
    for number in range(6):
        clip = table.data.clips(np.array([number]))
        method = make("jpeg:5", table.context)
        slices = method.encode(method.head(clip.rgb[-1]))
        metrics.add(method.tail(method.decode(slices))[None], clip.depth[-1:], clip.segmentation[-1:])
        sizes.append(wire_bytes(slices))
    from navisplit.evaluate.codecbench.scores import BYTES, figures

    column = scores.methods.index("jpeg:5")
    found = figures(scores.totals()[column])
    expected = metrics.summary()
    for name in ("abs_rel", "delta125", "rmse_m", "near_abs_rel", "missed_rate"):
        assert math.isclose(found[name], expected[name], rel_tol=1e-9), name
    assert scores.totals()[column, BYTES] == np.mean(sizes)


def test_a_branch_remembers_the_frames_before_and_alone_it_does_not(folders):
    context = Context.load(str(folders[0]), folders[2])
    data = DepthData(folders[2], "test")
    clip = data.clips(np.array([3]))
    depths = {}
    for name in ("branch:b1", "alone:b1"):
        method = make(name, context)
        for seen in (data.clips(np.array([0])), clip):  # of another clip nothing is left
            method.see(seen)
        depths[name] = method.tail(method.decode(method.encode(method.head(clip.rgb[-1]))))
    again = make("branch:b1", context)
    again.see(clip)
    np.testing.assert_array_equal(again.tail(again.decode(again.encode(again.head(clip.rgb[-1])))), depths["branch:b1"])
    assert np.abs(depths["branch:b1"] - depths["alone:b1"]).max() > 1e-3


def test_two_workers_measure_what_one_does(table):
    np.testing.assert_array_equal(measure(table, workers=2).rows, measure(table).rows)


def test_one_command_writes_report_table_and_summary(folders, tmp_path, capsys):
    models, paper, data = map(str, folders)
    arguments = ["--data", data, "--models", models, "--paper", paper, "--frames", "4", "--timing-frames", "1"]
    some = "branch:b0,branch:b1,branch:paper/b1,teacher,crbq:b1,uniform-zstd:1,jpeg:50,jpeg:5/2,webp:20,map:b1/2@0.2"
    assert main(["bench", "codec", *arguments, "--methods", some, "--out", str(tmp_path), "--json"]) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert json.loads(capsys.readouterr().out) == summary
    assert len(summary["methods"]) == 10 and summary["data"]["frames"] == 4
    assert {v["verdict"] for v in summary["verdicts"].values()} <= {"met", "missed", "cannot be told"}
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/") > 10 and "Plotly.newPlot" in page and "<script src=" not in page
    assert len((tmp_path / "codec.csv").read_text().splitlines()) == 11


def test_a_compared_method_flies_through_the_real_server(context, picture):
    from navisplit.config import CameraConfig, FlightConfig
    from navisplit.edge.policies import make_policy
    from navisplit.edge.server import EdgeServer

    method = make("webp:90", context)
    flying = FlyingMethod(method)
    server = EdgeServer(flying, lambda: make_policy(FlightConfig().policy), CameraConfig(), context.models.hash)
    sent = Onboard(flying, "webp:90", context.models.hash).process(picture, STILL, np.ones(3), 1, now_ns=1)
    replies = [server.receive(packet, 1) for packet in sent.packets]
    expected = method.tail(method.decode(method.encode(method.head(picture))))
    np.testing.assert_array_equal(replies[-1].depth.depth, expected)


def test_flights_find_a_compared_method_by_its_name(folders):
    from navisplit.config import FlightConfig
    from navisplit.evaluate.crew import load_models

    models = load_models(FlightConfig(branch="jpeg:40/2", models=str(folders[0])))
    assert models.branches == ("jpeg:40/2",) and models.head is models.tail and models.head.method.divisor == 2
    for name, reason in (("jpg:40", "Did you mean 'jpeg'"), ("uniform-zstd:1", "use it in `navisplit bench codec`")):
        with pytest.raises(UsageError, match=reason):
            load_models(FlightConfig(branch=name, models=str(folders[0])))
