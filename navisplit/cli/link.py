"""``navisplit link``: what a radio is like, and the radio itself, between two network interfaces."""

from __future__ import annotations

import math
import signal
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from navisplit.cli.relay import Relay
    from navisplit.link import Profile

STATUS_S = 5.0


def register(app: typer.Typer) -> None:
    """Add ``link``."""
    app.command()(link)


def link(
    radio: Annotated[
        str,
        typer.Argument(help="As --link of evaluate: lte, lte,loss=0.1, mine.yaml:NAME, radio.csv. None: list them."),
    ] = "",
    between: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Be that radio between two network interfaces (root), until Ctrl-C."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the radio's randomness.", min=0)] = 0,
) -> None:
    """Tell what a radio is like; with --between, relay every frame between two interfaces as it would.

    examples/two_machines.sh puts vehicle and edge into network namespaces and this between them.
    """
    from navisplit.link import profile, shipped_profiles

    if not radio:
        for known in shipped_profiles().values():
            print(describe(known))
        return
    chosen = profile(radio)
    print(describe(chosen), flush=True)
    if between is not None:
        from navisplit.cli.relay import Relay

        _relay(Relay(between, chosen, seed))


def describe(radio: Profile) -> str:
    """A radio in one line."""
    if radio.trace is not None:
        trace = radio.trace
        columns = ", ".join(trace.columns)
        return f"{radio.name}: a trace of {columns}, {trace.duration_ns * 1e-9:g} s long, looped; {radio.digest}"
    rate = "no limit of bandwidth" if radio.bandwidth_bps is None else f"{radio.bandwidth_bps / 1e3:g} kbit/s"
    parts = [rate, f"{radio.latency_s * 1e3:g} ms", f"jitter {radio.jitter_s * 1e3:g} ms"]
    parts.append(f"{radio.loss_rate:.1%} lost" + (f" in fades of {radio.bad_s:g} s" if radio.bad_share else ""))
    for share, word in ((radio.reorder, "reordered"), (radio.duplicate, "twice")):
        parts += [f"{share:.1%} {word}"] if share else []
    parts += [f"bit errors {radio.bit_errors:g}"] if radio.bit_errors else []
    if math.isfinite(radio.every_s):
        kept = "kept" if radio.backlog else "lost"
        parts.append(f"out for {radio.outage_s:g} s of every {radio.every_s:g}, {kept} meanwhile")
    return f"{radio.name}: " + ", ".join(parts)


def _relay(relay: Relay) -> None:
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda found, _: stop.append(found))
    told_s = time.monotonic()

    def stopped() -> bool:
        nonlocal told_s
        if time.monotonic() - told_s >= STATUS_S:
            told_s = time.monotonic()
            _tell(relay)
        return bool(stop)

    try:
        relay.run(stopped)
    finally:
        relay.close()
        _tell(relay)


def _tell(relay: Relay) -> None:
    for name, direction in zip(("->", "<-"), relay.directions, strict=True):
        s = direction.link.stats
        print(
            f"{name} {s.sent_packets} frames, {s.sent_bytes} B: {s.received_packets} delivered, {s.lost_packets} lost, "
            f"{s.dropped_packets} dropped at the queue, {direction.unsendable} not sendable",
            flush=True,
        )
