"""The same packet is the same symbols everywhere: another process, thread count, instruction set; and ONNX heads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from depth_fixtures import TINY

from navisplit.cli.main import main
from navisplit.codecs import Tables
from navisplit.errors import ModelError
from navisplit.nets.branch import HeadNetwork
from navisplit.nets.branch_set import BranchSet, branch_set_names, load_branch_set, save_branch_set
from navisplit.nets.portable import PortableHead, PortableTail
from navisplit.nets.tail import TailNetwork
from navisplit.train.golden import DEPTH_TOLERANCE, GOLDEN_FILE, check_golden, digest, write_golden
from navisplit.vehicle.head import Head

ROOT = Path(__file__).resolve().parents[2]

# What CPython, torch, oneDNN and numpy let a user take away. A name that this processor lacks changes nothing.
MACHINES = {
    "no vector units for torch": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "AVX2, two threads": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "OMP_NUM_THREADS": "2"},
    "plain numpy, one thread": {"OMP_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": "dispatch"},
    "ONNX Runtime": {"NAVISPLIT_RUNTIME": "onnx", "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}


def tiny(folder: Path) -> Path:
    torch.manual_seed(0)
    tables = {
        b.name: Tables.from_counts(
            np.exp(-np.abs(np.arange(31) - 15) / (1.0 + np.arange(b.channels)[:, None])), np.full(b.channels, -15)
        )
        for b in TINY.branches
    }
    head, tail = HeadNetwork(TINY), TailNetwork(TINY)
    for bottleneck in head.branches.values():
        torch.nn.init.normal_(bottleneck[1].weight, std=40.0)  # new ones round to zero
    torch.nn.init.normal_(tail.recall.mix.weight, std=0.1)  # new ones recall nothing
    save_branch_set(folder, TINY, {"head": head, "tail": tail}, tables, {"b0": 8, "b1": 60})
    return folder


def in_torch(folder: Path) -> BranchSet:
    return load_branch_set(folder, runtime="torch")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tiny(tmp_path_factory.mktemp("models") / "tiny")
    write_golden(load_branch_set(folder))
    return folder


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)


def shipped() -> list[str]:
    """Branch sets that ship, in this working copy."""
    return [name for name in branch_set_names() if (ROOT / "models" / name).is_dir()]


@pytest.mark.parametrize("name", shipped())
def test_every_branch_set_that_ships_decodes_its_golden_packets(name):
    """Stale after a change of a branch set? `navisplit branches --models NAME --write-golden`."""
    branch_set = load_branch_set(ROOT / "models" / name)
    results = check_golden(branch_set)
    assert {r.branch for r in results} == {b.name for b in branch_set.branches}
    for result in results:
        assert result.same_symbols and result.depth_error <= DEPTH_TOLERANCE, result


def numpy_features() -> str:
    """All that numpy would choose among when it runs: without them its baseline is left."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return " ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name))


def test_another_process_thread_count_and_instruction_set_decode_the_same_symbols(models):
    processes = {}
    for machine, changes in MACHINES.items():
        changed = {k: numpy_features() if v == "dispatch" else v for k, v in changes.items()}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NAVISPLIT_RUNTIME": "torch", **changed}
        command = [sys.executable, "-m", "navisplit", "branches", "--models", str(models), "--check", "--json"]
        processes[machine] = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    for machine, process in processes.items():
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, machine
        found = json.loads(output)
        assert len(found) == 4 and all(f["same_symbols"] for f in found), machine


def test_the_digest_of_symbols_is_fixed():
    symbols = np.arange(-6, 6, dtype=np.int16).reshape(3, 2, 2)
    assert digest(symbols) == digest(symbols.astype(">i2")) == digest(np.asfortranarray(symbols))
    assert digest(symbols) == "7dbe592926d3347ed0649c4811d33143"


