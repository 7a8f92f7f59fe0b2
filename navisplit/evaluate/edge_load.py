"""How one edge server fares under the packets of many drones: recorded packets in, figures out. Pure but for times."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from navisplit import wire
from navisplit.config import FlightConfig

RATE_HZ = 10.0
RECORDED_S = 12.0

Slices = list[wire.FeaturePacket]  # of one frame


@dataclass(frozen=True)
class LoadRow:
    """One number of drones."""

    drones: int  # that send
    served: int  # that got an answer in the window
    refused: int  # that got none
    rate_mean_hz: float  # answers a second of a served drone
    rate_least_hz: float
    p50_ms: float  # from sending a frame to hearing its answer
    p99_ms: float
    cpu: float  # of one core, that the edge server used
    drones_per_core: float  # that would be served at RATE_HZ, by the CPU time that an answer took

    def as_dict(self) -> dict[str, float]:
        """For ``--json``."""
        return asdict(self)


def record_packets(models: str, world: str, branch: str, route: int = 0) -> list[Slices]:
    """What a drone sends in the first seconds of an offline flight, frame by frame."""
    from navisplit.evaluate.crew import load_models
    from navisplit.evaluate.flight import Flight, Limits
    from navisplit.evaluate.metrics import EnergyModel
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.worlds import load_scene, select_routes

    config = FlightConfig(branch=branch, models=models)
    renderer = RayCaster(load_scene(world))
    limits = Limits(timeout_s=RECORDED_S, timeout_factor=1e-3)
    chosen = select_routes(str(route + 1), world)[route]
    flight = Flight(renderer, chosen, config, load_models(config), 0, limits, EnergyModel())
    frames: list[Slices] = []
    process = flight.crew.onboard.process

    def recorded(*arguments: object, **named: object) -> object:
        sent = process(*arguments, **named)  # type: ignore[arg-type]
        packets = [packet for data in sent.packets if isinstance(packet := wire.decode(data), wire.FeaturePacket)]
        frames.extend([packets] if packets else [])
        return sent

    flight.crew.onboard.process = recorded  # type: ignore[method-assign,assignment]
    flight.run()
    return frames


def renewed(slices: Slices, sequence: int, stamp_ns: int, key: bytes | None = None) -> list[bytes]:
    """A recorded frame as a new one."""
    return [wire.encode(dataclasses.replace(packet, sequence=sequence, stamp_ns=stamp_ns), key) for packet in slices]


@dataclass
class Ledger:
    """What was sent and what was heard, drone by drone; ``now_ns`` is one steady clock's."""

    _sent_ns: dict[tuple[int, int], int] = field(default_factory=dict)
    _ages_ms: dict[int, list[float]] = field(default_factory=dict)

    def sent(self, drone: int, stamp_ns: int, now_ns: int) -> None:
        """A frame left a drone."""
        self._sent_ns[drone, stamp_ns] = now_ns
        self._ages_ms.setdefault(drone, [])

    def heard(self, drone: int, stamp_ns: int, now_ns: int) -> None:
        """An answer reached a drone; one to a frame of another window or drone does not count."""
        sent_ns = self._sent_ns.pop((drone, stamp_ns), None)
        if sent_ns is not None:
            self._ages_ms[drone].append((now_ns - sent_ns) * 1e-6)

    def row(self, window_s: float, cpu_s: float) -> LoadRow:
        """The figures of a window that took so long, and so much of the edge server's CPU time."""
        served = {drone: ages for drone, ages in self._ages_ms.items() if ages}
        rates = [len(ages) / window_s for ages in served.values()]
        ages = np.concatenate([np.asarray(a) for a in served.values()]) if served else np.array([np.nan])
        p50, p99 = np.percentile(ages, (50, 99))
        return LoadRow(
            drones=len(self._ages_ms),
            served=len(served),
            refused=len(self._ages_ms) - len(served),
            rate_mean_hz=float(np.mean(rates)) if rates else 0.0,
            rate_least_hz=min(rates, default=0.0),
            p50_ms=float(p50),
            p99_ms=float(p99),
            cpu=cpu_s / window_s,
            drones_per_core=sum(rates) * window_s / RATE_HZ / cpu_s if cpu_s > 0 else 0.0,
        )


def levels(most: int) -> Sequence[int]:
    """1, 2, 4, .. and ``most``."""
    doubled = [2**k for k in range(most.bit_length()) if 2**k < most]
    return [*doubled, most]
