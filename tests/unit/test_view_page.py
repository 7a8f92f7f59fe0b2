"""The page without a browser: what is sent to viser, and that nothing which fails there reaches the simulator."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flight_server import flat_simulation, serving
from test_view_meshes import MATERIALS, square

from navisplit.cli import main as cli
from navisplit.errors import NaviSplitError, SimulatorError
from navisplit.sim.markers import Marker, Message, Shape
from navisplit.sim.scene import Scene
from navisplit.sim.things import Thing
from navisplit.sim.view.snapshot import Details, Drone, Snapshot

pytest.importorskip("viser", reason="viser is not installed: make setup, or pip install 'navisplit[view]'")

from navisplit.sim.view import live, page  # noqa: E402
from navisplit.sim.view.marks import Marks  # noqa: E402
from navisplit.sim.view.stage import Stage  # noqa: E402

HOST = "127.0.0.1"
DRONE = Drone("A/1", (1.0, 2.0, 3.0), 0.5, 2.5, 0, ("front_center", "bottom_center"))
TRAIL = {"A/1": np.array([[[0, 0, 0], [1, 2, 3]]], np.float32)}
DETAILS = Details(12.3, 0.5, False, 2, (), 0, (), TRAIL, {})
MOMENT = Snapshot((DRONE,), (), frozenset(), None, DETAILS, None)
CAR = Thing("car", square("car", 0, 0), (5.0, 0.0, 0.0))


class Spy:
    """A viser scene that remembers what was added, and what of it is still there."""

    def __init__(self, api) -> None:
        self._api = api
        self.added: list[str] = []
        self.there: dict[str, object] = {}

    def __getattr__(self, name):
        method = getattr(self._api, name)
        if not name.startswith("add_"):
            return method

        def add(node, *arguments, **options):
            handle = self.there[node] = method(node, *arguments, **options)
            self.added.append(node)
            remove = handle.remove
            handle.remove = lambda: (self.there.pop(node), remove())
            return handle

        return add

    def named(self, start: str) -> list[str]:
        return sorted(name for name in self.there if name.startswith(start))


@pytest.fixture(scope="module")
def opened():
    """A page on a free port."""
    made = page.open_page(HOST, 0)
    yield made
    made.close()


@pytest.fixture
def spy(opened):
    opened._server.scene.reset()
    return Spy(opened._server.scene)


@pytest.fixture
def stage(spy):
    made = Stage(spy)
    made.build(Scene("s", (square("a", 0, 1), square("b", 0, 0)), MATERIALS), MATERIALS)
    return made


def test_things_come_move_and_go_and_only_changes_are_sent(spy, stage):
    stage.show(replace(MOMENT, things=(CAR,)))
    (handle,) = (spy.there[name] for name in spy.named("/things/"))
    sent = len(spy.added)
    stage.show(replace(MOMENT, things=(CAR,)))
    stage.show(replace(MOMENT, things=(replace(CAR, position=(6.0, 1.0, 0.0), orientation=(0.0, 0.0, 1.0, 0.0)),)))
    assert tuple(handle.position) == (6.0, 1.0, 0.0) and tuple(handle.wxyz) == (0.0, 0.0, 0.0, 1.0)
    assert len(spy.added) == sent
    stage.show(replace(MOMENT, things=(replace(CAR, material=1),)))  # painted: drawn anew
    assert len(spy.added) == sent + 1
    stage.show(MOMENT)
    assert spy.named("/things/") == []


def test_a_baked_object_that_is_hidden_is_sent_without_and_comes_back(spy, stage):
    before = spy.added.count("/world/000")
    for hidden, sent in (({"a"}, 1), ({"a"}, 1), ({"a", "b"}, 1), ((), 2)):
        stage.show(replace(MOMENT, hidden=frozenset(hidden)))
        assert spy.added.count("/world/000") == before + sent
        assert spy.named("/world/") == ([] if len(hidden) == 2 else ["/world/000"])


def test_another_world_takes_the_place_of_the_first(spy, stage):
    stage.show(replace(MOMENT, things=(CAR,)))
    stage.build(Scene("t", (), MATERIALS), MATERIALS)
    assert spy.named("/world/") == spy.named("/things/") == []


def test_a_drone_has_its_name_and_its_trail(spy, stage):
    stage.show(MOMENT)
    stage.show_trails(DETAILS)
    stage.show_trails(DETAILS)
    assert spy.named("/drones/") == ["/drones/A\u22151"] and spy.named("/trails/") == ["/trails/A\u22151"]
    stage.show(replace(MOMENT, drones=()))
    assert spy.named("/drones/") == []


def test_all_that_scripts_plot_is_drawn_once_and_goes_with_its_end(spy):
    ends = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float64)
    turned = np.tile([0.0, 0.0, 0.0, 1.0], (4, 1))
    plots = [Marker(shape, ends, orientations=turned) for shape in Shape if shape is not Shape.STRINGS]
    plots += [Marker(Shape.STRINGS, ends[:2], texts=("one", "two")), Marker(Shape.POINTS, ends[:0])]
    marks = Marks(spy)
    marks.show(plots)
    kinds = sorted({name.split()[0] for name in spy.named("/marks/")})
    assert kinds == ["/marks/arrows", "/marks/axes", "/marks/lines", "/marks/points", "/marks/text"]
    marks.show(plots[:1])
    assert [name.split()[0] for name in spy.named("/marks/")] == ["/marks/points"]
    marks.show(())
    assert spy.named("/marks/") == []


def test_a_thousand_plots_of_one_look_are_one_node(spy):
    Marks(spy).show([Marker(Shape.POINTS, np.full((1, 3), float(i))) for i in range(1000)])
    assert len(spy.named("/marks/")) == 1


def test_what_a_script_says_is_text_and_never_markup():
    text = page.panel((DRONE,), replace(DETAILS, messages=(Message("<script>x</script>", 3, 0),), paused=True))
    assert "&lt;script&gt;" in text and "<script>" not in text and "paused" in text
    assert "&times;0.50" in page.panel((DRONE,), DETAILS) and "12.3 s" in page.panel((DRONE,), DETAILS)


def test_the_panel_offers_every_drone_and_the_cameras_of_the_chosen_one(opened):
    asked = []
    opened.add_controls((DRONE,), lambda *call: asked.append(call))
    opened.build(Scene("s", (square("a", 0, 1),), MATERIALS), MATERIALS)
    second = replace(DRONE, name="B", cameras=("mast",))
    opened.show(replace(MOMENT, drones=(DRONE, second)))
    assert opened.chosen == ("A/1", "front_center") and not opened.following and not opened.watched
    opened._drone.value = "B"
    opened.show(replace(MOMENT, drones=(DRONE, second)))
    assert opened.chosen == ("B", "mast")


# Failing -------------------------------------------------------------------------------------------------------------
def test_a_busy_port_is_told_before_the_world_is_built(capsys):
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["sim", "--port", "0", "--view", "--view-port", str(port)]) == 1
    said = capsys.readouterr()
    assert "--view-port" in said.err and str(port) in said.err and "building" not in said.out


def test_a_missing_library_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(NaviSplitError, match=r"navisplit\[view\]"):
        page.open_page(HOST, 0)


def test_without_the_view_its_library_is_not_imported():
    code = "import sys, navisplit.cli.sim, navisplit.sim.rpc.server; print('viser' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


class FakePage:
    """In the place of viser's page: somebody looks at it, and it may fail."""

    port, watched, following, chosen = 1, True, False, ("SimpleFlight", "0")

    def __init__(self, failing: bool = False) -> None:
        self.failing, self.shown, self.scenes = failing, [], []

    def add_controls(self, drones, act) -> None:
        self.act = act

    def build(self, scene, materials) -> None:
        self.scenes.append(scene)

    def show(self, moment) -> None:
        if self.failing:
            raise RuntimeError("out of paint")
        self.shown.append(moment)

    def close(self) -> None:
        pass


