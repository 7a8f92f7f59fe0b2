"""What must be there before a flight: packages, branch sets, link profiles, ports. ``fly`` and ``doctor`` ask here."""

from __future__ import annotations

import importlib.util
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from navisplit.errors import NaviSplitError, SimulatorError

if TYPE_CHECKING:
    from navisplit.graph import Graph

HOST = "127.0.0.1"
CURES = {
    "rclpy": "ROS 2 is not here: source its setup file, or pip install 'navisplit[ros]'.",
    "airsim": "The AirSim client is not here: run python -m navisplit.airsim.install.",
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    found: str
    needed: bool = True  # a flight cannot do without it


def check_before_flight(graph: Graph) -> None:
    """Find what is missing before any process starts. Raises a NaviSplitError that says so."""
    for package in ("rclpy",) if len(graph.nodes) == 1 else CURES:
        check_package(package)
    from navisplit.link import profile

    if len(graph.nodes) == 1:  # the edge's half
        check_edge_models(graph.node("tail_node").parameters["models"])
        return
    mission = graph.node("mission_node").parameters
    profile(mission["flight.link"])
    if graph.simulator is not None:
        check_port_free(graph.simulator.port)
        if graph.simulator.view_port is not None:
            check_view(graph.simulator.view_port)
    else:
        vehicle = graph.node("airsim_node").parameters
        check_answers(vehicle["host"], vehicle["port"])
    check_models(mission["flight.models"], mission["flight.branch"])


def check_package(name: str) -> None:
    """Raise NaviSplitError where a Python package that pip cannot bring by itself is missing."""
    if importlib.util.find_spec(name) is None:
        raise NaviSplitError(f"Python package '{name}' was not found. {CURES[name]}")


def check_models(models: str, branch: str) -> None:
    """Raise ModelError or UsageError where the branch set cannot be loaded or has no such branch."""
    from navisplit.config import FlightConfig
    from navisplit.nodes.models import load_onboard

    load_onboard(FlightConfig(models=models, branch=branch)).check(branch)


def check_edge_models(models: str) -> None:
    """Raise ModelError where the edge cannot load the branch set."""
    from navisplit.nodes.models import load_edge

    load_edge(models)


def check_port_free(port: int) -> None:
    """Raise SimulatorError when 127.0.0.1:port cannot be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise SimulatorError(
                f"Port {port} on {HOST} cannot be used ({error}). If a simulator is running there, fly in it with"
                f" --airsim {HOST}:{port}; otherwise choose another with --port."
            ) from error


def check_view(port: int) -> None:
    """Raise NaviSplitError where the live view's library is missing, SimulatorError where its port is taken."""
    from navisplit.sim.view.page import check_view as check

    check(HOST, port)


def check_answers(host: str, port: int) -> None:
    """Raise SimulatorError when nothing listens on host:port."""
    try:
        socket.create_connection((host, port), timeout=5.0).close()
    except (OSError, OverflowError) as error:
        raise SimulatorError(
            f"No AirSim answers on {host}:{port} ({error}). Start one (navisplit sim --port {port}), or leave"
            " --airsim away to have it started."
        ) from error
