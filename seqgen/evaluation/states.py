"""The states of a model while it reads some documents."""

import numpy as np
import torch
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset
from seqgen.evaluation.predictions import beginnings
from seqgen.model.language_model import LanguageModel


@torch.inference_mode()
def states(model: LanguageModel, dataset: Dataset) -> list[dict[str, NDArray[np.float32]]]:
    """Return the state of each layer after each token that is read, in float32.

    Args:
        model: the model; it has a decoder.
        dataset: the documents.

    Returns:
        For each layer from the lowest to the highest, the tensors of its state by name: `hidden`, its output, of shape
        (tokens without end tokens, output_size), and for LSTM variants `cell`, of shape (tokens, hidden_size).
    """
    steps = []
    for inputs, state, memory in beginnings(model, dataset):
        for token in torch.split(inputs, 1):
            _, state = model.hidden(token, state, memory=memory)
            steps.append([{name: part.cpu().numpy() for name, part in layer.tensors.items()} for layer in state])
    return [
        {name: np.concatenate([step[layer][name] for step in steps]) for name in first}
        for layer, first in enumerate(steps[0])
    ]
