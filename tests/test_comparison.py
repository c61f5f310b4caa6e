"""Comparison of models on the same text: alignment, paired intervals, passages, and what cannot be compared."""

import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from seqgen.checkpoint import Checkpoint
from seqgen.corpus.documents import Excerpt, Passage
from seqgen.corpus.passages import cut, singly
from seqgen.corpus.reading import ReadingLog
from seqgen.evaluation import passages
from seqgen.evaluation.alignment import Alignment, TokenCosts
from seqgen.evaluation.comparison import compare
from seqgen.evaluation.contender import Contender
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.paired_figures import paired_figures
from seqgen.evaluation.passages import Extremes, passages_of_text
from seqgen.levels.character import CharacterLevel
from seqgen.levels.decomposed import DecomposedLevel
from seqgen.levels.word import WordLevel
from seqgen.music.score import Bar
from seqgen.music.write import rendered
from tests.conftest import RHYME, quick_runner
from tests.scores import random_melody

SMALL = ["--steps", "3", "--hidden-size", "16", "--num-layers", "1", "--batch-size", "2", "--quiet"]
NEW = "Up above a little star, I wönder what a diamond is in the sky so high.\nA new line of text.\n" * 110


def aligned(text, *levels):
    """Return the ends of the alignment of a text, and the tokens of each level between them if a token costs 1 nat."""
    costs = []
    for level in levels:
        ids = level.encode(text)
        costs.append(TokenCosts.of(level, ids, np.ones(len(ids), dtype=np.float32), text))
    found = Alignment.of(*costs)
    return found.ends.tolist(), found.nats.tolist()


def test_words_and_characters_are_aligned_at_the_ends_of_words():
    words = WordLevel("abcdx \n", [" ab", " cd"], is_tokenised=False, is_indented=True)
    text = "ab cd\ncd xa"
    ends, nats = aligned(text, words, CharacterLevel("abcdx \n"))
    assert ends == [2, 5, 6, 8, 9, 10, 11]  # "ab", " cd", newline, "cd", " ", "x", "a"
    assert nats == [[1, 1, 1, 1, 1, 1, 1], [2, 3, 1, 2, 1, 1, 1]]


def test_decomposed_accents_are_aligned_at_whole_characters():
    ends, nats = aligned("dé\u00e9", DecomposedLevel("de\u0301"), CharacterLevel("dé"))
    assert ends == [1, 2, 3]
    assert nats == [[1, 2, 2], [1, 1, 1]]


def test_spelled_characters_are_aligned_at_their_last_byte():
    ends, nats = aligned("a狐b", CharacterLevel("ab"), CharacterLevel("ab狐"))
    assert ends == [1, 2, 3]
    assert nats == [[1, 6, 1], [1, 1, 1]]


def test_the_end_of_a_document_belongs_to_the_last_character():
    level = CharacterLevel("ab")
    ids = np.append(level.encode("ab"), level.END)
    costs = TokenCosts.of(level, ids, np.array([1, 2, 4], dtype=np.float32), "ab")
    assert costs.ends.tolist() == [1, 2]
    assert costs.nats.tolist() == [1, 7]


def figures_of(first, other, sizes):
    """Return the figure in nats per note for documents with one place each."""
    nats = np.stack([first, other])
    return paired_figures(nats, {"notes": sizes}, np.ones(len(sizes), dtype=np.int64))["nats_per_note"]


def test_the_interval_is_that_of_the_mean_difference_and_not_of_the_losses():
    random = np.random.default_rng(1)
    first = random.normal(100, 30, size=400)  # pieces differ much more than models do
    gains = random.normal(2, 1, size=400)
    found = figures_of(first, first - gains, np.full(400, 10.0))
    margin = 1.96 * gains.std() / 20 / 10
    assert found.value == pytest.approx(-gains.mean() / 10)
    assert found.confidence_interval.over == "documents"
    assert found.confidence_interval.low == pytest.approx(-gains.mean() / 10 - margin, abs=0.2 * margin)
    assert found.confidence_interval.high == pytest.approx(-gains.mean() / 10 + margin, abs=0.2 * margin)


def test_95_percent_of_intervals_contain_the_true_difference():
    random, hits = np.random.default_rng(2), 0
    for _ in range(300):
        first = random.gamma(4, 10, size=60)
        interval = figures_of(first, first + random.normal(1, 3, size=60), np.ones(60)).confidence_interval
        hits += interval.low <= 1 <= interval.high
    assert 0.91 <= hits / 300 <= 0.98


