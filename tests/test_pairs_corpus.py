"""Corpora of pairs: split, levels, and token ids on disk."""

import random
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.corpus import closed_set
from seqgen.corpus import statistics as statistics_module
from seqgen.corpus.closed_set import num_closed_tokens
from seqgen.corpus.crew import Crew
from seqgen.corpus.documents import Pair, Passage
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split import PAIRS, TRAIN, VALID, choose_split
from seqgen.corpus.statistics import Statistics
from seqgen.errors import CorpusError
from tests.pairs import ODD, ROWS, decoded, split_corpus, write_table

# The split


@pytest.mark.parametrize("max_ranked", [100_000, 3])
@given(givens=st.lists(st.integers(0, 60), min_size=2).filter(lambda givens: len(set(givens)) > 1), data=st.data())
def test_pairs_stay_whole_and_those_with_the_same_given_on_one_side(max_ranked, givens, data):
    sizes = [data.draw(st.integers(1, 300)) for _ in givens]
    documents = [Pair("p", "x" * size, str(given)) for given, size in zip(givens, sizes, strict=True)]
    statistics = Statistics(0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics_module, "MAX_RANKED", max_ranked)
        for document in documents:
            statistics.add(document)
        split = choose_split(statistics, PAIRS)
    divided = [pair for document in documents for pair in split.divide(document)]
    assert [document for _, document in divided] == documents
    sides = {part: {document.given.text for owner, document in divided if owner == part} for part in (TRAIN, VALID)}
    assert not sides[TRAIN] & sides[VALID]
    if len(set(givens)) < max_ranked:
        assert sides[TRAIN]
        assert sides[VALID]


def test_two_givens_are_divided_and_one_is_refused(tmp_path):
    path = write_table(tmp_path / "train.tsv", [("a", f"x{i}") for i in range(30)] + [("b", "y" * 2000)])
    parts = [{document.given.text for part, document in split_corpus(path, given="1").documents() if part == side}
             for side in (TRAIN, VALID)]  # fmt: skip
    assert sorted(map(sorted, parts)) == [["a"], ["b"]]
    write_table(path, [("a", f"x{i}") for i in range(30)])
    with pytest.raises(CorpusError, match="all pairs are given the same text, .* at least two different ones"):
        split_corpus(path, given="1", field="2")


def test_the_digest_covers_both_sides_and_the_family_only_the_given():
    pair = Pair("p", "text", "given")
    assert pair.family == Passage("p", "given").digest
    assert len({pair.digest, Pair("p", "text", "other").digest, Pair("p", "other", "given").digest}) == 3
    assert pair.digest not in (Passage("p", "text").digest, Pair("p", "given", "text").digest)


# The prepared corpus


def test_both_sides_are_stored_and_can_be_decoded(tmp_path):
    rows = [(f"{ODD} {a}", f"{b} ü") for a, b in ROWS]
    corpus = split_corpus(write_table(tmp_path / "train.tsv", rows), given="1", field="2")
    prepared = PreparedCorpus.prepare(corpus, tmp_path / "data")
    for part, dataset in ((TRAIN, prepared.train), (VALID, prepared.valid)):
        expected = [(d.given.text, d.text) for owner, d in corpus.documents() if owner == part]
        assert expected
        givens, texts = decoded(dataset.given, prepared.given_coding), decoded(dataset, prepared.level)
        assert list(zip(givens, texts, strict=True)) == expected
        assert dataset.given.ids[dataset.given.offsets[:-1]].tolist() == [0] * len(expected)
        assert dataset.given.ids[dataset.given.offsets[1:] - 1].tolist() == [1] * len(expected)
        assert dataset.given.extent["characters"] == sum(len(a) for a, _ in expected)
    assert set(prepared.given_coding.alphabet) == {
        c for d in decoded(prepared.train.given, prepared.given_coding) for c in d
    }


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["offsets"], "numbers, which are not"),
        (["ids", "offsets", "counts"], "documents, of which .* are given some"),
    ],
)
def test_a_prepared_corpus_of_pairs_is_refused_when_damaged(tmp_path, kinds, message):
    corpus = split_corpus(write_table(tmp_path / "train.tsv", ROWS), given="1", field="2")
    PreparedCorpus.prepare(corpus, tmp_path / "data")
    folder = tmp_path / "data" / "prepared" / corpus.fingerprint
    assert PreparedCorpus.open(folder).given_coding is not None
    for kind in kinds:
        (folder / f"train.given.{kind}").write_bytes((folder / f"valid.given.{kind}").read_bytes())
    with pytest.raises(ValueError, match=message):
        PreparedCorpus.open(folder)


