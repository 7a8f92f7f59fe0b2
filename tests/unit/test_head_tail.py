import numpy as np
import pytest
import torch
from depth_fixtures import TINY

from navisplit.codecs import Tables, codec
from navisplit.edge.depth_source import Decoded
from navisplit.edge.tail import Tail
from navisplit.errors import PacketError, UsageError
from navisplit.nets.branch import HeadNetwork
from navisplit.nets.branch_set import load_branch_set, save_branch_set
from navisplit.nets.tail import TailNetwork
from navisplit.vehicle.head import MAX_PAYLOAD, Head, summarise
from navisplit.wire import FEATURE_OVERHEAD


@pytest.fixture(scope="module")
def branch_set(tmp_path_factory):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tables = {b.name: Tables.uniform(b.channels, 2 * b.limit + 1, -b.limit) for b in TINY.branches}
    networks = {"head": HeadNetwork(TINY), "tail": TailNetwork(TINY)}
    save_branch_set(folder, TINY, networks, tables, {"b0": 8.0, "b1": 60.0})
    return load_branch_set(folder)


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)


@pytest.mark.parametrize("branch", ["b0", "b1"])
def test_the_edge_receives_exactly_the_symbols_that_the_drone_sent(branch_set, picture, branch):
    head, tail = Head(branch_set), Tail(branch_set)
    activations = head.trunk(picture)
    encoded = head.encode(activations, branch)
    symbols, mask = tail.decode(encoded.branch_id, encoded.codec_id, encoded.shape, encoded.slices)
    np.testing.assert_array_equal(symbols, head.symbols(activations, branch))
    assert mask.all() and all(len(s) <= MAX_PAYLOAD for s in encoded.slices)
    assert encoded.size == sum(map(len, encoded.slices)) > 0
    depth = tail.infer(encoded.branch_id, symbols, mask)
    assert depth.depth.shape == depth.spread.shape == (16, 32) and depth.depth.dtype == np.float32
    assert (0.3 <= depth.depth).all() and (depth.depth <= 50.0).all() and (depth.spread > 0).all()


def test_the_same_picture_gives_the_same_bytes(branch_set, picture):
    head = Head(branch_set)
    first, second = (head.encode(head.trunk(picture), "b1").slices for _ in range(2))
    assert first == second


def test_a_trimmed_frame_fits_and_loses_its_last_channels_only(branch_set, picture):
    head, tail = Head(branch_set), Tail(branch_set)
    activations = head.trunk(picture)
    full = head.encode(activations, "b1")
    whole = sum(len(s) + FEATURE_OVERHEAD for s in full.slices)
    assert head.encode(activations, "b1", whole).slices == full.slices
    kept = []
    for limit in (whole - 1, whole - 30, whole - 50, 0):
        trimmed = head.encode(activations, "b1", limit)
        assert limit == 0 or sum(len(s) + FEATURE_OVERHEAD for s in trimmed.slices) <= limit
        symbols, mask = tail.decode(trimmed.branch_id, trimmed.codec_id, trimmed.shape, trimmed.slices)
        there = mask.all(axis=(1, 2))
        assert (there == mask.any(axis=(1, 2))).all() and (np.diff(there.astype(int)) <= 0).all()
        np.testing.assert_array_equal(symbols[there], head.symbols(activations, "b1")[there])
        kept.append(int(there.sum()))
    assert kept[0] == 3 and kept == sorted(kept, reverse=True) and kept[-1] == 1
    assert np.isfinite(tail.infer(trimmed.branch_id, symbols, mask).depth).all()


def test_a_lost_slice_costs_its_channels_and_not_the_frame(branch_set, picture):
    head, tail = Head(branch_set), Tail(branch_set)
    spec = branch_set.branch("b1")
    symbols = head.symbols(head.trunk(picture), "b1")
    slices = codec("rans").encode(symbols, spec.tables, 40)
    assert len(slices) > 1
    coder = codec("rans").id
    received, mask = tail.decode(spec.id, coder, spec.shape, [None, *slices[1:]])
    assert mask.any() and not mask.all()
    np.testing.assert_array_equal(received[mask], symbols[mask])
    assert np.isfinite(tail.infer(spec.id, received, mask).depth).all()


