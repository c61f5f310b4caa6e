"""What a model expects at each token of a text, and the states of its layers while it reads the text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.checkpoint import Checkpoint
from seqgen.corpus.documents import Passage
from seqgen.corpus.passages import cut, singly
from seqgen.corpus.reading import ReadingLog
from seqgen.errors import UsageError
from seqgen.evaluation.attended import Attended
from seqgen.levels.base import Ids, Level, TextLevel
from seqgen.levels.note import NoteLevel
from seqgen.model.activations import activations
from seqgen.model.language_model import LanguageModel
from seqgen.music.score import Score

_MAX_LOGITS = 1 << 24  # bounds the memory for logits

Layer = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Reading:
    """A document as a model reads it, step by step.

    Attributes:
        model: the model.
        targets: the tokens that are predicted, with END if the document is complete; shape (tokens,).
        output: what the logits are computed from, shape (steps, output_size). Step 0 reads START and predicts the first
            target. The end token is never read, so a complete document has as many steps as targets, and an incomplete
            one has one more, which predicts how it continues.
        layers: the states and gates of each layer after each step by name, shape (steps, units).
        attended: what the prediction of each target attends to; None for a model without attention to the past.
    """

    model: LanguageModel
    targets: NDArray[np.int64]
    output: Tensor
    layers: list[Layer]
    attended: Attended | None

    @classmethod
    def of(cls, model: LanguageModel, level: Level[Any], ids: Ids) -> "Reading":
        """Read a document.

        Args:
            model: the model, which is not changed.
            level: its level.
            ids: the tokens with START, and with END if the document is complete; shape (1 + tokens,).
        """
        read = level.inputs(ids[:-1] if ids[-1] == level.END else ids)
        output, layers = activations(model, torch.from_numpy(read.astype(np.int64)))
        arrays = [{name: values.cpu().numpy() for name, values in layer.items()} for layer in layers]
        past, targets = model.stack.past, ids[1:].astype(np.int64)
        attended = None if past is None else Attended.of(past, layers[0]["hidden"][: len(targets)])
        return cls(model, targets, output, arrays, attended)

    @torch.inference_mode()
    def log_probabilities(self, first: int = 0, stop: int | None = None) -> Tensor:
        """Return the log-probabilities of all tokens before some targets, shape (targets, vocabulary_size)."""
        output = self.output[: len(self.targets)][first:stop]
        return self.model.logits(output[:, None])[:, 0].log_softmax(-1)

    @cached_property
    def surprisal(self) -> NDArray[np.float32]:
        """The surprisal of each target in nats, shape (tokens,)."""
        parts = [
            -values.gather(1, torch.from_numpy(self.targets[first : first + len(values), None]).to(values.device))[:, 0]
            for first, values in self._in_parts()
        ]
        return torch.cat(parts).cpu().numpy()

    def most_likely(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the most likely tokens in place of each target, and their probabilities, shape (tokens, count)."""
        best = [values.topk(min(count, values.shape[1])) for _, values in self._in_parts()]
        ids, values = torch.cat([each.indices for each in best]), torch.cat([each.values for each in best])
        return ids.cpu().numpy(), values.exp().cpu().numpy()

    def _in_parts(self) -> Iterator[tuple[int, Tensor]]:
        """Yield the index of a target, and the log-probabilities before it and some of those after it."""
        size = max(1, _MAX_LOGITS // self.model.vocabulary_size)
        for first in range(0, len(self.targets), size):
            yield first, self.log_probabilities(first, first + size)


def documents_of(checkpoint: Checkpoint, text: str | Score) -> list[Ids]:
    """Return the ids of each document of a text or piece with START, cut as in training.

    END follows a line or paragraph whose newline the text has, and a piece that is no excerpt.

    Raises:
        UsageError: the text is empty, or of another kind than the model, or the model writes from something given.
        MusicError: the piece cannot be encoded.
    """
    level = checkpoint.level
    if checkpoint.given_coding is not None:
        raise UsageError(
            "--text is for models that are given nothing, but this one was trained with --given: --given TEXT shows "
            "what it attends to"
        )
    start, end = np.array([level.START]), np.array([level.END])
    if isinstance(text, Score) and isinstance(level, NoteLevel):
        return [np.concatenate([start, level.encode(text), *([] if text.is_excerpt else [end])])]
    if isinstance(text, Score) or not isinstance(level, TextLevel):
        raise UsageError(
            f"this model is for {'text' if isinstance(level, TextLevel) else 'music'}: give it --text of it"
        )
    whole = Passage("text", level.normalise(text))
    documents = list(singly(cut(whole, checkpoint.config.corpus.document, ReadingLog()))) if text else []
    if not documents:
        raise UsageError("--text must not be empty")
    return [
        np.concatenate([start, *map(level.encode, each.chunks()), *([end] if each.ending else [])])
        for each in documents
    ]


@dataclass(frozen=True)
class Inspection:
    """The documents of a text, one after the other.

    Attributes:
        level: the vocabulary.
        ids: the tokens without START, shape (tokens,).
        begins: the index of the first token of each document.
        surprisal: in nats, shape (tokens,).
        best: the most likely tokens in place of each token, the most likely first; shape (tokens, alternatives).
        probabilities: of these, shape (tokens, alternatives).
        layers: the states and gates of each layer after each token has been read, shape (tokens, units); those at END,
            which is not read, are those before it.
        num_tokens: of the whole text, of which the first ones are inspected.
        attended: what the prediction of each token attends to; None for a model without attention to the past.
    """

    level: Level[Any]
    ids: NDArray[np.int64]
    begins: list[int]
    surprisal: NDArray[np.float32]
    best: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    layers: list[Layer]
    num_tokens: int
    attended: Attended | None

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        model: LanguageModel,
        text: str | Score,
        max_tokens: int,
        num_alternatives: int,
    ) -> "Inspection":
        """Inspect a text or a piece of music.

        Args:
            checkpoint: the checkpoint.
            model: its model.
            text: the text, or the score for a model of music.
            max_tokens: the number of tokens after which reading stops.
            num_alternatives: the number of most likely tokens.

        Raises:
            UsageError, MusicError: see `documents_of`.
        """
        documents, left = documents_of(checkpoint, text), max_tokens
        readings: list[Reading] = []
        for ids in documents:
            if left > 0:
                readings.append(Reading.of(model, checkpoint.level, ids[: 1 + left]))
                left -= len(readings[-1].targets)
        best = [each.most_likely(num_alternatives) for each in readings]
        return cls(
            checkpoint.level,
            np.concatenate([each.targets for each in readings]),
            np.cumsum([0, *(len(each.targets) for each in readings[:-1])]).tolist(),
            np.concatenate([each.surprisal for each in readings]),
            np.concatenate([ids for ids, _ in best]),
            np.concatenate([values for _, values in best]),
            _joined(readings),
            sum(len(ids) - 1 for ids in documents),
            Attended.joined([each.attended for each in readings if each.attended is not None]),
        )

    @cached_property
    def documents(self) -> list[NDArray[np.int64]]:
        """The tokens of each document, without START."""
        return np.split(self.ids, self.begins[1:])

    @cached_property
    def texts(self) -> list[str]:
        """What each token adds to the text; of music, the name of the token."""
        return [text for ids in self.documents for text in self.level.spelled(ids.tolist())]

    @property
    def is_music(self) -> bool:
        """Whether it is music, whose texts are the names of tokens."""
        return isinstance(self.level, NoteLevel)

    def label(self, token: int) -> str:
        """Return the text of a token for display; END for the end, and the digits of a part of a character."""
        if token in (self.level.START, self.level.END):
            return "START" if token == self.level.START else "END"
        if not isinstance(self.level, TextLevel):
            return self.level.spelled([token])[0]
        digits = self._hexadecimal[token]
        text = "" if len(digits) % 2 else bytes.fromhex(digits).decode("utf-8", "replace")
        return f"<{digits}>" if not text or "\ufffd" in text else text

    @cached_property
    def _hexadecimal(self) -> Sequence[str]:
        return self.level.hexadecimal if isinstance(self.level, TextLevel) else ()


def _joined(readings: Sequence[Reading]) -> list[Layer]:
    """Return the states and gates after each target: those of step 1 belong to the first one."""
    steps = [np.minimum(np.arange(1, len(each.targets) + 1), len(each.output) - 1) for each in readings]
    return [
        {
            name: np.concatenate([each.layers[index][name][rows] for each, rows in zip(readings, steps, strict=True)])
            for name in layer
        }
        for index, layer in enumerate(readings[0].layers)
    ]
