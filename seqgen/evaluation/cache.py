"""The neural cache: tokens that followed states like this one, not long ago, are likelier to come again.

    p(w) = (1 - weight) p_model(w) + weight p_cache(w)
    p_cache(w) ~ sum over the last `window` places i of [x_{i+1} = w] exp(sharpness h_t . h_i / size)

where h are the highest layer's outputs (Grave, Joulin & Usunier, Improving neural language models with a continuous
cache, 2017). The sharpness is divided by the size of h, so that one grid serves every model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.corpus.part import Part
from seqgen.evaluation.likelihood import Score
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.streams import stretches
from seqgen.model.language_model import LanguageModel

SHARPNESS = (1.0, 4.0, 16.0, 32.0, 64.0, 128.0, 256.0)
WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
_STRETCH = 256


@dataclass(frozen=True)
class CacheSettings:
    """What is chosen on the validation part.

    Attributes:
        sharpness: how much the likest places count before the others.
        weight: the share of the cache in the probability.
    """

    sharpness: float
    weight: float


@dataclass(frozen=True)
class CachedPredictions:
    """The probability of every target.

    Attributes:
        model: by the model, shape (targets,).
        cache: by the cache, one row for each of `SHARPNESS`; NaN where there is nothing in it.
    """

    model: NDArray[np.float64]
    cache: NDArray[np.float64]

    @classmethod
    def of(cls, model: LanguageModel, part: Part, window: int, progress: Progress = SILENT) -> "CachedPredictions":
        """Read the documents of a part one after the other; what is remembered stays from one to the next."""
        pairs = []
        with torch.inference_mode(), progress.task("scoring with a cache", part.num_targets) as task:
            for by_model, by_cache in _predictions(model, part, window):
                pairs.append((by_model, by_cache))
                task.advance(len(by_model))
        return cls(*(np.concatenate(columns, axis=-1) for columns in zip(*pairs, strict=True)))

    def best(self) -> CacheSettings:
        """Return the settings that suit these targets best."""
        choices = [CacheSettings(sharpness, weight) for sharpness in SHARPNESS for weight in WEIGHTS]
        return min(choices, key=lambda settings: self.score(settings).nats)

    def score(self, settings: CacheSettings) -> Score:
        """Return the score of model and cache together."""
        cache = self.cache[SHARPNESS.index(settings.sharpness)]
        mixed = (1 - settings.weight) * self.model + settings.weight * cache
        return Score(float(-np.log(np.where(np.isnan(cache), self.model, mixed)).sum()), len(self.model))


def _predictions(
    model: LanguageModel, part: Part, window: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Yield what model and cache say of each stretch's targets."""
    state = model.initial_state(1)
    keys = torch.empty(0, model.config.output_size, device=model.device)
    values = torch.empty(0, dtype=torch.int64, device=model.device)
    for stretch in stretches(part, _STRETCH, model.device):
        before = model.initial_state(1) if stretch.is_first else state
        hidden, state = model.hidden(stretch.inputs, before)
        targets = stretch.targets[:, 0]
        by_model = model.logits(hidden).log_softmax(-1)[:, 0].gather(1, stretch.targets)[:, 0].double().exp()
        keys, values = torch.cat([keys, hidden[:, 0].float()]), torch.cat([values, targets])
        by_cache = _by_cache(keys, values, len(targets), window)
        yield by_model.cpu().numpy(), by_cache.double().cpu().numpy()
        keys, values = keys[-window:], values[-window:]


def _by_cache(keys: Tensor, values: Tensor, num_targets: int, window: int) -> Tensor:
    """Return the cache's probability of the last targets, shape (sharpness, targets); NaN where it is empty.

    Args:
        keys: the states before the targets, those of earlier ones first, shape (places, output_size).
        values: the targets, shape (places,).
        num_targets: how many of them are to be predicted.
        window: how far each may look back.
    """
    first = len(keys) - num_targets
    place, query = torch.arange(len(keys), device=keys.device), torch.arange(first, len(keys), device=keys.device)
    is_past = (place < query[:, None]) & (place >= query[:, None] - window)
    is_match = is_past & (values == values[first:, None])
    likeness = keys[first:] @ keys.T / keys.shape[1]
    rows = []
    for sharpness in SHARPNESS:
        scores = sharpness * likeness
        matching, all_past = (scores.masked_fill(~mask, -torch.inf).logsumexp(1) for mask in (is_match, is_past))
        rows.append((matching - all_past).exp())
    return torch.stack(rows)
