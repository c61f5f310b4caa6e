"""The attention of a conditional model: which tokens of the given each token of the text was written from."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from seqgen import files
from seqgen.checkpoint import Checkpoint
from seqgen.encoders.base import Signal, SignalCoding
from seqgen.errors import UsageError
from seqgen.levels.base import Ids, TextLevel
from seqgen.model.encoder import Given
from seqgen.model.language_model import LanguageModel
from seqgen.pictures import any_font, font_families, literal, shown_in
from seqgen.sampling.transcriber import Transcriber, is_empty

_CELL = 0.3  # inches
_MARGIN = 1.5  # inches, for labels and the title
_MAX_INCHES = 40.0
_EDGES = {TextLevel.START: "START", TextLevel.END: "END"}


@dataclass(frozen=True)
class AttentionMap:
    """The attention weights of one text.

    Attributes:
        given: the tokens of the given, from the start to the end token.
        text: the tokens of the text that the model writes, to the end token.
        weights: for each token of the text, the weight of each token of the given; each row has the sum 1.
    """

    given: list[str]
    text: list[str]
    weights: list[list[float]]

    @classmethod
    def of(cls, checkpoint: Checkpoint, model: LanguageModel, given: str | Signal, text: str | None = None) -> Self:
        """Return the attention with which a model writes a text.

        Args:
            checkpoint: the checkpoint.
            model: its model.
            given: what the text is given.
            text: the text; None for the most likely one.

        Raises:
            UsageError: the model has no attention, or the given is empty.
        """
        if not model.has_attention:
            raise UsageError("this model has no attention: inspect --given needs a run with --given and attention")
        writer = Transcriber.of(checkpoint, model)
        if is_empty(given):
            raise UsageError("--given must not be empty")
        if text is None:
            ((best, *_),) = writer.best([given])
            text = best.text
        rows, text_ids = writer.rows(given), [*writer.level.encode(text).tolist(), writer.level.END]
        ids = torch.tensor([writer.level.START, *text_ids[:-1]], device=model.device)
        with torch.inference_mode():
            weights = model.attention_weights(ids[:, None], Given.of([rows], model.device))
        return cls(_labels(writer.given_coding, rows), _labels(writer.level, text_ids), weights[0].tolist())

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"given": self.given, "text": self.text, "weights": self.weights}


def _labels(coding: TextLevel | SignalCoding, rows: Sequence[int] | Ids) -> list[str]:
    """Return the text of each token, and names for the start and the end token; the numbers of vectors."""
    if isinstance(coding, SignalCoding):
        return [str(number) for number in range(1, len(rows) + 1)]
    ids = list(map(int, rows))
    return [_EDGES.get(token, text) for token, text in zip(ids, coding.spelled(ids), strict=True)]


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
            axis.set_ticks(range(len(labels)), [literal(shown_in(label.strip(" ") or label)) for label in labels])
        axes.xaxis.tick_top()
        axes.tick_params(axis="x", labelrotation=90)  # labels of several characters would overlap
        axes.set(xlabel="given", ylabel="text")
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=120)
    files.replace(path, picture.getvalue())