def test_the_fingerprint_depends_on_both_sides_and_the_options(tmp_path):
    path = write_table(tmp_path / "train.tsv", [(a, b, a + b) for a, b in ROWS])
    options = [{"given": "1"}, {"given": "3"}, {"given": "1", "given_level": "word"}, {}]
    found = [split_corpus(path, field="2", valid=str(path), **each).fingerprint for each in options]
    for name in ("train", "valid"):
        (tmp_path / f"{name}.en").write_text("".join(f"{a}\n" for a, _ in ROWS))
        (tmp_path / f"{name}.de").write_text("".join(f"{b}\n" for _, b in ROWS))
    files = {"given": str(tmp_path / "train.en"), "valid": str(tmp_path / "valid.de")}
    found.append(split_corpus(tmp_path / "train.de", **files).fingerprint)
    for name in ("train.en", "valid.en"):
        (tmp_path / name).write_text("".join(f"{a}!\n" for a, _ in ROWS))
        found.append(split_corpus(tmp_path / "train.de", **files).fingerprint)
    assert len(set(found)) == len(found)


def test_the_vocabulary_of_the_given_is_that_of_the_training_part(tmp_path):
    path = write_table(tmp_path / "train.tsv", [(chr(0x4E00 + i), text) for i, (_, text) in enumerate(ROWS)])
    corpus = split_corpus(path, given="1", field="2", valid_fraction=0.3)
    prepared = PreparedCorpus.prepare(corpus, tmp_path / "data")
    givens = {document.given.text for part, document in corpus.documents() if part == TRAIN}
    assert set(prepared.given_coding.alphabet) == givens
    assert len(givens) < len(ROWS)
    assert all(map(str.isprintable, decoded(prepared.valid.given, prepared.given_coding)))


# Levels

PHONES = ["a", "ɑ̃", "t͡ʃ", "kʰ", "oː", "˧˥", "d", "n", "e"]


