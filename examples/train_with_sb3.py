"""PPO of stable-baselines3 from nothing, written as a policy that flies with `--policy learned:FOLDER`.

pip install 'navisplit[rl]'
python examples/train_with_sb3.py --steps 200000 --out runs/ppo
navisplit evaluate --world forest --branch oracle-depth --policy learned:runs/ppo --out runs/ppo-flights
"""

import argparse
from pathlib import Path

import gymnasium
from stable_baselines3 import PPO
from torch import nn

import navisplit.environments  # noqa: F401 (registers the ids)
from navisplit.environments.navigation import Commands
from navisplit.nets.policy import save_policy
from navisplit.train.reinforce import network_of


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", default="navisplit/Forest-v0")
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--rollout", type=int, default=512)
    parser.add_argument("--out", type=Path, default=Path("runs/ppo"))
    options = parser.parse_args()
    env = Commands(gymnasium.make(options.environment, worlds=2, depth_noise=0.3))
    layers = {"net_arch": {"pi": [256, 256], "vf": [256, 256]}, "activation_fn": nn.ReLU}
    model = PPO(
        "MlpPolicy",
        env,
        n_steps=options.rollout,
        batch_size=options.rollout // 2,
        device="cpu",
        seed=0,
        policy_kwargs=layers,
        verbose=1,
    )
    model.learn(options.steps)
    env.close()
    save_policy(network_of(model), options.out, trained_with=f"PPO, {options.steps} frames of {options.environment}")
    print(f"wrote {options.out}: fly it with --policy learned:{options.out}")


if __name__ == "__main__":
    main()
