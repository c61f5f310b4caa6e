"""What compiled kernels share: how they are compiled, and arithmetic on stored numbers.

A kernel is two nested loops: one over streams or rows, which are divided among the threads, one over units or tokens,
which LLVM turns into vector instructions. Numba compiles it when it is first called (a second or two, kept on disk) and
needs no C compiler.

Where matrix products are in bfloat16, so is what is stored between the passes: numpy knows no such type, so it is
held as the upper half of a float32, in 16-bit integers. All arithmetic is in float32.
"""

import functools
import platform
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.compiled import compile_now

# All that makes arithmetic fast, but for what would let NaN and infinity pass unnoticed.
_FAST_MATH = {"reassoc", "nsz", "arcp", "contract", "afn"}

streams = range  # in compiled kernels the loop that is divided among the threads


def kernel(function: Callable[..., None]) -> Callable[..., None]:
    """Make a kernel of a function: it is compiled when it is first called, since numba takes 60 MB and 0.2 s."""

    @functools.wraps(function)
    def run(*arguments: Any) -> None:
        _compiled(function)(*arguments)

    return run


@functools.cache
def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    function.__globals__["streams"] = _numba().prange
    options: dict[str, Any] = {"parallel": _has_threads(), "fastmath": _FAST_MATH, "nogil": True}
    return compile_now(function, error_model="numpy", **options)


def _has_threads() -> bool:
    """Tell whether numba has OpenMP; not on macOS, where two OpenMP libraries in one process end it."""
    return platform.system() == "Linux" and find_spec("numba.np.ufunc.omppool") is not None


@functools.cache
def _numba() -> Any:
    """Return numba, which knows from then on what the functions below are in kernels."""
    import numba
    from numba.extending import overload, register_jitable

    for function in (thirds, fourths, _upper_half, exp, sigmoid, tanh):
        register_jitable(fastmath=_FAST_MATH, error_model="numpy")(function)

    @overload(widened, inline="always", strict=False)
    def _widened(value: Any) -> Any:
        if value == numba.types.uint16:
            return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
        return lambda value: value

    @overload(narrowed, inline="always", strict=False)
    def _narrowed(value: Any, like: Any) -> Any:
        if like == numba.types.uint16:
            return lambda value, like: _upper_half(value)
        return lambda value, like: value

    return numba


def widened(value: Any) -> Any:
    """Return a stored number as float32."""
    raise NotImplementedError


def narrowed(value: Any, like: Any) -> Any:
    """Return a float32 as a number to be stored where `like` is stored, rounded to the nearest (ties to even)."""
    raise NotImplementedError


def thirds(row: Any) -> Any:
    """Return the three parts of a row."""
    size = row.size // 3
    return row[:size], row[size : 2 * size], row[2 * size :]


def fourths(row: Any) -> Any:
    """Return the four parts of a row."""
    size = row.size // 4
    return row[:size], row[size : 2 * size], row[2 * size : 3 * size], row[3 * size :]


def _upper_half(value: Any) -> Any:
    bits = np.float32(value).view(np.uint32)
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


def exp(x: Any) -> Any:
    """Return e^x in float32: 2^n from the exponent's bits times a polynomial (Moshier's Cephes library, `expf`)."""
    x = np.float32(-87) if x < np.float32(-87) else x  # in this order, NaN stays NaN
    x = np.float32(88) if x > np.float32(88) else x
    n = np.floor(x * np.float32(1.44269504) + np.float32(0.5))
    r = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1)
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


def sigmoid(x: Any) -> Any:
    """Return the logistic function."""
    return np.float32(1) / (np.float32(1) + exp(-x))


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return np.float32(2) / (np.float32(1) + exp(np.float32(-2) * x)) - np.float32(1)


def as_array(tensor: Tensor) -> NDArray[Any]:
    """Return the tensor as an array on the same memory, bfloat16 as 16-bit integers."""
    if tensor.dtype == torch.bfloat16:
        return tensor.detach().view(torch.int16).numpy().view(np.uint16)
    return tensor.detach().numpy()
