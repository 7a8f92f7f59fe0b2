"""Entry points of the nodes: ``ros2 run navisplit head_node``, ``python -m navisplit.nodes.start head_node``.

They import late, so that Ctrl-C while a node still loads ends it as quietly as later.
"""

from __future__ import annotations

import importlib
import sys


def start(name: str) -> int:
    """Run the node of that name; returns the process's exit code."""
    try:
        return importlib.import_module(f"navisplit.nodes.{name}").main()
    except KeyboardInterrupt:
        return 0


def airsim_node() -> int:
    """The vehicle in AirSim as ROS topics."""
    return start("airsim_node")


def head_node() -> int:
    """Head and gate on the vehicle."""
    return start("head_node")


def tail_node() -> int:
    """Tail and policy on the edge server."""
    return start("tail_node")


def guard_node() -> int:
    """The failsafe on the vehicle."""
    return start("guard_node")


def link_node() -> int:
    """The emulated radio."""
    return start("link_node")


def mission_node() -> int:
    """Goal, supervision and report of a flight."""
    return start("mission_node")


if __name__ == "__main__":
    sys.exit(start(sys.argv[1]))
