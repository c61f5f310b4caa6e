"""Error rates, BLEU, chrF and baselines, compared with brute force and with sacrebleu."""

import json
import random

import numpy as np
import pytest
import sacrebleu

from seqgen.evaluation.nearest import nearest_targets
from seqgen.evaluation.same_output import SameOutput
from seqgen.evaluation.transcription import Figure, Transcript, differences, measure, measure_baselines

LETTERS = "abcé的𝄞"
WORDS = ["the", "cat", "sat", "on", "a", "mat", "dog", "Ran", "ran", "over", "there", "&amp;", "end."]


def distance(first, second):
    """Return the Levenshtein distance by the textbook recurrence."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        previous, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(row[j - 1] + 1, previous[j] + 1, previous[j - 1] + (a != b)))
    return row[-1]


def error_rate(transcripts, split):
    """Return the error rate of the references with the fewest edits, of these the longest."""
    edits = length = 0
    for each in transcripts:
        written = split(each.written)
        fewest = min(distance(split(text), written) for text in each.references)
        edits += fewest
        length += max(len(split(text)) for text in each.references if distance(split(text), written) == fewest)
    return edits / length


def strings(rng, count, longest=8):
    return ["".join(rng.choices(LETTERS, k=rng.randint(0, longest))) for _ in range(count)]


def sentences(rng, count, shortest=3, longest=12):
    return [" ".join(rng.choices(WORDS, k=rng.randint(shortest, longest))) for _ in range(count)]


def edited(rng, text):
    return " ".join(word if rng.random() < 0.8 else rng.choice(WORDS) for word in text.split())


def translations(count, seed=0, num_references=2):
    """Return transcripts of sentences with a random number of references."""
    rng, transcripts = random.Random(seed), []
    for number, text in enumerate(sentences(rng, count)):
        references = tuple(edited(rng, text) for _ in range(rng.randint(1, num_references)))
        transcripts.append(Transcript(str(number), references, edited(rng, text)))
    return transcripts


def test_rates_of_a_worked_example():
    measured = measure(
        [
            Transcript("1", ("kitten",), "sitting"),  # 3 edits of 6 characters, 1 of 1 word
            Transcript("2", ("a b", "a b c d"), "a b c"),  # 2 of 3 and 2 of 7 characters; 1 of 2 and 1 of 4 words
            Transcript("3", ("right", "wrong"), "wrong"),
        ]
    )
    assert measured.num_givens == 3
    assert measured.exact.value == pytest.approx(1 / 3)
    assert measured.character_error_rate.value == pytest.approx((3 + 2) / (6 + 7 + 5))
    assert measured.word_error_rate.value == pytest.approx((1 + 1) / (1 + 4 + 1))
    assert measured.bleu is measured.chrf is measured.exact.confidence_interval is None


def test_error_rates_are_those_of_a_dynamic_programme_with_the_best_reference():
    rng = random.Random(1)
    letters = [Transcript("", tuple(strings(rng, rng.randint(1, 3))), text) for text in strings(rng, 300)]
    words = translations(200, num_references=3)
    for transcripts in letters, words:
        measured = measure(transcripts)
        assert measured.exact.value == np.mean([each.written in each.references for each in transcripts])
        assert measured.character_error_rate.value == pytest.approx(error_rate(transcripts, list), rel=1e-12)
        assert measured.word_error_rate.value == pytest.approx(error_rate(transcripts, str.split), rel=1e-12)


def test_the_order_of_references_does_not_matter():
    transcripts = translations(50, num_references=4)
    reverse = [Transcript(each.given, each.references[::-1], each.written) for each in transcripts]
    assert measure(reverse) == measure(transcripts)


def test_texts_are_not_normalized():
    pairs = [("É", "E\u0301"), ("A", "a"), ("a ", "a"), ("a", "a "), ("ﬁ", "fi"), ("a\u2028b", "a b"), ("x.", "x")]
    measured = measure([Transcript("", (reference,), written) for reference, written in pairs])
    assert measured.exact.value == 0


@pytest.mark.parametrize("num_references", [1, 3])
def test_bleu_and_chrf_are_those_of_sacrebleu(num_references):
    transcripts = translations(100, num_references=num_references)
    written = [each.written for each in transcripts]
    streams = [
        [each.references[place] if place < len(each.references) else None for each in transcripts]
        for place in range(num_references)
    ]
    measured = measure(transcripts)
    bleu, chrf = sacrebleu.BLEU(), sacrebleu.CHRF()
    assert measured.bleu.value == sacrebleu.corpus_bleu(written, streams).score
    assert measured.bleu.value == bleu.corpus_score(written, streams).score
    assert measured.chrf.value == chrf.corpus_score(written, streams).score
    assert measured.bleu.signature == str(bleu.get_signature())
    assert measured.chrf.signature == str(chrf.get_signature())
    assert 10 < measured.bleu.value < 90


def test_short_references_have_no_bleu():
    long, short = Transcript("", ("a b c d e",), "a b c d"), Transcript("", ("a b c",), "a b c d e")
    assert measure([long, short]).bleu is not None
    assert measure([long, short, short]).bleu is None


def test_empty_texts_are_measured():
    empty, silent, noisy = Transcript("", ("",), ""), Transcript("a", ("ab c",), ""), Transcript("", ("",), "ab")
    measured = measure([empty, silent, noisy] * 20)
    assert measured.exact.value == pytest.approx(1 / 3)
    assert measured.character_error_rate.value == pytest.approx((4 + 2) / 4)
    assert measured.word_error_rate.value == pytest.approx((2 + 1) / 2)
    nothing = measure([empty, noisy] * 20)
    assert nothing.character_error_rate == nothing.word_error_rate == Figure(None)
    assert nothing.summaries["character_error_rate"] == "-"
    sentences = measure([Transcript("", ("a b c d e", ""), ""), Transcript("", ("", "a b c d"), "a b c d")])
    assert sentences.bleu is None  # 9 words in 4 references
    mute = measure([Transcript("", ("a b c d e",), "")] * 40)
    assert (mute.bleu.value, mute.chrf.value) == (0, 0)


def test_no_transcripts_and_no_references_are_errors():
    with pytest.raises(ValueError, match="at least one transcript, got none"):
        measure([])
    with pytest.raises(ValueError, match="at least one reference, got none for 'x'"):
        Transcript("x", (), "y")


def test_intervals_contain_the_value_and_shrink_with_more_givens():
    few, many = measure(translations(50)), measure(translations(1600))
    for name, figure in many.figures.items():
        wide, narrow = few.figures[name].confidence_interval, figure.confidence_interval
        assert narrow.low < figure.value < narrow.high
        assert (narrow.level, narrow.over) == (0.95, "givens")
        ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
        assert 3.5 < ratio < 9, name  # about the square root of 32


def test_the_interval_of_exact_matches_is_that_of_a_share():
    rng = random.Random(3)
    transcripts = [Transcript("", ("a",), "a" if rng.random() < 0.3 else "b") for _ in range(2500)]
    exact = measure(transcripts).exact
    margin = 1.96 * (exact.value * (1 - exact.value) / 2500) ** 0.5
    assert exact.confidence_interval.low == pytest.approx(exact.value - margin, abs=0.15 * margin)
    assert exact.confidence_interval.high == pytest.approx(exact.value + margin, abs=0.15 * margin)


def test_the_interval_of_bleu_is_that_of_resampled_sentences():
    transcripts = translations(200, num_references=1)
    rng, scores = random.Random(4), []
    for _ in range(200):
        drawn = rng.choices(transcripts, k=200)
        scores.append(sacrebleu.corpus_bleu([x.written for x in drawn], [[x.references[0] for x in drawn]]).score)
    interval = measure(transcripts).bleu.confidence_interval
    low, high = np.quantile(scores, [0.025, 0.975])
    assert interval.low == pytest.approx(low, abs=0.25 * (high - low))
    assert interval.high == pytest.approx(high, abs=0.25 * (high - low))


def test_fewer_than_30_givens_have_no_interval():
    assert all(figure.confidence_interval is None for figure in measure(translations(29)).figures.values())
    assert all(figure.confidence_interval is not None for figure in measure(translations(30)).figures.values())


def test_json_and_summaries_have_all_figures():
    measured = measure(translations(40))
    names = ["exact", "character_error_rate", "word_error_rate", "bleu", "chrf"]
    content = json.loads(json.dumps(measured.to_json()))
    assert list(content) == ["givens", *names]
    assert list(measured.summaries) == names
    assert content["givens"] == 40
    assert content["bleu"]["signature"].startswith("nrefs:var|")
    interval = content["exact"]["confidence_interval"]
    assert set(interval) == {"low", "high", "level", "over"}
    low, value, high = interval["low"], content["exact"]["value"], interval["high"]
    assert measured.summaries["exact"] == f"{value:.1%} ({low:.1%} to {high:.1%})"
    assert "%" not in measured.summaries["bleu"]
    assert list(measure([Transcript("", ("a",), "a")]).to_json()) == ["givens", *names[:3]]


@pytest.mark.parametrize("block", [1, 7, 1 << 23])
def test_the_nearest_training_given_is_that_of_all_pairs(monkeypatch, block):
    monkeypatch.setattr("seqgen.evaluation.nearest._MAX_DISTANCES", 60 * block)
    rng = random.Random(5)
    givens = strings(rng, 80, longest=5)
    training = [(given, str(place)) for place, given in enumerate(strings(rng, 300, longest=5))]
    found = nearest_targets(givens, iter(training))
    for given, target in zip(givens, found, strict=True):
        distances = [distance(given, other) for other, _ in training]
        assert target == str(distances.index(min(distances)))  # the first of equally near ones


def test_baselines_are_measured_on_the_same_references():
    transcripts = [Transcript("walk", ("walked",), "?"), Transcript("put", ("put",), "?")]
    baselines = measure_baselines(transcripts, [("talk", "talked"), ("walks", "walked"), ("cut", "cut")])
    assert list(baselines) == ["nearest", "copied"]
    assert baselines["nearest"].character_error_rate.value == pytest.approx((1 + 1) / (6 + 3))
    assert baselines["copied"].character_error_rate.value == pytest.approx((2 + 0) / (6 + 3))
    with pytest.raises(ValueError, match="at least one training pair, got none"):
        measure_baselines(transcripts, [])


def test_a_constant_output_is_found():
    constant = [Transcript("", (str(number),), "7") for number in range(10)]
    found = SameOutput.of(constant)
    assert (found.text, found.count, found.share) == ("7", 9, 1.0)
    assert found.notes == [
        "the model may ignore its given: 100% of the givens with other texts got the same output '7'"
    ]
    assert found.to_json() == {"text": "7", "count": 9, "share": 1.0}


def test_right_outputs_and_rare_mistakes_are_no_constant_output():
    right = [Transcript("", ("yes" if number % 3 else "no",), "yes" if number % 3 else "no") for number in range(90)]
    assert SameOutput.of(right) is None
    wrong = [*right, *[Transcript("", ("no",), "yes")] * 5]
    found = SameOutput.of(wrong)
    assert (found.text, found.count, found.share) == ("yes", 5, 5 / 35)
    assert found.notes == []
    assert SameOutput.of([Transcript("", ("no",), "yes")] * 4).notes == []  # too few to tell


def test_a_long_constant_output_is_shortened_in_the_note():
    (note,) = SameOutput.of([Transcript("", ("a",), "x" * 500)] * 5).notes
    assert note.endswith(f"output '{'x' * 60}'...")


def test_differences_are_paired_by_given():
    first = translations(200)
    other = [Transcript(each.given, each.references, each.references[0]) for each in first]
    found = differences(first, other)
    one, two = measure(first).figures, measure(other).figures
    assert found.keys() == one.keys() == {"exact", "character_error_rate", "word_error_rate", "bleu", "chrf"}
    for name, figure in found.items():
        assert figure.value == pytest.approx(two[name].value - one[name].value)
        assert figure.confidence_interval.over == "givens"
    gains = [1 - (each.written in each.references) for each in first]
    margin = 1.96 * np.std(gains) / len(gains) ** 0.5
    interval = found["exact"].confidence_interval
    assert interval.low == pytest.approx(np.mean(gains) - margin, abs=0.25 * margin)
    assert interval.high == pytest.approx(np.mean(gains) + margin, abs=0.25 * margin)


def test_the_same_outputs_do_not_differ():
    for figure in differences(translations(60), translations(60)).values():
        assert (figure.value, figure.confidence_interval.low, figure.confidence_interval.high) == (0, 0, 0)
    assert differences(translations(5), translations(5))["exact"] == Figure(0.0)
