"""The training loop: a budget of time, cosine schedule, EMA weights, checkpoints, resume, early stop, progress.

The budget is computing time (of all threads, divided by their number): on an idle machine that is the time on the wall;
a busy one takes longer, instead of training less. What is saved and reported follows the wall's clock.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from navisplit.train.checkpoint import (
    load_checkpoint,
    optimiser_tensors,
    restore_module,
    restore_optimiser,
    save_checkpoint,
)
from navisplit.train.metrics import format_summary
from navisplit.train.progress import Log, Progress


class Stage(Protocol):
    """What is trained: its network, its loss, its validation."""

    name: str
    network: nn.Module

    def loss(self, rng: np.random.Generator, progress: float) -> tuple[Tensor, dict[str, float]]:
        """Loss of one fresh batch and what it is made of; ``progress`` runs 0..1 over the budget."""
        ...

    def validate(self, network: nn.Module) -> dict[str, dict[str, float]]:
        """Metrics of these (averaged) weights, by name of network or branch."""
        ...

    def settle(self, network: nn.Module, rng: np.random.Generator) -> None:
        """Prepare averaged weights for use, e.g. estimate their batch-norm statistics."""
        ...

    def state(self) -> dict[str, Any]:
        """What else a resume needs, as JSON."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Inverse of ``state``."""
        ...


@dataclass(frozen=True)
class Budget:
    """How long and how to train one stage; see ``DepthTraining`` for the meaning of the values."""

    seconds: float  # of computing
    learning_rate: float
    weight_decay: float
    warmup_share: float
    ema_decay: float
    seed: int
    checkpoint_s: float
    report_s: float
    validation_s: float
    patience: int = 0  # validations without a better near AbsRel until it stops early; 0 never does


