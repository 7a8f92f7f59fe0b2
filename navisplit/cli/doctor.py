"""``navisplit doctor``: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Callable
from typing import Annotated

import typer

from navisplit.cli.checks import CURES, Check, check_package, check_port_free
from navisplit.cli.doctor_machine import clock, environment, synchronised
from navisplit.errors import NaviSplitError

PORT = 41451


def register(app: typer.Typer) -> None:
    """Add ``doctor``."""
    app.command()(doctor)


def doctor(
    port: Annotated[int, typer.Option(help="Port of the simulator to try.")] = PORT,
    models: Annotated[str, typer.Option(help="A branch set to check too: a name, or a folder.")] = "",
    graph: Annotated[
        float, typer.Option(min=0.0, help="Also listen to the running ROS graph for so many seconds.")
    ] = 0.0,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this installation: Python, torch, ROS 2, the AirSim client, branch sets, worlds, the port, the clock.

    With --graph also a running flight: QoS and types that do not fit, doubled nodes, clocks, halves of other versions,
    and what the nodes complain of. Exit code 0 when all that a flight needs is well, 1 when something is not.
    """
    checks = examine(port, models)
    if graph > 0 and all(check.ok for check in checks if check.name == "rclpy"):
        from navisplit.cli.doctor_graph import examine_graph

        checks += examine_graph(graph)
    if json_output:
        import json
        from dataclasses import asdict

        print(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        _print(checks)
    raise typer.Exit(0 if all(check.ok for check in checks if check.needed) else 1)


def examine(port: int, models: str = "") -> list[Check]:
    """Look at everything; nothing is started or changed."""
    return [
        _try("python", lambda: f"{platform.python_version()} on {platform.machine()}"),
        _try("torch", _torch),
        _try("run time", _runtime),
        _try("golden packets", _golden),
        _try("rclpy", lambda: _packaged("rclpy", "ROS distribution's" if "ROS_DISTRO" in os.environ else "wheels'")),
        _try("airsim", lambda: _packaged("airsim", "")),
        _try("worlds", _worlds),
        _try("branch sets", _branch_sets),
        *([_try(f"branch set {models}", lambda: _branch_set(models))] if models else []),
        _try("environment", environment),
        _try("clock", clock),
        _try("time server", synchronised, needed=False),
        _try(f"port {port}", lambda: _port(port), needed=False),
        _try("ros2 launch", _ros2, needed=False),
    ]


def _try(name: str, look: Callable[[], str], *, needed: bool = True) -> Check:
    try:
        return Check(name, True, look(), needed)
    except (NaviSplitError, ImportError) as error:
        return Check(name, False, str(error), needed)


def _torch() -> str:
    import torch

    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    return f"{torch.__version__} on the {where}"


def _runtime() -> str:
    from navisplit.nets.runtime import chosen_runtime

    name = chosen_runtime()
    return f"ONNX Runtime {importlib.metadata.version('onnxruntime')}" if name == "onnx" else "torch"


def _golden() -> str:
    """Whether this machine decodes what every branch set says it must, to the symbol."""
    from navisplit.nets.branch_set import branch_set_names, find_branch_set, load_branch_set
    from navisplit.train.golden import DEPTH_TOLERANCE, GOLDEN_FILE, check_golden

    names = [name for name in branch_set_names() if (find_branch_set(name) / GOLDEN_FILE).is_file()]
    for name in names:
        for result in check_golden(load_branch_set(name)):
            if not (result.same_symbols and result.depth_error <= DEPTH_TOLERANCE):
                raise NaviSplitError(
                    f"Branch {result.branch} of '{name}' gives another answer here than it must; install NaviSplit "
                    f"again, or compare both machines with `navisplit branches --models {name} --check`."
                )
    return f"decoded as they must be ({', '.join(names)})" if names else "no branch set has any"


def _packaged(name: str, whose: str) -> str:
    if name in CURES:
        check_package(name)
    try:
        return f"{importlib.metadata.version(name)} {whose}".strip()
    except importlib.metadata.PackageNotFoundError:
        return f"found {whose}".strip()


def _worlds() -> str:
    from navisplit.sim.worlds import world_names

    names = world_names()
    if not names:
        raise NaviSplitError("There is none. Make one with `navisplit world forest --seed 1 --out F.sdf`.")
    return ", ".join(names)


def _branch_sets() -> str:
    from navisplit.nets.branch_set import branch_set_names, load_branch_set

    names = branch_set_names()
    if not names:
        raise NaviSplitError("There is none. Train one with `navisplit train depth`.")
    sets = {name: load_branch_set(name, runtime="torch").branches for name in names}
    return ", ".join(f"{name} ({', '.join(b.name for b in branches)})" for name, branches in sets.items())


def _branch_set(name: str) -> str:
    """Whether a branch set loads whole, as both halves would load it."""
    from navisplit.config import FlightConfig
    from navisplit.nodes.models import load_edge, load_onboard

    onboard = load_onboard(FlightConfig(models=name))
    _, edge_hash = load_edge(name)
    gate = "with a gate" if onboard.gate is not None else f"without a gate ({onboard.why_no_gate})"
    return f"hash {edge_hash:08x}, {', '.join(onboard.branches)}, {gate}"


def _port(port: int) -> str:
    check_port_free(port)
    return "free"


def _ros2() -> str:
    path = shutil.which("ros2")
    if path is None:
        raise NaviSplitError("ROS 2's command line is not installed; `navisplit fly` does not need it.")
    return path


def _print(checks: list[Check]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for check in checks:
        mark = "[green]ok[/]" if check.ok else "[red]wrong[/]" if check.needed else "[yellow]note[/]"
        table.add_row(mark, check.name, check.found)
    Console(highlight=False).print(table)
