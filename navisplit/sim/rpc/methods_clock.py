"""Pausing and stepping the clock."""

from __future__ import annotations

from navisplit.sim.flight.autopilot import NANOSECONDS
from navisplit.sim.rpc.pacing import FRAMES_A_SECOND, Waiting, to_nanoseconds
from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.table import rpc


@rpc("is_paused:bool", name="simPause")
def pause(service: Service, paused: bool) -> None:
    """Stop or start the clock."""
    service.pacer.pause(paused)


@rpc(name="simIsPaused")
def is_paused(service: Service) -> bool:
    """Whether the clock stands."""
    return service.pacer.paused


@rpc("seconds:float", name="simContinueForTime", differs="advances exactly this much simulated time; AirSim counts "
     "wall time")  # fmt: skip
def continue_for_time(service: Service, seconds: float) -> Waiting:
    """Run exactly this long, then pause; replies then."""
    return service.pacer.continue_for(to_nanoseconds(seconds))


@rpc("frames:int", name="simContinueForFrames", differs="a frame is a 60th of a second, as nothing is displayed")
def continue_for_frames(service: Service, frames: int) -> None:
    """Run for a number of 60 Hz frames, then pause; replies at once, as AirSim does."""
    service.pacer.continue_for(frames * NANOSECONDS // FRAMES_A_SECOND)
