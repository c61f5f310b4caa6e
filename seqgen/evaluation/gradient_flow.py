"""How far back a network learns: the gradient of a loss with respect to the states before it.

    norm(k) = | d loss_T / d state_{T-k} |,  k = 1, 2, ...

the picture of vanishing and exploding gradients (Hochreiter 1991; Bengio, Simard & Frasconi 1994; Pascanu, Mikolov &
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
from seqgen.corpus.part import Part
from seqgen.errors import CorpusError
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import map_state, tensors_of
from seqgen.pictures import any_font, literal

NUM_STREAMS = 32  # whose norms are averaged
_VOCABULARY, _EMBEDDING = 100, 64  # of untrained networks


@dataclass(frozen=True)
class GradientFlow:
    """What is known of one network.

    Attributes:
        name: the run's name, or what kind of network it is.
        parameters: how many numbers each part learns.
        norms: the norm for the state 1 step back, 2 steps back and so on, a mean over streams; empty where there is no
            text to look back on.
    """

    name: str
    parameters: dict[str, int]
    norms: list[float] = field(default_factory=list, repr=False)

    @classmethod
    def of_run(cls, name: str, model: LanguageModel, part: Part, length: int) -> "GradientFlow":
        """Look at a trained model, on stretches of a text.

        Raises:
            CorpusError: no document of the text is long enough.
        """
        lengths = np.diff(part.offsets) - 1
        ends = np.cumsum(np.maximum(lengths - length + 1, 0))  # counted in places where a stretch can begin
        if not ends[-1]:
            raise CorpusError(f"every document is shorter than --length {length:,}: give {lengths.max():,} or less")
        places = np.linspace(0, ends[-1] - 1, NUM_STREAMS).astype(np.int64)
        documents = np.searchsorted(ends, places, side="right")
        begins = part.offsets[documents] + places - np.concatenate([[0], ends])[documents]
        ids = part.ids[begins + np.arange(length + 1)[:, None]]
        return cls(name, model.parameters_by_layer, gradient_norms(model, torch.from_numpy(ids.astype(np.int64))))

    @classmethod
    def untrained(cls, cell: str, config: InspectionConfig, device: str = "cpu") -> "GradientFlow":
        """Look at a network before training, on random tokens."""
        generator = torch.Generator().manual_seed(config.seed)
        model_config = ModelConfig(
            cell=cell,
            num_layers=config.num_layers,
            hidden_size=config.hidden_size,
            embedding_size=_EMBEDDING,
            dropout=0.0,
            embedding_dropout=0.0,
            initial_weights=config.initial_weights,
        )
        model = LanguageModel(model_config, _VOCABULARY)
        model.initialise(generator, torch.zeros(_VOCABULARY))
        ids = torch.randint(_VOCABULARY, (config.length + 1, NUM_STREAMS), generator=generator)
        name = f"{cell} {config.num_layers}x{config.hidden_size}, untrained"
        return cls(name, model.parameters_by_layer, gradient_norms(model.to(device), ids))


def gradient_norms(model: LanguageModel, ids: Tensor) -> list[float]:
    """Return the norms for the states 1, 2, ... steps back from the last loss, in float64.

    They are computed on the model's device, or on the CPU where that has no float64.

    Args:
        model: the model; it is not changed.
        ids: token ids, shape (time + 1, streams); the last is what the last loss is of.

    Returns:
        As many as there are steps; a state is all that every layer hands on to the next step.
    """
    device = torch.device("cpu") if model.device.type == "mps" else model.device
    model, ids = copy.deepcopy(model).to(device).double(), ids.to(device)
    state = model.initial_state(ids.shape[1])
    states = []
    for step_ids in ids[:-1]:
        # Copies, so that what a layer hands on in time is not what it hands to the layer above.
        state = map_state(lambda tensor: tensor.clone().requires_grad_(), state)
        states.append(tensors_of(state))
        logits, state = model(step_ids[None], state, torch.float64)
    loss = F.cross_entropy(logits[0], ids[-1], reduction="sum")  # a stream's gradient does not depend on the others
    gradients = torch.autograd.grad(loss, [part for parts in states for part in parts])
    size = len(states[0])
    by_state = (torch.cat(gradients[first : first + size], dim=1) for first in range(0, len(gradients), size))
    return [part.norm(dim=1).mean().item() for part in by_state][::-1]


@any_font()
def draw(flows: list[GradientFlow], path: Path) -> None:
    """Draw the norms, one line a network, as a PNG file."""
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
