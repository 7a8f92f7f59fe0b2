"""Install AirSim's Python client: ``python -m navisplit.airsim.install`` or ``navisplit install-airsim``.

Its source distribution imports numpy and msgpackrpc while it is built, and pins packages that break msgpack >= 1. So
it is built without isolation and dependencies, with an empty ``msgpackrpc`` on the path; at run time our transport
stands in, under the same name, so that scripts which only ``import airsim`` run as they are.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from navisplit.errors import SimulatorError

VERSION = "1.8.1"
STAND_IN = '''"""Written by `navisplit install-airsim`: AirSim's client takes NaviSplit's transport by this name.

Delete this file before installing that package.
"""

from navisplit.airsim.transport import install_transport

install_transport()
'''
_TRANSPORTS = ("msgpackrpc", "msgpackrpc.py")  # msgpack-rpc-python's, and ours
BUILD_NEEDS = ("setuptools", "wheel", "numpy", "msgpack")


def installed_version() -> str | None:
    """The client's version in this environment, None when there is none."""
    try:
        return importlib.metadata.version("airsim")
    except importlib.metadata.PackageNotFoundError:
        return None


def install(say: Callable[[str], None] = print) -> None:
    """Install the client unless it is there. Raises SimulatorError with pip's own words."""
    found = installed_version()
    if found == VERSION:
        _stand_in(say)
        say(f"airsim {VERSION} is installed")
        return
    say(f"installing airsim {VERSION} ...")
    missing = [name for name in BUILD_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        _pip(["install", *missing], {})
    with tempfile.TemporaryDirectory(prefix="navisplit-airsim-") as folder:
        stub = Path(folder) / "msgpackrpc"
        stub.mkdir()
        (stub / "__init__.py").write_text("")
        path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH", ""))))
        _pip(["install", "--no-deps", "--no-build-isolation", f"airsim=={VERSION}"], {"PYTHONPATH": path})
    importlib.invalidate_caches()
    _stand_in(say)
    say(f"airsim {VERSION} installed")


def _stand_in(say: Callable[[str], None]) -> None:
    """Let a plain ``import airsim`` work: AirSim's scripts run as they are."""
    folder = site_packages()
    if not any((Path(path or ".") / name).exists() for path in (*sys.path, folder) for name in _TRANSPORTS):
        say(f"transport for airsim: {write_stand_in(folder)}")


def site_packages() -> Path:
    """Where this environment keeps its packages."""
    return Path(sysconfig.get_paths()["purelib"])


def write_stand_in(folder: Path) -> Path:
    """Write a ``msgpackrpc`` module that is NaviSplit's transport into a folder of ``sys.path``."""
    path = folder / "msgpackrpc.py"
    path.write_text(STAND_IN, encoding="utf-8")
    importlib.invalidate_caches()
    return path


def _pip(arguments: list[str], environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise SimulatorError(f"pip could not install airsim {VERSION}. Check the network and pip's words:\n{words}")


def main() -> int:
    """Run as a module."""
    try:
        install()
    except SimulatorError as error:
        print(f"navisplit: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
