"""The arithmetic of the kernels, compared with torch."""

import numpy as np
import pytest
import torch

from seqgen.compiled import parallel_range
from seqgen.kernels import as_array, exp, fourths, kernel, multiply_add, narrowed, sigmoid, tanh, thirds, widened


@kernel
def stored(values, rounded, back):
    for row in parallel_range(values.shape[0]):
        for j in range(values.shape[1]):
            rounded[row, j] = narrowed(values[row, j], rounded[row, j])
            back[row, j] = widened(rounded[row, j])


@kernel
def computed(values, exponentials, logistics, tangents):
    for row in parallel_range(values.size):
        exponentials[row] = exp(values[row])
        logistics[row] = sigmoid(values[row])
        tangents[row] = tanh(values[row])


@kernel
def cut(rows, parts):
    for row in parallel_range(rows.shape[0]):
        a, b, c = thirds(rows[row])
        d, e, f, g = fourths(rows[row])
        for place, part in enumerate((a, b, c, d, e, f, g)):
            parts[row, place] = part[0]


@kernel
def summed(x, y, z, sums):
    for row in parallel_range(sums.shape[0]):
        for j in range(sums.shape[1]):
            sums[row, j] = multiply_add(x[row, j], y[row, j], z[row, j])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_are_rounded_as_by_torch(dtype, generator):
    values = torch.randn(4, 1000, generator=generator)
    ties = torch.arange(0x3F80, 0x3F80 + 1000, dtype=torch.int32).bitwise_left_shift(16) + 0x8000  # halfway
    values[0] = ties.view(torch.float32)
    values[1] *= 1e-30
    rounded, back = values.new_empty(values.shape, dtype=dtype), torch.empty_like(values)
    stored(as_array(values), as_array(rounded), as_array(back))
    assert torch.equal(rounded, values.to(dtype))
    assert torch.equal(back, rounded.float())


def test_functions_agree_with_torch_within_float32_rounding():
    values = torch.linspace(-30, 30, 20_001)
    results = [torch.empty_like(values) for _ in range(3)]
    computed(as_array(values), *map(as_array, results))
    exact = values.double()
    exponentials, logistics, tangents = results
    torch.testing.assert_close(exponentials.double(), exact.exp(), rtol=3e-7, atol=0.0)
    torch.testing.assert_close(logistics.double(), exact.sigmoid(), rtol=5e-7, atol=0.0)
    torch.testing.assert_close(tangents.double(), exact.tanh(), rtol=0.0, atol=3e-7)


def test_rows_are_split_in_order():
    rows = np.arange(24, dtype=np.float32).reshape(2, 12)
    parts = np.empty((2, 7), dtype=np.float32)
    cut(rows, parts)
    assert parts[0].tolist() == [0, 4, 8, 0, 3, 6, 9]


def test_multiply_add_rounds_once_or_twice_depending_on_the_processor():
    x, y, z = np.random.default_rng(0).standard_normal((3, 2, 77), np.float32)
    out = np.empty_like(x)
    summed(x, y, z, out)
    twice = x * y + z
    once = (x.astype(np.float64) * y + z).astype(np.float32)
    assert np.array_equal(out, once) or np.array_equal(out, twice)
    with pytest.raises(NotImplementedError, match="can only be called in compiled functions"):
        multiply_add(*np.ones(3, np.float32))