def look_at(server, fake: FakePage, monkeypatch, seconds: float) -> list[str]:
    """Let a view look at a running server; what the operator was told."""
    told: list[str] = []
    monkeypatch.setattr(live, "open_page", lambda host, port: fake)
    monkeypatch.setattr(server, "notify", told.append)
    with live.LiveView(0) as view:
        running = asyncio.run_coroutine_threadsafe(view.show(server), server._loop)
        time.sleep(seconds)
        running.cancel()
        time.sleep(0.1)
    return told


def test_a_browser_sees_poses_often_and_pictures_less_often(monkeypatch):
    fake = FakePage()
    with serving() as server:
        assert look_at(server, fake, monkeypatch, 2.0) == []
    pictures = sum(moment.picture is not None for moment in fake.shown)
    assert pictures < len(fake.shown) <= 2.2 * live.POSES_HZ
    assert pictures <= 2.2 * live.PICTURES_HZ + 1
    assert fake.shown[-1].things[0].vehicle and fake.shown[0].details is not None


def test_nothing_is_looked_at_while_nobody_watches(monkeypatch):
    fake = FakePage()
    fake.watched = False
    with serving() as server:
        monkeypatch.setattr(server.simulation, "snapshot", lambda **_: pytest.fail("looked"))
        assert look_at(server, fake, monkeypatch, 0.5) == []
    assert fake.shown == [] and len(fake.scenes) == 1


def test_buttons_do_what_the_api_does(monkeypatch):
    fake = FakePage()
    with serving() as server:
        look_at(server, fake, monkeypatch, 0.3)
        for call, paused in ((page.BUTTONS["Pause"], True), (page.BUTTONS["Continue"], False)):
            fake.act(*call)
            time.sleep(0.1)
            assert server.paused is paused
        server.simulation.vehicle().collision_count = 3
        fake.act(*page.BUTTONS["Reset"])
        time.sleep(0.1)
        assert server.simulation.vehicle().collision_count == 0


def test_a_view_that_fails_says_so_once_and_the_simulator_goes_on(monkeypatch):
    with serving() as server:
        (told,) = look_at(server, FakePage(failing=True), monkeypatch, 0.6)
        before = server.simulation.clock_ns
        time.sleep(0.1)
        assert server.simulation.clock_ns > before
    assert "out of paint" in told


def test_a_view_cannot_be_opened_twice_on_one_port(opened):
    with pytest.raises(SimulatorError, match="--view-port"):
        page.open_page(HOST, opened.port)


def test_a_flat_simulation_has_the_materials_of_its_drones():
    simulation = flat_simulation()
    (thing,) = simulation.snapshot().things
    assert max(thing.shape.material) < len(simulation.materials)
