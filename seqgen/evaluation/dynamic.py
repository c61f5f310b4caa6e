"""Dynamic evaluation: a model that goes on learning from the text that it is measured on, each token scored first.

    w = w - learning_rate clip(g / (r + floor mean(r))) + decay r / mean(r) (w_0 - w)

where g is the gradient of the last stretch, w_0 the trained weights, and r the root mean square of each weight's
gradients over stretches of the training part: what was certain there is held, what was not adapts (Krause, Kahembwe,
Murray & Renals, Dynamic evaluation of neural sequence models, 2018, section 4). The floor is for weights that the
stretches hardly use, as those of a rare character, and so is the clip: without them they jump when it comes.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.cells.base import State
from seqgen.corpus.part import Part
from seqgen.evaluation.likelihood import Score, segments
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.streams import Stretch, document_stretches, stretches
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import detach

STRETCH = 32  # tokens between two changes of the weights
# Python's documentation after 20 s of training, 1.245 nats a character: 1.166 with these, 1.187 at a rate of 3e-4,
# 1.169 with floors of 0.03 and 1. With one of 1e-5 a text of unseen characters costs thousands of nats each.
LEARNING_RATE = 1e-3
FLOOR = 0.1
DECAY = 3e-3
CLIP = 10.0  # times what a gradient usually is
_TRAINING_TOKENS = 1 << 14  # over whose stretches the gradients are squared
_SEGMENT = 8 * STRETCH  # so many of them are read on end


@dataclass(frozen=True)
class _Weight:
    """A weight that adapts.

    Attributes:
        value: as it is now.
        trained: as it was.
        pace: what its gradient is divided by.
        pull: how strongly it is drawn back, at most 1.
    """

    value: nn.Parameter
    trained: Tensor
    pace: Tensor
    pull: Tensor

    def learn(self, learning_rate: float) -> None:
        """Change by the gradient, and towards the trained weight."""
        back = (self.trained - self.value).mul_(self.pull)
        if self.value.grad is not None:
            self.value.sub_(self.value.grad.div_(self.pace).clamp_(-CLIP, CLIP), alpha=learning_rate)
        self.value.add_(back)
        self.value.grad = None


def dynamic_score(
    model: LanguageModel,
    part: Part,
    train: Part,
    learning_rate: float = LEARNING_RATE,
    decay: float = DECAY,
    progress: Progress = SILENT,
) -> Score:
    """Return the score of a part by a copy of the model that learns from each stretch after it is scored.

    Args:
        model: the model; it is not changed.
        part: its documents are read one after the other.
        train: the training part, or another text that the model knows.
        learning_rate: of the weights whose gradients are as large as they usually are.
        decay: how fast the mean weight goes back to what it was.
        progress: shows how far it is.
    """
    learner = copy.deepcopy(model).train()  # the library's kernels keep what gradients need only then
    usual = _usual_gradients(learner, train, progress)
    mean = torch.cat([root.flatten() for root in usual.values()]).mean()
    weights = [
        _Weight(value, value.detach().clone(), usual[name] + FLOOR * mean, (decay * usual[name] / mean).clamp(max=1))
        for name, value in learner.named_parameters()
    ]
    nats, state = 0.0, learner.initial_state(1)
    with progress.task("dynamic evaluation", part.num_targets) as task:
        for stretch in stretches(part, STRETCH, learner.device):
            loss, state = _loss(learner, stretch, state)
            nats += loss.item() * len(stretch.targets)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            with torch.no_grad():
                for weight in weights:
                    weight.learn(learning_rate)
            task.advance(len(stretch.targets))
    return Score(nats, part.num_targets)


def _loss(model: LanguageModel, stretch: Stretch, state: list[State]) -> tuple[Tensor, list[State]]:
    before = model.initial_state(1) if stretch.is_first else state
    logits, after = model(stretch.inputs, before)
    return F.cross_entropy(logits.flatten(0, 1), stretch.targets.flatten()), detach(after)


def _usual_gradients(model: LanguageModel, train: Part, progress: Progress) -> dict[str, Tensor]:
    """Return the root mean square of each weight's gradients over stretches spread over the training part."""
    squares = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
    state, count = model.initial_state(1), 0
    with progress.task("gradients of the training set", min(_TRAINING_TOKENS, train.num_targets)) as task:
        for stretch in _spread(train, model.device):
            loss, state = _loss(model, stretch, state)
            loss.backward()  # type: ignore[no-untyped-call]
            count += 1
            for name, weight in model.named_parameters():
                if weight.grad is not None:
                    squares[name].addcmul_(weight.grad, weight.grad)
                weight.grad = None
            task.advance(len(stretch.targets))
    return {name: (total / count).sqrt_() for name, total in squares.items()}


def _spread(train: Part, device: torch.device) -> Iterator[Stretch]:
    for segment in segments(train, range(train.num_documents), _SEGMENT, _TRAINING_TOKENS):
        ids = train.ids[segment.begin : segment.begin + segment.length + 1]
        yield from document_stretches(ids, STRETCH, device)
