"""The sampler: from a prime to samples of text."""

import pytest
import torch

from seqgen.config import SamplingConfig
from seqgen.levels.character import CharacterLevel
from seqgen.levels.word import WordLevel
from seqgen.sampling import sampler
from seqgen.sampling.generator import Draw, Reading
from seqgen.sampling.preview import preview
from seqgen.sampling.sampler import Sample, sample


@pytest.fixture
def write(monkeypatch):
    """Return a function that samples from a generator of given texts, and returns the increments of each stream."""

    def run(*texts, alphabet="abcdef", ends=False, **options):
        level = CharacterLevel(alphabet)
        streams = [[*level.encode(text).tolist(), *([level.END] * ends)] for text in texts]

        def decode(model, reading, numbers, config, constraint, precision):
            for step in range(1000):
                ids = torch.tensor([ids[step] if step < len(ids) else ids[-1] for ids in streams])
                yield Draw(ids, torch.ones(len(streams)))

        monkeypatch.setattr(sampler, "prefill", lambda *_: Reading(torch.zeros(1, level.vocabulary_size), []))
        monkeypatch.setattr(sampler, "decode", decode)
        samples = [Sample(seed) for seed in range(len(texts))]
        written = [[] for _ in texts]
        for stream, text in sample(None, level, "", SamplingConfig(**options), samples, []):
            written[stream].append(text)
        return written, samples

    return run


def test_text_is_yielded_token_by_token(write):
    written, (counted,) = write("abcde", length=3)
    assert written == [["a", "b", "c"]]
    assert (counted.tokens, counted.nats) == (3, 3.0)


def test_an_escaped_character_is_yielded_whole(write):
    written, _ = write("a€b", length=8)
    assert written == [["a", "€", "b"]]


def test_a_sample_ends_at_its_end_token(write):
    written, (counted,) = write("abc", ends=True, length=100)
    assert written == [["a", "b", "c"]]
    assert counted.tokens == 4


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("abcdef", ("cd",), "ab"),
        ("aabaabaac", ("aabaac",), "aab"),  # a partial match that overlaps the complete one
        ("abcdef", ("a",), ""),
        ("abcabcabd", ("abd",), "abcabc"),
        ("ababab", ("ac",), "ababab"),  # does not occur
        ("abcdef", ("ef", "cd"), "ab"),
        ("abcdef", ("bcdx", "cd", "d"), "ab"),  # the longest of those that are complete first
        ("abcdef", ("abcde", "bc"), "a"),
    ],
)
def test_a_sample_ends_before_a_stop_text(write, text, stop, expected):
    (pieces,), _ = write(text, stop=stop, length=len(text))
    assert "".join(pieces) == expected
    ended = text[: len(expected) + len(next((s for s in stop if text[len(expected) :].startswith(s)), ""))]
    (with_stop,), _ = write(text, stop=stop, keep_stop=True, length=len(text))
    assert "".join(with_stop) == ended
    assert all(each not in piece for piece in pieces for each in stop)


def test_streams_end_independently(write):
    written, samples = write("abcdef", "fedcba", stop=("c",), length=6)
    assert ["".join(pieces) for pieces in written] == ["ab", "fed"]
    assert [counted.tokens for counted in samples] == [3, 4]


def test_the_text_of_a_token_depends_on_the_prime(monkeypatch, make_model):
    level = WordLevel("\n", [" the", " cat"], is_tokenised=True, is_indented=True)
    ids = level.encode("the cat\ncat").tolist()

    def decode(model, reading, numbers, config, constraint, precision):
        for token in ids[1:]:
            yield Draw(torch.tensor([token]), torch.ones(1))

    monkeypatch.setattr(sampler, "decode", decode)
    model = make_model(level.vocabulary_size)
    written = [text for _, text in sample(model, level, "the", SamplingConfig(length=3), [Sample(1)], [])]
    assert written == [" cat", "\n", "cat"]


@pytest.mark.parametrize(("min_length", "expected"), [(0, ""), (1, "a"), (2, "ab"), (3, "aba"), (5, "ababab")])
def test_stop_texts_that_begin_before_the_minimum_length_are_ignored(write, min_length, expected):
    (pieces,), _ = write("ababab", stop=("ab", "ba"), min_length=min_length, length=6)
    assert "".join(pieces) == expected


def test_each_document_of_a_preview_has_its_own_seed(make_model):
    level = CharacterLevel("abcdef")
    model = make_model(level.vocabulary_size)
    first, second = preview(model, level, 3, [level.END], num_documents=2).split("\n")
    assert first != second
    assert preview(model, level, 4, [level.END]) == second
