"""The validation of a run: the loss on the validation set, estimated from a limited number of tokens."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from seqgen.corpus.dataset import Dataset
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.evaluation.likelihood import Likelihood, estimate
from seqgen.model.language_model import LanguageModel
from seqgen.training.batches import Batches
from seqgen.training.budget import VALIDATION_SHARE, Budget
from seqgen.training.distributed import World
from seqgen.training.example import Example

MAX_VALIDATION_TOKENS = 1_000_000  # enough to compare models; `evaluate` scores all tokens
TRIAL_TOKENS = 1 << 14  # scored first, to estimate how many tokens a short run can afford
FORWARD_SPEED = 3  # a training step takes about three times as long as a forward pass


@dataclass(frozen=True)
class Validated:
    """The result of a validation.

    Attributes:
        nats: the loss per token.
        errors: the share of tokens that were not the most likely ones; None unless texts are given something.
        example: what the model writes for a pair; None unless texts are given something.
    """

    nats: float
    errors: float | None = None
    example: Example | None = None


@dataclass(frozen=True)
class Validation:
    """Scores a model on the validation set, which all processes read together, or each machine its share.

    Args:
        model: the model that is validated.
        dataset: the validation set.
        dtype: precision of matrix products.
        world: the processes; each reads its share and gets the result of all.
    """

    model: LanguageModel
    dataset: Dataset
    dtype: torch.dtype
    world: World

    def likelihood(self, max_tokens: int) -> Likelihood:
        """Return the score of about `max_tokens` targets, or of all targets if there are fewer."""
        readers, own = self.world.readers, Likelihood(0.0, 0)
        if self.dataset.num_documents:  # a share may have none
            max_own = -(-max_tokens * self.dataset.num_targets // self.dataset.total_targets)
            share = slice(readers.rank, None, readers.size)
            own = estimate(self.model, self.dataset, self.dtype, max_own, share)
        nats, tokens, errors = self.world.total(own.nats, own.tokens, own.errors)
        return Likelihood(nats, int(tokens), int(errors))

    def result(self, max_tokens: int, corpus: PreparedCorpus, unseen_ids: Sequence[int], step: int) -> Validated:
        """Return the result of a validation; for a conditional model with its errors and an example.

        Args:
            max_tokens: about how many targets are scored.
            corpus: of the run.
            unseen_ids: ids that are never written.
            step: of the run, which determines the example.
        """
        found = self.likelihood(max_tokens)
        if corpus.given_coding is None:
            return Validated(found.nats_per_token)
        example = Example.of(self.model, corpus, unseen_ids, step) if self.world.is_first else None
        return Validated(found.nats_per_token, found.errors / found.tokens, example)

    def affordable_tokens(self, budget: Budget) -> int:
        """Return how many tokens a validation reads: with `--time`, as many as `VALIDATION_SHARE` allows."""
        allowance = budget.allowance(VALIDATION_SHARE)
        if math.isinf(allowance):
            return MAX_VALIDATION_TOKENS
        begun = time.perf_counter()
        tokens = self.likelihood(TRIAL_TOKENS).tokens
        (affordable,) = self.world.agreed(allowance * tokens / (time.perf_counter() - begun))
        return min(MAX_VALIDATION_TOKENS, max(TRIAL_TOKENS, round(affordable)))

    def num_steps(self, max_tokens: int, batches: Batches) -> float:
        """Return the number of training steps that take about as long as scoring `max_tokens` targets."""
        return min(self.dataset.total_targets, max_tokens) / FORWARD_SPEED / batches.tokens_per_step
