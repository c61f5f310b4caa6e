"""The interface of what a text may be given: how it becomes numbers, and the network that reads them first."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqgen.config import CorpusConfig, ModelConfig
from seqgen.levels.base import Coding, Encoder, Ids
from seqgen.noise import Noise
from seqgen.wording import counted


@dataclass(frozen=True)
class Signal:
    """An image, a recording or strokes, as they are in a file or a cell; equal if their content is.

    Attributes:
        name: where it comes from, for messages.
        digest: a hash of its content.
        read: returns its content: the bytes of the file, or JSON.
    """

    name: str = field(compare=False)
    digest: bytes = field(repr=False)
    read: Callable[[], bytes] = field(compare=False, repr=False)

    @classmethod
    def of(cls, name: str, data: bytes) -> "Signal":
        """Return the signal with this content."""
        return cls(name, hashlib.sha256(data).digest()[:16], lambda: data)


class FrontEnd(nn.Module, ABC):
    """The part of the encoder before its recurrent layers.

    Attributes:
        size: the number of features of its output.
    """

    size: int

    @abstractmethod
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights."""

    @abstractmethod
    def forward(
        self, rows: Tensor, lengths: Tensor, dtype: torch.dtype = torch.float32, noise: Noise | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return vectors, on which padding has no effect, and how many there are.

        Args:
            rows: token ids, shape (positions, batch), or vectors, shape (positions, batch, features).
            lengths: the number of positions of each, shape (batch,).
            dtype: the precision of convolutions.
            noise: draws the random changes of augmentation; None for none.

        Returns:
            Shape (vectors, batch, size), and the number of vectors of each, shape (batch,).
        """


class SignalCoding(Coding[bytes]):
    """Encodes signals of one kind as vectors. All of its settings are kept in the checkpoint.

    Attributes:
        suffixes: of files that hold such signals, in lower case.
        unit: what a position is called, in the singular.
        axis: what is counted along the axis of a picture, in the plural.
        scale: the number of these per position.
        subsamplings: the numbers of positions per vector of the front end among which one can be chosen, the usual
            one first; none if the vectors are not in the order of the text.
    """

    suffixes: ClassVar[frozenset[str]]
    unit: ClassVar[str]
    axis: ClassVar[str]
    scale: ClassVar[float] = 1.0
    subsamplings: tuple[int, ...]

    @abstractmethod
    def rows(self, data: bytes) -> NDArray[Any]:
        """Return the vectors of a signal, shape (positions, features).

        Raises:
            SignalError: it cannot be read.
        """

    @classmethod
    def check(cls, data: bytes) -> None:
        """Check that a signal can be read; see `rows` for errors."""
        cls.fit([[data]], CorpusConfig()).rows(data)

    @abstractmethod
    def front_end(self, config: ModelConfig) -> FrontEnd:
        """Return the network that reads the vectors."""

    @property
    def edges(self) -> tuple[Ids, Ids]:
        """Nothing: what is given does not begin or end with a token."""
        nothing = np.empty((0, *self.shape), dtype=self.dtype)
        return nothing, nothing

    def encoder(self) -> Encoder[bytes]:
        """Return an encoder, which expects the whole signal at once."""
        return _WholeEncoder(self)

    def extent(self, content: bytes, before: bytes | None = None) -> dict[str, float]:  # noqa: ARG002  # of a text
        """Return nothing: signals have no size that is comparable between kinds."""
        return {}

    def label(self, index: int, subsampling: int) -> str:
        """Return the name of a vector of the front end: that of its first position."""
        return f"{self.unit} {index * subsampling + 1}"

    @abstractmethod
    def draw(self, rows: Ids, axes: Any) -> None:
        """Draw a signal with its vectors, see `rows`, into axes of matplotlib."""

    @abstractmethod
    def place(self, rows: Ids, position: float) -> tuple[float, float]:
        """Return the coordinates of a position of a signal in its drawing."""

    def shown(self, rows: Ids) -> str:
        """Return a signal for display: the number of its vectors."""
        return counted(len(rows), self.unit)

    def to_json(self) -> dict[str, Any]:
        """Return the kind and its settings."""
        return {"level": self.name, **vars(self)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "SignalCoding":
        """Return the coding with these settings."""
        return cls(**{name: value for name, value in content.items() if name != "level"})


class _WholeEncoder:
    def __init__(self, coding: SignalCoding) -> None:
        self._coding = coding

    def feed(self, data: bytes) -> Ids:
        return self._coding.rows(data)

    def finish(self) -> Ids:
        return self._coding.edges[1]
