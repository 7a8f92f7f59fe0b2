"""A simulator on a free port, in a thread: flat ground, a painted picture instead of a ray caster."""

import asyncio
import threading
from contextlib import contextmanager

import numpy as np

from navisplit.sim.flight.contact import FlatGround
from navisplit.sim.rpc.server import Server, listen
from navisplit.sim.scene import Scene, SceneObject
from navisplit.sim.simulation import Simulation


class PaintedFrame:
    """Left half red, right half blue; depth 7 m; ids 3."""

    def __init__(self, view):
        height, width = view.intrinsics.height, view.intrinsics.width
        self.rgb = np.zeros((height, width, 3), np.uint8)
        self.rgb[:, : width // 2, 0] = 255
        self.rgb[:, width // 2 :, 2] = 255
        self.depth = np.full((height, width), 7.0, np.float32)
        self.segmentation = np.full((height, width), 3, np.uint8)


class Painter:
    """Renders nothing, remembers the views. ``hold`` makes it wait until it is set."""

    query = FlatGround()

    def __init__(self):
        self.views = []
        self.hold = threading.Event()
        self.hold.set()

    def add_material(self, material):
        pass

    def render(self, view, layer=None):
        self.hold.wait(10.0)
        self.views.append(view)
        return PaintedFrame(view)

    def depth_batch(self, views, layer=None):
        return np.stack([self.render(view).depth for view in views])


def box(name, low, high, segmentation_id):
    corners = np.array([low, high], np.float32)
    faces = np.array([[0, 1, 0]], np.int32)
    place = tuple(float(v) for v in corners.mean(0))
    return SceneObject(name, corners, faces, corners, np.zeros(1, np.int32), segmentation_id, position=place)


def flat_scene():
    things = (box("ground", (-50, -50, -1), (50, 50, 0), 1), box("tree_1", (4, 4, 0), (6, 6, 9), 3))
    return Scene("flat", things, ())


def flat_simulation(**options):
    return Simulation(flat_scene(), renderer=Painter(), probe=FlatGround(), **options)


@contextmanager
def serving(simulation=None, clock_speed=1.0):
    """Yields the running Server; its ``messages`` holds what it told the operator."""
    flat_simulation().step()  # compiles or loads the kernels, so that the server does not stall on its first step
    simulation = simulation or flat_simulation()
    started, holder, messages = threading.Event(), [], []

    async def serve():
        with listen("127.0.0.1", 0) as listener:
            server = Server(simulation, listener, clock_speed=clock_speed, notify=messages.append)
            server.messages = messages
            holder.extend((server, asyncio.get_running_loop()))
            await server.run(lambda _: started.set())

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(30.0)
    server, loop = holder
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join(10.0)
        assert not thread.is_alive()
