"""True depth in the place of the network (``--branch oracle-depth``): the upper bound of what an estimate can give.

The packets still cross the link, with the state and eight bytes that say which frame they are; so link, server, planner
and guard are those of any flight, and only the network is left out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.edge.tail import Depth
from navisplit.errors import PacketError

ORACLE = "oracle-depth"
GRID = (72, 128)  # as the tail's depth
_REMEMBERED = 32


@dataclass(frozen=True)
class OracleFrame:
    """As ``navisplit.vehicle.head.Encoded``."""

    slices: list[bytes]
    branch_id: int = 0
    codec_id: int = 0
    shape: tuple[int, int, int] = (1, 1, 1)


class Oracle:
    """Head and tail at once: remembers the true depth of the last frames by number."""

    def __init__(self) -> None:
        self._depths: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        self._next = 0

    def trunk(self, picture: NDArray[np.float32]) -> int:
        """The number of a frame, in the place of activations. Its picture is the true depth (72, 128) m."""
        self._depths[self._next] = picture
        if len(self._depths) > _REMEMBERED:
            self._depths.popitem(last=False)
        self._next += 1
        return self._next - 1

    def encode(self, activations: int, branch: str, max_bytes: int | None = None) -> OracleFrame:
        """The frame's number in a packet's payload."""
        return OracleFrame([activations.to_bytes(8, "little")])

    def decode(
        self, branch_id: int, codec_id: int, shape: tuple[int, int, int], slices: Sequence[bytes | None]
    ) -> tuple[Any, Any]:
        """The frame's number again. Raises PacketError when it is not one."""
        if len(slices) != 1 or slices[0] is None or len(slices[0]) != 8:
            raise PacketError("An oracle's frame is one slice of eight bytes; this is another head's packet.")
        return int.from_bytes(slices[0], "little"), None

    def infer(self, branch_id: int, symbols: Any, mask: Any, memory: Any = None) -> Depth:
        """The true depth. Raises PacketError when the frame is forgotten."""
        if symbols not in self._depths:
            raise PacketError(f"Frame {symbols} is not among the last {_REMEMBERED} that the oracle saw.")
        return Depth(self._depths[symbols], None)
