"""The expert flies and the network imitates it, in two small rounds; `navisplit train policy` does the same at length.

python examples/imitate_expert.py --out runs/imitation
"""

import argparse
from pathlib import Path

from navisplit.nets.policy import save_policy
from navisplit.train.policy_run import PolicyTraining, train_policy


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", default="forest,urban", help="with commas")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--flights", type=int, default=3)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("runs/imitation"))
    options = parser.parse_args()
    families = tuple(options.families.split(","))
    settings = PolicyTraining(
        families=families, rounds=options.rounds, worlds=len(families), flights=options.flights, steps=options.steps
    )
    trained = train_policy(options.out / "run", settings, workers=1, log=print)
    save_policy(trained.net, options.out)
    print(f"wrote {options.out}: fly it with --policy learned:{options.out}")


if __name__ == "__main__":
    main()