def test_a_few_documents_are_cut_into_blocks_and_too_short_ones_have_no_interval():
    def figure(num_places):
        nats = np.stack([np.ones(num_places), np.arange(num_places) % 2 * 2.0])
        return paired_figures(nats, {"characters": np.ones(num_places)}, np.array([num_places]))["bits_per_character"]

    assert figure(20_000).confidence_interval.over == "blocks"
    assert figure(20_000).confidence_interval.low <= 0 <= figure(20_000).confidence_interval.high
    assert figure(1_000).confidence_interval is None


def test_bits_are_reported_per_character_and_nats_per_token():
    found = paired_figures(
        np.array([[1.0], [3.0]]), {"characters": np.array([4.0]), "tokens": np.array([2.0])}, np.ones(1)
    )
    assert found["bits_per_character"].value == pytest.approx(2 / math.log(2) / 4)
    assert found["nats_per_token"].value == 1


def passages_in(document, planted, other_nats):
    """Return the passages of a document whose characters cost 1 nat each, but `other_nats` where `planted` stands."""
    text = "".join(document.chunks())
    nats = np.ones((2, len(text)))
    begin = text.index(planted)
    nats[1, begin : begin + len(planted)] = other_nats
    alignment = Alignment(np.arange(1, len(text) + 1), nats)
    return list(passages_of_text(document, text, alignment))


@pytest.mark.parametrize("start", [0, 5, 300])
def test_the_passage_that_differs_most_is_found_with_its_line(start):
    lines = [f"this is the plain line of text number {number}" for number in range(40)]
    lines[23] = "here is something entirely DIFFERENT"
    whole = Passage("a.txt", "\n".join(lines), line=1)
    document = Excerpt(whole, start)
    found = passages_in(document, "DIFFERENT", 0.5)
    assert "".join(passage.text for passage in found) == "".join(document.chunks())
    assert all(80 <= len(passage.text) <= 160 for passage in found[:-1])
    assert all(passage.text[-1:].isspace() or after.text[:1].isspace() for passage, after in pairwise(found))
    extremes = Extremes()
    extremes.add(found)
    assert extremes.worse == []
    (passage,) = extremes.better
    assert "DIFFERENT" in passage.text
    assert passage.difference == pytest.approx(-0.5 * len("DIFFERENT"))
    begin = "\n".join(lines).index(passage.text)
    first = begin + len(passage.text) - len(passage.text.lstrip())
    assert passage.origin == {"document": "a.txt", "line": 1 + "\n".join(lines)[:first].count("\n")}


def test_documents_that_are_lines_know_their_line():
    text = Passage("a.txt", "one\n\n \ntwo\nthree\n\n\nfour", line=1)
    lines = {piece.text: piece.line_at(0) for piece in singly(cut(text, "line", ReadingLog()))}
    assert lines == {"one": 1, "two": 4, "three": 5, "four": 8}
    paragraphs = {piece.text: piece.line_at(0) for piece in singly(cut(text, "paragraph", ReadingLog()))}
    assert paragraphs == {"one": 1, "two\nthree": 4, "four": 8}


def test_the_passages_in_each_direction_are_the_most_different_ones():
    extremes = Extremes()
    for number in range(20):
        extremes.add([passages.ScoredPassage({"document": str(number)}, "", (10.0, 10.0 + (number - 10) / 2))])
    assert [passage.difference for passage in extremes.better] == [-5, -4.5, -4]
    assert [passage.difference for passage in extremes.worse] == [4.5, 4, 3.5]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def runs(folder):
    """Runs of several levels on one text, and of another unit and of music."""
    (folder / "rhyme.txt").write_text(RHYME * 30, encoding="utf-8")
    (folder / "new.txt").write_text(NEW, encoding="utf-8")
    (folder / "tunes").mkdir()
    for number in range(40):
        score = random_melody(number)
        bars = tuple(Bar(4, 4, number % 3) for _ in score.bars)
        (folder / "tunes" / f"{number}.mid").write_bytes(rendered(replace(score, bars=bars), ".mid"))
    rows = [f"{n}\t{'abcde'[n % 5]}{n}" for n in range(60)]
    (folder / "pairs.tsv").write_text("\n".join(rows) + "\n")
    cli = quick_runner(folder)
    for name, options in {
        "character": ["--corpus", "rhyme.txt"],
        "other": ["--corpus", "rhyme.txt", "--seed", "2"],
        "word": ["--corpus", "rhyme.txt", "--level", "word"],
        "decomposed": ["--corpus", "rhyme.txt", "--level", "decomposed"],
        "line": ["--corpus", "rhyme.txt", "--document", "line"],
        "new": ["--corpus", "new.txt"],
        "tunes": ["--corpus", "tunes", "--transpose", "off"],
        "one-key": ["--corpus", "tunes", "--transpose", "key"],
        "velocity": ["--corpus", "tunes", "--velocity"],
        "fine": ["--corpus", "tunes", "--grid", "24"],
        "pairs": ["--corpus", "pairs.tsv", "--given", "1", "--field", "2", "--level", "character"],
        "pairs-word": ["--corpus", "pairs.tsv", "--given", "1", "--field", "2", "--level", "word"],
    }.items():
        done = cli("train", *options, "--name", name, *SMALL)
        assert done.returncode == 0, done.stderr
    return cli


