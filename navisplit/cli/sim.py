"""``navisplit sim``: the simulator as an AirSim server; ``navisplit install-airsim``: AirSim's Python client."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from navisplit.errors import UsageError

if TYPE_CHECKING:
    from navisplit.sim.daylight import TimeOfDay
    from navisplit.sim.rpc.server import Server
    from navisplit.sim.settings import Settings
    from navisplit.sim.simulation import Simulation
    from navisplit.sim.view.live import LiveView
    from navisplit.sim.weather import Weather

LOOPBACK = ("127.0.0.1", "localhost")
STATUS_PERIOD_S = 1.0
MAX_CLOCK_SPEED = 1000.0
WORTH_TELLING_S = 5.0  # a preparation longer than this was mostly compiling or baking
COMPILING_S = 60  # measured on two shared cores


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sim")(sim)
    app.command("install-airsim")(install_airsim)


def sim(
    world: Annotated[str, typer.Option(help="A world that ships (forest, ...) or an SDF file.")] = "forest",
    settings: Annotated[str | None, typer.Option(help="AirSim's settings.json: a path, or JSON text.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port, 0 for a free one. [default: 41451]")] = None,
    clock_speed: Annotated[
        str | None, typer.Option(help="Times real time, or max: as fast as possible. [default: ClockSpeed, or 1]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sensors' noise.")] = 0,
    headless: Annotated[bool, typer.Option(help="No status line on the terminal.")] = False,
    weather: Annotated[
        str, typer.Option(help="In place of the world's: rain=0.5,fog=0.2 (0..1), seed=7, or none.")
    ] = "",
    time_of_day: Annotated[str, typer.Option(help="Date and time of the sun: 2026-06-21T18:30.")] = "",
    view: Annotated[bool, typer.Option(help="Show the world live on a page for a browser.")] = False,
    view_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of that page, 0 for a free one.")] = 8080,
    compatibility: Annotated[
        bool, typer.Option(help="Print how each of AirSim's methods is answered, and end.")
    ] = False,
) -> None:
    """Simulate a quadrotor and its cameras, and answer AirSim's API until Ctrl-C or SIGTERM."""
    if compatibility:
        from navisplit.sim.rpc.compatibility import compatibility_page

        print(compatibility_page(), end="")
        return
    import signal

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # until the server takes over both signals
    try:
        sky = (weather, time_of_day)
        with _open_view(view_port) if view else contextlib.nullcontext() as page:
            clock = None if clock_speed is None else _speed(clock_speed)
            status = not headless and sys.stdout.isatty()
            _serve(world, settings, port, sky, clock=clock, seed=seed, status=status, view=page)
    except KeyboardInterrupt:
        pass
    _say("stopped")


def install_airsim() -> None:
    """Install AirSim's Python client 1.8.1 into this environment."""
    from navisplit.airsim.install import install

    install(_say)


def _speed(text: str) -> float:
    """Of ``--clock-speed``; 0 is as fast as possible."""
    try:
        speed = 0.0 if text == "max" else float(text)
    except ValueError:
        speed = math.nan
    if not (0 < speed <= MAX_CLOCK_SPEED or text in ("max", "0")):
        raise UsageError(f"--clock-speed must be a number up to {MAX_CLOCK_SPEED}, or max; got '{text}'.")
    return speed


def _say(line: str) -> None:
    print(line, flush=True)


def _open_view(port: int) -> LiveView:
    """Before the world is built: a busy port is told at once, and the page can wait in the browser."""
    from navisplit.sim.view.live import LiveView

    view = LiveView(port)
    _say(f"view on {view.url}")
    return view


