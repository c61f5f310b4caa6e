"""`seqgen sample --given`, and the same from Python."""

import json
import subprocess
import sys
import tracemalloc
from itertools import product

import pytest

import seqgen
from seqgen.config import SamplingConfig
from seqgen.errors import CorpusError, UsageError
from seqgen.model.encoder import Given
from seqgen.sampling.transcriber import Transcriber, WrittenText
from tests.conftest import RHYME, quick_runner

WORDS = ["".join(letters) for letters in product("abcd", repeat=3)]


@pytest.fixture(scope="module")
def upper(tmp_path_factory):
    """Return the command line in a folder with a run that learns capital letters, and a run on plain text."""
    folder = tmp_path_factory.mktemp("upper")
    (folder / "words.tsv").write_text("".join(f"{word}\t{word.upper()}\n" for word in WORDS * 3), encoding="utf-8")
    (folder / "rhyme.txt").write_text(RHYME * 20, encoding="utf-8")
    cli = quick_runner(folder)
    small = ["--hidden-size", "32", "--num-layers", "1"]
    for options in (
        ["--corpus", "rhyme.txt", "--steps", "2", "--name", "plain", *small],
        ["--corpus", "words.tsv", "--given", "1", "--field", "2", "--steps", "300", "--name", "upper",
         "--valid-fraction", "0.2", "--learning-rate", "0.01", *small],
    ):  # fmt: skip
        done = cli("train", *options)
        assert done.returncode == 0, done.stderr
    cli.folder = folder
    return cli


@pytest.fixture
def model(upper):
    return seqgen.load(upper.folder / "checkpoints" / "upper" / "best.safetensors")


def written(done):
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(done):
    assert done.returncode == 2, done.stdout
    return done.stderr.strip().splitlines()[-1]


def test_a_text_is_written_from_a_text(upper):
    assert written(upper("sample", "--given", "bad")) == "BAD\n"
    (upper.folder / "given.txt").write_bytes(b"dab\r\n")
    assert written(upper("sample", "--given", "@given.txt")) == "DAB\n"


def test_each_line_of_standard_input_has_a_line_of_output(upper):
    done = upper("sample", "--given", "-", stdin="bad\n\ndab\r\n  \ncab")
    assert written(done) == "BAD\n\nDAB\n\nCAB\n"


def test_each_of_several_givens_has_a_line_of_output(upper):
    assert written(upper("sample", "--given", "bad", "--given", "", "--given", "dab")) == "BAD\n\nDAB\n"


def test_only_line_feeds_end_a_line_and_unknown_characters_are_reported_once(upper):
    done = upper("sample", "--given", "-", stdin="b\u2028a\vd\x00\nb\u2028c\n")
    assert written(done).count("\n") == 2
    lacking = r"what is given contains characters that are not in the vocabulary: '\u2028', '\x0b', '\x00'"
    assert done.stderr.count(lacking) == done.stderr.count("not in the vocabulary") == 1


def test_a_line_is_answered_before_the_next_is_written(upper):
    command = [sys.executable, "-m", "seqgen", "sample", "--given", "-", "--checkpoint", "upper", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=upper.folder) as process:
        for line in (b"bad\n", b"\n", b"dab\n"):
            process.stdin.write(line)
            process.stdin.flush()
            assert process.stdout.readline() == line.upper()
        process.stdin.close()
    assert process.returncode == 0


def test_the_best_texts_have_scores(upper, model):
    lines = written(upper("sample", "--given", "bad", "--num-samples", "7")).splitlines()
    scores, texts = zip(*(line.split("\t") for line in lines), strict=True)
    assert texts[0] == "BAD"
    assert list(map(float, scores)) == sorted(map(float, scores), reverse=True)
    objects = [json.loads(line) for line in
               written(upper("sample", "--given", "bad", "--num-samples", "7", "--json")).splitlines()]  # fmt: skip
    assert [item["text"] for item in objects] == list(texts)
    assert {item["given"] for item in objects} == {"bad"}
    for item in objects:
        if not item["text"]:
            continue
        nats = -model.score(item["text"], given="bad")["nats_per_token"]
        assert item["score"] == pytest.approx(nats, abs=0.05)  # which may be in bfloat16
        assert item["tokens"] == len(item["text"]) + 1


