"""Dynamic evaluation: a model that learns from each token of a text after predicting it.

    w = w - learning_rate clip(g / (r + floor mean(r))) + decay r / mean(r) (w_0 - w)

where g is the gradient of the last stretch, w_0 the trained weight, and r the root mean square of a weight's gradients
over stretches of the training set: weights with small gradients there change less (Krause, Kahembwe, Murray & Renals,
Dynamic evaluation of neural sequence models, 2018, section 4). The floor and the clip limit the changes of weights with
few gradients, such as those of a rare character.
"""

import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen.cells.base import State
from seqgen.corpus.dataset import Dataset
from seqgen.evaluation.likelihood import Likelihood
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.segments import segments
from seqgen.evaluation.streams import Stretch, document_stretches, stretches
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import detach

STRETCH = 32  # tokens between updates of the weights
# The settings that are tried. On each half of a validation set, with those that are best on the other half, the loss is
# lower than with 1e-3 and 3e-3:
#
#                           plain   1e-3, 3e-3   chosen
# textwrap.py, 20 kB        1.897   1.596        1.559
# English verse, 28 kB      1.958   1.884        1.872
# English prose, 40 kB      1.772   1.707        1.704
# recipes in German, 45 kB  1.237   1.176        1.175
# names of towns, 4 kB      2.624   2.614        2.606
# 50 tunes in ABC, 23 kB    1.491   1.315        1.315
#
# On 33,000 characters of Python's documentation and of plays, the best settings are 0.001 better or less. In the King
# James Bible, those of 4,096 words are 0.007 worse on the next 6,144 words (3.919 and 3.912): a longer text needs more.
LEARNING_RATES = (1e-3, 5e-4, 2e-3)
DECAYS = (1e-2, 3e-3, 3e-2)
_MIN_TUNING_TOKENS = 8192  # on which each setting is tried; more if a longer text is scored
# Python's documentation after 20 s of training, 1.245 nats per character: 1.166 with 0.1, 1.169 with 0.03 and 1. With
# a floor of 1e-5, unseen characters cost thousands of nats each.
FLOOR = 0.1
CLIP = 10.0  # relative to the usual size of a gradient
# From these the usual gradients are computed; from four times as many, the loss on the verse is 0.0006 nats higher.
_TRAINING_TOKENS = 1 << 12
_SEGMENT = 8 * STRETCH  # tokens read in a row


@dataclass(frozen=True)
class DynamicSettings:
    """The settings that are chosen on the validation set.

    Attributes:
        learning_rate: learning rate for gradients of their usual size.
        decay: average share by which weights return to their trained values in each update.
    """

    learning_rate: float
    decay: float


class DynamicModel:
    """A copy of a model that learns from a text while predicting it.

    Args:
        model: the model, which is not changed.
        train: its training set.
        progress: receives the progress.
    """

    def __init__(self, model: LanguageModel, train: Dataset, progress: Progress = SILENT) -> None:
        # Kernels save what the backward pass needs only in training mode.
        self._model = copy.deepcopy(model).train()
        self._weights = list(self._model.parameters())
        self._trained = [weight.detach().clone() for weight in self._weights]
        usual = _usual_gradients(self._model, train, progress)
        mean = torch.cat([root.flatten() for root in usual]).mean()
        self._scales = [root + FLOOR * mean for root in usual]
        self._relative = [root / mean for root in usual]

    def score(
        self, dataset: Dataset, settings: DynamicSettings, max_tokens: int | None = None, progress: Progress = SILENT
    ) -> Likelihood:
        """Return the score of a dataset, whose documents are read in order, beginning with the trained weights.

        Args:
            dataset: the documents.
            settings: how fast the weights change.
            max_tokens: number of tokens after which scoring ends, up to a whole stretch; None for all.
            progress: receives the progress.
        """
        with torch.no_grad():
            for weight, trained in zip(self._weights, self._trained, strict=True):
                weight.copy_(trained)
        pulls = [(settings.decay * relative).clamp_(max=1) for relative in self._relative]
        nats, tokens, state = 0.0, 0, self._model.initial_state(1)
        with progress.task("dynamic evaluation", min(max_tokens or dataset.num_targets, dataset.num_targets)) as task:
            for stretch in stretches(dataset, STRETCH, self._model.device):
                loss, state = _loss(self._model, stretch, state)
                nats += loss.item() * len(stretch.targets)
                tokens += len(stretch.targets)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                self._learn(settings.learning_rate, pulls)
                task.advance(len(stretch.targets))
                if max_tokens is not None and tokens >= max_tokens:
                    break
        return Likelihood(nats, tokens)

    def best(self, dataset: Dataset, max_tokens: int, progress: Progress = SILENT) -> DynamicSettings:
        """Return the best of the learning rates and then the best of the decays for the beginning of a dataset.

        Args:
            dataset: the documents.
            max_tokens: number of tokens that are read altogether, unless it is small.
            progress: receives the progress.
        """
        first = DynamicSettings(LEARNING_RATES[0], DECAYS[0])
        num_tokens = max(_MIN_TUNING_TOKENS, max_tokens // (len(LEARNING_RATES) + len(DECAYS) - 1))

        @functools.cache
        def loss(settings: DynamicSettings) -> float:
            return self.score(dataset, settings, num_tokens, progress).nats

        best = min((replace(first, learning_rate=rate) for rate in LEARNING_RATES), key=loss)
        return min((replace(best, decay=decay) for decay in DECAYS), key=loss)

    @torch.no_grad()
    def _learn(self, learning_rate: float, pulls: list[Tensor]) -> None:
        """Move the weights towards their trained values and along the gradients."""
        for weight, trained, scale, pull in zip(self._weights, self._trained, self._scales, pulls, strict=True):
            weight.lerp_(trained, pull)
            if weight.grad is not None:
                weight.sub_(weight.grad.div_(scale).clamp_(-CLIP, CLIP), alpha=learning_rate)
            weight.grad = None


def _loss(model: LanguageModel, stretch: Stretch, state: list[State]) -> tuple[Tensor, list[State]]:
    before = model.initial_state(1) if stretch.is_first else state
    logits, after = model(stretch.inputs, before)
    return F.cross_entropy(logits.flatten(0, 1), stretch.targets.flatten()), detach(after)


def _usual_gradients(model: LanguageModel, train: Dataset, progress: Progress) -> list[Tensor]:
    """Return the root mean square of each weight's gradients over stretches of the training set."""
    squares = [torch.zeros_like(weight) for weight in model.parameters()]
    state, count = model.initial_state(1), 0
    with progress.task("gradients of the training set", min(_TRAINING_TOKENS, train.num_targets)) as task:
        for stretch in _spread(train, model.device):
            loss, state = _loss(model, stretch, state)
            loss.backward()  # type: ignore[no-untyped-call]
            count += 1
            for square, weight in zip(squares, model.parameters(), strict=True):
                if weight.grad is not None:
                    square.addcmul_(weight.grad, weight.grad)
                weight.grad = None
            task.advance(len(stretch.targets))
    return [(total / count).sqrt_() for total in squares]


def _spread(train: Dataset, device: torch.device) -> Iterator[Stretch]:
    for segment in segments(train, range(train.num_documents), _SEGMENT, _TRAINING_TOKENS):
        which = slice(segment.begin, segment.begin + segment.length + 1)
        yield from document_stretches(train.ids[which], train.inputs[which], STRETCH, device)
