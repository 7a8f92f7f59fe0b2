"""How the simulator's numerical kernels are compiled.

The compiled code is cached beside the source. Numba notices an edit of the file that a kernel is in, but not of the
files of kernels that it calls: after editing one, delete ``__pycache__/*.nb?`` below ``navisplit/sim``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numba import njit, types
from numba.extending import intrinsic
from numpy import float32, int32, uint8, uintp
from numpy.typing import NDArray

Floats = NDArray[float32]
Ints = NDArray[int32]
Bytes = NDArray[uint8]

kernel = njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
"""Serial, GIL-free, cached on disk. Not ``parallel=True``: whole frames go to threads instead, and results stay
the same byte for byte. Fast maths may not meet NaN or infinity: kernels compare before they divide."""

outlined = njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="never", _nrt=False)
"""For large inner functions that allocate nothing: kept apart so that LLVM vectorises their loops on their own, and
without reference counting (``_nrt``), whose atomic operations took 37 % of a frame."""

inlined = njit(cache=True, nogil=True, fastmath=True, error_model="numpy", forceinline=True, _nrt=False)
"""The same for small functions called per pixel, where a call would pass every array's fields."""

index = uintp
"""An index that is not negative: spares the test for Python's counting from the end."""


def is_compiled(function: Any) -> bool:
    """Whether a kernel's machine code is on disk already, for whatever machine it was."""
    return any(Path(function._cache.cache_path).glob(f"*.{function.py_func.__name__}-*.nbi"))


@inlined
def floor(x: float32) -> int:
    """Largest integer not above x; ``math.floor`` would be a call into the C library."""
    whole = int(x)
    return whole - 1 if x < float32(whole) else whole


@intrinsic
def lowest_bit(_typing: Any, bits: Any) -> Any:
    """Number of the lowest bit that is set: one instruction, for sets of lanes kept as the bits of an integer."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, 0))

    return types.int64(types.int64), generate


@inlined
def smaller(a: float32, b: float32) -> float32:
    """The smaller of two numbers. Python's ``min`` is a call that LLVM leaves alone in large functions."""
    return a if a < b else b


@inlined
def larger(a: float32, b: float32) -> float32:
    """The larger of two numbers, see ``smaller``."""
    return a if a > b else b
