"""Recording vehicles and their cameras to files."""

from __future__ import annotations

from navisplit.sim.rpc.service import Service
from navisplit.sim.rpc.table import rpc


@rpc(
    name="startRecording", differs="the interval is of simulated time; a picture that is not ready in time is left out"
)
def start_recording(service: Service) -> None:
    """Record until stopped, into a new folder; no effect while recording."""
    service.recorder.start()


@rpc(name="stopRecording")
def stop_recording(service: Service) -> None:
    """End the recording."""
    service.recorder.stop()


@rpc(name="isRecording")
def is_recording(service: Service) -> bool:
    """Whether there is one."""
    return service.recorder.recording is not None
