"""Addition to the rows of a matrix, the gradient of looking rows up."""

from typing import Any

from torch import Tensor

from seqgen.compiled import parallel_range
from seqgen.kernels import as_array, kernel, widened

_WIDTH = 256  # columns at a time: all rows of a small matrix then fit into the cache


def add_to_rows(matrix: Tensor, ids: Tensor, values: Tensor) -> None:
    """Add each row of values to some rows of a matrix on a CPU, in order, so the result does not depend on threads.

    Args:
        matrix: shape (rows, features), in float32; changed in place.
        ids: the rows of the matrix to which each row of values is added, shape (places, summands).
        values: shape (places, features).
    """
    _add_to_rows(as_array(matrix), as_array(ids), as_array(values.contiguous()))


@kernel
def _add_to_rows(matrix: Any, ids: Any, values: Any) -> None:
    for block in parallel_range((matrix.shape[1] + _WIDTH - 1) // _WIDTH):
        first, last = block * _WIDTH, min((block + 1) * _WIDTH, matrix.shape[1])
        for place in range(len(ids)):
            value = values[place, first:last]
            for i in ids[place]:
                row = matrix[i, first:last]
                for j in range(value.size):
                    row[j] += widened(value[j])
