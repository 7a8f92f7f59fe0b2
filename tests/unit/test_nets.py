import json
import math

import numpy as np
import pytest
import torch
from depth_fixtures import TINY
from safetensors.torch import load_file, save_file
from torch import nn

from navisplit.codecs import Tables
from navisplit.errors import ConfigError, ModelError, UsageError
from navisplit.nets.architecture import Architecture, BranchConfig, architecture_from_mapping
from navisplit.nets.blocks import ConvNorm, Residual, Separable, fold_batchnorm
from navisplit.nets.branch import HeadNetwork
from navisplit.nets.branch_set import branch_set_names, content_hash, load_branch_set, save_branch_set
from navisplit.nets.quantiser import ContextPrior, add_noise, clip_symbols, round_symbols
from navisplit.nets.tail import TailNetwork, clip_depth
from navisplit.nets.teacher import Teacher


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def stretched(network: nn.Module) -> nn.Module:
    """Batch-norm statistics that folding could get wrong."""
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias)
    return network.eval()


def save(folder, architecture=TINY):
    torch.manual_seed(1)
    networks = {"head": stretched(HeadNetwork(architecture)), "tail": stretched(TailNetwork(architecture))}
    tables = {b.name: Tables.uniform(b.channels, 2 * b.limit + 1, -b.limit) for b in architecture.branches}
    digest = save_branch_set(folder, architecture, networks, tables, {b.name: 10.0 for b in architecture.branches})
    return digest, networks


def test_default_architecture_has_the_promised_grids_and_branches():
    architecture = Architecture()
    assert architecture.grid == (18, 32) and architecture.depth_shape == (72, 128)
    assert [b.name for b in architecture.branches] == ["b0", "b1", "b2", "b3", "b4"]
    assert architecture.symbol_shape(architecture.branches[0]) == (6, 9, 16)
    head, tail = HeadNetwork(architecture).eval(), TailNetwork(architecture).eval()
    with torch.inference_mode():
        features = head.trunk(torch.zeros(1, 3, 144, 256))
        assert features.shape == (1, 64, 18, 32)
        for branch in architecture.branches:
            values = head.branches[branch.name](features)
            assert values.shape[1:] == architecture.symbol_shape(branch)
            log_depth, log_scale = tail(values, torch.ones(1, branch.channels, 1, 1), branch.name)
            assert log_depth.shape == log_scale.shape == (1, 72, 128)


def test_teacher_and_student_share_the_body_so_that_it_can_be_handed_over():
    body = TailNetwork(TINY).body
    body.load_state_dict(Teacher(TINY).body.state_dict())


def test_folding_changes_no_output():
    network = stretched(nn.Sequential(ConvNorm(3, 8, stride=2), Separable(8, 8), Residual(8)))
    image = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        before = network(image).clone()
        after = fold_batchnorm(network)(image)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)


def test_architecture_survives_json_and_refuses_misspelt_keys():
    import dataclasses
    import json

    values = json.loads(json.dumps(dataclasses.asdict(TINY)))
    assert architecture_from_mapping(values) == TINY
    with pytest.raises(ConfigError, match="detail_width"):
        architecture_from_mapping({**values, "detail_witdh": 8})
    with pytest.raises(ConfigError, match="at least 3"):
        architecture_from_mapping({**values, "trunk_widths": [4, 8]})
    with pytest.raises(ConfigError, match="unique"):
        Architecture(branches=(BranchConfig("b0", 2, 10), BranchConfig("b0", 2, 10)))


def test_rounding_stays_inside_the_alphabet_and_noise_inside_half_a_step():
    values = torch.tensor([-99.0, -0.6, 0.4, 99.0])
    assert round_symbols(values, 15).tolist() == [-15, -1, 0, 15]
    noise = add_noise(torch.zeros(10000), torch.Generator().manual_seed(0))
    assert -0.5 <= noise.min() and noise.max() < 0.5 and noise.var().item() == pytest.approx(1 / 12, rel=0.1)


def test_a_value_outside_the_alphabet_still_gets_a_gradient():
    value = torch.tensor([40.0], requires_grad=True)
    clipped = clip_symbols(value, 15)
    clipped.sum().backward()
    assert clipped.item() == 15.0 and value.grad.item() == 1.0


def test_prior_is_a_distribution_over_the_integers():
    prior = ContextPrior(1)
    symbols = torch.arange(-60.0, 61.0).reshape(-1, 1, 1, 1)
    with torch.no_grad():
        total = (2.0 ** -prior.bits(symbols)).sum().item()
    assert total == pytest.approx(1.0, abs=1e-3)


