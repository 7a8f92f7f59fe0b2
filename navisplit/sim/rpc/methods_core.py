"""Connection, versions, settings, levels, messages."""

from __future__ import annotations

from navisplit.frames import Vector
from navisplit.sim.rpc.service import MAX_SPEED, Later, Service, bounded, printable
from navisplit.sim.rpc.table import rpc


@rpc()
def ping(service: Service) -> bool:
    """Alive."""
    return True


@rpc(name="getServerVersion")
def server_version(service: Service) -> int:
    """AirSim 1.8.1's."""
    return 1


@rpc(name="getMinRequiredClientVersion")
def min_client_version(service: Service) -> int:
    """AirSim 1.8.1's."""
    return 1


@rpc()
def reset(service: Service) -> None:
    """Vehicles back to their starts; objects, markers and the clock stay as they are, as in AirSim."""
    service.reset()


@rpc(name="getSettingsString")
def settings_string(service: Service) -> str:
    """The text of settings.json."""
    return service.settings.text


@rpc("level_name:str", name="simLoadLevel", differs="loads a world that ships, by its name; the present one is loaded "
     "anew, too")  # fmt: skip
def load_level(service: Service, level: str) -> Later | bool:
    """Another world: vehicles stand at its start, objects are as it has them; False for one that does not ship."""
    from navisplit.sim.worlds import world_names

    if level not in world_names():
        service.notify(f"simLoadLevel: there is no world {printable(level)!r}. Known: {', '.join(world_names())}.")
        return False
    return service.load_level(level)


@rpc("message:str message_param:str severity:int", name="simPrintLogMessage")
def print_log_message(service: Service, message: str, parameter: str, severity: int) -> None:
    """A line on the screen of the live view and on the terminal; one message replaces its former text."""
    text = printable(f"{message}{parameter}")
    now_ns = service.simulation.clock_ns
    if service.simulation.markers.say(printable(message), text, severity, now_ns):
        service.notify(f"{('', '', 'warning: ', 'error: ')[min(max(severity, 0), 3)]}{text}")


@rpc("command:str", name="simRunConsoleCommand", neutral="there is no Unreal console: False")
def run_console_command(service: Service, command: str) -> bool:
    """Whether the command was known."""
    service.no_effect("simRunConsoleCommand")
    return False


@rpc("wind:Vector3r", name="simSetWind")
def set_wind(service: Service, wind: Vector) -> None:
    """Steady wind, NED m/s, on every vehicle, also on those that come later."""
    service.simulation.set_wind(bounded("wind", wind, MAX_SPEED))
