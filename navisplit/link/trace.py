"""Recorded radios: what a link did over time, from a CSV file.

Columns: ``time_s`` (increasing) and any of ``bandwidth_bps`` (0: an outage), ``latency_s``, ``jitter_s``, ``loss``.
A row holds until the next one; the last as long as the one before it (a single row: for ever); then the trace begins
anew. Empty lines and those that begin with ``#`` are comments.
"""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from navisplit.errors import ConfigError, nearest_name

TIME = "time_s"
LIMITS = {"bandwidth_bps": math.inf, "latency_s": 60.0, "jitter_s": 60.0, "loss": 1.0}
"""Columns besides the time, and the most that each may say (a minute of delay: more is milliseconds misread)."""


@dataclass(frozen=True, eq=False)
class Trace:
    """A radio's record, looped."""

    starts_ns: NDArray[np.int64]  # (N,) of rows, from 0, increasing
    duration_ns: int
    columns: Mapping[str, NDArray[np.float64]]  # (N,) each, by names of LIMITS
    digest: str  # of what the file says

    def at(self, time_ns: int) -> tuple[int, int]:
        """The row in force at a time since the trace's beginning, and the time at which it ends."""
        loops, within = divmod(time_ns, self.duration_ns)
        row = int(np.searchsorted(self.starts_ns, within, side="right")) - 1
        end = int(self.starts_ns[row + 1]) if row + 1 < len(self.starts_ns) else self.duration_ns
        return row, loops * self.duration_ns + end

    def without(self, column: str) -> Trace:
        """The same radio with one column left to the profile."""
        columns = {name: values for name, values in self.columns.items() if name != column}
        digest = self.digest if len(columns) == len(self.columns) else f"{self.digest}-{column}"
        return dataclasses.replace(self, columns=columns, digest=digest)


def read_trace(path: Path) -> Trace:
    """The trace in a CSV file. Raises ConfigError that names the line."""
    try:
        lines = path.expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read the link trace {path}: {error}.") from error
    rows = _rows(path, lines)
    first = next(rows, None)
    if first is None:
        raise ConfigError(f"{path}: expected a line of columns ({TIME},{','.join(LIMITS)}) and rows, found nothing.")
    names = _names(path, *first)
    table = np.array([_numbers(path, number, cells, names) for number, cells in rows]).reshape(-1, len(names))
    if len(table) == 0:
        raise ConfigError(f"{path}:{first[0]}: expected rows below the columns, found none.")
    times, columns = table[:, names.index(TIME)], {n: table[:, i] for i, n in enumerate(names) if n != TIME}
    _check_times(path, lines, times)
    if "bandwidth_bps" in columns and not columns["bandwidth_bps"].any():
        raise ConfigError(f"{path}: bandwidth_bps is 0 in every row; expected a radio that sends at some time.")
    starts = np.rint((times - times[0]) * 1e9).astype(np.int64)
    last = int(starts[-1] - starts[-2]) if len(starts) > 1 else 10**9
    digest = blake2b(repr((names, table.tolist())).encode(), digest_size=8).hexdigest()
    return Trace(starts, int(starts[-1]) + last, columns, digest)


def _rows(path: Path, lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Cells of the lines that say something, with their numbers from 1."""
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                (cells,) = csv.reader([line], strict=True)
            except csv.Error as error:
                raise ConfigError(f"{path}:{number}: {error}.") from error
            yield number, [cell.strip() for cell in cells]


def _names(path: Path, number: int, names: list[str]) -> list[str]:
    known = [TIME, *LIMITS]
    for name in names:
        if name not in known:
            raise ConfigError(f"{path}:{number}: there is no column '{name}'.{nearest_name(name, known)}")
    if TIME not in names or len(names) < 2 or len(set(names)) < len(names):
        raise ConfigError(
            f"{path}:{number}: expected {TIME} and any of {', '.join(LIMITS)}, each once; got {', '.join(names)}."
        )
    return names


def _numbers(path: Path, number: int, cells: list[str], names: list[str]) -> list[float]:
    if len(cells) != len(names):
        raise ConfigError(f"{path}:{number}: expected {len(names)} values ({', '.join(names)}), got {len(cells)}.")
    values = []
    for name, cell in zip(names, cells, strict=True):
        try:
            value = float(cell)
        except ValueError:
            raise ConfigError(f"{path}:{number}: {name} is '{cell}', expected a number.") from None
        most = LIMITS.get(name, math.inf)
        if not math.isfinite(value) or value > most or (value < 0 and name != TIME):
            upper = "" if math.isinf(most) else f" to {most:g}"
            raise ConfigError(f"{path}:{number}: {name} is {cell}, expected a number from 0{upper}.")
        values.append(value)
    return values


def _check_times(path: Path, lines: list[str], times: NDArray[np.float64]) -> None:
    back = np.flatnonzero(np.diff(times) < 1e-6)  # also what rounds to the same nanoseconds
    if len(back):
        numbers = [number for number, _ in _rows(path, lines)][1:]
        line, before, here = numbers[back[0] + 1], times[back[0]], times[back[0] + 1]
        raise ConfigError(f"{path}:{line}: {TIME} is {here:g} after {before:g}; expected times that increase.")
