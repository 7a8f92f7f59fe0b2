import dataclasses

import numpy as np
import pytest
import torch
from depth_fixtures import TINY, TRAINED, tiny_training, write_data

from navisplit.errors import ModelError, UsageError
from navisplit.nets.branch_set import load_branch_set
from navisplit.nets.teacher import Teacher
from navisplit.train.augment import augmented, photometric, to_tensors
from navisplit.train.checkpoint import load_checkpoint, save_checkpoint
from navisplit.train.dataset import DepthData
from navisplit.train.depth import stored_settings, train_depth
from navisplit.train.export import export, load_trained
from navisplit.train.loop import schedule, update_average
from navisplit.train.settling import settling
from navisplit.train.student import Student
from navisplit.train.student_stage import StudentStage
from navisplit.train.unsplit_stage import teacher_stage, wide_stage


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """A finished miniature training."""
    folder = tmp_path_factory.mktemp("run")
    train_depth(data, folder, tiny_training(), lambda text: None)
    return folder


@pytest.mark.parametrize("without", [0.9, 1.1])
def test_a_memory_ships_only_where_it_makes_near_depth_better(run, data, tmp_path, monkeypatch, without):
    measured = {"b0": 1.0, "b1": 1.0, "b0 alone": without, "b1 alone": without}
    summary = {name: {"near_abs_rel": value} for name, value in measured.items()}
    monkeypatch.setattr(StudentStage, "validate", lambda stage, network: summary)
    metrics = export(run, data, tmp_path / "mine", stored_settings(run), lambda text: None)
    alone = {"b0 alone", "b1 alone"} if without > 1.0 else set()
    assert set(metrics) == {"teacher", "b0", "b1"} | alone
    assert (load_branch_set(tmp_path / "mine").tail.recall is not None) is bool(alone)


def test_a_run_ends_in_a_branch_set_whose_card_tells_what_was_measured(run, data, tmp_path):
    metrics = export(run, data, tmp_path / "mine", stored_settings(run), lambda text: None)
    assert {"teacher", "b0", "b1"} <= set(metrics)
    loaded = load_branch_set(tmp_path / "mine", with_teacher=True)
    assert loaded.teacher is not None
    card = (tmp_path / "mine" / "MODEL_CARD.md").read_text()
    assert f"{loaded.hash:08x}" in card and "Apache-2.0" in card and "navisplit train depth" in card
    assert "seeds 800" in card and f"{metrics['b1']['abs_rel']:.3f}" in card
    for spec in loaded.branches:
        assert spec.expected_bytes == pytest.approx(metrics[spec.name]["bytes_mean"], rel=0.5)


def test_a_branch_set_can_be_trained_further_at_other_rates_but_not_as_another_network(run, data, tmp_path):
    export(run, data, tmp_path / "first", stored_settings(run), lambda text: None)
    lighter = dataclasses.replace(
        TRAINED, branches=(TRAINED.branches[0], dataclasses.replace(TRAINED.branches[1], target_bytes=7))
    )
    settings = tiny_training(
        architecture=lighter,
        start=str(tmp_path / "first"),
        learning_rate=1e-12,
        student_learning_rate=1e-12,
        weight_decay=0.0,
    )
    train_depth(data, tmp_path / "run", settings, lambda text: None)
    before, after = load_trained(run, tiny_training()), load_trained(tmp_path / "run", settings)
    for one, two in ((before.teacher, after.teacher), (before.student.tail.body, after.student.tail.body)):
        for (name, a), (_, b) in zip(one.named_parameters(), two.named_parameters(), strict=True):
            torch.testing.assert_close(a, b, msg=name)
    with pytest.raises(ModelError, match="another architecture"):
        wider = dataclasses.replace(TRAINED, detail_width=16)
        train_depth(data, tmp_path / "other", dataclasses.replace(settings, architecture=wider), lambda text: None)


def test_a_finished_run_is_not_trained_again_but_goes_on_when_given_more_time(run, data, tmp_path):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    before = load_checkpoint(folder / "student.safetensors")
    train_depth(data, folder, tiny_training(), lambda text: None)
    after = load_checkpoint(folder / "student.safetensors")
    assert before[1] == after[1]
    assert all(torch.equal(t, after[0]["average"][k]) for k, t in before[0]["average"].items())
    train_depth(data, folder, tiny_training(student_minutes=0.02), lambda text: None)
    assert load_checkpoint(folder / "student.safetensors")[1]["step"] > before[1]["step"]


