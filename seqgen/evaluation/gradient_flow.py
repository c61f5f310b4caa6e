"""Gradient flow: the gradient of a loss with respect to the states of earlier time steps.

    norm(k) = | d loss_T / d state_{T-k} |,  k = 1, 2, ...

which shows vanishing and exploding gradients (Hochreiter 1991; Bengio, Simard & Frasconi 1994; Pascanu, Mikolov &
Bengio 2013).
"""

import copy
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen import files
from seqgen.config import InspectionConfig, ModelConfig
from seqgen.corpus.dataset import Dataset
from seqgen.errors import CorpusError
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import map_state, tensors_of
from seqgen.pictures import any_font, literal

NUM_STREAMS = 32  # over which norms are averaged
_VOCABULARY, _EMBEDDING = 100, 64  # of untrained networks


@dataclass(frozen=True)
class GradientFlow:
    """The parameters and the gradient flow of one network.

    Attributes:
        name: name of the run, or description of an untrained network.
        parameters: number of parameters by layer.
        norms: norms of the gradient with respect to the states 1, 2, ... steps back, averaged over streams; empty if
            there is no text.
    """

    name: str
    parameters: dict[str, int]
    norms: list[float] = field(default_factory=list, repr=False)

    @classmethod
    def of_run(cls, name: str, model: LanguageModel, dataset: Dataset, length: int) -> "GradientFlow":
        """Return the gradient flow of a trained model on stretches of a text.

        Raises:
            CorpusError: no document of the text is long enough.
        """
        lengths = np.diff(dataset.offsets) - 1
        ends = np.cumsum(np.maximum(lengths - length + 1, 0))  # in possible first positions of stretches
        if not ends[-1]:
            raise CorpusError(
                f"--length must be at most {lengths.max():,}, the length of the longest document, got {length:,}"
            )
        places = np.linspace(0, ends[-1] - 1, NUM_STREAMS).astype(np.int64)
        documents = np.searchsorted(ends, places, side="right")
        begins = dataset.offsets[documents] + places - np.concatenate([[0], ends])[documents]
        read = begins + np.arange(length)[:, None]
        inputs, targets = dataset.inputs[read].astype(np.int64), dataset.ids[read[-1] + 1].astype(np.int64)
        norms = gradient_norms(model, torch.from_numpy(inputs), torch.from_numpy(targets))
        return cls(name, model.parameters_by_layer, norms)

    @classmethod
    def untrained(cls, cell: str, config: InspectionConfig, device: str = "cpu") -> "GradientFlow":
        """Return the gradient flow of an untrained network on random tokens."""
        generator = torch.Generator().manual_seed(config.seed)
        model_config = ModelConfig(
            cell=cell,
            num_layers=config.num_layers,
            hidden_size=config.hidden_size,
            embedding_size=_EMBEDDING,
            initial_weights=config.initial_weights,
        )
        model = LanguageModel(model_config, _VOCABULARY)
        model.initialise(generator, torch.zeros(_VOCABULARY))
        ids = torch.randint(_VOCABULARY, (config.length + 1, NUM_STREAMS), generator=generator)
        name = f"{cell} {config.num_layers}x{config.hidden_size}, untrained"
        return cls(name, model.parameters_by_layer, gradient_norms(model.to(device), ids[:-1], ids[-1]))


def gradient_norms(model: LanguageModel, inputs: Tensor, targets: Tensor) -> list[float]:
    """Return the norms of the gradient of the last loss with respect to the states 1, 2, ... steps back, in float64.

    They are computed on the model's device, or on the CPU if the device does not support float64.

    Args:
        model: the model, which is not changed.
        inputs: token ids, shape (time, streams), or tokens with their factors, shape (time, streams, 1 + factors).
        targets: of the last loss, shape (streams,).

    Returns:
        One norm per step, over the states of all layers and of the attention to the past.
    """
    device = torch.device("cpu") if model.device.type == "mps" else model.device
    model, inputs, targets = copy.deepcopy(model).to(device).double(), inputs.to(device), targets.to(device)
    state = model.initial_state(inputs.shape[1])
    states = []
    for ids in inputs:
        # Copies separate the path in time from the path to the layer above.
        state = map_state(lambda tensor: tensor.clone().requires_grad_(), state)
        states.append(tensors_of(state))
        logits, state = model(ids[None], state, torch.float64)
    loss = F.cross_entropy(logits[0], targets, reduction="sum")  # the gradient of a stream depends on no other
    parts = [part for parts in states for part in parts]
    gradients = torch.autograd.grad(loss, parts, allow_unused=True, materialize_grads=True)
    rows = [gradient.flatten(1) for gradient in gradients]
    size = len(states[0])
    by_state = (torch.cat(rows[first : first + size], dim=1) for first in range(0, len(rows), size))
    return [part.norm(dim=1).mean().item() for part in by_state][::-1]


@any_font()
def draw(flows: list[GradientFlow], path: Path) -> None:
    """Draw the norms as a PNG file, one line per network."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for flow in flows:
        axes.plot(range(1, len(flow.norms) + 1), flow.norms, label=literal(flow.name))
    axes.set(xlabel="steps back", ylabel="norm of the gradient", yscale="log", title="Gradient flow")
    axes.grid(alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    files.replace(path, picture.getvalue())