def report(cli, *names, corpus=None):
    """Return the JSON report on some runs, and the messages."""
    arguments = [argument for name in names for argument in ("--checkpoint", name)]
    done = cli("evaluate", "--json", *arguments, *(["--corpus", corpus] if corpus else []))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_the_losses_are_those_of_evaluate(runs):
    content, _ = report(runs, "character", "word", "decomposed", corpus="new.txt")
    for model in content["models"]:
        alone = json.loads(
            runs("evaluate", "--checkpoint", model["checkpoint"], "--corpus", "new.txt", "--json").stdout
        )
        for name in ("tokens", "nats_per_token", "bits_per_character", "bits_per_byte"):
            assert model[name] == pytest.approx(alone[name], rel=1e-6)
    assert (content["characters"], content["bytes"]) == (len(NEW), len(NEW.encode()))
    first, *others = content["models"]
    for model, difference in zip(others, content["differences"], strict=True):
        assert difference["checkpoint"] == model["checkpoint"]
        for name in ("bits_per_character", "bits_per_byte"):
            assert difference[name]["value"] == pytest.approx(model[name] - first[name], abs=1e-6)
            interval = difference[name]["confidence_interval"]
            assert interval["low"] < difference[name]["value"] < interval["high"]
    assert "nats_per_token" not in content["differences"][0]  # of words and characters


def test_models_that_are_given_as_files_are_named_after_their_runs(runs, folder):
    paths = [str(folder / "checkpoints" / name / "best.safetensors") for name in ("character", "word")]
    content, messages = report(runs, *paths)
    assert [model["checkpoint"] for model in content["models"]] == ["character", "word"]
    assert "the validation set of character has" in messages
    assert str(folder) not in messages
    refused = runs("evaluate", "--checkpoint", paths[0], "--checkpoint", str(folder / "checkpoints" / "tunes"))
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: character and tunes cannot be compared: the first is a model of text")
    shown = runs("inspect", "--checkpoint", paths[0], "--output", str(folder / "flow.png"), "--json")
    assert json.loads(shown.stdout)["name"] == "character"


def test_a_model_equals_itself_exactly(runs):
    content, _ = report(runs, "character", "character", corpus="new.txt")
    (difference,) = content["differences"]
    for name in ("bits_per_character", "bits_per_byte", "nats_per_token"):
        assert difference[name]["value"] == 0
        assert (difference[name]["confidence_interval"]["low"], difference[name]["confidence_interval"]["high"]) == (
            0,
            0,
        )
    assert difference["passages"] == {"better": [], "worse": []}


