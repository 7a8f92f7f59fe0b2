"""Draws docs/images/flight.png: one frame of a flight, what the edge infers from each branch, and the way flown.

    python docs/make_figure.py [world] [route]

Needs matplotlib (the extra ``train``) and a trained ``models/default``.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from navisplit.config import FlightConfig
from navisplit.edge.tail import Tail
from navisplit.evaluate.crew import load_models
from navisplit.evaluate.flight import fly
from navisplit.evaluate.topdown import survey_flights
from navisplit.frames import quaternion_from_euler
from navisplit.nets.branch_set import load_branch_set
from navisplit.sim.render.renderer import CameraView, RayCaster
from navisplit.sim.worlds import load_scene, select_routes
from navisplit.vehicle.head import Head

FAR_M = 25.0


def main(world: str = "forest", route_id: str = "0") -> None:
    """Fly, pick the frame with the least clearance ahead, draw."""
    renderer, config = RayCaster(load_scene(world)), FlightConfig()
    route = select_routes("50", world)[int(route_id)]
    episode = fly(renderer, route, config, load_models(config), 0)
    path = np.array([sample.position for sample in episode.samples])
    near = np.argmin(renderer.query.nearest(path[10:-25], 8.0)[0]) + 2
    velocity = episode.samples[near].velocity
    yaw = float(np.arctan2(velocity[1], velocity[0]))
    view = CameraView(path[near], quaternion_from_euler(0.0, 0.0, yaw), config.camera.intrinsics)
    frame = renderer.render(view)
    branch_set = load_branch_set(config.models)
    head, tail = Head(branch_set), Tail(branch_set)
    activations = head.trunk(frame.rgb)
    panels = [("camera", frame.rgb), ("true depth", frame.depth)]
    for spec in (branch_set.branches[0], branch_set.branches[-1]):
        sent = head.encode(activations, spec.name)
        symbols, mask = tail.decode(sent.branch_id, sent.codec_id, sent.shape, sent.slices)
        panels.append((f"edge, branch {spec.name}: {sent.size} B", tail.infer(sent.branch_id, symbols, mask).depth))
    figure, axes = plt.subplot_mosaic("abe;cde", figsize=(13, 4.4), width_ratios=(1, 1, 0.9), layout="constrained")
    for axis, (title, image) in zip((axes[k] for k in "abcd"), panels, strict=True):
        shown = image if image.ndim == 3 else np.log(np.clip(image, 0.5, FAR_M))
        axis.imshow(shown, cmap="magma_r")
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    draw_map(axes["e"], renderer, episode, path)
    Path("docs/images").mkdir(parents=True, exist_ok=True)
    figure.savefig("docs/images/flight.png", dpi=90)


def draw_map(axis: plt.Axes, renderer: RayCaster, episode: object, path: np.ndarray) -> None:
    """The way over the heights of the world."""
    top_down = survey_flights(renderer.query, [episode], float(path[:, 2].max()) + 3.0)
    axis.imshow(top_down.picture(), extent=top_down.extent)
    axis.plot(path[:, 0], path[:, 1], color="#1b7a43", lw=1.5)
    axis.plot(*path[0, :2], "o", color="#1b7a43", mfc="white")
    axis.plot(*episode.goal[:2], "*", color="#b3261e")
    sent = episode.metrics.bytes_per_frame
    axis.set_title(f"{episode.outcome.value}, {episode.metrics.time_s:.0f} s, {sent:.0f} B a frame (gate)", fontsize=10)
    axis.set_xlabel("east, m")
    axis.set_ylabel("north, m")


if __name__ == "__main__":
    main(*sys.argv[1:])
