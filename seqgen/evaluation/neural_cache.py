"""The neural cache: raises the probability of tokens that recently followed similar states.

    p(w) = (1 - weight) p_model(w) + weight p_cache(w)
    p_cache(w) ~ sum over the last `window` positions i of [x_{i+1} = w] exp(sharpness h_t . h_i / size)

where h are the outputs of the highest layer (Grave, Joulin & Usunier, Improving neural language models with a
continuous cache, 2017). The sharpness is divided by the size of h, so that the same grid fits every model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.corpus.dataset import Dataset
from seqgen.evaluation.likelihood import Likelihood
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.streams import stretches
from seqgen.model.language_model import LanguageModel

SHARPNESS = (1.0, 4.0, 16.0, 32.0, 64.0, 128.0, 256.0)
WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
_STRETCH = 256


@dataclass(frozen=True)
class CacheSettings:
    """The settings that are chosen on the validation set.

    Attributes:
        sharpness: inverse temperature of the similarity of states.
        weight: share of the cache in the mixture.
    """

    sharpness: float
    weight: float


@dataclass(frozen=True)
class CachedPredictions:
    """The probabilities of all targets.

    Attributes:
        model: probabilities by the model, shape (targets,).
        cache: probabilities by the cache, shape (len(SHARPNESS), targets); NaN while the cache is empty.
    """

    model: NDArray[np.float64]
    cache: NDArray[np.float64]

    @classmethod
    def of(
        cls, model: LanguageModel, dataset: Dataset, window: int, progress: Progress = SILENT
    ) -> "CachedPredictions":
        """Read the documents of a dataset in order; the cache is kept from one to the next."""
        pairs = []
        with torch.inference_mode(), progress.task("scoring with a cache", dataset.num_targets) as task:
            for by_model, by_cache in _predictions(model, dataset, window):
                pairs.append((by_model, by_cache))
                task.advance(len(by_model))
        return cls(*(np.concatenate(columns, axis=-1) for columns in zip(*pairs, strict=True)))

    def best(self) -> CacheSettings:
        """Return the settings with the lowest loss on these targets."""
        choices = [CacheSettings(sharpness, weight) for sharpness in SHARPNESS for weight in WEIGHTS]
        return min(choices, key=lambda settings: self.score(settings).nats)

    def score(self, settings: CacheSettings) -> Likelihood:
        """Return the score of the mixture of model and cache."""
        cache = self.cache[SHARPNESS.index(settings.sharpness)]
        mixed = (1 - settings.weight) * self.model + settings.weight * cache
        return Likelihood(float(-np.log(np.where(np.isnan(cache), self.model, mixed)).sum()), len(self.model))


def _predictions(
    model: LanguageModel, dataset: Dataset, window: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield the probabilities of each stretch's targets by model and by cache."""
    state = model.initial_state(1)
    keys = torch.empty(0, model.config.output_size, device=model.device)
    values = torch.empty(0, dtype=torch.int64, device=model.device)
    for stretch in stretches(dataset, _STRETCH, model.device):
        before = model.initial_state(1) if stretch.is_first else state
        hidden, state = model.hidden(stretch.inputs, before)
        targets = stretch.targets[:, 0]
        by_model = model.logits(hidden).log_softmax(-1)[:, 0].gather(1, stretch.targets)[:, 0].double().exp()
        keys, values = torch.cat([keys, hidden[:, 0].float()]), torch.cat([values, targets])
        by_cache = _by_cache(keys, values, len(targets), window)
        yield by_model.cpu().numpy(), by_cache.double().cpu().numpy()
        keys, values = keys[-window:], values[-window:]


def _by_cache(keys: Tensor, values: Tensor, num_targets: int, window: int) -> Tensor:
    """Return the probabilities of the last targets by the cache, shape (sharpness, targets); NaN if it is empty.

    Args:
        keys: outputs before each target, in order, shape (positions, output_size).
        values: the targets, shape (positions,).
        num_targets: number of the last targets that are predicted.
        window: number of positions covered by the cache.
    """
    first = len(keys) - num_targets
    position, query = torch.arange(len(keys), device=keys.device), torch.arange(first, len(keys), device=keys.device)
    is_past = (position < query[:, None]) & (position >= query[:, None] - window)
    is_match = is_past & (values == values[first:, None])
    similarity = keys[first:] @ keys.T / keys.shape[1]
    rows = []
    for sharpness in SHARPNESS:
        scores = sharpness * similarity
        matching, all_past = (scores.masked_fill(~mask, -torch.inf).logsumexp(1) for mask in (is_match, is_past))
        rows.append((matching - all_past).exp())
    return torch.stack(rows)
