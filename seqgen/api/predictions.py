"""What a model predicts for a text, as arrays."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Surprisal(NamedTuple):
    """The surprisal of each token of a text.

    Attributes:
        tokens: the text of each token; empty for the end of a document.
        nats: the negative log-likelihood of each token, given the tokens before it, shape (tokens,).
    """

    tokens: list[str]
    nats: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Surprisal(tokens={len(self.tokens)}, nats={self.nats.sum(dtype=np.float64):.4f})"


class Probabilities(NamedTuple):
    """The probabilities of the next token at each position of a text.

    Attributes:
        tokens: the text of each token; empty for the end of a document.
        ids: the id of each token, shape (tokens,).
        vocabulary: the text of each id.
        values: row i has the probability of each id as token i, shape (tokens + 1, vocabulary); the last row is for the
            token after the text.
    """

    tokens: list[str]
    ids: NDArray[np.int64]
    vocabulary: list[str]
    values: NDArray[np.float32]

    def __repr__(self) -> str:
        return f"Probabilities(tokens={len(self.tokens)}, vocabulary={len(self.vocabulary)})"


class States(NamedTuple):
    """The states and gates of all layers at each position of a text.

    Attributes:
        tokens: the text of each token; empty for the end of a document.
        layers: for each layer, from the lowest to the highest, its states and gates by name. `hidden` is its output,
            shape (tokens + 1, output_size); variants of the LSTM have a `cell` state, shape (tokens + 1, hidden_size).
            Row i is the state from which token i is predicted. The gates, such as `forget_gate`, are those of the step
            that computed this state, shape (tokens + 1, hidden_size).
    """

    tokens: list[str]
    layers: list[dict[str, NDArray[np.float32]]]

    def __repr__(self) -> str:
        layers = [", ".join(f"{name} {values.shape}" for name, values in layer.items()) for layer in self.layers]
        return f"States(tokens={len(self.tokens)}, layers={layers})"
