"""One small tree of named errors.

Every message says what was wrong, what was expected, what was found and what to do next. The command line prints
the message alone (no traceback) and ends with ``exit_code``: 2 for wrong usage, 1 for work that failed.
"""

import difflib
from collections.abc import Iterable


class NaviSplitError(Exception):
    """Base of all errors that a user can meet."""

    exit_code = 1


class UsageError(NaviSplitError):
    """An argument, option or name that does not exist or does not fit."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration value of the wrong name, type or range."""


class WorldError(NaviSplitError):
    """A world file that is missing, broken or empty."""


class RouteError(NaviSplitError):
    """A route that cannot be flown: unknown, malformed, or with an end inside an obstacle."""


class ModelError(NaviSplitError):
    """A branch set that is missing, corrupt, foreign or of another version."""


class SimulatorError(NaviSplitError):
    """The simulator cannot start, or does not answer."""


class PacketError(NaviSplitError):
    """A packet that is refused. Subclasses in ``navisplit.wire`` name the invariant that failed."""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """A hint for error messages: ``" Did you mean 'forest'?"``, or the list of known names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(names)}." if names else " There is none yet."
