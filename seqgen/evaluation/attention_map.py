"""The attention of a conditional model: which tokens of the given each token of the text was written from."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

import torch
from torch import Tensor

from seqgen.checkpoint import Checkpoint
from seqgen.encoders.base import Signal, SignalCoding
from seqgen.errors import UsageError
from seqgen.levels.base import Ids, TextLevel
from seqgen.model.ctc import BLANK, CtcModel, forbid
from seqgen.model.encoder import Given
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.transcriber import Transcriber, is_empty

_EDGES = {TextLevel.START: "START", TextLevel.END: "END"}


@dataclass(frozen=True)
class GivenSignal:
    """A signal as a model reads it.

    Attributes:
        coding: of its kind.
        rows: its vectors.
        subsampling: the number of them per vector of the front end.
    """

    coding: SignalCoding
    rows: Ids
    subsampling: int


@dataclass(frozen=True)
class AttentionMap:
    """The attention weights of one text.

    Attributes:
        given: the tokens of the given, from the start to the end token, or the names of the vectors of a signal.
        text: the tokens of the text that the model writes, to the end token if it has a decoder.
        weights: for each token of the text, the weight of each token or vector of the given, with a sum of 1; without a
            decoder the probability of the token at each output.
        places: for each token of the text, the index of what it mostly attends to; without a decoder, of its output.
        signal: what is given, if it is not a text.
    """

    given: list[str]
    text: list[str]
    weights: list[list[float]]
    places: list[int]
    signal: GivenSignal | None = None

    @classmethod
    def of(cls, checkpoint: Checkpoint, model: LanguageModel, given: str | Signal, text: str | None = None) -> Self:
        """Return the attention with which a model writes a text; without a decoder, when its outputs occur.

        Args:
            checkpoint: the checkpoint.
            model: its model.
            given: what the text is given.
            text: the text; None for the most likely one. Without a decoder, the text is always that of the most likely
                outputs, and the weights are the probabilities of its tokens.

        Raises:
            UsageError: the model has no attention, or the given is empty.
        """
        if not (model.has_attention or isinstance(model, CtcModel)):
            raise UsageError("this model has no attention: inspect --given needs a run with attention or ctc")
        writer = Transcriber.of(checkpoint, model)
        if is_empty(given):
            raise UsageError("--given must not be empty")
        rows = writer.rows(given)
        if isinstance(model, CtcModel):
            text_ids, places, weights = _outputs(model, rows, writer.unseen_ids)
            if not text_ids:
                raise UsageError("the model writes nothing for this: train it for longer, or give it something else")
        else:
            if text is None:
                ((best, *_),) = writer.best([given])
                text = best.text
            text_ids = [*writer.level.encode(text).tolist(), writer.level.END]
            ids = torch.tensor([writer.level.START, *text_ids[:-1]], device=model.device)
            with torch.inference_mode():
                weights = model.attention_weights(ids[:, None], Given.of([rows], model.device))[0]
            places = weights.argmax(-1).tolist()
        written = _labels(writer.level, text_ids), weights.tolist(), places
        coding = writer.given_coding
        if not isinstance(coding, SignalCoding):
            return cls(_labels(coding, rows), *written)
        signal = GivenSignal(coding, rows, model.config.subsampling)
        return cls([coding.label(index, signal.subsampling) for index in range(weights.shape[-1])], *written, signal)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"given": self.given, "text": self.text, "weights": self.weights, "places": self.places}


def _labels(level: TextLevel, rows: Sequence[int] | Ids) -> list[str]:
    """Return the text of each token, and names for the start and the end token."""
    ids = list(map(int, rows))
    return [_EDGES.get(token, text) for token, text in zip(ids, level.spelled(ids), strict=True)]


@torch.inference_mode()
def _outputs(model: CtcModel, rows: Ids, unseen_ids: Sequence[int]) -> tuple[list[int], list[int], Tensor]:
    """Return the tokens of the most likely outputs, where each is most likely, and its probability at each output."""
    values, _ = model.log_probabilities(Given.of([rows], model.device))
    forbid(values, unseen_ids)
    best, outputs = values[:, 0].max(-1)
    tokens, places, end = [], [], 0
    for token, group in groupby(outputs.tolist()):
        begin, end = end, end + len(list(group))
        if token != BLANK:
            tokens.append(token)
            places.append(begin + int(best[begin:end].argmax()))
    return tokens, places, values[:, 0, tokens].exp().t()
