"""The output of `seqgen sample --given`: texts that are written from other texts, or from signals."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BufferedReader
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from seqgen.cli import display
from seqgen.cli.destination import Destination
from seqgen.cli.outputs import report_lacking, write_text
from seqgen.cli.prime import STANDARD_INPUT, text_argument, text_prime, unescaped
from seqgen.config import SamplingConfig
from seqgen.errors import CorpusError, UsageError
from seqgen.runs import full_name
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.encoders.base import Signal, SignalCoding
    from seqgen.levels.base import Coding, TextLevel
    from seqgen.model.language_model import LanguageModel
    from seqgen.sampling.fusion import Fusion
    from seqgen.sampling.transcriber import Transcriber, WrittenText

_READ_AT_ONCE = 1 << 16  # bytes
_SIGNALS_AT_ONCE = 32


def sample_given(
    loaded: "Checkpoint",
    model: "LanguageModel",
    config: SamplingConfig,
    fusion: "Fusion | None",
    destination: Destination,
) -> None:
    """Write texts from what they are given, to files, or to standard output as soon as they are known.

    Args:
        loaded: the checkpoint.
        model: its model.
        config: the sampling options.
        fusion: a language model that is added to the scores of the search; None for none.
        destination: where the texts are written.

    Raises:
        CorpusError: what is given cannot be read.
        UsageError: the options cannot be combined.
    """
    config.refuse_for_given()
    is_piped = STANDARD_INPUT in config.given
    if is_piped and (config.prime == STANDARD_INPUT or len(config.given) > 1):
        raise UsageError("--given - reads standard input: it cannot be combined with --prime - or another --given")
    is_listed = is_piped or len(config.given) > 1 or _is_folder(config.given[0], loaded.given_coding)
    if is_listed and config.num_samples > 1 and not destination.as_json:
        raise UsageError("several givens have one line each: --num-samples needs --json")
    from seqgen.sampling.transcriber import Transcriber, following

    writer = Transcriber.of(loaded, model, fusion)
    prime = writer.level.normalise(text_prime(config.prime, is_passage=True))
    report_lacking(list(writer.level.spelled_out(writer.level.encode(prime))), "the prime")
    config = replace(config, prime=prime, stop=tuple(map(unescaped, config.stop)))
    source = full_name(destination.source)
    display.note(source if config.is_search else f"{source}, seed {(config := _seeded(config)).seed}")
    notices = _Notices(writer, loaded.config.optimization.max_length)
    written: list[tuple[str, str]] = []
    for givens in _givens(config.given, writer):
        notices.check(givens)
        for given, best in zip(givens, writer.write(givens, config), strict=True):
            notices.count(best)
            texts = [each.text[len(prime) if destination.omit_prime else 0 :] for each in best]
            if destination.as_json:
                result = _as_json(given, texts, best)
            else:
                result = _as_text(texts, best, is_line=is_listed, has_scores=config.num_samples > 1)
                if is_listed and not is_piped and not isinstance(given, str):
                    result = f"{Path(given.name).name}\t{result}"
            if destination.files:
                written += [(result, text) for text in texts[:1]]
            else:
                display.write_result(result)
        config = following(config, len(givens))
    if destination.files:
        texts = [text for _, text in written]
        write_text("".join(result for result, _ in written), texts, destination)
    notices.conclude()


@dataclass
class _Notices:
    """Reports what may make texts worse, once each.

    Attributes:
        writer: the model with its vocabularies.
        max_length: the maximum number of positions (tokens, or vectors of signals) of a given in training.
    """

    writer: "Transcriber"
    max_length: int
    _reported: set[str] = field(default_factory=set)
    _num_long: int = 0
    _num_cut: int = 0
    _num_cut_short: int = 0

    def check(self, givens: "Sequence[str | Signal]") -> None:
        """Report the characters of givens that their vocabulary lacks, and the first that is too long."""
        from seqgen.levels.base import TextLevel
        from seqgen.sampling.transcriber import is_empty

        encoded = [self.writer.rows(given) for given in givens if not is_empty(given)]
        if isinstance(self.writer.given_coding, TextLevel):
            lacking = self.writer.given_coding.spelled_out(list(chain.from_iterable(encoded)))
            report_lacking([each for each in lacking if each not in self._reported], "what is given")
            self._reported |= set(lacking)
        longer = [len(ids) for ids in encoded if len(ids) > self.max_length]
        if longer and not self._num_long:
            unit = getattr(self.writer.given_coding, "unit", "token")
            display.note(
                f"a given has {counted(longer[0], unit)}, and none in training had more than {self.max_length:,}: the "
                "text may be worse"
            )
        self._num_long += len(longer)

    def count(self, texts: Sequence["WrittenText"]) -> None:
        """Count the texts that ended before the model ended them."""
        self._num_cut += sum(each.is_cut for each in texts)
        self._num_cut_short += sum(each.is_cut_short for each in texts)

    def conclude(self) -> None:
        """Report how many givens were too long, and how many texts ended before the model ended them."""
        if self._num_long > 1:
            display.note(f"{self._num_long:,} givens have more than {self.max_length:,} positions")
        if self._num_cut:
            display.note(f"{counted(self._num_cut, 'text')} reached the maximum length; --length sets it")
        if self._num_cut_short:
            display.note(f"{counted(self._num_cut_short, 'text')} ended early because the options excluded every token")


def _seeded(config: SamplingConfig) -> SamplingConfig:
    from seqgen.sampling.sampler import begin

    return replace(config, seed=begin(config)[0].seed)


def given_argument(argument: str, coding: "Coding[Any] | None") -> "str | Signal":
    """Return what is given with an option: a text, or the signal in a file.

    Args:
        argument: a text; @ and the name of a file; or @@ for a text that begins with @. For signals, the file may be
            named without @, and strokes may be JSON.
        coding: encodes what the model is given.

    Raises:
        CorpusError: the file cannot be read.
    """
    from seqgen.encoders.base import Signal, SignalCoding

    if not isinstance(coding, SignalCoding):
        return text_argument(argument, "given", is_passage=True)
    if coding.name == "strokes" and argument.startswith("["):
        return Signal.of("--given", argument.encode(errors="surrogateescape"))
    from seqgen.corpus.signals import signal_in

    return signal_in(Path(argument.removeprefix("@")), coding.name)


def _is_folder(argument: str, coding: "Coding[Any] | None") -> bool:
    """Return whether an argument names a folder of signals."""
    from seqgen.encoders.base import SignalCoding

    return isinstance(coding, SignalCoding) and Path(argument.removeprefix("@")).is_dir()


def _givens(arguments: Sequence[str], writer: "Transcriber") -> "Iterator[list[str | Signal]]":
    """Yield what the texts are given: that of the arguments, of the files in a folder, or of lines as they come.

    For signals, lines of standard input are names of files. A file that cannot be read is reported; it is left out of a
    folder, and its line stays empty.
    """
    coding = writer.given_coding
    for is_folder, some in groupby(arguments, lambda argument: _is_folder(argument, coding)):
        if is_folder:
            for argument in some:
                for signals in _signals(_files_in(Path(argument.removeprefix("@")), coding), writer):
                    yield [signal for signal in signals if signal]
        elif (texts := list(some)) != [STANDARD_INPUT]:
            yield [given_argument(argument, coding) for argument in texts]
        else:
            yield from _givens_of_lines(writer)


def _givens_of_lines(writer: "Transcriber") -> "Iterator[list[str | Signal]]":
    from seqgen.levels.base import TextLevel

    for lines in _given_lines():
        if isinstance(writer.given_coding, TextLevel):
            yield list(lines)
        else:
            yield from _signals(lines, writer)


def _files_in(folder: Path, coding: "TextLevel | SignalCoding") -> list[str]:
    """Return the files of a folder that hold signals, in the order of their names.

    Raises:
        CorpusError: there are none.
    """
    from seqgen.corpus.signals import kind_of_suffix

    found = sorted(path for path in folder.iterdir() if kind_of_suffix(path.suffix) == coding.name)
    if not found:
        raise CorpusError(f"{folder} holds no files of the kind that this model is given ({coding.name})")
    return list(map(str, found))


def _signals(names: Sequence[str], writer: "Transcriber") -> "Iterator[list[str | Signal]]":
    """Yield the signals in files, a few at a time; an empty text in place of one that cannot be read."""
    for first in range(0, len(names), _SIGNALS_AT_ONCE):
        yield [_readable(name, writer) if name.strip() else "" for name in names[first : first + _SIGNALS_AT_ONCE]]


def _readable(name: str, writer: "Transcriber") -> "str | Signal":
    try:
        given = given_argument(name, writer.given_coding)
        writer.rows(given)
    except CorpusError as error:
        display.note(f"nothing is written for a file: {error}")
        return ""
    return given


def _given_lines() -> Iterator[list[str]]:
    """Yield the lines of standard input, as many at a time as can be read without waiting for more.

    Only line feeds end a line; a carriage return before one is dropped.

    Raises:
        CorpusError: a line is not valid UTF-8.
    """
    stdin, unfinished, number = cast(BufferedReader, sys.stdin.buffer), b"", 0
    while data := stdin.read1(_READ_AT_ONCE):
        *lines, unfinished = (unfinished + data).split(b"\n")
        if lines:
            yield [_decoded(line, number + index) for index, line in enumerate(lines, 1)]
            number += len(lines)
    if unfinished:
        yield [_decoded(unfinished, number + 1)]


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError(f"line {number} of standard input is not valid UTF-8 (byte offset {error.start})") from error


def _as_text(texts: Sequence[str], best: Sequence["WrittenText"], *, is_line: bool, has_scores: bool) -> str:
    """Return a text, or lines of scores and texts; in a line, line feeds become spaces.

    Args:
        texts: the texts.
        best: the same with their scores.
        is_line: whether the only text is a line of output.
        has_scores: whether each text is a line with its score.
    """
    lines = [text.replace("\n", " ") if is_line or has_scores else text for text in texts]
    if has_scores:
        lines = [f"{each.score:.4f}\t{line}" for each, line in zip(best, lines, strict=True)]
    elif is_line and not lines:
        lines = [""]
    return "".join(line + "\n" for line in lines)


def _as_json(given: "str | Signal", texts: Sequence[str], best: Sequence["WrittenText"]) -> str:
    """Return a line of JSON per text."""
    shown = given if isinstance(given, str) else given.name
    objects = (
        {"given": shown, "text": text, "score": each.score, "tokens": each.tokens}
        for each, text in zip(best, texts, strict=True)
    )
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in objects)
