"""What a model predicts after each token of some documents, and the states of its layers there."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.cells.base import State
from seqgen.corpus.dataset import Dataset
from seqgen.levels.base import Level
from seqgen.model.activations import activations
from seqgen.model.attention import Memory
from seqgen.model.encoder import Given
from seqgen.model.language_model import LanguageModel

_MAX_LOGITS = 1 << 24  # bounds the memory for logits


class _Beginning(NamedTuple):
    """A document, and the state in which a model begins to read it.

    Attributes:
        inputs: all tokens but the end token, shape (time, 1) or, with factors, (time, 1, 1 + factors).
        state: the state before the first of them.
        memory: what a conditional model attends to.
    """

    inputs: Tensor
    state: list[State]
    memory: Memory | None


def _beginnings(model: LanguageModel, dataset: Dataset) -> Iterator[_Beginning]:
    """Yield every document of a dataset.

    Args:
        model: the model; it has a decoder.
        dataset: the documents.
    """
    for index in range(dataset.num_documents):
        first, stop = dataset.offsets[index : index + 2].tolist()
        inputs = dataset.inputs[first : stop - (dataset.ids[stop - 1] == Level.END)].astype(np.int64)
        state, memory = model.initial_state(1), None
        if dataset.given is not None:
            given = Given(*map(torch.from_numpy, dataset.given.padded(np.array([index]))))
            state, memory = model.encode(given.to(model.device))
        yield _Beginning(torch.from_numpy(inputs[:, None]).to(model.device), state, memory)


@torch.inference_mode()
def probabilities(model: LanguageModel, dataset: Dataset) -> NDArray[np.float32]:
    """Return the probability of each token of the vocabulary after each token that is read, in float32.

    Args:
        model: the model; it has a decoder.
        dataset: the documents.

    Returns:
        Shape (tokens without end tokens, vocabulary); the rows of a document begin with that after its start token.
    """
    rows = []
    num_steps = max(1, _MAX_LOGITS // model.vocabulary_size)
    for inputs, state, memory in _beginnings(model, dataset):
        for some in torch.split(inputs, num_steps):
            logits, state = model(some, state, memory=memory)
            rows.append(logits[:, 0].softmax(-1).cpu().numpy())
    return np.concatenate(rows)


def states(model: LanguageModel, dataset: Dataset) -> list[dict[str, NDArray[np.float32]]]:
    """Return the state of each layer after each token that is read, and the gates of this step, in float32.

    Args:
        model: the model; it has a decoder.
        dataset: the documents.

    Returns:
        For each layer from the lowest to the highest, the tensors of its state by name: `hidden`, its output, of shape
        (tokens without end tokens, output_size), and for LSTM variants `cell`, of shape (tokens, hidden_size);
        and its gates, of the same shape, see `activations`.
    """
    documents = [
        activations(model, inputs[:, 0], state, memory)[1] for inputs, state, memory in _beginnings(model, dataset)
    ]
    return [
        {name: torch.cat([layers[index][name] for layers in documents]).cpu().numpy() for name in layer}
        for index, layer in enumerate(documents[0])
    ]
