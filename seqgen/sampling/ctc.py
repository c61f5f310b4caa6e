"""The most likely texts of a model without a decoder: best path, and prefix beam search.

The beam holds texts. The probability of a text after some outputs is the sum over the sequences of outputs that spell
it, kept apart by whether the last output is a blank: only after a blank does a repeated token begin anew (Graves 2012,
section 7.5; Hannun et al. 2014).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from seqgen.errors import CheckpointError
from seqgen.levels.base import Ids, Level
from seqgen.model.ctc import BLANK, CtcModel, collapsed, forbid
from seqgen.model.encoder import Given
from seqgen.model.hardware import PRECISIONS, resolve_precision
from seqgen.sampling.beam import Hypothesis
from seqgen.sampling.fusion import Fusion, Prefix, PrefixScorer

_MAX_POSITIONS = 1 << 15  # that are encoded together
_MIN_TRIED = 20  # outputs at a position, if there are as many; or four times the size of the beam
_LEAST = -12.0  # log-probability below which an output is not tried, unless it is the most likely one

_Scores = dict[Prefix, tuple[float, float]]  # log-probabilities of each text, whose last output is a blank or not


@torch.inference_mode()
def ctc_search(
    model: CtcModel,
    givens: Sequence[Ids],
    forbidden: Sequence[int],
    beam_size: int,
    num_best: int = 1,
    precision: str = "auto",
    after_batch: Callable[[int], None] = lambda _: None,
    fusion: Fusion | None = None,
) -> list[list[Hypothesis]]:
    """Return the best texts of each given, best first.

    Args:
        model: the model, which is not changed.
        givens: the vectors of each given.
        forbidden: tokens that are never written.
        beam_size: the number of texts that are continued; 1 returns the text of the most likely outputs.
        num_best: the number of texts per given; fewer are returned if fewer were found.
        precision: the precision of the products, as in `--precision`.
        after_batch: receives the number of givens that were searched whenever some are finished.
        fusion: a language model that is added to the scores; None for none.

    Raises:
        CheckpointError: the likelihoods are not finite.
    """
    dtype = PRECISIONS[resolve_precision(precision, model.device.type)]
    found: list[list[Hypothesis]] = [[] for _ in givens]
    order = sorted(range(len(givens)), key=lambda index: len(givens[index]))
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and (last + 1 - first) * len(givens[order[last]]) <= _MAX_POSITIONS:
            last += 1
        batch = order[first:last]
        values, lengths = model.log_probabilities(Given.of([givens[index] for index in batch], model.device), dtype)
        if not values.isfinite().all():
            raise CheckpointError("the model gives no likelihoods: its weights are NaN or far too large")
        forbid(values, forbidden)
        for place, index in enumerate(batch):
            outputs = values[: int(lengths[place]), place].cpu().numpy().astype(np.float64)
            if beam_size == 1 and fusion is None:
                hypotheses = [best_path(outputs)]
            else:
                hypotheses = prefix_search(outputs, beam_size, None if fusion is None else fusion.scorer())
            found[index] = hypotheses[:num_best]
        after_batch(len(batch))
        first = last
    return found


def best_path(outputs: NDArray[np.float64]) -> Hypothesis:
    """Return the text of the most likely output at each position, with the log-probability of these outputs.

    Args:
        outputs: log-probabilities, shape (positions, vocabulary).
    """
    return Hypothesis([*collapsed(outputs.argmax(1).tolist()), Level.END], float(outputs.max(1).sum()))


def prefix_search(outputs: NDArray[np.float64], beam_size: int, scorer: PrefixScorer | None = None) -> list[Hypothesis]:
    """Return the most likely texts, best first, see the module.

    Args:
        outputs: log-probabilities, shape (positions, vocabulary).
        beam_size: the number of texts that are continued at each position.
        scorer: adds the log-probabilities of a language model to those of the texts; None for none.
    """
    beam: _Scores = {(): (0.0, -np.inf)}
    added: dict[Prefix, float] = {(): 0.0}  # by the language model
    for output in outputs:
        likely = np.argsort(-output, kind="stable")[: max(_MIN_TRIED, 4 * beam_size)]
        tried = likely[output[likely] >= min(_LEAST, output.max())].tolist()
        scores: _Scores = {}
        for prefix, (blank, token) in beam.items():
            for each in tried:
                _extend(scores, prefix, blank, token, each, float(output[each]))
        if scorer is not None:
            known = {prefix: value for prefix, value in added.items() if prefix in beam}
            added = {
                prefix: known[prefix]
                if prefix in known
                else known[prefix[:-1]] + scorer.following(prefix[:-1])[prefix[-1]]
                for prefix in scores
            }
        best = sorted(scores, key=lambda prefix: -_total(scores[prefix], added.get(prefix, 0.0)))[:beam_size]
        beam = {prefix: scores[prefix] for prefix in best}
        if scorer is not None:
            scorer.keep(best)
    totals = {prefix: _total(beam[prefix], added.get(prefix, 0.0)) for prefix in beam}
    if scorer is not None:
        totals = {prefix: total + scorer.following(prefix)[Level.END] for prefix, total in totals.items()}
    ranked = sorted(totals, key=lambda prefix: -totals[prefix])
    return [Hypothesis([*prefix, Level.END], totals[prefix]) for prefix in ranked]


def _total(scores: tuple[float, float], added: float) -> float:
    return float(np.logaddexp(*scores)) + added


def _extend(scores: _Scores, prefix: Prefix, blank: float, token: float, each: int, value: float) -> None:
    """Add what a text becomes with another output.

    Args:
        scores: of the texts after this output.
        prefix: the text before it.
        blank: its log-probability with a blank as the last output.
        token: the same with a token.
        each: the output.
        value: its log-probability.
    """
    total = np.logaddexp(blank, token)
    if each == BLANK:
        _add(scores, prefix, total + value, -np.inf)
    elif prefix and prefix[-1] == each:
        _add(scores, prefix, -np.inf, token + value)  # the same token goes on
        _add(scores, (*prefix, each), -np.inf, blank + value)
    else:
        _add(scores, (*prefix, each), -np.inf, total + value)


def _add(scores: _Scores, prefix: Prefix, blank: float, token: float) -> None:
    if max(blank, token) == -np.inf:
        return
    old = scores.get(prefix, (-np.inf, -np.inf))
    scores[prefix] = float(np.logaddexp(old[0], blank)), float(np.logaddexp(old[1], token))
