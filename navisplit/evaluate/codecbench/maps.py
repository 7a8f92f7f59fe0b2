"""The depth map itself: the whole network runs on the drone, and the map is sent, smaller and quantised."""

from __future__ import annotations

import math
import re

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from navisplit.codecs import Tables, codec
from navisplit.edge.tail import Tail
from navisplit.errors import PacketError, UsageError
from navisplit.evaluate.codecbench.context import Context, head_cost, tail_cost
from navisplit.evaluate.codecbench.features import unzstd, zstd
from navisplit.evaluate.codecbench.methods import Depth, Method, Slices, cut, family, join
from navisplit.nets.architecture import MAX_DEPTH_M, MIN_DEPTH_M
from navisplit.vehicle.head import Head

Levels = NDArray[np.uint8]  # (h, w)
RANS, PNG, ZSTD = 0, 1, 2  # the first byte of a map: how the rest is coded
_WHOLE = 1 << 16  # as one slice: a map is predicted from its neighbours, so that its parts are no use alone


@family("map", "depth map made on board, downsampled and coded")
class DepthMap(Method):
    """``map:BRANCH/DIVISOR@STEP``: depth by head and tail of a branch on board, at 1/DIVISOR of 128x72, log step STEP.

    Each map is coded in the smallest of three ways: rANS of the residuals of the median edge predictor (LOCO-I, ISO
    14495-1) with a table counted on validation frames, PNG, and zstd of the residuals. The lightest branch is the small
    network on board that is asked for by the benchmark; a richer one shows what it would cost to run it there.
    """

    def __init__(self, context: Context, argument: str) -> None:
        match = re.fullmatch(r"(.+)/(1|2|4|8)@([0-9.]+)", argument)
        step = float(match[3]) if match and match[3].count(".") <= 1 and match[3] != "." else 0.0
        if match is None or not 0.025 <= step <= 2:
            raise UsageError(f"map:{argument}: expected map:BRANCH/DIVISOR@STEP, e.g. map:b0/4@0.1, step 0.025 to 2.")
        models = context.models
        self.spec, self.divisor, self.step = models.branch(match[1]), int(match[2]), step
        self._head, self._tail = Head(models), Tail(models)
        self._full = models.architecture.depth_shape
        self.shape = (self._full[0] // self.divisor, self._full[1] // self.divisor)
        self.levels = math.ceil(math.log(MAX_DEPTH_M / MIN_DEPTH_M) / step) + 1
        self.cost = head_cost(models.architecture, self.spec.name)
        self.cost += tail_cost(models.architecture, self.spec.name)
        self.head_key = ("map", models.hash, self.spec.name)
        self.tail_key = (*self.head_key, self.divisor, step)
        self.tables = self._count(context)

    def head(self, rgb: NDArray[np.uint8]) -> Depth:
        """The whole network; its symbols are rounded, as it was trained."""
        symbols = self._head.symbols(self._head.trunk(rgb), self.spec.name)
        return self._tail.infer(self.spec.id, symbols, np.ones(symbols.shape, bool)).depth

    def encode(self, features: Depth) -> list[bytes]:
        """The smallest of three."""
        levels = self.quantise(features)
        residuals = (levels.astype(np.int16) - predict(levels)) % self.levels
        coded = codec("rans").encode(residuals[None].astype(np.int16), self.tables, _WHOLE)[0]
        png = cv2.imencode(".png", levels, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
        ways = {RANS: coded, PNG: png, ZSTD: zstd(residuals.astype(np.uint8).tobytes())}
        way = min(ways, key=lambda w: len(ways[w]))
        return cut(bytes([way]) + ways[way])

    def decode(self, slices: Slices) -> Levels:
        """The quantised map. Raises PacketError when it is none of this shape."""
        data = join(slices)
        way, rest = data[0], data[1:]
        if way == PNG:
            found = cv2.imdecode(np.frombuffer(rest, np.uint8), cv2.IMREAD_GRAYSCALE)
            if found is None or found.shape != self.shape:
                raise PacketError(f"The payload is no PNG of {self.shape}; drop the frame.")
            return found
        if way == RANS:
            residuals = codec("rans").decode([rest], (1, *self.shape), self.tables)[0][0]
        else:
            residuals = np.frombuffer(unzstd(rest, self.shape[0] * self.shape[1]), np.uint8).reshape(self.shape)
        return unpredict(residuals.astype(np.int16), self.levels)

    def tail(self, received: Levels) -> Depth:
        """As large as the tail's depth, bilinearly in log depth."""
        log_depth = received.astype(np.float32) * np.float32(self.step) + np.float32(math.log(MIN_DEPTH_M))
        if self.divisor > 1:
            log_depth = cv2.resize(log_depth, self._full[::-1], interpolation=cv2.INTER_LINEAR)
        return np.exp(log_depth).clip(MIN_DEPTH_M, MAX_DEPTH_M)

    def quantise(self, depth: Depth) -> Levels:
        """Mean log depth of each cell, to the nearest step."""
        log_depth = np.log(depth / np.float32(MIN_DEPTH_M))
        if self.divisor > 1:
            log_depth = cv2.resize(log_depth, self.shape[::-1], interpolation=cv2.INTER_AREA)
        return np.rint(log_depth / self.step).clip(0, self.levels - 1).astype(np.uint8)

    def _count(self, context: Context) -> Tables:
        """The residuals' table, from maps of validation frames."""
        counts = np.zeros(self.levels)
        for depth in context.once(self.head_key, lambda: [self.head(rgb) for rgb in context.validation_pictures]):
            levels = self.quantise(depth)
            residuals = (levels.astype(np.int16) - predict(levels)) % self.levels
            counts += np.bincount(residuals.ravel(), minlength=self.levels)
        return Tables.from_counts(counts[None] + 0.5, np.zeros(1, np.int32))


@numba.njit(cache=True)
def predict(levels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Median edge prediction of every level (h, w) from left, upper and upper left neighbours."""
    height, width = levels.shape
    guess = np.zeros((height, width), np.int16)
    for row in range(height):
        for column in range(width):
            guess[row, column] = _guess(levels, row, column)
    return guess


@numba.njit(cache=True)
def unpredict(residuals: NDArray[np.int16], alphabet: int) -> NDArray[np.uint8]:
    """Levels (h, w) from residuals modulo ``alphabet``."""
    height, width = residuals.shape
    levels = np.zeros((height, width), np.uint8)
    for row in range(height):
        for column in range(width):
            levels[row, column] = (_guess(levels, row, column) + residuals[row, column]) % alphabet
    return levels


@numba.njit(cache=True)
def _guess(levels: NDArray[np.uint8], row: int, column: int) -> int:
    left = int(levels[row, column - 1]) if column else (int(levels[row - 1, column]) if row else 0)
    above = int(levels[row - 1, column]) if row else left
    corner = int(levels[row - 1, column - 1]) if row and column else above
    if corner >= max(left, above):
        return min(left, above)
    if corner <= min(left, above):
        return max(left, above)
    return left + above - corner
