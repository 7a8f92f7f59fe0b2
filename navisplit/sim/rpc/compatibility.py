"""docs/airsim_compatibility.md, written from the method table: ``navisplit sim --compatibility`` prints it."""

from __future__ import annotations

from types import ModuleType

from navisplit.sim.rpc.methods import METHOD_MODULES
from navisplit.sim.rpc.settings_page import settings_section
from navisplit.sim.rpc.table import METHODS, Method, Status

PATH = "docs/airsim_compatibility.md"
HEAD = f"""# Compatibility with AirSim

Written by `navisplit sim --compatibility > {PATH}` from the table by which the server answers and the reader of settings.json; a test fails when it is stale.

`navisplit sim` speaks AirSim 1.8.1's msgpack-RPC: all {{total}} methods of a multirotor server, with its argument counts, types and error texts.
Of them {{full}} are full, {{differs}} differ in something that a script might notice, and {{neutral}} are neutral.

* **full**: does what AirSim documents.
* **differs**: does it, but not quite as AirSim; the last column says in what.
* **neutral**: only Unreal can do it. The call is accepted, its answer is AirSim's for "nothing there" or "not done", and the operator is told once.

Every vehicle's commands are taken in the order in which they arrive, and the newest wins; AirSim can lose that race when they come without a pause. Queries are never held up by a command, nor by a picture.
Cosys-AirSim's client is understood too: arguments in [brackets] may be left out, those with a + may be added. Pictures are BGR, as AirSim's.
A call of a method that is not listed, or with another number of arguments, is refused with rpclib's text.
"""  # noqa: E501


def compatibility_page() -> str:
    """The page, in Markdown."""
    counts = {status.value: sum(method.status is status for method in METHODS.values()) for status in Status}
    parts = [HEAD.format(total=len(METHODS), **counts)]
    parts += [_section(module) for module in METHOD_MODULES]
    parts.append(settings_section())
    return "\n".join(part for part in parts if part)


def _section(module: ModuleType) -> str:
    methods = [method for method in METHODS.values() if method.handler.__module__ == module.__name__]
    if not methods:
        return ""
    title = (module.__doc__ or "").strip().splitlines()[0].rstrip(".")
    rows = ["", f"## {title}", "", "| method | arguments | status | difference |", "|---|---|---|---|"]
    return "\n".join(rows + [_row(method) for method in methods]) + "\n"


def _row(method: Method) -> str:
    required = len(method.parameters) - method.optional
    shown = [f"{n}: {k}" for n, k in method.parameters[:required]]
    shown += [f"[{n}: {k}]" for n, k in method.parameters[required:]]
    shown += [f"+{n}: {k}" for n, k in method.extra]
    arguments = ", ".join(shown).replace("|", "\\|")
    return f"| `{method.name}` | {arguments} | {method.status.value} | {method.difference} |"
