"""The suggestion to start from a built-in model, for texts whose words Shakespeare used."""

import random
import re

import pytest

from seqgen.corpus import builtin
from seqgen.training.suggested_start import known_share

(PLAYS,) = builtin.files("shakespeare")
with PLAYS.opened() as opened:
    WORDS = sorted(set(re.findall(r"[a-z]{3,}", opened.read().decode().lower())))


def text_of(words, size, seed=1):
    generator = random.Random(seed)
    return " ".join(generator.choice(words) for _ in range(size // 5))


def test_the_share_of_known_words_is_counted_by_hand():
    assert (
        known_share("The KING, the bicycle and a telephone: to be") == 4 / 6
    )  # the, king, the, and; not bicycle, telephone
    assert known_share("12 of it") == 0


@pytest.mark.parametrize(
    ("words", "size", "options", "is_suggested"),
    [
        (WORDS, 40_000, [], True),
        ([word[::-1] for word in WORDS], 40_000, [], False),
        (WORDS, 5_000, [], False),
        (WORDS, 200_000, [], False),
        (WORDS, 40_000, ["--level", "word"], False),
        (WORDS, 40_000, ["--from", "builtin:shakespeare"], False),
        (WORDS, 40_000, ["--hidden-size", "8"], False),
    ],
)
def test_a_start_is_suggested_for_small_texts_in_english(quick_cli, tmp_path, words, size, options, is_suggested):
    (tmp_path / "mine.txt").write_text(text_of(words, size), encoding="utf-8")
    done = quick_cli("train", "--corpus", "mine.txt", "--steps", "1", "--batch-size", "2", *options)
    assert done.returncode == 0, done.stderr
    suggestion = "of the words at the beginning of this text occur in Shakespeare's plays: --from builtin:shakespeare"
    assert (suggestion in done.stderr) == is_suggested
