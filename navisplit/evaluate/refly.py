"""A recorded flight flown again open-loop: what another branch, gate or method would have sent, seen and answered.

The recorded pictures go through the same head, gate, packets, server and policy as in any flight, without a radio; the
vehicle stays where it was recorded. Where the world is known, depth is measured against its truth as well; things that
moved are not in that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.config import FlightConfig
from navisplit.errors import UsageError
from navisplit.evaluate.bags import Recording
from navisplit.evaluate.crew import Models
from navisplit.evaluate.metrics import percentiles
from navisplit.evaluate.oracle import ORACLE
from navisplit.evaluate.viewpoint import camera_view, on_grid
from navisplit.frames import Vector
from navisplit.sim.worlds.description import GROUND_ID
from navisplit.train.metrics import DepthMetrics
from navisplit.wire import decode

Depths = Sequence[NDArray[np.float32] | None]
RECORDED = "recorded"


@dataclass
class Look:
    """What one frame would have become."""

    branch: str
    bytes: int
    depth: NDArray[np.float32] | None  # (72, 128) m; None: nothing was sent, or it was refused
    command: Vector | None  # (3,) m/s ENU


@dataclass(frozen=True)
class Truth:
    """What was there: planar depth (72, 128) m and segmentation ids of every frame."""

    depth: NDArray[np.float32]
    segmentation: NDArray[np.uint8]


def recorded_looks(recording: Recording) -> list[Look]:
    """What the flight itself saw; a frame without a depth was skipped, lost, or not recorded."""
    return [Look(f.branch, f.bytes, f.depth, f.command) for f in recording.frames]


def refly(recording: Recording, config: FlightConfig, models: Models, truth: Truth | None, seed: int = 0) -> list[Look]:
    """Every recorded picture once more. Raises UsageError for true depth in a world that is not known."""
    crew = models.crew(config, np.random.default_rng(seed))
    if config.branch == ORACLE and truth is None:
        raise UsageError(f"--branch {ORACLE}: the bag names no world that is here; give it with --world.")
    delay_ns = round((config.timing.head_s + config.timing.edge_s) * 1e9)
    looks = []
    for number, frame in enumerate(recording.frames):
        picture = truth.depth[number] if crew.oracle is not None and truth is not None else frame.rgb
        pose, now = recording.pose_at(frame.stamp_ns), frame.stamp_ns
        sent = crew.onboard.process(picture, pose, recording.route.goal, now, now_ns=now)
        reply = None
        for packet in sent.packets:
            reply = crew.server.receive(packet, now) or reply
        if reply is None:
            looks.append(Look(sent.branch, sent.size, None, None))
            continue
        crew.onboard.on_answer(decode(reply.answer), now_ns=now + delay_ns)
        depth = None if reply.depth is None else reply.depth.depth
        looks.append(Look(sent.branch, sent.size, depth, np.asarray(reply.command.velocity, float)))
    return looks


def truth_of(recording: Recording, renderer: Any) -> Truth:
    """True depth and segmentation where each picture was taken, at the resolution of the tail's depth."""
    views = [
        on_grid(camera_view(recording.pose_at(f.stamp_ns), recording.config.camera), recording.config)
        for f in recording.frames
    ]
    frames = [renderer.render(view) for view in views]
    return Truth(np.stack([f.depth for f in frames]), np.stack([f.segmentation for f in frames]))


def score_all(looks: Mapping[str, Sequence[Look]], recording: Recording, truth: Truth | None) -> list[dict[str, Any]]:
    """Figures of each way of seeing a recording; against the truth on the frames that all answered."""
    every = np.array([[look.depth is not None for look in seen] for seen in looks.values()])
    return [score(name, seen, recording, truth, every.all(axis=0)) for name, seen in looks.items()]


def score(
    name: str, looks: Sequence[Look], recording: Recording, truth: Truth | None, common: NDArray[np.bool_]
) -> dict[str, Any]:
    """Bytes, depth against the truth (on ``common`` frames (N,)) and against the recorded one."""
    metrics = DepthMetrics(ground_ids=(GROUND_ID,))
    apart: list[float] = []
    turned: list[float] = []
    for number, (look, frame) in enumerate(zip(looks, recording.frames, strict=True)):
        if look.depth is not None and truth is not None and common[number]:
            metrics.add(look.depth[None], truth.depth[number][None], truth.segmentation[number][None])
        if look.depth is not None and frame.depth is not None:
            apart.append(float(np.mean(np.abs(np.log(look.depth / frame.depth)))))
        if look.command is not None and frame.command is not None:
            turned.append(float(np.linalg.norm(look.command - frame.command)))
    sizes = [look.bytes for look in looks]
    figures = metrics.summary() if truth is not None else {}
    compared = int(figures.pop("frames", 0.0))
    return {
        "name": name,
        "frames": len(looks),
        "answered": sum(look.depth is not None for look in looks),
        "compared": compared,
        "bytes_per_frame": float(np.mean(sizes)) if sizes else None,
        **figures,
        "log_depth_from_recorded": float(np.mean(apart)) if apart and name != RECORDED else None,
        "command_from_recorded_p50_mps": percentiles(turned, 50)[0] if name != RECORDED else None,
    }


def near_errors(looks: Sequence[Look], truth: Truth) -> NDArray[np.float64]:
    """AbsRel over pixels nearer than 5 m, frame by frame (N,); nan where nothing is near, or nothing was seen."""
    errors = np.full(len(looks), np.nan)
    for number, look in enumerate(looks):
        if look.depth is not None:
            metrics = DepthMetrics()
            metrics.add(look.depth[None], truth.depth[number][None])
            errors[number] = metrics.summary().get("near_abs_rel", np.nan)
    return errors


def models_for(config: FlightConfig, branch: str) -> tuple[FlightConfig, Models]:
    """The recorded flight's configuration with another branch, and what flies it. Raises ModelError, UsageError."""
    from navisplit.evaluate.crew import load_models

    changed = dataclasses.replace(config, branch=branch)
    return changed, load_models(changed)
