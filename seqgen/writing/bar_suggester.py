"""The bar suggester: how a model would continue a piece of music that is being composed."""

from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np

from seqgen.checkpoint import Checkpoint
from seqgen.config import SamplingConfig
from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel
from seqgen.music.score import Score
from seqgen.sampling.common_start import common_start
from seqgen.sampling.composer import compose
from seqgen.sampling.sampler import Sample

NUM_BARS = 2  # that are offered at a time


class Draft(NamedTuple):
    """A piece, the first bars of which are kept, and the next ones offered.

    Attributes:
        plan: the whole piece as the model would write it.
        num_kept: the number of bars that are kept.
        num_given: the number of bars of the prime, which are offered together with the first bars after them.
    """

    plan: Score
    num_kept: int = 0
    num_given: int = 0

    @property
    def kept(self) -> Score | None:
        """The bars that are kept."""
        return self.plan[: self.num_kept] if self.num_kept else None

    @property
    def end(self) -> int:
        """The number of bars up to the end of those that are offered."""
        first = max(self.num_kept, self.num_given, 1 if self.plan.pickup else 0)
        return min(first + NUM_BARS, len(self.plan)) if self.num_kept < len(self.plan) else self.num_kept

    @property
    def offered(self) -> Score | None:
        """The bars that are offered; None if the piece has ended."""
        return self.plan[self.num_kept : self.end] if self.num_kept < self.end else None

    def with_offered(self) -> Self:
        """Return the draft with the offered bars kept."""
        return self._replace(num_kept=self.end)


class BarSuggester:
    """Plans pieces, and plans them again from a bar on.

    Args:
        checkpoint: of a model of music.
        model: its model.
        config: the sampling options, with a seed.
        prime: with which the piece begins; None without.

    Raises:
        UsageError: the model is for text.
    """

    def __init__(
        self, checkpoint: Checkpoint, model: LanguageModel, config: SamplingConfig, prime: Score | None
    ) -> None:
        if not isinstance(checkpoint.level, NoteLevel):
            raise UsageError("suggestions of bars need a model of music")
        self._level = checkpoint.level
        self._model = model
        self._unseen_ids = checkpoint.unseen
        self._config = config
        self._prime = prime
        self.notices = common_start(self._level, prime, config, self._unseen_ids).notices

    def draft(self, before: Draft | None, temperature: float, attempt: int) -> Draft:
        """Return a draft in which everything after the kept bars is new.

        Args:
            before: the draft with the kept bars; None for the first one.
            temperature: of sampling.
            attempt: the number of drafts before this one, which determines the random numbers.
        """
        kept = before.kept if before is not None else None
        seed = int(np.random.SeedSequence([self._config.seed or 0, attempt]).generate_state(1)[0])
        config = replace(self._config, temperature=temperature, seed=None)
        if before is not None and kept is not None:
            # The kept bars hold what the other options have fixed.
            num_left = max(1, len(before.plan) - before.num_kept)
            config = replace(config, bars=num_left, metre=None, tempo=None, instrument=())
        start = common_start(self._level, self._prime if kept is None else kept, config, self._unseen_ids)
        (plan,) = compose(self._model, self._level, start, config, [Sample(seed)], self._unseen_ids)
        if before is not None and kept is not None:
            return before._replace(plan=plan)
        return Draft(plan, 0, len(self._prime) if self._prime is not None else 0)