def _serve(
    world: str,
    settings_argument: str | None,
    port: int | None,
    sky: tuple[str, str] = ("", ""),
    *,
    clock: float | None,
    seed: int,
    status: bool,
    view: LiveView | None = None,
) -> None:
    import asyncio

    from navisplit.sim.rpc.server import Server, listen
    from navisplit.sim.settings import load_settings

    settings = load_settings(settings_argument, (Path.cwd(), Path.home() / "Documents" / "AirSim"))
    for warning in settings.warnings:
        _say(f"settings: {warning}")
    air, sun = _conditions(*sky, settings)
    if settings.host not in LOOPBACK:
        _say(f"settings: on LocalHostIp {settings.host} whoever reaches the port can fly, and have files written here.")
    started = time.monotonic()
    with listen(settings.host, settings.port if port is None else port) as listener:
        simulation = _prepare(world, settings, seed)
        if air is not None:
            simulation.atmosphere.set_weather(air)
        if sun is not None:
            simulation.atmosphere.set_time_of_day(sun, simulation.clock_ns)
        took_s = time.monotonic() - started

        def ready(server: Server) -> None:
            names = ", ".join(vehicle.name for vehicle in simulation.vehicles)
            _say(
                f"ready on {server.host}:{server.port} (world {simulation.scene.name}, vehicle {names}, {took_s:.1f} s)"
            )

        async def run() -> None:
            speed = settings.clock_speed if clock is None else clock
            server = Server(simulation, listener, clock_speed=speed, notify=_say)
            showing = [asyncio.create_task(_show_status(server))] if status else []
            if view is not None:
                showing.append(asyncio.create_task(view.show(server)))
            await server.run(ready)
            for task in showing:
                task.cancel()

        asyncio.run(run())


def _conditions(weather: str, date: str, settings: Settings) -> tuple[Weather | None, TimeOfDay | None]:
    """What --weather and --time-of-day say. Raises UsageError before anything is built."""
    from navisplit.sim.daylight import TimeOfDay, read_date
    from navisplit.sim.weather import parse_weather

    return (
        parse_weather(weather) if weather else None,
        TimeOfDay(read_date(date, settings.origin)) if date else None,
    )


def _prepare(world: str, settings: Settings, seed: int) -> Simulation:
    """Build the world and run everything once, so that nothing is compiled in flight."""
    from navisplit.sim.worlds import load_scene

    _say(f"building world {world} ...")
    scene = load_scene(world)
    from navisplit.sim.camera.pictures import rehearse
    from navisplit.sim.kernel import is_compiled
    from navisplit.sim.render.frame import render_frame
    from navisplit.sim.render.renderer import RayCaster
    from navisplit.sim.simulation import Simulation

    if is_compiled(render_frame):
        _say("preparing flight and camera ...")
    else:
        _say(f"compiling flight and camera: once on a machine, about {COMPILING_S} s on a laptop ...")
    started = time.monotonic()
    renderer = RayCaster(scene)
    _rehearse(Simulation(scene, renderer=renderer, settings=settings))
    rehearse(renderer)
    took_s = time.monotonic() - started
    if took_s > WORTH_TELLING_S:
        _say(f"prepared in {took_s:.0f} s; the next start is faster")
    return Simulation(scene, renderer=renderer, settings=settings, seed=seed, start_ns=time.time_ns())


def _rehearse(rehearsal: Simulation) -> None:
    """Fly, look and meet something that moves, so that everything is compiled."""
    from navisplit.sim.things import Thing

    rehearsal.vehicle().takeoff()
    rehearsal.advance(0.5)
    rehearsal.things.add(Thing("rehearsal", rehearsal.snapshot().things[0].shape))  # shaped like the drone
    rehearsal.advance(0.1)
    rehearsal.probe.cast([rehearsal.vehicle().position], [[0.0, 0.0, -1.0]], 10.0)
    rehearsal.capture()


async def _show_status(server: Server) -> None:
    """A line that is overwritten every second: simulated time, speed, vehicle, clients."""
    import asyncio

    simulation = server.simulation
    first_ns = last_ns = simulation.clock_ns
    while True:
        await asyncio.sleep(STATUS_PERIOD_S)
        speed = (simulation.clock_ns - last_ns) / 1e9 / STATUS_PERIOD_S
        last_ns = simulation.clock_ns
        x, y, z = simulation.vehicle().position
        print(
            f"\rt {(last_ns - first_ns) / 1e9:8.1f} s  x{speed:4.2f}  {simulation.vehicle().name} at "
            f"({x:.1f}, {y:.1f}, {z:.1f}) m  clients {len(server.connections)}   ",
            end="",
            flush=True,
        )
