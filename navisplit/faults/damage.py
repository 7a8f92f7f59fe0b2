"""What a broken unit says: how a value becomes garbage, or wrong, or the one before it once more.

Garbage and wrong packets have a right checksum, and a right tag where there is a key: what is damaged in the air is
refused by its checksum anyway, and the question is what happens behind it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from navisplit import wire
from navisplit.errors import PacketError
from navisplit.frames import Odometry, VelocityCommand

T = TypeVar("T")
JUMP_M = np.array([0.0, 5.0, 0.0])  # of wrong odometry, ENU
GARBAGE_MPS = 40.0  # commands up to this along each axis: four times what the guard allows
DARK, FAR_M = 0, 50.0


class Damage(Protocol[T]):
    """How values of one type break; every method returns a new value."""

    def stuck(self, held: T, fresh: T) -> T:
        """The held value, where a unit would give the fresh one."""

    def garbage(self, fresh: T, rng: np.random.Generator) -> T:
        """Noise in its place."""

    def wrong(self, fresh: T, rng: np.random.Generator) -> T:
        """Something that looks right."""


@dataclass(frozen=True)
class Frame:
    """A picture (H, W, 3) uint8, or true depth (H, W) float32 in its place, and the state in which it was taken."""

    stamp_ns: int
    picture: NDArray[Any]
    odometry: Odometry


class OfFrames:
    """A camera: stuck with fresh stamps, as drivers do it; noise; a covered lens."""

    def stuck(self, held: Frame, fresh: Frame) -> Frame:
        """The held picture under a fresh stamp."""
        return dataclasses.replace(fresh, picture=held.picture)

    def garbage(self, fresh: Frame, rng: np.random.Generator) -> Frame:
        """Noise."""
        shape, depth = fresh.picture.shape, fresh.picture.dtype != np.uint8
        noise = rng.uniform(0.3, FAR_M, shape).astype(np.float32) if depth else rng.integers(0, 256, shape, np.uint8)
        return dataclasses.replace(fresh, picture=noise)

    def wrong(self, fresh: Frame, rng: np.random.Generator) -> Frame:
        """Black; of depth, far everywhere."""
        dark = DARK if fresh.picture.dtype == np.uint8 else FAR_M
        return dataclasses.replace(fresh, picture=np.full_like(fresh.picture, dark))


class OfOdometry:
    """State estimates: stuck with fresh stamps; not numbers; jumped."""

    def stuck(self, held: Odometry, fresh: Odometry) -> Odometry:
        """The held state under a fresh stamp."""
        return dataclasses.replace(held, stamp_ns=fresh.stamp_ns)

    def garbage(self, fresh: Odometry, rng: np.random.Generator) -> Odometry:
        """Not a number."""
        nothing = np.full(3, np.nan)
        return dataclasses.replace(fresh, position=nothing, velocity=nothing)

    def wrong(self, fresh: Odometry, rng: np.random.Generator) -> Odometry:
        """Five metres beside."""
        return dataclasses.replace(fresh, position=fresh.position + JUMP_M)


@dataclass(frozen=True)
class OfPackets:
    """Packets of the link; ``key`` signs what is made anew. Bytes that are no packet are left as they are."""

    key: bytes | None = None

    def stuck(self, held: bytes, fresh: bytes) -> bytes:
        """The held packet, to the bit: an old answer, or an old frame."""
        return held

    def garbage(self, fresh: bytes, rng: np.random.Generator) -> bytes:
        """Noise under a right checksum: a payload, or a command up to GARBAGE_MPS."""
        packet = self._decoded(fresh)
        if isinstance(packet, wire.FeaturePacket):
            return self._encoded(dataclasses.replace(packet, payload=rng.bytes(len(packet.payload))))
        if isinstance(packet, wire.AnswerPacket):
            command = VelocityCommand(rng.uniform(-GARBAGE_MPS, GARBAGE_MPS, 3), float(rng.uniform(-9.0, 9.0)))
            return self._encoded(dataclasses.replace(packet, command=command))
        return fresh

    def wrong(self, fresh: bytes, rng: np.random.Generator) -> bytes:
        """Of another branch set: a peer that runs other models."""
        packet = self._decoded(fresh)
        return (
            fresh
            if packet is None
            else self._encoded(dataclasses.replace(packet, model_hash=~packet.model_hash % 2**32))
        )

    def _decoded(self, data: bytes) -> wire.FeaturePacket | wire.AnswerPacket | None:
        try:
            return wire.decode(data, self.key)
        except PacketError:
            return None

    def _encoded(self, packet: wire.FeaturePacket | wire.AnswerPacket) -> bytes:
        return wire.encode(packet, self.key)


class OfClocks:
    """A clock, in ns: stands; jumps about by up to a second; goes a second ahead."""

    def stuck(self, held: int, fresh: int) -> int:
        """The time at which it stopped."""
        return held

    def garbage(self, fresh: int, rng: np.random.Generator) -> int:
        """Anywhere within a second."""
        return fresh + int(rng.integers(-(10**9), 10**9))

    def wrong(self, fresh: int, rng: np.random.Generator) -> int:
        """A second ahead."""
        return fresh + 10**9