def test_these_packets_are_these_symbols():
    """Tables, symbols and packets written down: no code of the encoder is asked."""
    from navisplit import wire
    from navisplit.codecs import codec

    tables = Tables(np.array([[1, 3000, 10383, 2999, 1], [4096, 4096, 4096, 4095, 1]]), np.array([-2, 0]))
    packet = wire.decode(bytes.fromhex(PACKET))
    symbols, mask = codec("rans").decode([packet.payload], packet.shape, tables)
    assert mask.all() and digest(symbols) == "72fd055a0ddbb2d5ee95036dc4c2f41c"


PACKET = (
    "4e530101ed5e00000700000015cd5b0700000000010100010203040e00000000000000000000000000000000000000ff7f00"
    "0000000000000000000000000000000000000252b3b216aaa695aa14f6a101752a472f"
)


def test_a_changed_byte_or_table_does_not_pass_the_check(models, tmp_path):
    import shutil

    folder = tmp_path / "tiny"
    shutil.copytree(models, folder)
    content = json.loads((folder / GOLDEN_FILE).read_text())
    content["frames"][0]["symbols_blake2b"] = "0" * 32
    broken = bytearray.fromhex(content["frames"][1]["packets"][0])
    broken[-8] ^= 1
    content["frames"][1]["packets"][0] = broken.hex()
    content["frames"][2]["log_depth"][5] += 0.05
    (folder / GOLDEN_FILE).write_text(json.dumps(content))
    results = check_golden(load_branch_set(folder))
    assert [r.same_symbols for r in results] == [False, False, True, True]
    assert results[2].depth_error > DEPTH_TOLERANCE >= results[3].depth_error
    assert main(["branches", "--models", str(folder), "--check"]) == 1


def test_golden_packets_of_another_training_are_refused_with_the_command_that_writes_them(models, tmp_path):
    folder = tiny(tmp_path / "other")
    with pytest.raises(ModelError, match="--write-golden"):
        check_golden(load_branch_set(folder))
    content = json.loads((models / GOLDEN_FILE).read_text())
    (folder / GOLDEN_FILE).write_text(json.dumps({**content, "models_hash": 1}))
    with pytest.raises(ModelError, match="branch set 00000001"):
        check_golden(load_branch_set(folder))
    assert main(["branches", "--models", str(folder), "--write-golden", "--check"]) == 0


def test_the_portable_head_and_tail_are_those_that_fly(models, picture):
    from navisplit.edge.tail import Tail

    branch_set = in_torch(models)
    head, tail = Head(branch_set), Tail(branch_set)
    for spec in branch_set.branches:
        expected = head.symbols(head.trunk(picture), spec.name)
        assert len(np.unique(expected)) > 5
        with torch.inference_mode():
            found = PortableHead(branch_set, spec.name)(torch.from_numpy(picture[None]))
            depth, spread = PortableTail(branch_set, spec.name)(found)
        np.testing.assert_array_equal(found[0].numpy(), expected)
        flown = tail.infer(spec.id, expected, np.ones(expected.shape, bool))
        np.testing.assert_allclose(depth[0].numpy(), flown.depth, rtol=1e-5)
        np.testing.assert_allclose(spread[0].numpy(), flown.spread, rtol=1e-5)


def test_exported_heads_give_the_symbols_that_fly(models, tmp_path):
    from navisplit.evaluate.runtimes import check_heads, export_heads

    branch_set = in_torch(models)
    paths = export_heads(branch_set, tmp_path)
    assert {p.name for p in paths.values()} == {"head_b0.onnx", "head_b1.onnx"}
    pictures = np.random.default_rng(1).integers(0, 256, (6, 32, 64, 3), np.uint8)
    for result in check_heads(branch_set, paths, pictures):
        assert result.same and result.equal >= 0.999 * result.symbols > 0, result


