"""Fine-tuning by reinforcement: PPO (Schulman et al. 2017) of stable-baselines3, in the registered environment.

It begins with the weights of the imitation, learns only the value of states first, and keeps its steps small. The
result is read back into ``PolicyNet``; stable-baselines3's own files, which hold pickles, are never written or read.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from navisplit.errors import ConfigError
from navisplit.nets.policy import PolicyNet
from navisplit.train.checkpoint import load_checkpoint, optimiser_tensors, restore_module, restore_optimiser
from navisplit.train.checkpoint import save_checkpoint as save
from navisplit.train.imitation_fit import exported, imported
from navisplit.train.progress import Log, Progress

CHECKPOINT = "reinforcement.safetensors"


@dataclass(frozen=True)
class Reinforcement:
    """All our choice."""

    families: tuple[str, ...] = ("forest", "neighbourhood", "urban", "warehouse")
    steps: int = 24_000  # camera frames flown, over all environments
    rollout: int = 256  # frames of each environment between two updates
    value_share: float = 0.25  # of the steps in which only the value is learned
    learning_rate: float = 5e-5
    clip: float = 0.1
    target_kl: float = 0.02
    depth_noise: float = 0.35
    worlds: int = 2  # of each family
    speed_mps: float = 4.0
    seed: int = 0


def reinforce(
    net: PolicyNet, settings: Reinforcement, run: Path, log: Log, environments: list[Any] | None = None
) -> tuple[PolicyNet, list[dict[str, float]]]:
    """Fine-tune; returns the network and a curve. A checkpoint in ``run`` is continued.

    ``environments`` are callables that make one each; by default one a family. Raises ConfigError without
    stable-baselines3.
    """
    try:
        from stable_baselines3 import PPO
        from stable_baselines3.common.vec_env import DummyVecEnv
    except ImportError as error:
        raise ConfigError("Reinforcement needs stable-baselines3: pip install 'navisplit[rl]'.") from error
    envs = DummyVecEnv(environments or [_maker(family, settings) for family in settings.families])
    widths = [int(bias.shape[0]) for _, bias in net.layers[:-1]]
    model = PPO(
        "MlpPolicy", envs, n_steps=settings.rollout, batch_size=min(256, settings.rollout), n_epochs=4, gamma=0.98,
        gae_lambda=0.95, clip_range=settings.clip, ent_coef=0.0, target_kl=settings.target_kl,
        learning_rate=settings.learning_rate, seed=settings.seed, device="cpu",
        policy_kwargs={"net_arch": {"pi": widths, "vf": widths}, "activation_fn": nn.ReLU},
    )  # fmt: skip
    tuning = _Tuning(model, settings, run, log)
    tuning.restore(net)
    left = settings.steps - tuning.done
    if left > 0:
        try:
            model.learn(left, callback=tuning.callback(), reset_num_timesteps=True)
        finally:
            envs.close()
    tuning.progress.close()
    return network_of(model), tuning.curve


def network_of(model: Any) -> PolicyNet:
    """The actor of a PPO model with ``MlpPolicy`` and relus in ``Commands``, to be written with ``save_policy``."""
    return exported(_actor(model))


def _maker(family: str, settings: Reinforcement) -> Any:
    def make() -> Any:
        import gymnasium

        from navisplit.environments import environment_id
        from navisplit.environments.navigation import Commands

        return Commands(
            gymnasium.make(
                environment_id(family), worlds=settings.worlds, speed_mps=settings.speed_mps,
                depth_noise=settings.depth_noise, disable_env_checker=True,
            )
        )  # fmt: skip

    return make


def _actor(model: Any) -> nn.Sequential:
    """The layers of the policy, without those of the value."""
    return nn.Sequential(*model.policy.mlp_extractor.policy_net, model.policy.action_net)


class _Tuning:
    """What is kept of a run: weights, optimiser, curve."""

    def __init__(self, model: Any, settings: Reinforcement, run: Path, log: Log) -> None:
        self.model, self.settings, self.path, self.log = model, settings, run / CHECKPOINT, log
        self.progress = Progress("reinforcement", run, log)
        self.curve: list[dict[str, float]] = []
        self.done, self._begun = 0, 0
        self._ends: deque[tuple[float, bool]] = deque(maxlen=60)
        self._returns = np.zeros(model.n_envs)

    def restore(self, net: PolicyNet) -> None:
        """Begin with the imitation's weights, or go on from the checkpoint."""
        imported(net, [m for m in _actor(self.model) if isinstance(m, nn.Linear)])
        if self.path.is_file():
            groups, meta = load_checkpoint(self.path)
            restore_module(self.model.policy, groups["policy"], self.path)
            restore_optimiser(self.model.policy.optimizer, groups.get("optimiser", {}))
            self.done, self.curve = int(meta["steps"]), list(meta["curve"])
            self.log(f"reinforcement: resuming {self.path} at {self.done} frames")
        self._begun = self.done

    def callback(self) -> Any:
        """The hooks of stable-baselines3."""
        from stable_baselines3.common.callbacks import BaseCallback

        tuning = self

        class Hooks(BaseCallback):
            def _on_rollout_start(self) -> None:
                tuning.update(self.num_timesteps)

            def _on_step(self) -> bool:
                tuning.note(self.locals)
                return True

            def _on_training_end(self) -> None:
                tuning.update(self.num_timesteps)

        return Hooks()

    def note(self, values: dict[str, Any]) -> None:
        """One frame of every environment."""
        self._returns += values["rewards"]
        for i, over in enumerate(values["dones"]):
            if over:
                self._ends.append((float(self._returns[i]), values["infos"][i].get("outcome") == "success"))
                self._returns[i] = 0.0

    def update(self, steps: int) -> None:
        """Between rollouts: freeze or free the actor, report, keep."""
        self.done = self._begun + steps
        learning = self.done >= self.settings.value_share * self.settings.steps
        for parameter in _actor(self.model).parameters():
            parameter.requires_grad_(learning)
        if steps == 0:
            return
        row = {"frames": float(self.done)}
        if self._ends:
            row["return"] = float(np.mean([r for r, _ in self._ends]))
            row["success"] = float(np.mean([s for _, s in self._ends]))
        self.curve.append(row)
        self.progress.validation(self.done, {"flights": row}, ", ".join(f"{k} {v:.3g}" for k, v in row.items()))
        groups = {
            "policy": self.model.policy.state_dict(),
            "optimiser": optimiser_tensors(self.model.policy.optimizer),
        }
        save(self.path, groups, {"steps": self.done, "curve": self.curve})