class Trainer:
    """Runs one stage to the end of its budget; a checkpoint continues where the last run stopped."""

    def __init__(self, stage: Stage, budget: Budget, folder: Path, log: Log) -> None:
        self.stage, self.budget, self.log = stage, budget, log
        self.path = folder / f"{stage.name}.safetensors"
        stage.network.to(memory_format=torch.channels_last)
        self.average = _copy_of(stage.network)
        self.optimiser = torch.optim.AdamW(_parameter_groups(stage.network, budget.weight_decay), budget.learning_rate)
        self.step, self.elapsed_s, self.finished = 0, 0.0, False
        self.best, self.waited = math.inf, 0  # of the validations: score, and how many came since without a better
        self.progress = Progress(stage.name, folder, log)
        if self.path.is_file():
            self._resume()

    def run(self) -> nn.Module:
        """Train; returns the averaged network, settled and in evaluation mode."""
        if not self.finished:
            self._train()
            self.progress.close()
            self.stage.settle(self.average, np.random.default_rng([self.budget.seed, 7]))
            self.finished = True
            self._save()
        self.log(f"{self.stage.name}: done after {self.step} steps, {self.elapsed_s:.0f} s")
        return self.average.eval()

    def _train(self) -> None:
        budget, computed, last = self.budget, _computing_s(), time.perf_counter()
        due = {"report": budget.report_s, "checkpoint": budget.checkpoint_s, "validation": budget.validation_s}
        timers, since_steps = dict.fromkeys(due, 0.0), 0
        losses: list[float] = []
        self.stage.network.train()
        while self.elapsed_s < budget.seconds and not self._impatient:
            loss, values = self._one_step()
            losses.append(loss)
            since_steps += 1
            now, computed_now = time.perf_counter(), _computing_s()
            self.elapsed_s += computed_now - computed
            timers = {name: value + now - last for name, value in timers.items()}
            computed, last = computed_now, now
            if timers["report"] >= due["report"]:
                left = max(0.0, budget.seconds - self.elapsed_s)
                self.progress.steps(self.step, since_steps / timers["report"], left, float(np.mean(losses)), values)
                timers["report"], since_steps, losses = 0.0, 0, []
            if timers["checkpoint"] >= due["checkpoint"]:
                self._save()
                timers["checkpoint"] = 0.0
            if timers["validation"] >= due["validation"]:
                self._validate()
                timers["validation"] = 0.0
                computed, last = _computing_s(), time.perf_counter()  # not charged to the budget

    @property
    def _impatient(self) -> bool:
        """Whether so many validations were no better than the best that there is no use in going on."""
        return 0 < self.budget.patience <= self.waited

    def _validate(self) -> None:
        metrics = self.stage.validate(self.average.eval())
        self.stage.network.train()
        words = "; ".join(f"{name} {format_summary(values)}" for name, values in metrics.items())
        self.progress.validation(self.step, metrics, words)
        score = float(np.mean([values.get("near_abs_rel", math.inf) for values in metrics.values()]))
        self.best, self.waited = (score, 0) if score < self.best else (self.best, self.waited + 1)
        if self._impatient:
            self.log(f"{self.stage.name}: {self.waited} validations were no better than the best; it stops here")

    def _one_step(self) -> tuple[float, dict[str, float]]:
        progress = self.elapsed_s / self.budget.seconds
        for group in self.optimiser.param_groups:
            group["lr"] = self.budget.learning_rate * schedule(progress, self.budget.warmup_share)
        rng = np.random.default_rng([self.budget.seed, self.step])  # a resumed run draws what an unbroken one would
        torch.manual_seed(int(rng.integers(2**31)))
        loss, values = self.stage.loss(rng, progress)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.stage.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        decay = min(self.budget.ema_decay, self.step / (self.step + 10.0))
        update_average(self.average, self.stage.network, decay)
        return float(loss.detach()), values

    def _save(self) -> None:
        meta = {"step": self.step, "elapsed_s": self.elapsed_s, "finished": self.finished, "stage": self.stage.state()}
        meta |= {"best": self.best if math.isfinite(self.best) else None, "waited": self.waited}
        groups = {
            "network": self.stage.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": optimiser_tensors(self.optimiser),
        }
        save_checkpoint(self.path, groups, meta)

    def _resume(self) -> None:
        groups, meta = load_checkpoint(self.path)
        restore_module(self.stage.network, groups["network"], self.path)
        restore_module(self.average, groups["average"], self.path)
        restore_optimiser(self.optimiser, groups.get("optimiser", {}))
        self.step, self.elapsed_s = int(meta["step"]), float(meta["elapsed_s"])
        self.best, self.waited = (
            math.inf if meta.get("best") is None else float(meta["best"]),
            int(meta.get("waited", 0)),
        )
        done = self.elapsed_s >= self.budget.seconds or self._impatient  # else: given more time, or more patience
        self.finished = bool(meta["finished"]) and done
        self.stage.restore(meta["stage"])
        self.log(f"{self.stage.name}: resuming {self.path} at step {self.step}, {self.elapsed_s:.0f} s")


def _computing_s() -> float:
    """Computing time of this process per thread, seconds."""
    return time.process_time() / torch.get_num_threads()


def schedule(progress: float, warmup_share: float) -> float:
    """Linear warm-up, then a cosine from 1 to 0.01."""
    if progress < warmup_share:
        return max(0.05, progress / warmup_share)
    x = min(1.0, (progress - warmup_share) / (1.0 - warmup_share))
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * x))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of weights; buffers (batch-norm statistics) are averaged alike, counters copied."""
    mine, theirs = list(average.state_dict().values()), list(network.state_dict().values())
    floats = [(a, b) for a, b in zip(mine, theirs, strict=True) if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], 1.0 - decay)
    for a, b in zip(mine, theirs, strict=True):
        if not a.is_floating_point():
            a.copy_(b)


def _copy_of(network: nn.Module) -> nn.Module:
    import copy

    return copy.deepcopy(network).requires_grad_(False)


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels only, not for biases, norms and priors."""
    decayed = [p for p in network.parameters() if p.ndim == 4 and p.shape[0] > 1]
    others = [p for p in network.parameters() if not (p.ndim == 4 and p.shape[0] > 1)]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