def test_a_head_of_other_weights_is_found_out(models, tmp_path):
    from navisplit.evaluate.runtimes import check_heads, export_heads

    branch_set = in_torch(models)
    paths = export_heads(branch_set, tmp_path)
    with torch.no_grad():
        branch_set.head.branches["b1"][1].bias += 1.3
    pictures = np.random.default_rng(1).integers(0, 256, (2, 32, 64, 3), np.uint8)
    results = {r.branch: r for r in check_heads(branch_set, paths, pictures)}
    assert results["b0"].same and not results["b1"].same


def test_run_times_are_compared_on_the_same_pictures(models, picture, monkeypatch):
    from navisplit.evaluate import runtimes

    def missing(module, example):
        raise RuntimeError("no compiler\nand more")

    monkeypatch.setattr(runtimes, "_compiled", missing)  # half a minute of compiling, on machines that can
    branch_set = in_torch(models)
    timings = {(t.part, t.runtime): t for t in runtimes.compare_runtimes(branch_set, [picture] * 2, ["b1"])}
    assert {part for part, _ in timings} == {"head b1", "tail b1"}
    assert timings["head b1", runtimes.EAGER].ms > 0 and timings["tail b1", runtimes.SCRIPT].ms > 0
    assert timings["head b1", runtimes.SCRIPT].note.startswith("0 of ")
    assert timings["head b1", runtimes.COMPILED].note == "does not run here: RuntimeError: no compiler"


def test_both_run_times_give_the_same_symbols_and_depth(models, picture):
    """Float sums differ in their last bits: a symbol may only differ where its value is half way between integers."""
    from navisplit.edge.tail import Tail

    plain, fast = in_torch(models), load_branch_set(models, runtime="onnx")
    heads, tails = (Head(plain), Head(fast)), (Tail(plain), Tail(fast))
    assert heads[0].summary_size == heads[1].summary_size
    for spec in plain.branches:
        symbols, other = (h.symbols(h.trunk(picture), spec.name) for h in heads)
        assert (symbols != other).mean() < 0.01 and np.abs(symbols - other).max() <= 1
        memory = np.random.default_rng(2).normal(size=(13, *TINY.grid)).astype(np.float32)
        masks = np.ones(spec.shape, bool), np.ones(spec.channels, bool), np.arange(spec.channels) > 0
        for mask, last in zip(masks, (None, memory, memory), strict=True):
            a, b = (t.infer(spec.id, symbols, mask, last) for t in tails)
            np.testing.assert_allclose(a.depth, b.depth, rtol=1e-4)
            np.testing.assert_allclose(a.spread, b.spread, rtol=1e-4)


def test_the_run_time_is_the_users_choice_and_a_wrong_name_is_told(models, monkeypatch):
    from navisplit.errors import UsageError
    from navisplit.nets.runtime import Session

    monkeypatch.setenv("NAVISPLIT_RUNTIME", "torch")
    assert not isinstance(load_branch_set(models).head.trunk, Session)
    monkeypatch.setenv("NAVISPLIT_RUNTIME", "onnx")
    assert isinstance(load_branch_set(models).head.trunk, Session)
    monkeypatch.setenv("NAVISPLIT_RUNTIME", "onx")
    with pytest.raises(UsageError, match="Did you mean 'onnx'"):
        load_branch_set(models)


def test_doctor_decodes_golden_packets_and_names_the_branch_that_differs(models, tmp_path, monkeypatch):
    import shutil

    from navisplit.cli import doctor

    monkeypatch.setattr("navisplit.nets.branch_set.models_folders", lambda: [tmp_path])
    assert "no branch set" in doctor._golden()
    shutil.copytree(models, tmp_path / "tiny")
    assert "(tiny)" in doctor._golden()
    content = json.loads((models / GOLDEN_FILE).read_text())
    content["frames"][3]["symbols_blake2b"] = "0" * 32
    (tmp_path / "tiny" / GOLDEN_FILE).write_text(json.dumps(content))
    check = doctor._try("golden packets", doctor._golden)
    assert not check.ok and "Branch b1 of 'tiny'" in check.found
