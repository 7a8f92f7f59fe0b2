"""The command line ``navisplit``: one module of this folder per verb, each with ``register(app)``.

Exit codes: 0 done, 1 failed, 2 wrong usage. A NaviSplitError is one message on standard error, never a traceback
(set ``NAVISPLIT_DEBUG=1`` to see it). Modules are imported for every call, so they import heavy things in bodies.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from navisplit import __version__
from navisplit.errors import NaviSplitError

COMMAND_MODULES = (
    "fly",
    "fault",
    "sim",
    "world",
    "evaluate",
    "sweep",
    "compare",
    "link",
    "collect",
    "train",
    "bench",
    "branches",
    "doctor",
    "nodes",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"navisplit {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Split-computing navigation for drones: fly, evaluate and train, in the simulator or over ROS 2."""


def build_app() -> typer.Typer:
    """The application with every command registered."""
    app = typer.Typer(
        no_args_is_help=True, pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]}
    )
    app.callback()(_root)
    for name in COMMAND_MODULES:
        importlib.import_module(f"navisplit.cli.{name}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        build_app()(args=list(arguments) if arguments is not None else None, prog_name="navisplit")
    except SystemExit as exit_request:
        return _exit_code(exit_request.code)
    except NaviSplitError as error:
        if os.environ.get("NAVISPLIT_DEBUG") == "1":
            raise
        print(f"navisplit: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _exit_code(code: object) -> int:
    if isinstance(code, str):
        print(code, file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0
