"""`seqgen sample` for models of text."""

import io
import json

import numpy as np
import pytest

from seqgen.checkpoint import Checkpoint
from seqgen.cli.prime import text_prime, unescaped
from seqgen.config import SamplingConfig
from seqgen.errors import UsageError
from seqgen.sampling.end_token import EndToken
from seqgen.sampling.sampler import Sample, sample
from tests.conftest import RHYME, quick_runner


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """Return the command line in a folder with a short run on lines and one on words."""
    folder = tmp_path_factory.mktemp("lines")
    (folder / "rhyme.txt").write_text(RHYME * 20, encoding="utf-8")
    cli = quick_runner(folder)
    for name, options in (("lines", ["--document", "line"]), ("words", ["--level", "word"])):
        done = cli("train", "--corpus", "rhyme.txt", "--steps", "3", "--hidden-size", "16", "--name", name, *options)
        assert done.returncode == 0, done.stderr
    cli.folder = folder
    return cli


def texts(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["text"] for line in done.stdout.splitlines()]


def refusal(done, status=2):
    assert done.returncode == status, done.stdout
    return done.stderr.strip().splitlines()[-1]


def test_samples_of_a_run_on_one_file_continue_after_a_line_break(trained):
    """They equal the samples with a line break as prime, because the model does not know beginnings of documents."""
    checkpoint = Checkpoint.read(trained.files / "best.safetensors")
    model, level, samples = checkpoint.model(), checkpoint.level, [Sample(seed) for seed in range(1, 5)]
    assert not checkpoint.knows_beginnings
    expected = [""] * 4
    for index, text in sample(model, level, "\n", SamplingConfig(length=20), samples, checkpoint.unseen):
        expected[index] += text
    written = texts(trained.cli("sample", "--json", "--num-samples", "4", "--length", "20", "--seed", "1"))
    assert written == expected


def test_samples_of_lines_begin_like_documents(lines):
    assert Checkpoint.read(lines.folder / "checkpoints" / "lines" / "best.safetensors").knows_beginnings


@pytest.mark.parametrize(
    ("prime", "stdin", "expected"),
    [
        ("@@handle", None, "@handle"),
        ("@@@x", None, "@@x"),
        ("@", None, "@"),
        ("-", "How I\nwon", "How I\nwon"),
        ("-", "\ufeffHow", "How"),
        ("- x", None, "- x"),
    ],
)
def test_a_prime_may_begin_with_an_at_sign_or_come_from_standard_input(trained, prime, stdin, expected):
    (text,) = texts(trained.cli("sample", "--json", "--length", "3", "--prime", prime, stdin=stdin))
    assert text.startswith(expected)
    assert len(text) == len(expected) + 3


def test_the_error_for_a_missing_prime_file_explains_how_to_write_text(trained):
    message = refusal(trained.cli("sample", "--prime", "@handle"), status=1)
    assert "the prime handle cannot be read: No such file" in message
    assert message.endswith("use @@handle for a text that starts with @")


@pytest.mark.parametrize(("name", "expected"), [("lines", "How I"), ("words", "How I\n")])
def test_the_last_newline_of_a_file_belongs_to_the_prime_only_if_documents_are_files(lines, tmp_path, name, expected):
    (tmp_path / "prime.txt").write_bytes(b"How I\r\n")
    options = ["sample", "--json", "--checkpoint", name, "--length", "2", "--prime"]
    for done in (lines(*options, f"@{tmp_path / 'prime.txt'}"), lines(*options, "-", stdin="How I\n")):
        assert json.loads(done.stdout)["prime"] == expected
        assert texts(done)[0].startswith(expected)


