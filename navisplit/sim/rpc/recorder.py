"""Takes the records of a running recording: poses on the clock's thread, pictures and files away from it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from navisplit.sim.recording import Recording, Row, new_folder
from navisplit.sim.rpc.table import RpcFault, call

if TYPE_CHECKING:
    from navisplit.sim.rpc.service import Later, Service


class Recorder:
    """At most one recording at a time. An alarm of the pacer: rung exactly when the next record is due."""

    def __init__(self, service: Service, now: Callable[[], datetime] = datetime.now) -> None:
        self.recording: Recording | None = None
        self._service = service
        self._now = now

    def start(self) -> None:
        """Begin one in a new folder; a folder that cannot be made is told to the operator."""
        if self.recording is not None:
            return
        settings, clock_ns = self._service.settings.recording, self._service.simulation.clock_ns
        try:
            folder = new_folder(settings.folder, f"{self._now():%Y-%m-%d-%H-%M-%S}")
        except OSError as error:
            self._service.notify(f"startRecording: {error}. Set Recording.Folder in settings.json to one that exists.")
            return
        self.recording = Recording(folder, settings, clock_ns)
        self._service.notify(f"recording to {folder}")

    def stop(self) -> None:
        """End it; a record that is still being written is finished."""
        if self.recording is not None:
            lost = self.recording.left_out
            slow = f"; {lost} records are left out, as the one before was still being written" if lost else ""
            self._service.notify(f"recorded to {self.recording.folder}{slow}")
        self.recording = None

    @property
    def due_ns(self) -> int | None:
        """Simulated time of the next record."""
        return None if self.recording is None else self.recording.due_ns

    def ring(self) -> None:
        """Take the record that is due."""
        recording, service = self.recording, self._service
        if recording is None:
            return
        vehicles = service.simulation.vehicles
        rows = recording.take(
            [Row(v.name, v.pilot.clock_ns, v.pilot.position.copy(), v.pilot.orientation.copy()) for v in vehicles]
        )
        shots = [(row, self._shots(row, row.vehicle == vehicles[0].name)) for row in rows]
        if not rows:
            return

        def work() -> None:
            for row, later in shots:
                recording.write(row, [] if later is None else later.work())

        def done(error: Exception | None) -> None:
            recording.busy = False
            if error is not None:
                service.notify(f"recording: {error}")
                self.stop()

        recording.busy = True
        service.background(work, done)

    def _shots(self, row: Row, is_default: bool) -> Later | None:
        requests = [dict(shot) for shot in self._service.settings.recording.shots_of(row.vehicle, is_default)]
        if not requests:
            return None
        try:
            return call("simGetImages", [requests, row.vehicle, False], self._service)
        except RpcFault as fault:  # a camera that is not there
            self._service.notify(f"recording: {fault}")
            self.stop()
            return None
