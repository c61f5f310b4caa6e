"""The word level, by hand."""

import pytest

from seqgen.config import CorpusConfig
from seqgen.levels.word import WordLevel

PROSE = "The cat sat. The dog sat.\nThe cat's dog, and the dog's cat, sat:\n\n  The cat  sat.\n" * 2
TOKENISED = "no it was n't <unk> monday\nbut while the new york stock exchange did n't fall\n" * 2


def fit(*texts, **options):
    return WordLevel.fit([[text] for text in texts], CorpusConfig(level="word", **options))


def tokens(level, text):
    """Return what each token adds to the text."""
    decoder = level.decoder()
    return [decoder.feed([int(token)]) for token in level.encode(text)]


def test_a_space_belongs_to_its_word_while_punctuation_and_other_space_are_tokens():
    level = fit(PROSE)
    assert tokens(level, "The cat's dog,  sat.\n\nThe") == [
        "The",
        " cat's",
        " dog",
        ",",
        " ",
        " sat",
        ".",
        "\n",
        "\n",
        "The",
    ]


def test_the_first_word_of_a_line_is_the_same_token_as_elsewhere():
    level = fit(PROSE)
    (first,) = level.encode("The")
    assert level.encode("sat The\nThe").tolist().count(first) == 2


def test_a_rare_word_is_spelled():
    level = fit(PROSE)
    assert tokens(level, "a taco") == ["", "a", " ", "t", "a", "c", "o"]


def test_a_tokenised_corpus_has_a_token_per_word_and_per_line_end():
    level = fit(TOKENISED)
    assert level.is_tokenised
    assert len(level.encode(TOKENISED)) == len(TOKENISED.split()) + TOKENISED.count("\n")
    assert set(level.words) >= {" <unk>", " n't"}
    assert len({int(level.encode(word)[0]) for word in TOKENISED.split()}) == len(set(TOKENISED.split()))


def test_lines_that_begin_and_end_with_a_space_cost_no_more():
    spaced = "".join(f" {line} \n" for line in TOKENISED.splitlines())
    level = fit(spaced)
    assert len(level.encode(spaced)) == len(TOKENISED.split()) + TOKENISED.count("\n")
    assert level.decode(level.encode(spaced)) == spaced


@pytest.mark.parametrize("text", [PROSE, "def f(x):\n    return x\n", "one, two\nthree, four\n"])
def test_ordinary_text_is_not_tokenised(text):
    assert not fit(text).is_tokenised


@pytest.mark.parametrize("text", [PROSE + "A zebra, too.", TOKENISED + "a zebra , too\n"])
def test_words_that_occur_once_are_spelled(text):
    level = fit(text)
    assert " zebra" not in level.words
    assert {" sat", " stock"} & set(level.words)


def test_line_ends_count_as_words():
    assert fit(TOKENISED).extent("no it was n't <unk>\n\na b\n")["words"] == 7 + 3


@pytest.mark.parametrize("text", ["The cat sat. The dog ran.\n", "यह एक है। वह एक है।\n"])
def test_punctuation_of_any_script_indicates_ordinary_text(text):
    assert not fit(text).is_tokenised


def test_combining_marks_belong_to_their_word():
    level = fit("हिन्दी में, हिन्दी में, लिखी\n" * 2)
    assert tokens(level, "हिन्दी में") == ["हिन्दी", " में"]
