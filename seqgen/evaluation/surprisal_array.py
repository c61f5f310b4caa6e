"""An array with a surprisal for each token of a dataset, on the disk."""

from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray


def surprisal_array(num_tokens: int) -> NDArray[np.float32]:
    """Return zeros, shape (tokens,); those that are never written need no memory."""
    with TemporaryFile() as file:  # the mapping keeps the deleted file
        return np.memmap(file, dtype=np.float32, mode="w+", shape=(num_tokens,))
