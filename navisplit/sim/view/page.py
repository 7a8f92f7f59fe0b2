"""The page that a browser shows: viser's scene with our panel beside it. ``show`` is called from one thread.

viser replays what it was told to every browser that comes later, so that nothing here asks who is looking, except to
do nothing at all when nobody is.
"""

from __future__ import annotations

import contextlib
import html
import io
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from navisplit.errors import NaviSplitError, SimulatorError
from navisplit.sim.scene import Material, Scene
from navisplit.sim.view.chase import behind
from navisplit.sim.view.marks import Marks
from navisplit.sim.view.pictures import depth_colours
from navisplit.sim.view.stage import Stage

if TYPE_CHECKING:
    import viser

    from navisplit.sim.view.snapshot import Details, Drone, Snapshot

FAR_M, NEAR_M = 3000.0, 0.1
SEVERITIES = ("#868e96", "#2b8a3e", "#e67700", "#c92a2a")  # of information, success, warning, error
BUTTONS = {"Pause": ("simPause", True), "Continue": ("simPause", False), "Reset": ("reset",)}  # what they call


def open_page(host: str, port: int) -> Page:
    """Serve an empty page. Raises SimulatorError where the port is taken, NaviSplitError where viser is missing."""
    check_view(host, port)
    import viser

    class LocalServer(viser.ViserServer):
        """Never hands this machine's page to a server outside, which viser's own page offers."""

        def request_share_url(self, verbose: bool = True) -> str | None:
            return None

    with contextlib.redirect_stdout(io.StringIO()):  # viser greets on its own
        return Page(LocalServer(host, port, label="NaviSplit", verbose=False))


def check_view(host: str, port: int) -> None:
    """As ``open_page``, without opening it. The port is tried here because viser would silently take the next one."""
    try:
        import viser  # noqa: F401
    except ImportError as error:
        raise NaviSplitError(
            f"The live view needs the package viser, which cannot be imported ({error}). "
            "Install it: pip install 'navisplit[view]', or make setup. Or start without --view."
        ) from None
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SimulatorError(
                f"The live view cannot listen on {host}:{port} ({error.strerror}). Choose another --view-port."
            ) from None


class Page:
    """What browsers see."""

    def __init__(self, server: viser.ViserServer) -> None:
        self._server = server
        self.port = server.get_port()
        server.gui.configure_theme(show_logo=False, show_share_button=False, control_width="large")
        self._status = server.gui.add_html("<p>The world is being built ...</p>")
        self._stage = Stage(server.scene)
        self._marks = Marks(server.scene)
        self._drawn_revision = -1

    @property
    def watched(self) -> bool:
        """Whether a browser is connected."""
        return bool(self._server.get_clients())

    @property
    def chosen(self) -> tuple[str, str]:
        """Vehicle and camera of the pictures."""
        return self._drone.value, self._camera.value

    @property
    def following(self) -> bool:
        """Whether the browsers' cameras follow the chosen drone."""
        return bool(self._follow.value)

    def close(self) -> None:
        """Hang up."""
        with contextlib.redirect_stdout(io.StringIO()):  # and takes leave
            self._server.stop()

    # Building ---------------------------------------------------------------------------------------------------------
    def add_controls(self, drones: Sequence[Drone], act: Callable[..., None]) -> None:
        """Complete the panel; ``act`` is called by buttons, from a thread of viser's."""
        camera, gui = self._server.initial_camera, self._server.gui
        camera.position, camera.look_at = behind(drones[0], drones[0].yaw)
        camera.near, camera.far = NEAR_M, FAR_M
        buttons = gui.add_button_group("Simulation", tuple(BUTTONS))
        buttons.on_click(lambda _: act(*BUTTONS[buttons.value]))
        self._drone = gui.add_dropdown("Drone", tuple(drone.name for drone in drones))
        self._camera = gui.add_dropdown("Camera", drones[0].cameras)
        self._follow = gui.add_checkbox("Follow the drone", False)
        blank = np.zeros((144, 256, 3), np.uint8)
        self._picture = gui.add_image(blank, label="Camera", format="jpeg")
        self._depth = gui.add_image(blank, label="Depth: red is near, blue is far", format="png")

    def build(self, scene: Scene, materials: Sequence[Material]) -> None:
        """Show a world, in the place of the one before; ``materials`` are what its things' numbers count."""
        self._stage.build(scene, materials)

    # Showing ----------------------------------------------------------------------------------------------------------
    def show(self, moment: Snapshot) -> None:
        """Bring the page to a moment."""
        with self._server.atomic():
            self._stage.show(moment)
            if moment.details is not None:
                self._show_details(moment.drones, moment.details)
        if moment.chase is not None:
            for client in self._server.get_clients().values():
                with client.atomic():
                    client.camera.position, client.camera.look_at = moment.chase
        if moment.picture is not None:
            frame = moment.picture()
            self._picture.image, self._depth.image = frame.rgb, depth_colours(frame.depth)

    def _show_details(self, drones: Sequence[Drone], details: Details) -> None:
        self._status.content = panel(drones, details)
        self._stage.show_trails(details)
        if details.markers_revision != self._drawn_revision:
            self._drawn_revision = details.markers_revision
            self._marks.show(details.markers)
        names = tuple(drone.name for drone in drones)
        if names != tuple(self._drone.options):
            self._drone.options = names
        cameras = next((d.cameras for d in drones if d.name == self._drone.value), ())
        if cameras and cameras != tuple(self._camera.options):
            self._camera.options = cameras


def panel(drones: Sequence[Drone], details: Details) -> str:
    """The text of the panel, as HTML."""
    state = "paused" if details.paused else f"&times;{details.speed:.2f}"
    rows = [("Simulated time", f"{details.time_s:.1f} s, {state}"), ("API clients", str(details.clients))]
    for drone in drones:
        x, y, z = drone.position
        hits = f", collisions: {drone.collisions}" if drone.collisions else ""
        place = f"({x:.1f}, {y:.1f}, {z:.1f}) m, {drone.speed_mps:.1f} m/s{hits}"
        rows.append((html.escape(drone.name), place))
    cells = "".join(f"<tr><td style='padding-right:1em'>{name}</td><td>{value}</td></tr>" for name, value in rows)
    lines = "".join(
        f"<div style='color:{SEVERITIES[min(max(line.severity, 0), 3)]}'>{html.escape(line.text)}</div>"
        for line in sorted(details.messages, key=lambda line: line.text)  # each keeps its place as its number changes
    )
    return (
        f"<div style='padding:0.4em 0.8em;font-size:0.85em'><table>{cells}</table>"
        f"<div style='min-height:3em;padding-top:0.4em'>{lines}</div></div>"
    )
