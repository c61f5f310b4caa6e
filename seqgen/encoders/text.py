"""Text: an embedding of its tokens."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.encoders.base import FrontEnd
from seqgen.noise import Noise

# The embedding has at most as many features as there are tokens, rounded up to a size at which products are fast: more
# of them take time in the lowest layer, but represent nothing else.
_WIDTH = 64


class Embedding(FrontEnd):
    """A vector for each token.

    Args:
        vocabulary_size: the number of token ids.
        size: the maximum number of features.
    """

    def __init__(self, vocabulary_size: int, size: int) -> None:
        super().__init__()
        self.size = min(size, _WIDTH * -(-vocabulary_size // _WIDTH))
        self.weight = nn.Parameter(torch.empty(vocabulary_size, self.size))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights."""
        self.weight.data.normal_(generator=generator)

    def forward(
        self,
        rows: Tensor,
        lengths: Tensor,
        dtype: torch.dtype = torch.float32,  # noqa: ARG002  # there is no product
        noise: Noise | None = None,  # noqa: ARG002  # texts are not changed
    ) -> tuple[Tensor, Tensor]:
        """Return the vectors of token ids, see `FrontEnd`."""
        return F.embedding(rows, self.weight), lengths