def test_prior_learns_the_entropy_of_its_source():
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.tensor([0.1, 0.7, 0.2])
    entropy = -(probabilities * probabilities.log2()).sum().item()
    prior = ContextPrior(1)
    optimiser = torch.optim.Adam(prior.parameters(), 0.05)
    for _ in range(150):
        symbols = (torch.multinomial(probabilities, 256, replacement=True, generator=generator) - 1).float()
        loss = prior.bits(symbols.reshape(256, 1, 1, 1)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() == pytest.approx(entropy, rel=0.15)


def test_prior_learns_that_a_map_is_smooth():
    """A random walk along rows costs what its steps cost, not what its values do."""
    generator = torch.Generator().manual_seed(0)
    prior = ContextPrior(1)
    optimiser = torch.optim.Adam(prior.parameters(), 0.03)
    for _ in range(250):
        flips = torch.rand(32, 1, 1, 32, generator=generator) < 0.1
        symbols = ((flips.cumsum(3) % 2) * 2 - 1).float()
        loss = prior.bits(symbols).mean() / 32
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.7  # the values alone would cost 1 bit, the steps cost 0.47


def test_depth_is_clipped_to_the_promised_range():
    assert clip_depth(torch.tensor([-50.0, math.log(7.0), 50.0])).tolist() == pytest.approx([0.3, 7.0, 50.0])


def test_lost_channels_do_not_reach_the_tail():
    tail = TailNetwork(TINY).eval()
    symbols, received = torch.randn(1, 4, 4, 8), torch.ones(1, 4, 1, 1)
    received[0, 2] = 0.0
    changed = symbols.clone()
    changed[0, 2] += 9.0
    with torch.no_grad():
        assert torch.equal(tail(symbols, received, "b1")[0], tail(changed, received, "b1")[0])
        assert not torch.equal(
            tail(symbols, torch.ones(1, 4, 1, 1), "b1")[0], tail(changed, torch.ones(1, 4, 1, 1), "b1")[0]
        )


def test_a_branch_set_comes_back_as_it_was_saved(tmp_path):
    digest, networks = save(tmp_path / "mine")
    loaded = load_branch_set(tmp_path / "mine")
    assert loaded.hash == digest and loaded.name == "mine" and 0 <= digest < 2**32
    assert [(b.name, b.id, b.shape) for b in loaded.branches] == [("b0", 0, (2, 2, 4)), ("b1", 1, (4, 4, 8))]
    image = torch.randint(0, 256, (1, 32, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        for name in ("b0", "b1"):
            torch.testing.assert_close(loaded.head(image, name), networks["head"](image, name), rtol=1e-3, atol=1e-3)


def test_the_same_weights_have_the_same_hash_and_others_another(tmp_path):
    first, _ = save(tmp_path / "a")
    again, _ = save(tmp_path / "b")
    assert first == again
    other, _ = save(tmp_path / "c", Architecture(**{**TINY.__dict__, "branches": TINY.branches[:1]}))
    assert other != first


def test_a_gate_beside_it_does_not_change_the_hash(tmp_path):
    digest, _ = save(tmp_path / "mine")
    (tmp_path / "mine" / "gate.safetensors").write_bytes(b"x")
    assert load_branch_set(tmp_path / "mine").hash == digest


@pytest.mark.fault(43, does="refused by its hash before anything starts")
def test_mixed_files_are_refused(tmp_path):
    save(tmp_path / "mine")
    path = tmp_path / "mine" / "tail.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match="different trainings"):
        load_branch_set(tmp_path / "mine")


@pytest.mark.fault(44, does="weights that are not finite are refused before anything starts")
@pytest.mark.parametrize("half", ["head", "tail"])
def test_weights_that_are_not_finite_are_refused_though_their_hash_is_right(tmp_path, half):
    save(tmp_path / "mine")
    path, description = tmp_path / "mine" / f"{half}.safetensors", tmp_path / "mine" / "branches.json"
    weights = load_file(path)
    next(w for w in weights.values() if w.is_floating_point()).view(-1)[0] = torch.nan
    save_file(weights, path)
    spec = json.loads(description.read_text())
    spec["hash"] = content_hash(tmp_path / "mine", spec)
    description.write_text(json.dumps(spec))
    with pytest.raises(ModelError, match="not finite"):
        load_branch_set(tmp_path / "mine")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1}', '{"version": 99}'])
def test_a_broken_description_is_a_model_error(tmp_path, text):
    save(tmp_path / "mine")
    (tmp_path / "mine" / "branches.json").write_text(text)
    with pytest.raises(ModelError):
        load_branch_set(tmp_path / "mine")


@pytest.mark.fault(43, does="refused by its hash before anything starts")
def test_a_missing_half_and_a_missing_set_are_model_errors_that_help(tmp_path, monkeypatch):
    monkeypatch.setenv("NAVISPLIT_MODELS", str(tmp_path))
    save(tmp_path / "mine")
    assert "mine" in branch_set_names()
    assert load_branch_set("mine").path == tmp_path / "mine"
    with pytest.raises(ModelError, match="Did you mean 'mine'"):
        load_branch_set("mina")
    (tmp_path / "mine" / "head.safetensors").unlink()
    with pytest.raises(ModelError, match="head.safetensors"):
        load_branch_set("mine")


def test_an_unknown_branch_is_a_usage_error_with_a_hint(tmp_path):
    save(tmp_path / "mine")
    with pytest.raises(UsageError, match="b0"):
        load_branch_set(tmp_path / "mine").branch("b7")


def test_tables_that_do_not_fit_are_refused(tmp_path):
    tables = {b.name: Tables.uniform(b.channels + 1, 5, -2) for b in TINY.branches}
    networks = {"head": HeadNetwork(TINY), "tail": TailNetwork(TINY)}
    save_branch_set(tmp_path / "mine", TINY, networks, tables, {"b0": 1.0, "b1": 1.0})
    with pytest.raises(ModelError, match="do not fit"):
        load_branch_set(tmp_path / "mine")


def test_default_head_and_tail_are_small_enough_for_their_machines():
    head, tail = HeadNetwork(Architecture()), TailNetwork(Architecture())
    assert sum(p.numel() for p in head.parameters()) < 600_000
    assert sum(p.numel() for p in tail.parameters()) < 2_000_000
    assert np.prod(Architecture().symbol_shape(Architecture().branches[-1])) < 16_000