def test_uniform_models_differ_by_the_logarithms_of_their_vocabularies(runs, folder, folders, tmp_path, monkeypatch):
    """The loss of a uniform model is known: the number of tokens times the logarithm of the number of ids."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(NEW, encoding="utf-8")
    contenders = []
    for name in ("character", "word"):
        checkpoint = Checkpoint.read(folder / "checkpoints" / name / "best.safetensors")
        model = checkpoint.model()
        with torch.no_grad():
            model.output_weight.zero_()
            model.output_bias.zero_()
        contenders.append(Contender(name, checkpoint, model, folders))
    found, _ = compare(contenders, HeldOut(contenders[0].checkpoint, "text.txt", folders))
    costs = []
    for contender in contenders:
        level = contender.checkpoint.level
        costs.append((len(level.encode(NEW)) + 1) * math.log(level.vocabulary_size))
    figure = found.differences[0].figures["bits_per_character"]
    assert figure.value == pytest.approx((costs[1] - costs[0]) / math.log(2) / len(NEW), rel=1e-5)


def test_the_table_shows_losses_differences_and_passages(runs):
    arguments = ["--checkpoint", "character", "--checkpoint", "word", "--corpus", "new.txt"]
    content, _ = report(runs, "character", "word", corpus="new.txt")
    done = runs("evaluate", *arguments)
    (difference,) = content["differences"]
    figure = difference["bits_per_character"]
    interval = figure["confidence_interval"]
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("word  "))
    losses = [f"{content['models'][1][name]:,.4f}" for name in ("bits_per_character", "bits_per_byte")]
    bounds = [f"{figure['value']:+,.4f}", f"{interval['low']:+,.4f}", "to", f"{interval['high']:+,.4f}"]
    assert row.split() == ["word", *losses, *bounds]
    assert f"by {abs(figure['value']):.4f} bits per character (interval over blocks)" in done.stdout
    for passage in difference["passages"]["better"] + difference["passages"]["worse"]:
        assert passage["document"] == "new.txt"
        assert passage["text"] in NEW
        assert f"new.txt, line {passage['line']}: character {passage['nats'][0]:,.1f} nats" in done.stdout


def test_runs_on_the_same_split_are_compared_on_its_validation_set(runs):
    content, messages = report(runs, "character", "word")
    assert content["part"] == "validation, used to select the checkpoint"
    assert content["models"][0]["bits_per_character"] > 0
    assert "the validation set of character has selected its checkpoint: --corpus" in messages
    content, messages = report(runs, "character", "other")
    assert "trained on" not in messages
    assert content["differences"][0]["nats_per_token"]["value"] != 0


def test_a_model_that_was_trained_on_the_text_is_reported(runs):
    _, messages = report(runs, "character", "new", corpus="new.txt")
    (share,) = re.findall(r"new was trained on ([\d.]+)% of the text: the comparison favours it", messages)
    assert float(share) > 85
    assert "character was trained on" not in messages
    _, messages = report(runs, "new", "character", corpus="rhyme.txt")
    assert "character was trained on 100.0% of the text" in messages
    _, messages = report(runs, "new", "character")
    assert "trained on" not in messages


def test_music_is_compared_per_note_by_piece(runs):
    content, messages = report(runs, "tunes", "tunes", corpus="tunes")
    assert content["differences"][0]["nats_per_note"]["value"] == 0
    content, messages = report(runs, "tunes", "one-key", corpus="tunes")
    (difference,) = content["differences"]
    assert content["notes"] == 40 * 24
    assert difference["nats_per_note"]["confidence_interval"]["over"] == "documents"
    assert (
        "one-key reads all pieces in one key, so predicting the key signature at the beginning is not scored"
        in messages
    )
    by_piece = {
        document["document"]: document["nats"]
        for document in map(json.loads, runs("evaluate", "--checkpoint", "tunes", "--corpus", "tunes",
                                             "--per-document").stdout.splitlines())
    }  # fmt: skip
    shown = difference["passages"]["better"] + difference["passages"]["worse"]
    assert shown
    for piece in shown:
        assert piece["text"] == "24 notes"
        assert 0 < by_piece[piece["document"]] - piece["nats"][0] < 12  # the key


def test_pairs_are_compared_as_wholes(runs):
    content, messages = report(runs, "pairs", "pairs-word", corpus="pairs.tsv")
    (difference,) = content["differences"]
    assert difference["bits_per_character"]["confidence_interval"]["over"] == "documents"
    assert re.search(r"pairs was trained on \d+\.\d% of the givens", messages)
    documents = [
        json.loads(line)
        for line in runs("evaluate", "--checkpoint", "pairs-word", "--corpus", "pairs.tsv", "--per-document")
        .stdout.splitlines()
    ]  # fmt: skip
    for pair in difference["passages"]["better"] + difference["passages"]["worse"]:
        (document,) = (each for each in documents if (each["given"], each["text"]) == (pair["given"], pair["text"]))
        assert pair["nats"][1] == pytest.approx(document["nats"], rel=1e-5)
        assert pair["row"] == document["row"]
    for name in ("exact", "character_error_rate", "word_error_rate"):
        own, other = (model["writing"][name]["value"] for model in content["models"])
        assert difference["writing"][name]["value"] == pytest.approx(other - own)
    written = [each for each in documents if each["is_exact"]]
    assert content["models"][1]["writing"]["exact"]["value"] == len(written) / len(documents)
    shown = runs("evaluate", "--checkpoint", "pairs", "--checkpoint", "pairs-word", "--corpus", "pairs.tsv").stdout
    (row,) = (line for line in shown.splitlines() if line.startswith("character error rate  "))
    rates = [model["writing"]["character_error_rate"]["value"] for model in content["models"]]
    assert all(f"{rate:.1%} (" in row for rate in rates)
    assert f"{rates[1] - rates[0]:+.1%} (" in row


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["character", "tunes"], "the first is a model of text, the other of music"),
        (["character", "pairs"], "pairs writes from something given, character does not"),
        (["character", "line"], "a document is a file for the first, a line for the other"),
        (["tunes", "fine"], "the first has 12 steps per quarter note, the other 24"),
        (["tunes", "velocity"], "the other predicts velocities, the first does not"),
        (["character", "word", "--dynamic"], "--dynamic is for a single model: omit it, or give only one --checkpoint"),
        (["character", "word", "--per-token"], "--per-token is for a single model"),
    ],
)
def test_what_cannot_be_compared_is_rejected(runs, arguments, message):
    names = [argument for name in arguments[:2] for argument in ("--checkpoint", name)]
    done = runs("evaluate", *names, *arguments[2:])
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