def test_a_mask_by_channel_means_the_same_as_one_by_symbol(branch_set, picture):
    tail, spec = Tail(branch_set), branch_set.branch("b1")
    symbols = Head(branch_set).symbols(Head(branch_set).trunk(picture), "b1")
    channels = np.array([True, False, True, True])
    full = np.broadcast_to(channels[:, None, None], spec.shape)
    np.testing.assert_array_equal(
        tail.infer(spec.id, symbols, channels).depth, tail.infer(spec.id, symbols, full).depth
    )


def test_summary_is_the_mean_of_six_cells():
    features = torch.zeros(1, 2, 4, 6)
    features[0, 1, :2, 2:4] = 3.0  # upper middle
    summary = summarise(features).reshape(6, 2)
    assert summary[1].tolist() == [0.0, 3.0] and summary.sum() == 3.0


def test_summary_has_the_announced_size_on_a_grid_that_does_not_divide(branch_set, picture):
    head = Head(branch_set)
    assert head.trunk(picture).summary.shape == (head.summary_size,)


@pytest.mark.parametrize("shape", [(64, 32, 3), (32, 64), (32, 64, 4)])
def test_a_picture_of_another_camera_is_refused(branch_set, shape):
    with pytest.raises(UsageError, match="expects RGB"):
        Head(branch_set).trunk(np.zeros(shape, np.uint8))


def test_a_float_picture_is_refused(branch_set):
    with pytest.raises(UsageError, match="float32"):
        Head(branch_set).trunk(np.zeros((32, 64, 3), np.float32))


@pytest.mark.fault(23, does="refused by name; the frame is lost, not the flight")
def test_an_unknown_branch_is_refused_on_both_sides(branch_set, picture):
    head, tail = Head(branch_set), Tail(branch_set)
    with pytest.raises(UsageError):
        head.encode(head.trunk(picture), "b9")
    with pytest.raises(PacketError):
        tail.decode(9, codec("rans").id, (2, 2, 4), [])
    with pytest.raises(PacketError):
        tail.infer(9, np.zeros((2, 2, 4), np.int16), np.ones(2, bool))


@pytest.mark.fault(20, does="refused by name; the frame is lost, not the flight")
def test_a_packet_that_claims_another_shape_or_codec_is_refused(branch_set):
    tail, coder = Tail(branch_set), codec("rans").id
    with pytest.raises(PacketError):
        tail.decode(0, coder, (200, 2000, 2000), [b""])
    with pytest.raises(PacketError):
        tail.decode(0, codec("raw8").id, (2, 2, 4), [None])
    with pytest.raises(PacketError):
        tail.infer(0, np.zeros((4, 2, 4), np.int16), np.ones(4, bool))


def test_the_tail_infers_many_frames_of_several_branches_as_it_does_one(branch_set):
    tail = Tail(branch_set)
    rng = np.random.default_rng(0)
    frames = []
    for spec in tail.branch_set.branches * 2:
        symbols = rng.integers(-3, 4, spec.shape).astype(np.int16)
        frames.append(Decoded(spec.id, symbols, rng.random(spec.shape) < 0.8))
    together = tail.infer_many(frames)
    for frame, depth in zip(frames, together, strict=True):
        alone = tail.infer(frame.branch_id, frame.symbols, frame.mask)
        np.testing.assert_allclose(depth.depth, alone.depth, rtol=1e-4)
        np.testing.assert_allclose(depth.spread, alone.spread, rtol=1e-4)
    with pytest.raises(PacketError, match="symbols"):
        tail.infer_many(
            [*frames, Decoded(frames[0].branch_id, np.zeros((1, 2, 2), np.int16), np.ones((1, 2, 2), bool))]
        )
