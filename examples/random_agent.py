"""A random agent in the forest: what the environment gives, and what it wants.

python examples/random_agent.py --environment navisplit/Urban-v0 --flights 3
"""

import argparse

import gymnasium

import navisplit.environments  # noqa: F401 (registers the ids)


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", default="navisplit/Forest-v0")
    parser.add_argument("--flights", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    env = gymnasium.make(options.environment, worlds=1, routes=2)
    env.action_space.seed(options.seed)
    for flight in range(options.flights):
        _, info = env.reset(seed=options.seed + flight)
        distance, total, steps, over = info["cost_to_go_m"], 0.0, 0, False
        while not over:
            _, reward, terminated, truncated, info = env.step(env.action_space.sample())
            total, steps, over = total + float(reward), steps + 1, terminated or truncated
        print(f"{info['outcome']} after {steps} frames, {info['cost_to_go_m']:.1f} m left of {distance:.1f} m, "
              f"return {total:.2f}")  # fmt: skip
    env.close()


if __name__ == "__main__":
    main()
