"""A compared method in the place of the network: ``navisplit evaluate --branch jpeg:40``.

The same packets, link, server, planner and guard as any flight; the payload is the method's. A frame that loses a
packet of a file is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from navisplit.edge.tail import Depth
from navisplit.errors import PacketError
from navisplit.evaluate.codecbench.methods import Method
from navisplit.evaluate.oracle import OracleFrame


class FlyingMethod:
    """Head and tail at once, as ``navisplit.evaluate.oracle.Oracle``."""

    def __init__(self, method: Method) -> None:
        self.method = method

    def trunk(self, rgb: NDArray[np.uint8]) -> Any:
        """What the method computes on the drone."""
        return self.method.head(rgb)

    def encode(self, activations: Any, branch: str, max_bytes: int | None = None) -> OracleFrame:
        """Its payloads."""
        return OracleFrame(self.method.encode(activations))

    def decode(
        self, branch_id: int, codec_id: int, shape: tuple[int, int, int], slices: Sequence[bytes | None]
    ) -> tuple[Any, Any]:
        """What arrived. Raises PacketError when a payload is lost or cannot be read."""
        if any(s is None for s in slices):
            raise PacketError(f"A packet of a frame by '{self.method.name}' is lost; drop the frame.")
        return self.method.decode([s for s in slices if s is not None]), None

    def infer(self, branch_id: int, symbols: Any, mask: Any, memory: Any = None) -> Depth:
        """Depth, without an uncertainty."""
        return Depth(self.method.tail(symbols), None)
