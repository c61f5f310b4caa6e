"""What compiled kernels share: how they are compiled, and arithmetic on stored numbers.

A kernel is two nested loops: one over streams or rows, which are divided among the threads, one over units or tokens,
which LLVM turns into vector instructions. Numba compiles it when it is first called (a second or two, kept on disk) and
needs no C compiler.

Where matrix products are in bfloat16, so is what is stored between the passes: numpy knows no such type, so it is
held as the upper half of a float32, in 16-bit integers. All arithmetic is in float32.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.compiled import Function, by_type, compiled


def kernel(function: Function) -> Function:
    """Make a kernel of a function."""
    return compiled(is_parallel=True, is_fast=True)(function)


@by_type
def widened(value: Any) -> Callable[[Any], Any]:
    """Return what returns a stored number as float32."""
    return _from_upper_half if value.bitwidth == 16 else _as_it_is


@by_type
def narrowed(value: Any, like: Any) -> Callable[[Any, Any], Any]:
    """Return what returns a float32 as it is stored where `like` is stored, rounded to the nearest (ties to even)."""
    return _upper_half_of if like.bitwidth == 16 else _first


def _from_upper_half(value: Any) -> Any:
    return np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)


def _as_it_is(value: Any) -> Any:
    return value


def _upper_half_of(value: Any, like: Any) -> Any:
    bits = np.float32(value).view(np.uint32)
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


def _first(value: Any, like: Any) -> Any:
    return value


@compiled(is_fast=True)
def thirds(row: Any) -> Any:
    """Return the three parts of a row."""
    size = row.size // 3
    return row[:size], row[size : 2 * size], row[2 * size :]


@compiled(is_fast=True)
def fourths(row: Any) -> Any:
    """Return the four parts of a row."""
    size = row.size // 4
    return row[:size], row[size : 2 * size], row[2 * size : 3 * size], row[3 * size :]


@compiled(is_fast=True)
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


@compiled(is_fast=True)
def sigmoid(x: Any) -> Any:
    """Return the logistic function."""
    return np.float32(1) / (np.float32(1) + exp(-x))


@compiled(is_fast=True)
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return np.float32(2) / (np.float32(1) + exp(np.float32(-2) * x)) - np.float32(1)


def as_array(tensor: Tensor) -> NDArray[Any]:
    """Return the tensor as an array on the same memory, bfloat16 as 16-bit integers."""
    if tensor.dtype == torch.bfloat16:
        return tensor.detach().view(torch.int16).numpy().view(np.uint16)
    return tensor.detach().numpy()
