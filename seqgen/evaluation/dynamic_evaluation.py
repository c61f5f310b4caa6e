"""Dynamic evaluation: a model that learns from each token of a text after predicting it.

    w = w - learning_rate clip(g / (r + floor mean(r))) + decay r / mean(r) (w_0 - w)

where g is the gradient of the last stretch, w_0 the trained weight, and r the root mean square of a weight's gradients
over stretches of the training set: weights with small gradients there change less (Krause, Kahembwe, Murray & Renals,
Dynamic evaluation of neural sequence models, 2018, section 4). The floor and the clip limit the changes of weights with
few gradients, such as those of a rare character.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.cells.base import State
from seqgen.corpus.dataset import Dataset
from seqgen.evaluation.likelihood import Likelihood
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.segments import segments
from seqgen.evaluation.streams import Stretch, document_stretches, stretches
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import detach

STRETCH = 32  # tokens between updates of the weights
# Python's documentation after 20 s of training, 1.245 nats per character: 1.166 with these values, 1.187 at a rate of
# 3e-4, 1.169 with floors of 0.03 and 1. With a floor of 1e-5, unseen characters cost thousands of nats each.
LEARNING_RATE = 1e-3
FLOOR = 0.1
DECAY = 3e-3
CLIP = 10.0  # relative to the usual size of a gradient
_TRAINING_TOKENS = 1 << 14  # from which the usual gradients are computed
_SEGMENT = 8 * STRETCH  # tokens read in a row


@dataclass(frozen=True)
class _Weight:
    """A weight that is adapted.

    Attributes:
        value: current value.
        trained: value after training.
        scale: divisor of the gradient.
        pull: how far the weight moves back to its trained value in each update, at most 1.
    """

    value: nn.Parameter
    trained: Tensor
    scale: Tensor
    pull: Tensor

    def learn(self, learning_rate: float) -> None:
        """Move along the gradient and towards the trained value."""
        back = (self.trained - self.value).mul_(self.pull)
        if self.value.grad is not None:
            self.value.sub_(self.value.grad.div_(self.scale).clamp_(-CLIP, CLIP), alpha=learning_rate)
        self.value.add_(back)
        self.value.grad = None


def dynamic_score(
    model: LanguageModel,
    dataset: Dataset,
    train: Dataset,
    learning_rate: float = LEARNING_RATE,
    decay: float = DECAY,
    progress: Progress = SILENT,
) -> Likelihood:
    """Return the score of a dataset by a copy of the model that learns from each stretch after scoring it.

    Args:
        model: the model, which is not changed.
        dataset: the documents, which are read in order.
        train: the training set.
        learning_rate: learning rate for gradients of their usual size.
        decay: average share by which weights return to their trained values in each update.
        progress: receives the progress.
    """
    learner = copy.deepcopy(model).train()  # kernels save what the backward pass needs only in training mode
    usual = _usual_gradients(learner, train, progress)
    mean = torch.cat([root.flatten() for root in usual.values()]).mean()
    weights = [
        _Weight(value, value.detach().clone(), usual[name] + FLOOR * mean, (decay * usual[name] / mean).clamp(max=1))
        for name, value in learner.named_parameters()
    ]
    nats, state = 0.0, learner.initial_state(1)
    with progress.task("dynamic evaluation", dataset.num_targets) as task:
        for stretch in stretches(dataset, STRETCH, learner.device):
            loss, state = _loss(learner, stretch, state)
            nats += loss.item() * len(stretch.targets)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            with torch.no_grad():
                for weight in weights:
                    weight.learn(learning_rate)
            task.advance(len(stretch.targets))
    return Likelihood(nats, dataset.num_targets)


def _loss(model: LanguageModel, stretch: Stretch, state: list[State]) -> tuple[Tensor, list[State]]:
    before = model.initial_state(1) if stretch.is_first else state
    logits, after = model(stretch.inputs, before)
    return F.cross_entropy(logits.flatten(0, 1), stretch.targets.flatten()), detach(after)


def _usual_gradients(model: LanguageModel, train: Dataset, progress: Progress) -> dict[str, Tensor]:
    """Return the root mean square of each weight's gradients over stretches of the training set."""
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


def _spread(train: Dataset, device: torch.device) -> Iterator[Stretch]:
    for segment in segments(train, range(train.num_documents), _SEGMENT, _TRAINING_TOKENS):
        which = slice(segment.begin, segment.begin + segment.length + 1)
        yield from document_stretches(train.ids[which], train.inputs[which], STRETCH, device)
