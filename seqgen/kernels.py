"""Building blocks of the compiled kernels: compilation, and arithmetic on stored numbers.

A kernel consists of two nested loops: the outer one over streams or rows, divided among the threads, and the inner one
over units or tokens, vectorized by LLVM. Numba compiles it at the first call (one or two seconds, cached on disk) and
needs no C compiler. Nothing is reordered or contracted, so the results depend neither on the number of threads nor on
how LLVM optimizes the loops; see `compiled`.

If matrix products are computed in bfloat16, the values stored between the passes are bfloat16 as well. Since numpy has
no such type, they are stored as 16-bit integers: the upper half of a float32. All arithmetic is in float32.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.compiled import Function, by_type, compiled, intrinsic


def kernel(function: Function) -> Function:
    """Compile a function as a kernel."""
    return compiled(is_parallel=True)(function)


@by_type
def widened(value: Any) -> Callable[[Any], Any]:
    """Return a function that converts a stored number to float32."""
    return _from_upper_half if value.bitwidth == 16 else _as_it_is


@by_type
def narrowed(value: Any, like: Any) -> Callable[[Any, Any], Any]:
    """Return a function that converts a float32 to the stored type of `like`, rounded to nearest, ties to even."""
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


@compiled()
def thirds(row: Any) -> Any:
    """Return the three equal parts of a row."""
    size = row.size // 3
    return row[:size], row[size : 2 * size], row[2 * size :]


@compiled()
def fourths(row: Any) -> Any:
    """Return the four equal parts of a row."""
    size = row.size // 4
    return row[:size], row[size : 2 * size], row[2 * size : 3 * size], row[3 * size :]


@intrinsic
def multiply_add(context: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x * y + z, in one instruction that rounds once if the processor has it; all of one floating-point type."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        kind = arguments[0].type
        function = builder.module.declare_intrinsic("llvm.fmuladd", [kind], ir.FunctionType(kind, [kind] * 3))
        return builder.call(function, arguments)

    return x(x, y, z), generate


@compiled()
def exp(x: Any) -> Any:
    """Return e^x in float32: 2^n from the exponent bits times a minimax polynomial, together within 1e-7 of it."""
    x = np.float32(-87) if x < np.float32(-87) else x  # in this order, NaN stays NaN
    x = np.float32(88) if x > np.float32(88) else x
    shift = np.float32(1.5 * 2**23)  # the sum with it is rounded to an integer, in the lowest bits
    shifted = multiply_add(x, np.float32(1.44269504), shift)
    n = shifted - shift
    r = multiply_add(n, np.float32(2.12194440e-4), multiply_add(n, np.float32(-0.693359375), x))
    p = multiply_add(np.float32(1.3814475e-3), r, np.float32(8.3687832e-3))
    p = multiply_add(p, r, np.float32(4.1668394e-2))
    p = multiply_add(p, r, np.float32(1.6666520e-1))
    p = multiply_add(p, r, np.float32(0.49999993))
    p = multiply_add(p, r, np.float32(1))
    p = multiply_add(p, r, np.float32(1))
    return p * np.int32((np.float32(shifted).view(np.int32) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled()
def sigmoid(x: Any) -> Any:
    """Return the logistic function."""
    return np.float32(1) / (np.float32(1) + exp(-x))


@compiled()
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return np.float32(2) / (np.float32(1) + exp(np.float32(-2) * x)) - np.float32(1)


def as_array(tensor: Tensor) -> NDArray[Any]:
    """Return an array that shares the tensor's memory, bfloat16 as 16-bit integers."""
    if tensor.dtype == torch.bfloat16:
        return tensor.detach().view(torch.int16).numpy().view(np.uint16)
    return tensor.detach().numpy()