def phones(num_texts, seed=1, tokens=PHONES):
    """Return sequences of two to nine tokens between spaces."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(tokens, k=draw.randint(2, 9))) for _ in range(num_texts)]


def test_tokens_of_a_closed_set_become_one_id_each_on_both_sides(tmp_path):
    rows = list(zip(phones(200), phones(200, seed=2, tokens=["V", "PST", "3", "SG", "IND"]), strict=True))
    corpus = split_corpus(write_table(tmp_path / "train.tsv", rows), given="2", field="1")
    assert corpus.summary[-2:] == [
        "the text to write consists of 9 different tokens between spaces: --level word",
        "what is given consists of 5 different tokens between spaces: --given-level word",
    ]
    prepared = PreparedCorpus.prepare(corpus, tmp_path / "data")
    for dataset, level in ((prepared.train, prepared.level), (prepared.train.given, prepared.given_coding)):
        num_tokens = [len(text.split(" ")) for text in decoded(dataset, level)]
        assert (np.diff(dataset.offsets) - 2).tolist() == num_tokens
    texts = [document.text for part, document in corpus.documents() if part == TRAIN]
    assert decoded(prepared.train, prepared.level) == texts


@pytest.mark.parametrize("options", [{"level": "subword"}, {"ngram": 2}, {"level": "character"}])
def test_a_level_that_was_asked_for_is_kept(tmp_path, options):
    path = write_table(tmp_path / "train.tsv", zip(phones(200), phones(200), strict=True))
    corpus = split_corpus(path, given="1", field="2", given_level="character", **options)
    assert (corpus.config.level, corpus.config.given_level) == (options.get("level", "character"), "character")


WORDS = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8").split()


@pytest.mark.parametrize(
    ("texts", "is_closed"),
    [
        (phones(60), True),
        (phones(300, tokens=[f"{c}{d}" for c in "bdfgklmnprst" for d in "aeiou"]), True),
        ([" ".join(WORDS[i : i + 7]) for i in range(0, len(WORDS), 7)], False),
        ([" ".join(WORDS[i : i + 7]) for i in range(0, 210, 7)], False),
        ([" ".join(filter(str.isalpha, WORDS[i : i + 9])) or "a" for i in range(0, 450, 9)], False),
        (WORDS, False),
        (["go", "stop"] * 300, False),
        ([f"{word} V;PST;{i % 3}" for i, word in enumerate(WORDS)], False),
        ([text.replace(" ", "  ") for text in phones(300)], False),
        ([text.replace(" ", "") for text in phones(300)], False),
        (phones(300, tokens=["a:", "t_h", "@", "e~", "i:"]), False),  # the word level would divide these
        ([], False),
    ],
)
def test_sentences_and_single_words_are_no_closed_set(texts, is_closed):
    assert num_closed_tokens([[text[:2], text[2:]] for text in texts]) == (
        len(set(" ".join(texts).split(" "))) if is_closed else 0
    )


def test_a_few_rare_tokens_do_not_hide_a_closed_set():
    texts = phones(20_000)
    rare = [f"{text} x{number}" for number, text in enumerate(texts[:400])]
    assert num_closed_tokens(texts + rare) == len(PHONES) + 400
    assert num_closed_tokens(texts[:2000] + rare) == 0  # 400 of 11,000 tokens


def test_only_the_beginning_is_examined(monkeypatch):
    monkeypatch.setattr(closed_set, "SAMPLE_SIZE", 1000)
    texts = iter(phones(300))
    assert num_closed_tokens(texts)
    assert 100 < len(list(texts)) < 290


# Several processes


class ThreadCrew(Crew):
    """A crew whose processes are threads."""

    def __init__(self, rank, shared):
        super().__init__(rank, 2)
        vars(self)["shared"] = shared

    def wait(self):
        self.shared["barrier"].wait()

    def broadcast(self, content, source=0):
        if self.rank == source:
            self.shared["content"] = content()
        self.wait()
        received = self.shared["content"]
        self.wait()
        return received


def test_a_crew_of_two_writes_the_same_bytes(tmp_path):
    for place in range(4):
        write_table(tmp_path / f"{place}.tsv", [(f"{a}{place}", f"{b}{place}") for a, b in ROWS])
    corpus = split_corpus(tmp_path / "*.tsv", given="1", field="2")
    shared = {"barrier": threading.Barrier(2, timeout=60)}
    crews = [ThreadCrew(rank, shared) for rank in range(2)]
    assert all(any(True for _ in corpus.share(crew).documents()) for crew in crews)
    PreparedCorpus.prepare(corpus, tmp_path / "alone")
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda crew: PreparedCorpus.prepare(corpus, tmp_path / "both", crew), crews))
    one, other = (tmp_path / name / "prepared" / corpus.fingerprint for name in ("alone", "both"))
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    assert {"train.given.ids", "valid.given.offsets"} <= set(names)
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_sentences_are_taken_as_subwords_and_words_as_characters(tmp_path):
    sentences = [(f"the {i} cats sat on mat {i % 7}", f"die {i} Katzen saßen auf Matte {i % 9}") for i in range(2400)]
    corpus = split_corpus(write_table(tmp_path / "sentences.tsv", sentences), given="1", field="2")
    assert (corpus.config.level, corpus.config.given_level) == ("subword", "subword")
    assert any("the text to write consists of sentences: --level subword" in note for note in corpus.summary)
    few = split_corpus(write_table(tmp_path / "few.tsv", sentences[:200]), given="1", field="2")
    assert (few.config.level, few.config.given_level) == ("character", "character")


def test_accents_and_hangul_syllables_of_what_is_given_are_taken_apart(tmp_path):
    korean = [("한국", "h a n"), ("학교", "h a k"), ("아이", "a i"), ("나라", "n a")]
    corpus = split_corpus(write_table(tmp_path / "korean.tsv", korean), given="1", field="2")
    assert (corpus.config.level, corpus.config.given_level) == ("character", "decomposed")
    prepared = PreparedCorpus.prepare(corpus, tmp_path)
    parts = (prepared.train, prepared.valid)
    assert {text for part in parts for text in decoded(part.given, prepared.given_coding)} <= {g for g, _ in korean}
    letters = {letter for given, _ in korean for letter in unicodedata.normalize("NFD", given)}
    assert set(prepared.given_coding.alphabet) <= letters