def test_an_explicit_temperature_samples_and_a_seed_reproduces_the_samples(upper):
    options = ["sample", "--given", "bad", "--temperature", "2", "--num-samples", "9", "--json"]
    first, again, other = (written(upper(*options, "--seed", seed)) for seed in ("1", "1", "2"))
    assert first == again != other
    assert len({json.loads(line)["text"] for line in first.splitlines()}) > 1
    assert written(upper("sample", "--given", "bad", "--temperature", "0")) == "BAD\n"


def test_samples_of_lines_do_not_depend_on_how_they_arrive(upper, monkeypatch):
    options = ["sample", "--given", "-", "--temperature", "2", "--seed", "1"]
    whole = written(upper(*options, stdin="bad\ndab\ncab\n"))
    monkeypatch.setattr("seqgen.cli.given._READ_AT_ONCE", 3)
    assert written(upper(*options, stdin="bad\ndab\ncab\n")) == whole


@pytest.mark.parametrize("size", [2**31 - 1, 2**31 - 2])
def test_seeds_of_lines_begin_again_after_the_last_one(upper, size):
    options = ["sample", "--given", "-", "--temperature", "2", "--seed"]
    lines = written(upper(*options, str(size), stdin="bad\ndab\ncab\n")).splitlines()
    assert (
        lines[2**31 - size :]
        == written(upper(*options, "0", stdin="bad\ndab\ncab\n"[4 * (2**31 - size) :])).splitlines()
    )


def test_the_minimum_length_is_at_most_the_maximum_length_of_each_given(upper):
    done = upper("sample", "--given", "-", "--temperature", "1", "--min-length", "400", "--json", stdin="b\na\n")
    assert [json.loads(line)["tokens"] for line in written(done).splitlines()] == [124, 124]
    assert "2 texts reached the maximum length; --length sets it" in done.stderr


def test_samples_that_are_cut_are_reported(upper):
    done = upper("sample", "--given", "bad", "--temperature", "0.1", "--length", "2", "--num-samples", "3")
    assert written(done).count("\tBA\n") == 3
    assert "3 texts reached the maximum length; --length sets it" in done.stderr
    assert "reached" not in upper("sample", "--given", "bad", "--temperature", "0", "--length", "4").stderr
    done = upper("sample", "--given", "bad", "--temperature", "1", "--no-repeat", "1", "--min-length", "100")
    assert "1 text ended early because the options excluded every token" in done.stderr


def test_the_lines_of_a_pipe_are_not_kept_in_memory(upper, monkeypatch):
    size, num_lines = 100_000, 100
    monkeypatch.setattr(Transcriber, "write", lambda *_: [[WrittenText("x" * size, 0.0, 1)]])
    monkeypatch.setattr("seqgen.cli.given._READ_AT_ONCE", 2)
    monkeypatch.setattr("seqgen.cli.display.write_result", lambda _: None)
    tracemalloc.start()
    try:
        upper("sample", "--given", "-", "--quiet", stdin="b\n" * num_lines)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size * num_lines / 2


def test_the_number_of_texts_asked_for_decides_whether_scores_are_written(upper, monkeypatch):
    found = [WrittenText("a\nb", -1.0, 2)]
    monkeypatch.setattr(Transcriber, "write", lambda *_: [found])
    assert written(upper("sample", "--given", "b")) == "a\nb\n"
    assert written(upper("sample", "--given", "b", "--num-samples", "2")) == "-0.5000\ta b\n"
    assert written(upper("sample", "--given", "-", stdin="b\n")) == "a b\n"


@pytest.mark.parametrize("more", [[], ["--temperature", "1"]])
def test_a_prime_fixes_the_beginning(upper, more):
    assert written(upper("sample", "--given", "bad", "--prime", "CA", *more)).startswith("CA")
    assert not written(upper("sample", "--given", "bad", "--prime", "CA", "--omit-prime", *more)).startswith("CA")


