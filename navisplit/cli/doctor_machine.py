"""What ``navisplit doctor`` asks of the machine: its clock, and the environment that ROS and the link read."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from navisplit.errors import NaviSplitError, nearest_name

RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")  # of ROS_AUTOMATIC_DISCOVERY_RANGE (rmw documentation)
HIGHEST_DOMAIN = 232  # of DDS: above it the ports do not exist
_TIME_ERROR = 5  # adjtimex(2)
_TIMEX_BYTES = 256  # struct timex and some more
_DAY_S = 86400.0


def clock(now_s: float | None = None) -> str:
    """Whether the clock can be right at all: not before this program was installed. Raises NaviSplitError."""
    now_s = time.time() if now_s is None else now_s
    written_s = Path(__file__).stat().st_mtime
    if now_s < written_s - _DAY_S:
        shown, least = (datetime.fromtimestamp(t).strftime("%Y-%m-%d") for t in (now_s, written_s))
        raise NaviSplitError(
            f"This machine's clock says {shown}, and NaviSplit was installed on {least}: set the clock. A flight does"
            " not need it, but reports and bags carry it."
        )
    return datetime.fromtimestamp(now_s).strftime("%Y-%m-%d %H:%M:%S")


def synchronised(adjtimex: int | None = None) -> str:
    """Whether the clock follows a time server. Raises NaviSplitError."""
    if sys.platform != "linux":
        return "not looked at on this system"
    if adjtimex is None:
        adjtimex = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    if adjtimex == _TIME_ERROR:
        raise NaviSplitError(
            "The clock follows no time server. Flights do not need one (the vehicle ages answers by its own clock); "
            "bags of two machines lie over each other only with one (systemd-timesyncd, chrony)."
        )
    return "follows a time server"


def environment(variables: Mapping[str, str] | None = None) -> str:
    """Variables that ROS or the link read, and would stumble over in flight. Raises NaviSplitError."""
    variables = os.environ if variables is None else variables
    domain = variables.get("ROS_DOMAIN_ID", "")
    if domain and not (domain.isdigit() and int(domain) <= HIGHEST_DOMAIN):
        raise NaviSplitError(f"ROS_DOMAIN_ID is '{domain}': expected a number from 0 to {HIGHEST_DOMAIN}.")
    reach = variables.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "")
    if reach and reach not in RANGES:
        raise NaviSplitError(f"ROS_AUTOMATIC_DISCOVERY_RANGE is '{reach}'.{nearest_name(reach, RANGES)}")
    middleware = variables.get("RMW_IMPLEMENTATION", "")
    if middleware and not _installed(middleware):
        raise NaviSplitError(
            f"RMW_IMPLEMENTATION is '{middleware}', which is not installed: install it, or unset the variable."
        )
    return "; ".join(
        [
            f"domain {domain or 0}",
            f"discovery {reach or 'SUBNET'}",
            middleware or "default middleware",
            _key(variables.get("NAVISPLIT_LINK_KEY", "")),
        ]
    )


def _installed(middleware: str) -> bool:
    try:
        from ament_index_python.packages import get_package_prefix

        get_package_prefix(middleware)
    except (ImportError, LookupError, OSError):  # wheels have no index; their packages are found as Python's
        return importlib.util.find_spec(middleware) is not None
    return True


def _key(text: str) -> str:
    """The link's key, never shown. Raises NaviSplitError."""
    if not text:
        return "packets not signed (NAVISPLIT_LINK_KEY)"
    try:
        length = len(bytes.fromhex(text))
    except ValueError:
        length = 0
    if not 16 <= length <= 64:
        raise NaviSplitError(
            "NAVISPLIT_LINK_KEY is not a key: expected 32 to 128 hexadecimal digits (openssl rand -hex 32), the same on"
            " both machines."
        )
    return "packets signed"
