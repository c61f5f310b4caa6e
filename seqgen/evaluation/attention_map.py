"""The attention of a conditional model: which tokens of the given each token of the text was written from."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from seqgen import files
from seqgen.checkpoint import Checkpoint
from seqgen.encoders.base import Signal, SignalCoding
from seqgen.errors import UsageError
from seqgen.levels.base import Ids, TextLevel
from seqgen.model.ctc import CtcModel, collapsed, forbid
from seqgen.model.encoder import Given
from seqgen.model.language_model import LanguageModel
from seqgen.pictures import any_font, font_families, literal, shown_in
from seqgen.sampling.transcriber import Transcriber, is_empty

_CELL = 0.3  # inches
_MARGIN = 1.5  # inches, for labels and the title
_MAX_INCHES = 40.0
_MAX_LABELS = 130  # along a side
_EDGES = {TextLevel.START: "START", TextLevel.END: "END"}


@dataclass(frozen=True)
class AttentionMap:
    """The attention weights of one text.

    Attributes:
        given: the tokens of the given, from the start to the end token, or the numbers of the encoder's outputs.
        text: the tokens of the text that the model writes, to the end token if it has a decoder.
        weights: for each token of the text, the weight of each token of the given, with a sum of 1; without a decoder
            the probability of the token at each output.
    """

    given: list[str]
    text: list[str]
    weights: list[list[float]]

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
            text_ids, weights = _outputs(model, rows, writer.unseen_ids)
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
        if isinstance(writer.given_coding, SignalCoding):
            labels = [str(number) for number in range(1, weights.shape[-1] + 1)]
        else:
            labels = _labels(writer.given_coding, rows)
        return cls(labels, _labels(writer.level, text_ids), weights.tolist())

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"given": self.given, "text": self.text, "weights": self.weights}


def _labels(level: TextLevel, rows: Sequence[int] | Ids) -> list[str]:
    """Return the text of each token, and names for the start and the end token."""
    ids = list(map(int, rows))
    return [_EDGES.get(token, text) for token, text in zip(ids, level.spelled(ids), strict=True)]


@torch.inference_mode()
def _outputs(model: CtcModel, rows: Ids, unseen_ids: Sequence[int]) -> tuple[list[int], Tensor]:
    """Return the tokens of the most likely outputs, and the probability of each of them over time."""
    values, _ = model.log_probabilities(Given.of([rows], model.device))
    forbid(values, unseen_ids)
    tokens = collapsed(values[:, 0].argmax(-1).tolist())
    return tokens, values[:, 0, tokens].exp().t()


@any_font()
def draw(attention: AttentionMap, path: Path) -> None:
    """Draw the weights as a PNG file: a column per token of the given, a row per token of the text."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    width, height = (min(_MAX_INCHES, _MARGIN + _CELL * len(side)) for side in (attention.given, attention.text))
    with rc_context({"font.family": font_families()}):
        figure = Figure(figsize=(max(3.0, width), max(2.5, height)), layout="constrained")
        axes = figure.subplots()
        axes.imshow(attention.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for axis, labels in ((axes.xaxis, attention.given), (axes.yaxis, attention.text)):
            step = -(-len(labels) // _MAX_LABELS)
            shown = [literal(shown_in(label.strip(" ") or label)) for label in labels[::step]]
            axis.set_ticks(range(0, len(labels), step), shown)
        axes.xaxis.tick_top()
        axes.tick_params(axis="x", labelrotation=90)  # labels of several characters would overlap
        axes.set(xlabel="given", ylabel="text")
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=120)
    files.replace(path, picture.getvalue())