def test_samples_of_the_model_have_its_likelihood(upper, model):
    writer = Transcriber.of(model.checkpoint, model._model)
    for each in writer.write(["bad"], SamplingConfig(given=("",), temperature=1.5, num_samples=5, seed=3))[0]:
        if each.text and each.text.isascii():
            ids = [writer.level.START, *writer.level.encode(each.text).tolist(), writer.level.END]
            nats = model.score(each.text, given="bad")["nats_per_token"] * (len(ids) - 1)
            assert -each.log_probability == pytest.approx(nats, abs=0.2)
    assert Given.of([writer.rows("bad")]).lengths.tolist() == [5]


def test_a_text_that_is_cut_and_a_given_that_is_too_long_are_reported(upper):
    done = upper("sample", "--given", "bad" * 10, "--length", "1")
    assert len(written(done)) == 2
    assert "a given has 32 tokens, and none in training had more than 5: the text may be worse" in done.stderr
    assert "1 text reached the maximum length; --length sets it" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "this model writes one text from another: name the other text with --given"),
        (["--beam-size", "3"], "--beam-size needs --given"),
        (["--given", "x", "--beam-size", "3", "--top-k", "4"], "--beam-size is for the most likely text"),
        (["--given", "x", "--no-repeat", "3"], "--no-repeat is for sampling, but the most likely text"),
        (["--given", "x", "--bars", "3"], "--bars is for models of music"),
        (["--given", "-", "--prime", "-"], "cannot be combined with --prime - or another --given"),
        (["--given", "-", "--given", "x"], "cannot be combined with --prime - or another --given"),
        (["--given", "x", "--given", "y", "--num-samples", "2"], "--num-samples needs --json"),
        (["--given", "-", "--num-samples", "2"], "--num-samples needs --json"),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(upper, arguments, message):
    assert message in refusal(upper("sample", "--checkpoint", "upper", *arguments, stdin=""))


def test_a_given_for_a_plain_model_is_one_sentence(upper):
    assert "this model was not: omit --given" in refusal(upper("sample", "--checkpoint", "plain", "--given", "x"))


def test_a_given_that_cannot_be_read_is_one_sentence(upper):
    done = upper("sample", "--checkpoint", "upper", "--given", "@missing")
    assert (done.returncode, "the given missing cannot be read" in done.stderr) == (1, True)


def test_texts_are_written_to_a_file(upper):
    done = upper("sample", "--checkpoint", "upper", "--given", "-", "--output", "out.txt", stdin="bad\n\ndab\n")
    assert written(done) == ""
    assert (upper.folder / "out.txt").read_text(encoding="utf-8") == "BAD\n\nDAB\n"


def test_python_writes_several_texts_or_the_best_ones_of_a_single_given(model):
    assert model.sample(given=["bad", "", "dab"]) == ["BAD", "", "DAB"]
    best = model.sample(given="bad", num_samples=3)
    assert (best[0], len(set(best))) == ("BAD", 3)
    assert model.sample(given=["bad"], temperature=0) == ["BAD"]
    assert model.sample(given="bad", prime="CA")[0].startswith("CA")


def test_python_rejects_what_does_not_fit(upper, model):
    plain = seqgen.load(upper.folder / "checkpoints" / "plain" / "best.safetensors")
    for call in (lambda: plain.sample(given="x"), lambda: plain.score("x", given="x"), model.sample,
                 lambda: model.score("x"), lambda: model.sample(given=["a"], num_samples=2)):  # fmt: skip
        with pytest.raises(UsageError, match="given"):
            call()
    with pytest.raises(CorpusError, match="empty"):
        model.score("", given="x")


def test_the_score_of_a_text_depends_on_what_it_is_written_from(model):
    right, wrong = (model.score("BAD", given=given)["nats_per_token"] for given in ("bad", "cac"))
    assert right < wrong
