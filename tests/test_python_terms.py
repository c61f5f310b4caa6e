"""Messages of the Python API name arguments instead of options of the command line."""

from dataclasses import fields
from typing import get_type_hints

import pytest

from seqgen.api.arguments import config_of, errors_in_python_terms, python_terms
from seqgen.config import FoldersConfig, LoggingConfig, SamplingConfig, TrainOptions
from seqgen.errors import MusicError, UsageError

KINDS = [SamplingConfig, FoldersConfig, LoggingConfig, *get_type_hints(TrainOptions).values()]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("--top-p must be in (0, 1], got 2", "top_p must be in (0, 1], got 2"),
        ("omit it, or use --cell lstm", "omit it, or use cell='lstm'"),
        ("lower --hidden-size (1,024)", "lower hidden_size (1,024)"),
        ("must be below --hidden-size 1,024, got 2,000", "must be below hidden_size=1024, got 2,000"),
        ("use --resume my-run, or another --name", "use resume='my-run', or another name"),
        ("give --time 62s or more", "give time='62s' or more"),
        ("--from uses --level character: omit --level word", "from_ uses level='character': omit level='word'"),
        ("as in seqgen train --corpus FILE, or --time 1h", "as in seqgen train --corpus FILE, or time='1h'"),
        ("with pandoc --to plain FILE --output FILE.txt", "with pandoc --to plain FILE --output FILE.txt"),
        ("name a file with --given @FILE, got a text", "name a file with given=Path(FILE), got a text"),
        ("use --prime @FILE with a drum part", "use prime=read_music(FILE)[0] with a drum part"),
        ("--stop needs text", "stop needs text"),
        ("raise --best-of or --temperature", "raise best_of or temperature"),
    ],
)  # fmt: skip
def test_options_in_sentences_become_arguments(message, expected):
    assert python_terms(message) == expected


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_invalid_value_is_reported_by_the_name_of_its_argument(kind):
    for item in fields(kind):
        with pytest.raises(UsageError, match=f"^{item.name} must be ") as caught, errors_in_python_terms():
            config_of(kind, {item.name: object()})
        assert "--" not in str(caught.value)


def test_an_error_stays_the_same_object_with_another_message():
    error = MusicError("file without notes", "raise --grid")
    with pytest.raises(MusicError, match="^raise grid$") as caught, errors_in_python_terms():
        raise error
    assert caught.value is error
    assert error.kind == "file without notes"
