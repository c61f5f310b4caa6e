"""Beam search: the most likely texts of several givens, all of them in one batch of streams.

The score of a text is its log-probability divided by its number of tokens, the end token included. At each step, the
`beam_size` most likely continuations of the open hypotheses of a given are kept. Each one that ends with the end token
reduces the size of the beam by one (Sutskever, Vinyals & Le 2014); a beam of 1 is therefore greedy.

The search of a given stops when no hypothesis is open, when the maximum length is reached, or as soon as no open
hypothesis can have a higher score than the best ones that have ended: the score of an open hypothesis with
log-probability l is at most l / maximum length, because each further token has at most probability 1. Stopping early
therefore never changes a result.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.errors import CheckpointError
from seqgen.levels.base import Ids, Level
from seqgen.model.encoder import Given
from seqgen.model.hardware import PRECISIONS, resolve_precision
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import select
from seqgen.model.stepper import Stepper, stepper
from seqgen.sampling.constraint import Constraint
from seqgen.sampling.fusion import Fusion, PrefixScorer

_MAX_STREAMS = 320  # that are stepped together
_MAX_LOGITS = 1 << 24  # bounds the memory for logits
_MAX_POSITIONS = 1 << 16  # of givens that are encoded together


class BeamConstraint(Constraint, Protocol):
    """A constraint whose streams can be selected."""

    def select(self, streams: NDArray[np.int64]) -> None:
        """Continue with the streams at these indices, in this order."""


@dataclass(frozen=True)
class Hypothesis:
    """A text that was found.

    Attributes:
        ids: its tokens after the start token; the last one is the end token unless it is cut.
        log_probability: of these tokens.
        is_cut: whether it reached the maximum length without the end token.
    """

    ids: list[int]
    log_probability: float
    is_cut: bool = False

    @property
    def score(self) -> float:
        """The log-probability per token."""
        return self.log_probability / len(self.ids)


@torch.inference_mode()
def search(
    model: LanguageModel,
    givens: Sequence[Sequence[int] | Ids],
    max_lengths: Sequence[int],
    rules: Callable[[list[int]], BeamConstraint],
    beam_size: int,
    num_best: int = 1,
    precision: str = "auto",
    after_batch: Callable[[int], None] = lambda _: None,
    fusion: Fusion | None = None,
) -> list[list[Hypothesis]]:
    """Return the best texts of each given, best first. Givens of similar length are searched together.

    Args:
        model: the conditional model, which is not changed.
        givens: the token ids of each given, from the start to the end token, or its vectors.
        max_lengths: the maximum number of tokens of the texts of each given, at least 1.
        rules: returns the constraint of streams with these maximum lengths.
        beam_size: the number of hypotheses per given.
        num_best: the number of texts per given, at most `beam_size`; fewer are returned if fewer were found.
        precision: the precision of the products, as in `--precision`.
        after_batch: receives the number of givens that were searched whenever some are finished.
        fusion: a language model that is added to the scores; None for none.

    Returns:
        Texts that ended. If all of them are empty, also texts that are cut at the maximum length.

    Raises:
        CheckpointError: the likelihoods are not finite.
    """
    dtype = PRECISIONS[resolve_precision(precision, model.device.type)]
    found: list[list[Hypothesis]] = [[] for _ in givens]
    for batch in _batches(givens, beam_size, model.vocabulary_size):
        state, memory = model.encode(Given.of([givens[index] for index in batch], model.device), dtype)
        streams = torch.arange(len(batch), device=model.device).repeat_interleave(beam_size)
        limits = [max_lengths[index] for index in batch]
        constraint = rules([limit for limit in limits for _ in range(beam_size)])
        beams = _Beams(limits, beam_size, num_best, constraint, fusion.scorer() if fusion is not None else None)
        beams.run(stepper(model, select(state, streams), dtype, memory if model.has_attention else None))
        for index, hypotheses in zip(batch, beams.found, strict=True):
            found[index] = sorted(hypotheses, key=lambda each: -each.score)[:num_best]
        after_batch(len(batch))
    return found


def _batches(givens: Sequence[Sequence[int] | Ids], beam_size: int, vocabulary_size: int) -> Iterator[list[int]]:
    """Yield the indices of givens that are searched together."""
    order = sorted(range(len(givens)), key=lambda index: len(givens[index]))
    size = max(1, min(_MAX_STREAMS, _MAX_LOGITS // vocabulary_size) // beam_size)
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) == size or (len(batch) + 1) * len(givens[index]) > _MAX_POSITIONS):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


@dataclass
class _Step:
    """The most likely continuations of each given at a step, each tensor of shape (givens, beam_size).

    Attributes:
        parents: which hypothesis of the given each continues.
        tokens: the tokens that are added.
        scores: the log-probabilities; -inf if there is no such continuation.
    """

    parents: Tensor
    tokens: Tensor
    scores: Tensor


@dataclass
class _Beams:
    """The hypotheses of several givens.

    Args:
        max_lengths: the maximum number of tokens of each given.
        beam_size: the number of hypotheses of each.
        num_best: the number of texts that are needed of each.
        constraint: restricts the next tokens.
        scorer: adds the log-probabilities of a language model; None for none.

    Attributes:
        found: the hypotheses of each given that ended, and those that were cut if no text with any tokens ended.
    """

    max_lengths: Sequence[int]
    beam_size: int
    num_best: int
    constraint: BeamConstraint
    scorer: PrefixScorer | None = None
    found: list[list[Hypothesis]] = field(init=False)

    def __post_init__(self) -> None:
        num_givens = len(self.max_lengths)
        self.found = [[] for _ in range(num_givens)]
        self._givens = torch.arange(num_givens)  # those that are still searched
        self._limits = torch.tensor(self.max_lengths)
        self._scores = torch.full((num_givens, self.beam_size), -torch.inf, dtype=torch.float64)
        self._scores[:, 0] = 0  # all hypotheses are the same at first
        self._tokens = torch.empty(num_givens, self.beam_size, 0, dtype=torch.long)
        self._num_open = torch.full((num_givens, 1), self.beam_size)
        self._has_text = torch.zeros(num_givens, dtype=torch.bool)  # whether a text with any tokens ended
        self._best = torch.full((num_givens, self.num_best), -torch.inf, dtype=torch.float64)  # scores of ended ones

    def run(self, step: Stepper) -> None:
        """Search until all givens are finished."""
        ids = torch.full((self._scores.numel(),), Level.START)
        while True:
            continued = self._continued(step(ids))
            is_finished = self._take(continued)
            if is_finished.all():
                return
            kept = torch.nonzero(~is_finished)[:, 0]
            streams = (kept[:, None] * self.beam_size + continued.parents[kept]).flatten()
            if is_finished.any():
                self._keep(kept)
            ids = self._tokens[..., -1].flatten()
            step.select(streams, kept if is_finished.any() else None)
            self.constraint.select(streams.numpy())
            self.constraint.advance(ids.numpy())

    def _continued(self, logits: Tensor) -> _Step:
        """Return the best continuations, given the logits of the next tokens, shape (streams, vocabulary)."""
        norms = logits.logsumexp(-1, keepdim=True)
        if not norms.isfinite().all():
            raise CheckpointError("the model gives no likelihoods: its weights are NaN or far too large")
        mask = self.constraint.mask()
        if mask is not None:
            logits = logits + torch.from_numpy(mask).to(logits.device)
        if self.scorer is not None:
            logits = logits + self._added(self.scorer, logits.shape[-1]).to(logits)
        width = min(self.beam_size, logits.shape[-1])
        # The best tokens of all hypotheses are among the best of each.
        values, tokens = logits.topk(width)
        likelihoods = (values - norms).cpu().double().view(len(self._givens), self.beam_size, width)
        totals = (self._scores[..., None] + likelihoods).flatten(1)
        scores, places = totals.topk(self.beam_size)
        is_closed = torch.arange(self.beam_size) >= self._num_open
        return _Step(
            places // width, tokens.cpu().view_as(totals).gather(1, places), scores.masked_fill(is_closed, -torch.inf)
        )

    def _added(self, scorer: PrefixScorer, vocabulary_size: int) -> Tensor:
        """Return what a language model adds to the log-probabilities of the tokens, shape (streams, vocabulary)."""
        prefixes = [tuple(tokens) for tokens in self._tokens.flatten(0, 1).tolist()]
        is_open = self._scores.flatten().isfinite().tolist()
        scorer.keep(sorted({prefix for prefix, each in zip(prefixes, is_open, strict=True) if each}))
        nothing = np.zeros(vocabulary_size)
        added = [scorer.following(prefix) if each else nothing for prefix, each in zip(prefixes, is_open, strict=True)]
        return torch.from_numpy(np.stack(added))

    def _take(self, step: _Step) -> Tensor:
        """Add tokens, and record the hypotheses that end; return whether each given is finished."""
        is_open = step.scores.isfinite()
        is_end = (step.tokens == Level.END) & is_open
        parents = step.parents[..., None].expand(-1, -1, self._tokens.shape[-1])
        tokens = step.tokens.where(is_open, Level.END)  # a stream without a hypothesis reads end tokens
        self._tokens = torch.cat([self._tokens.gather(1, parents), tokens[..., None]], -1)
        length = self._tokens.shape[-1]
        self._record(is_end, step.scores, is_cut=False)
        ended = (step.scores / length).masked_fill(~is_end, -torch.inf)
        self._best = torch.cat([self._best, ended], 1).topk(self.num_best).values
        self._num_open -= is_end.sum(1, keepdim=True)
        self._scores = step.scores.masked_fill(is_end, -torch.inf)
        is_at_limit = self._limits <= length
        if length > 1:
            self._has_text |= is_end.any(1)
        self._record(self._scores.isfinite() & (is_at_limit & ~self._has_text)[:, None], self._scores, is_cut=True)
        return is_at_limit | (self._scores.amax(1) / self._limits <= self._best[:, -1])

    def _record(self, which: Tensor, scores: Tensor, *, is_cut: bool) -> None:
        for given, slot in which.nonzero().tolist():
            hypothesis = Hypothesis(self._tokens[given, slot].tolist(), float(scores[given, slot]), is_cut)
            self.found[int(self._givens[given])].append(hypothesis)

    def _keep(self, givens: Tensor) -> None:
        """Continue with some of the givens."""
        for name in ("_givens", "_limits", "_scores", "_tokens", "_num_open", "_has_text", "_best"):
            setattr(self, name, getattr(self, name)[givens])
