"""The character level, by hand."""

from seqgen.config import CorpusConfig
from seqgen.levels.character import CharacterLevel


def fit(texts, **options):
    return CharacterLevel.fit([[text] for text in texts], CorpusConfig(**options))


def test_known_characters_are_one_token_each_the_most_frequent_first():
    level = fit(["banana", "cab"])
    assert level.alphabet == "abnc"
    assert level.encode("cabn").tolist() == [21, 18, 19, 20]
    assert level.vocabulary_size == 2 + 16 + 4


def test_an_unknown_character_is_spelled_by_the_digits_of_its_bytes():
    level = fit(["ab"])
    # The euro sign is E2 82 AC in UTF-8; digits begin at id 2.
    assert level.encode("a€b").tolist() == [18, 2 + 0xE, 2 + 2, 2 + 8, 2 + 2, 2 + 0xA, 2 + 0xC, 19]


def test_an_incomplete_character_is_kept_back():
    level = fit(["ab"])
    decoder = level.decoder()
    assert [decoder.feed([int(token)]) for token in level.encode("é!")] == ["", "", "", "é", "", "!"]


def test_broken_spelling_becomes_replacement_characters_and_loses_nothing_after_it():
    level = fit(["ab"])
    digit = 2 + 0xE  # the first half of a byte, then a letter
    assert level.decode([digit, 18, 19]) == "\ufffdab"
    assert level.decode([18, digit]) == "a\ufffd"
    assert level.decode([*level.encode("€")[:2].tolist(), 19]) == "\ufffdb"


def test_start_and_end_have_no_text():
    level = fit(["ab"])
    assert level.decode([level.START, 18, level.END]) == "a"


def test_newlines_and_lone_surrogates_are_normalised():
    level = fit(["ab\n"])
    assert level.decode(level.encode("a\r\nb\rc\ud800")) == "a\nb\nc\ufffd"