@pytest.mark.parametrize(
    ("content", "passage", "text"),
    [
        (b"a\nb", "a\nb", "a\nb"),
        (b"a\n", "a", "a\n"),
        (b"a\r\n", "a", "a\n"),
        (b"a\r", "a", "a\n"),
        (b"a\n\n", "a\n", "a\n\n"),
        (b"\xef\xbb\xbfa", "a", "a"),
        ("\ufeffé\r\n".encode("utf-16-le"), "é", "é\n"),
        ("\ufeffé\n".encode("utf-16-be"), "é", "é\n"),
    ],
)
def test_one_newline_at_the_end_of_a_prime_that_is_read_is_dropped_for_a_passage(
    tmp_path, monkeypatch, content, passage, text
):
    (tmp_path / "prime.txt").write_bytes(content)
    for is_passage, expected in ((True, passage), (False, text)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        for argument in ("-", f"@{tmp_path / 'prime.txt'}"):
            read = text_prime(argument, is_passage=is_passage)
            assert read.replace("\r\n", "\n").replace("\r", "\n") == expected


def test_a_music_file_is_rejected_as_a_prime_of_text(tmp_path):
    (tmp_path / "tune.MID").write_bytes(b"MThd\x80")
    with pytest.raises(UsageError, match=r"tune\.MID is music"):
        text_prime(f"@{tmp_path / 'tune.MID'}", is_passage=False)


def test_escapes_in_stop_texts_are_replaced():
    assert unescaped(r"a\n\t\\n") == "a\n\t\\n"
    for text in (r"\d", "a\\", "\\\n"):
        with pytest.raises(UsageError, match="unknown escape"):
            unescaped(text)


def test_the_end_token_is_excluded_only_in_streams_that_must_not_end():
    end_token = EndToken(vocabulary_size=3, end=1, num_streams=2)
    excluded = -np.inf
    for allowed, expected in (
        ([False, False], [[0, excluded, 0], [0, excluded, 0]]),
        ([True, False], [[0, 0, 0], [0, excluded, 0]]),
        ([True, True], None),
    ):
        end_token.may_end[:] = allowed
        mask = end_token.mask()
        assert (mask if mask is None else mask.tolist()) == expected


@pytest.mark.parametrize("prime", ["Twinkle, tw", "Twinkle, twinkle ", "Up  ", "Like a dia", "xyz", "The é", "\n\n H"])
def test_a_word_model_preserves_its_prime_exactly(lines, prime):
    done = lines("sample", "--json", "--checkpoint", "words", "--length", "5", "--num-samples", "3", "--prime", prime)
    for text in texts(done):
        assert text.startswith(prime)
        assert len(text) > len(prime)


def test_characters_of_a_prime_outside_the_vocabulary_are_reported_once(trained, lines):
    done = trained.cli("sample", "--length", "2", "--prime", "How é 漢 é")
    assert "the prime contains characters that are not in the vocabulary: 'é', '漢'" in done.stderr
    assert "vocabulary" not in trained.cli("sample", "--length", "2", "--prime", "How I").stderr
    done = lines("sample", "--checkpoint", "lines", "--length", "2", "--prime", "a\nb")
    assert "not in the vocabulary: '\\n'" in done.stderr
    many = "".join(map(chr, range(0x4E00, 0x4E0F)))
    assert "and 5 more" in trained.cli("sample", "--length", "2", "--prime", many).stderr


def test_stop_texts_may_be_newlines_or_several_and_may_be_kept(trained):
    options = ["sample", "--json", "--prime", "How I ", "--seed", "2", "--length", "80", "--temperature", "0.5"]
    (plain,) = texts(trained.cli(*options))
    line = plain.split("\n")[0]
    assert texts(trained.cli(*options, "--stop", r"\n")) == [line]
    assert texts(trained.cli(*options, "--stop", "@", "--stop", r"\n")) == [line]
    assert texts(trained.cli(*options, "--stop", r"\n", "--keep-stop")) == [f"{line}\n"]
    (longer,) = texts(trained.cli(*options, "--stop", r"\n", "--min-length", str(len(line))))
    assert longer == "\n".join(plain.split("\n")[:2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--stop", r"\d"], r"--stop \d: unknown escape \d; use \n for a newline, \t for a tab, \\ for a backslash"),
        (["--stop", "a\\"], "unknown escape"),
        (["--stop", ""], "--stop must not be empty"),
        (["--keep-stop"], "--keep-stop needs --stop"),
        (["--length", "3", "--min-length", "4"], "--min-length must be at most --length, which is 3, got 4"),
        (["--min-length", "501"], "--min-length must be at most --length, which is 500, got 501"),
        (["--no-repeat", "0"], "--no-repeat must be at least 1, got 0"),
        (["--bars", "3"], "--bars is for models of music; this model writes text"),
    ],
)
def test_invalid_options_are_rejected_with_a_one_line_error(trained, options, words):
    assert words in refusal(trained.cli("sample", *options))


def test_no_repeat_breaks_loops_and_reports_samples_that_it_ends(trained):
    options = ["sample", "--json", "--temperature", "0", "--length", "300", "--prime", "Twinkle, "]
    (looping,), (text,) = texts(trained.cli(*options)), texts(trained.cli(*options, "--no-repeat", "9"))
    assert len({looping[i : i + 9] for i in range(len(looping) - 8)}) < len(looping) - 8
    assert len({text[i : i + 9] for i in range(len(text) - 8)}) == len(text) - 8
    done = trained.cli("sample", "--length", "100", "--num-samples", "2", "--no-repeat", "1")
    assert "2 samples ended early because the options excluded every token" in done.stderr


def test_samples_of_lines_end_by_themselves_and_are_not_empty(lines):
    options = ["sample", "--json", "--checkpoint", "lines", "--num-samples", "40", "--temperature", "3"]
    written = texts(lines(*options, "--length", "60"))
    assert all(written)
    assert min(map(len, texts(lines(*options, "--length", "60", "--min-length", "20")))) >= 20