def test_other_settings_do_not_continue_a_run(run, data):
    with pytest.raises(UsageError, match="near_weight"):
        train_depth(data, run, tiny_training(near_weight=9.0), lambda text: None)


def test_a_checkpoint_of_another_architecture_is_refused(run):
    wider = dataclasses.replace(TINY, trunk_widths=(4, 8, 32, 16))
    with pytest.raises(ModelError, match="does not fit"):
        load_trained(run, tiny_training(architecture=wider))


def test_a_foreign_checkpoint_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"\x80\x04 pickle")
    with pytest.raises(ModelError, match="no checkpoint"):
        load_checkpoint(tmp_path / "x.safetensors")


def test_checkpoints_come_back_bit_for_bit(tmp_path):
    tensors = {"a": {"x/y": torch.randn(3)}, "b": {"z": torch.tensor(7)}}
    save_checkpoint(tmp_path / "c.safetensors", tensors, {"step": 3})
    groups, meta = load_checkpoint(tmp_path / "c.safetensors")
    assert meta == {"step": 3} and torch.equal(groups["a"]["x/y"], tensors["a"]["x/y"]) and groups["b"]["z"] == 7


def test_a_batch_seen_often_is_learnt(data):
    torch.manual_seed(0)
    stage = teacher_stage(tiny_training(), DepthData(data, "train"), DepthData(data, "validation"))
    stage.network.train()
    optimiser = torch.optim.Adam(stage.network.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss, _ = stage.loss(np.random.default_rng(0), 0.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_every_stage_starts_with_the_networks_of_the_one_before_and_every_part_gets_a_gradient(data):
    settings = tiny_training(clip_share=1.0)  # so that the memory takes part
    train, validation = DepthData(data, "train"), DepthData(data, "validation")
    first = wide_stage(settings, train, validation).network
    teacher = teacher_stage(settings, train, validation, first).network
    stage = StudentStage(settings, train, validation, teacher)
    for name, weight in stage.network.tail.body.state_dict().items():
        assert torch.equal(weight, teacher.body.state_dict()[name])
        assert torch.equal(weight, first.body.state_dict()[name])
    for name, weight in stage.network.head.trunk.state_dict().items():
        assert torch.equal(weight, teacher.trunk.state_dict()[name])
    stage.network.train()
    loss, values = stage.loss(np.random.default_rng(0), 0.0)
    loss.backward()
    silent = [name for name, p in stage.network.named_parameters() if p.grad is None]
    assert set(silent) <= {f"tail.adapters.{b}.missing" for b in ("b0", "b1")}
    assert {"bytes/b0", "bytes/b1", "depth", "feature"} == set(values) and all(
        p.grad is None for p in teacher.parameters()
    )


def test_the_price_of_bytes_rises_over_the_target_and_falls_under_it(data):
    settings = tiny_training()
    train, validation = DepthData(data, "train"), DepthData(data, "validation")
    stage = StudentStage(settings, train, validation, Teacher(settings.architecture))
    branch, before = stage.branches[1], dict(stage.rate_weights)
    stage.rate_weights = {"b0": 10.0, "b1": 10.0}
    assert stage._steered(branch, torch.tensor(0.2), 0.0) > 10.0
    stage.rate_weights = {"b0": 10.0, "b1": 10.0}
    assert stage._steered(branch, torch.tensor(0.002), 0.0) < 10.0
    stage.restore({"rate_weights": before, "rates": stage.rates})
    assert stage.state()["rate_weights"] == before


def test_settling_estimates_the_statistics_of_the_present_weights():
    network = Student(TINY).head.trunk
    image = torch.randn(8, 3, 32, 64) * 3.0 + 1.0
    with settling(network), torch.no_grad():
        network(image)
        network(image)
    first = network[0]
    with torch.no_grad():
        expected = first[0](image).mean((0, 2, 3))
    torch.testing.assert_close(first[1].running_mean, expected, rtol=1e-3, atol=1e-3)
    assert not network.training and first[1].momentum is not None


def test_averages_follow_weights_and_statistics():
    a, b = torch.nn.BatchNorm2d(2), torch.nn.BatchNorm2d(2)
    with torch.no_grad():
        b.weight.fill_(3.0)
        b.running_mean.fill_(4.0)
        b.num_batches_tracked.fill_(5)
    update_average(a, b, 0.75)
    assert a.weight.tolist() == [1.5, 1.5] and a.running_mean.tolist() == [1.0, 1.0] and a.num_batches_tracked == 5


def test_schedule_warms_up_and_ends_low():
    assert schedule(0.0, 0.1) == 0.05 and schedule(0.1, 0.1) == pytest.approx(1.0)
    assert schedule(1.0, 0.1) == pytest.approx(0.01) and schedule(0.55, 0.1) == pytest.approx(0.505)


def test_a_mirrored_batch_is_mirrored_in_both_picture_and_depth(data):
    train = DepthData(data, "train")
    batch = train.take(np.arange(4))
    ramp = np.linspace(1.0, 2.0, 32, dtype=np.float32)
    batch = dataclasses.replace(batch, depth=batch.depth * 0 + ramp, rgb=batch.rgb * 0)
    batch.rgb[:, :, :32] = 255
    flips = {bool(augmented(batch, np.random.default_rng(seed))[2][0, 0, 0] > 1.5) for seed in range(12)}
    assert flips == {True, False}
    for seed in range(12):
        clean, _, depth, flipped = augmented(batch, np.random.default_rng(seed))
        assert flipped == bool(depth[0, 0, 0] > 1.5)
        assert bool(clean[0, 0, 0, 0] > 0) == bool(depth[0, 0, 0] < 1.5)


def test_augmentation_is_a_function_of_its_generator_and_stays_in_range(data):
    image, _ = to_tensors(DepthData(data, "train").take(np.arange(4)))
    noisy = torch.rand(4, 3, 32, 64) * 4 - 2
    first, second = (photometric(noisy.clone(), np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(first, second) and first.min() >= -2 and first.max() <= 2
    assert not torch.equal(first, photometric(noisy.clone(), np.random.default_rng(6)))
    assert image.shape == (4, 3, 32, 64)


def test_data_is_read_across_worlds_and_split_names_are_checked(data):
    train = DepthData(data, "train")
    assert len(train) == 12 and train.seeds == [1000]
    assert [len(b) for b in train.batches(5)] == [5, 5, 2]
    assert sum(len(b) for b in train.batches(5, limit=7)) == 7
    with pytest.raises(UsageError, match="split"):
        DepthData(data, "trial")


def test_unfinished_worlds_do_not_count(tmp_path):
    write_data(tmp_path)
    (tmp_path / "train" / "forest-1000" / "world.json").unlink()
    with pytest.raises(UsageError, match="navisplit collect"):
        DepthData(tmp_path, "train")


def test_a_training_that_gets_no_better_stops_when_its_patience_ends(data, tmp_path):
    said = []
    settings = tiny_training(teacher_minutes=5.0, student_minutes=0.002, patience=2, validation_s=0.05)
    settings = dataclasses.replace(settings, learning_rate=1e-9, report_s=0.05)
    train_depth(data, tmp_path, settings, said.append)
    assert any("no better than the best; it stops here" in line for line in said)
    assert load_checkpoint(tmp_path / "teacher.safetensors")[1]["elapsed_s"] < 60.0
    curves = list((tmp_path / "tensorboard" / "teacher").glob("events*"))
    assert curves and curves[0].stat().st_size > 200


def test_the_command_trains_exports_and_continues(data, tmp_path):
    import json

    import typer
    from typer.testing import CliRunner

    from navisplit.cli.train import register

    app = typer.Typer()
    register(app)
    settings = {"batch_size": 4, "threads": 1, "architecture": dataclasses.asdict(TINY)}
    (tmp_path / "s.yaml").write_text(json.dumps(settings))
    command = ["train", "depth", "--data", str(data), "--out", str(tmp_path / "mine"), "--run", str(tmp_path / "run")]
    command += ["--config", str(tmp_path / "s.yaml"), "--minutes", "0.02"]
    first = CliRunner().invoke(app, command, catch_exceptions=False)
    assert first.exit_code == 0 and "teacher: done" in first.output and load_branch_set(tmp_path / "mine").hash
    again = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "student: resuming" in again.output
    command = ["train", "export", "--run", str(tmp_path / "run"), "--data", str(data), "--out", str(tmp_path / "copy")]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    assert load_branch_set(tmp_path / "copy").hash == load_branch_set(tmp_path / "mine").hash
