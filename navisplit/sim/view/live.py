"""The live view of a running simulator: looks at it on its own thread, shows it on another.

Without ``--view`` none of this is imported. With it, but without a browser, only the trails are kept. A view that fails
says so once and ends; the simulator goes on.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from navisplit.sim.view.chase import Chase, Sight
from navisplit.sim.view.page import Page, open_page
from navisplit.sim.view.snapshot import Details, Drone, Snapshot, SpeedMeter, Trails, drones_of, picture_of

if TYPE_CHECKING:
    from navisplit.sim.rpc.server import Server

HOST = "127.0.0.1"
POSES_HZ, PICTURES_HZ, DETAILS_HZ = 15.0, 5.0, 3.0


class LiveView:
    """A page, open from the moment this is made. Use as a context manager."""

    def __init__(self, port: int, host: str = HOST) -> None:
        """Serve an empty page. Raises SimulatorError or NaviSplitError where that cannot be done."""
        self._page: Page = open_page(host, port)
        self.url = f"http://{host}:{self._page.port}"
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="view")
        self._trails = Trails()
        self._chase = Chase()
        self._meter = SpeedMeter()
        self._picture_rate, self._details_rate = _Rate(PICTURES_HZ), _Rate(DETAILS_HZ)

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._page.close()

    async def show(self, server: Server) -> None:
        """Show a running server until cancelled. Runs on its loop."""
        try:
            await self._show(server)
        except Exception as error:  # noqa: BLE001 - whatever the view's library does must not end a flight
            server.notify(
                f"The live view has failed and ends; the simulator goes on ({type(error).__name__}: {error})."
            )

    async def _show(self, server: Server) -> None:
        loop, simulation = asyncio.get_running_loop(), server.simulation
        start_ns, scene = simulation.clock_ns, None

        def act(method: str, *arguments: Any) -> None:
            loop.call_soon_threadsafe(server.act, method, *arguments)

        work = loop.run_in_executor(self._worker, self._page.add_controls, drones_of(simulation), act)
        while True:
            drones = drones_of(simulation)
            for drone in drones:
                self._trails.note(drone.name, drone.position)
            now_s = time.monotonic()
            self._meter.note(now_s, simulation.clock_ns)
            if work.done():
                work.result()
                if scene is not simulation.scene:
                    scene = simulation.scene
                    work = loop.run_in_executor(self._worker, self._page.build, scene, simulation.materials)
                elif self._page.watched:
                    moment = self._look(server, drones, now_s, start_ns)
                    work = loop.run_in_executor(self._worker, self._page.show, moment)
            await asyncio.sleep(1.0 / POSES_HZ)

    def _look(self, server: Server, drones: tuple[Drone, ...], now_s: float, start_ns: int) -> Snapshot:
        simulation = server.simulation
        layer = simulation.snapshot()
        details = self._details(server, drones, start_ns) if self._details_rate.due(now_s) else None
        picture = picture_of(simulation, *self._page.chosen) if self._picture_rate.due(now_s) else None
        return Snapshot(drones, layer.things, layer.hidden, self._follow(server, drones), details, picture)

    def _follow(self, server: Server, drones: tuple[Drone, ...]) -> Sight | None:
        chosen = [drone for drone in drones if drone.name == self._page.chosen[0]]
        return self._chase.look(chosen[0], server.simulation.probe) if chosen and self._page.following else None

    def _details(self, server: Server, drones: tuple[Drone, ...], start_ns: int) -> Details:
        now_ns, markers = server.simulation.clock_ns, server.simulation.markers
        visible = markers.visible(now_ns)  # before the revision, which it may change
        return Details(
            time_s=(now_ns - start_ns) * 1e-9,
            speed=self._meter.speed,
            paused=server.paused,
            clients=len(server.connections),
            markers=visible,
            markers_revision=markers.revision,
            messages=markers.messages(now_ns),
            trails={drone.name: self._trails.segments(drone.name) for drone in drones},
            trail_looks=dict(markers.trails),
        )


class _Rate:
    """Something done at most so often."""

    def __init__(self, rate_hz: float) -> None:
        self._period_s = 1.0 / rate_hz
        self._next_s = -float("inf")

    def due(self, now_s: float) -> bool:
        """Whether it is time; then it is taken as done."""
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._period_s
        return True
