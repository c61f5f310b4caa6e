"""The most likely texts of a model without a decoder: best path, and prefix beam search.

The beam holds texts. The probability of a text after some outputs is the sum over the sequences of outputs that spell
it, kept apart by whether the last output is a blank: only after a blank does a repeated token begin anew (Graves 2012,
section 7.5; Hannun et al. 2014).
"""

from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray

from seqgen.errors import CheckpointError
from seqgen.levels.base import Ids, Level
from seqgen.model.ctc import BLANK, CtcModel
from seqgen.model.encoder import Given
from seqgen.model.hardware import PRECISIONS, resolve_precision
from seqgen.sampling.beam import Hypothesis

_MAX_POSITIONS = 1 << 15  # that are encoded together
_LEAST = -12.0  # log-probability below which an output is not tried, unless it is the most likely one

_Prefix = tuple[int, ...]
_Scores = dict[_Prefix, tuple[float, float]]  # log-probabilities of each text, whose last output is a blank or not


@torch.inference_mode()
def ctc_search(
    model: CtcModel,
    givens: Sequence[Ids],
    forbidden: Sequence[int],
    beam_size: int,
    num_best: int = 1,
    precision: str = "auto",
    after_batch: Callable[[int], None] = lambda _: None,
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
        values[..., [Level.END, *(token for token in forbidden if token != BLANK)]] = -torch.inf
        for place, index in enumerate(batch):
            outputs = values[: int(lengths[place]), place].cpu().numpy().astype(np.float64)
            hypotheses = [best_path(outputs)] if beam_size == 1 else prefix_search(outputs, beam_size)
            found[index] = hypotheses[:num_best]
        after_batch(len(batch))
        first = last
    return found


def best_path(outputs: NDArray[np.float64]) -> Hypothesis:
    """Return the text of the most likely output at each position, with the log-probability of these outputs.

    Args:
        outputs: log-probabilities, shape (positions, vocabulary).
    """
    tokens = [token for token, _ in groupby(outputs.argmax(1).tolist()) if token != BLANK]
    return Hypothesis([*tokens, Level.END], float(outputs.max(1).sum()))


def prefix_search(outputs: NDArray[np.float64], beam_size: int) -> list[Hypothesis]:
    """Return the most likely texts, best first, see the module.

    Args:
        outputs: log-probabilities, shape (positions, vocabulary).
        beam_size: the number of texts that are continued at each position.
    """
    beam: _Scores = {(): (0.0, -np.inf)}
    for output in outputs:
        tried = np.flatnonzero(output >= min(_LEAST, output.max())).tolist()
        scores: _Scores = {}
        for prefix, (blank, token) in beam.items():
            for each in tried:
                _extend(scores, prefix, blank, token, each, float(output[each]))
        best = sorted(scores, key=lambda prefix: -float(np.logaddexp(*scores[prefix])))[:beam_size]
        beam = {prefix: scores[prefix] for prefix in best}
    return [Hypothesis([*prefix, Level.END], float(np.logaddexp(*beam[prefix]))) for prefix in beam]


def _extend(scores: _Scores, prefix: _Prefix, blank: float, token: float, each: int, value: float) -> None:
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


def _add(scores: _Scores, prefix: _Prefix, blank: float, token: float) -> None:
    if max(blank, token) == -np.inf:
        return
    old = scores.get(prefix, (-np.inf, -np.inf))
    scores[prefix] = float(np.logaddexp(old[0], blank)), float(np.logaddexp(old[1], token))
