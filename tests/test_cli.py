"""The command line end to end: results, messages and exit statuses."""

import gzip
import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from contextlib import suppress
from functools import partial

import pytest
import typer

from seqgen.cli.error_messages import errors_reported
from seqgen.training.learner import Learner
from tests import processes
from tests.conftest import RHYME, quick_runner, runner
from tests.processes import fault


def error_line(done):
    """Return the error message."""
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_an_output_in_a_folder_that_cannot_be_written_is_refused_before_sampling(trained, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    done = trained.cli("sample", "--output", "a.txt")
    assert (done.returncode, done.stderr) == (
        2,
        "Error: --output a.txt: folder . cannot be written; choose another one\n",
    )


def test_training_writes_all_files_and_suggests_the_next_command(trained):
    assert {path.name for path in trained.files.iterdir()} - {"samples.jsonl"} == {  # which other tests add
        "best.safetensors", "last.safetensors", "previous.safetensors", "config.toml", "metrics.jsonl", "curve.png",
        "lock",
    }  # fmt: skip
    assert (trained.files / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "try: seqgen sample --checkpoint rhyme" in trained.output
    assert "\x1b" not in trained.output
    assert not list((trained.folder / "data" / "prepared").glob(".building-*"))


def test_sample_continues_the_prime_with_the_newest_run_by_default(trained):
    done = trained.cli("sample", "--prime", "Twinkle, ", "--length", "40", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Twinkle, ")
    assert len(done.stdout.removesuffix("\n")) >= len("Twinkle, ") + 39
    assert "seed 1" in done.stderr


def test_a_seed_gives_the_same_text_and_a_random_one_is_printed(trained):
    first = trained.cli("sample", "--length", "60")
    seed = first.stderr.split("seed ")[1].split()[0]
    again = trained.cli("sample", "--length", "60", "--seed", seed)
    other = trained.cli("sample", "--length", "60", "--seed", str(int(seed) + 1))
    assert again.stdout == first.stdout != other.stdout


def test_several_samples_are_separated_and_each_has_its_own_seed(trained):
    done = trained.cli("sample", "--num-samples", "3", "--length", "20", "--seed", "5", "--temperature", "1.5")
    texts = done.stdout.split("\n---\n")
    assert len(texts) == 3
    alone = trained.cli("sample", "--length", "20", "--seed", "6", "--temperature", "1.5")
    assert alone.stdout.rstrip("\n") == texts[1].rstrip("\n")


def test_json_prints_one_object_per_sample(trained):
    done = trained.cli("sample", "--json", "--num-samples", "2", "--length", "10", "--prime", "How é", "--seed", "5")
    first, second = map(json.loads, done.stdout.splitlines())
    assert set(first) == {"text", "prime", "tokens", "nats", "seed"}
    assert first["text"].startswith("How é")
    assert (first["tokens"], first["seed"], second["seed"], first["prime"]) == (10, 5, 6, "How é")
    assert first["nats"] > 0


def test_greedy_sampling_with_stop_and_omitted_prime(trained):
    options = ["--prime", "Twinkle, twin", "--temperature", "0", "--omit-prime"]
    done = trained.cli("sample", *options, "--stop", "\n", "--length", "100")
    assert "\n" not in done.stdout[:-1]
    assert not done.stdout.startswith("Twinkle")


def test_prime_and_output_can_be_files(trained, tmp_path):
    (tmp_path / "prime.txt").write_bytes(b"Up above\r\n")
    target = tmp_path / "out.txt"
    target.write_text("old")
    done = trained.cli("sample", "--prime", f"@{tmp_path / 'prime.txt'}", "--output", str(target), "--length", "9")
    assert done.stdout == ""
    assert str(target) in done.stderr
    assert target.read_text(encoding="utf-8").startswith("Up above\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.txt", "prime.txt"]


@pytest.mark.parametrize("prime", ["漢字🦊", "", "\x1b[31m\x00", "no such é character"])
def test_a_prime_may_contain_any_characters(trained, prime):
    prime = prime.replace("\x00", "\x01")  # a command line cannot contain a NUL
    done = trained.cli("sample", "--prime", prime, "--length", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(prime)


@pytest.mark.skipif(os.name == "nt", reason="bytes as arguments")
def test_a_prime_of_invalid_bytes_is_accepted(trained):
    command = [sys.executable, "-m", "seqgen", "sample", "--length", "3", "--prime", b"\xff\xfe"]
    done = processes.run(command, cwd=trained.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("\ufffd\ufffd")


def test_output_in_a_narrow_encoding_raises_no_error(trained):
    done = runner(trained.folder)("sample", "--prime", "漢", "--length", "3", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr


def test_a_closed_pipe_ends_sampling_silently(trained):
    command = [sys.executable, "-m", "seqgen", "sample", "--length", "1000000"]
    process = processes.start(command, cwd=trained.folder, stdout=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    process.stdout = None
    done = processes.finish(process)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_evaluate_prints_the_documented_keys(trained):
    done = trained.cli("evaluate", "--json")
    result = json.loads(done.stdout)
    assert result["part"] == "validation, used to select the checkpoint"
    assert result["tokens"] == result["characters"] + 1
    assert result["bits_per_character"] == pytest.approx(
        result["nats_per_token"] * result["tokens"] / result["characters"] / 0.6931471805599453
    )
    assert result["perplexity"] == pytest.approx(2.718281828459045 ** result["nats_per_token"])
    assert result["bytes"] == result["characters"]
    assert "--corpus" in done.stderr


def test_evaluate_accepts_a_corpus_with_any_characters(trained, tmp_path):
    (tmp_path / "other.txt").write_text("Twinkle, twinkle, 小さな星\n", encoding="utf-8")
    result = json.loads(trained.cli("evaluate", "--corpus", str(tmp_path / "other.txt"), "--json").stdout)
    assert result["part"] == str(tmp_path / "other.txt")
    assert (result["characters"], result["bytes"]) == (19 + 4, 19 + 4 * 3)
    assert result["tokens"] == 19 + 4 * 3 * 2 + 1
    assert result["bits_per_byte"] == pytest.approx(result["bits_per_character"] * 23 / 31)
    table = trained.cli("evaluate", "--corpus", str(tmp_path / "other.txt")).stdout
    assert "bits per character" in table


def test_evaluating_the_validation_set_as_a_file_gives_the_same_loss(trained, tmp_path):
    text = RHYME * 30
    (tmp_path / "tail.txt").write_text(text[int(0.9 * len(text)) :], encoding="utf-8")
    own = json.loads(trained.cli("evaluate", "--json").stdout)
    tail = json.loads(trained.cli("evaluate", "--json", "--corpus", str(tmp_path / "tail.txt")).stdout)
    assert tail["nats_per_token"] == own["nats_per_token"]


def test_evaluate_reports_a_changed_or_missing_corpus(trained, quick_cli, tmp_path):
    best = str(trained.files / "best.safetensors")
    (tmp_path / "rhyme.txt").write_text("something else")
    for message in ("has changed (fingerprint", "no longer exists"):
        done = quick_cli("evaluate", "--checkpoint", best)
        assert done.returncode == 1
        assert message in error_line(done)
        assert "--corpus" in error_line(done)
        (tmp_path / "rhyme.txt").unlink(missing_ok=True)


def test_the_written_config_reproduces_the_run_and_the_command_line_overrides_it(trained, quick_cli, tmp_path):
    (tmp_path / "rhyme.txt").write_text(RHYME * 30, encoding="utf-8")
    config = str(trained.files / "config.toml")
    assert tomllib.loads((trained.files / "config.toml").read_text())["hidden-size"] == 48
    done = quick_cli("train", "--config", config, "--epochs", "1", "--quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    written = tomllib.loads((tmp_path / "checkpoints" / "rhyme" / "config.toml").read_text())
    assert (written["hidden-size"], written["epochs"]) == (48, 1)
    assert "steps" not in written
    assert written["resolved"]["epochs"] == 1


def test_chosen_options_are_reused_only_for_the_same_text(quick_cli, tmp_path):
    words = [f"{''.join(letters)} " for letters in itertools.product("aeiou", "bdgkl", "aeiou")]
    (tmp_path / "a.txt").write_text(RHYME * 30, encoding="utf-8")
    (tmp_path / "same.txt").write_text(RHYME * 30, encoding="utf-8")
    (tmp_path / "other.txt").write_text("".join(words * 20), encoding="utf-8")

    def resolved(name, *options):
        done = quick_cli("train", "--name", name, *options)
        assert done.returncode == 0, done.stderr
        written = tomllib.loads((tmp_path / "checkpoints" / name / "config.toml").read_text())
        return written, " ".join(done.stderr.split())

    small = ("--steps", "3", "--hidden-size", "16", "--dropout", "0.25", "--batch-size", "64")
    first, _ = resolved("first", "--corpus", "a.txt", *small)
    assert {*first} == {"corpus", "steps", "hidden-size", "dropout", "batch-size", "resolved"}
    config = tmp_path / "checkpoints" / "first" / "config.toml"
    edited = (
        config.read_text()
        .replace("learning-rate = ", "learning-rate = 0.125 # ")
        .replace("num-layers = 1", "num-layers = 2")
    )
    (tmp_path / "c.toml").write_text(edited)  # unlike what the recipe would choose
    same, output = resolved("same", "--config", "c.toml", "--corpus", "same.txt")
    assert (same["resolved"]["learning-rate"], same["resolved"]["num-layers"]) == (0.125, 2)
    assert "chosen again" not in output
    for options in (("--corpus", "other.txt"), ("--level", "word"), ("--corpus", "other.txt", "--level", "word")):
        anew, output = resolved("-".join(options).strip("-"), "--config", "c.toml", *options)
        plain, _ = resolved(
            "plain" + "-".join(options), *("--corpus", "a.txt") * ("--corpus" not in options), *options, *small
        )
        assert anew == plain
        assert anew["resolved"]["vocabulary-size"] != first["resolved"]["vocabulary-size"]
        assert (anew["hidden-size"], anew["dropout"]) == (16, 0.25)
        assert "the corpus differs from that of --config; chosen again: --num-layers, " in output
    broken = tmp_path / "d.toml"
    for line in ("resolved = 3", "[resolved]\nseed = 1", "[resolved]\nfingerprint = 'a'\nseeds = 1"):
        broken.write_text(line)
        done = quick_cli("train", "--config", "d.toml", "--corpus", "a.txt")
        assert done.returncode == 2
        assert error_line(done).startswith("Error: --config d.toml")


def test_a_validation_text_of_a_config_file_is_noted_if_another_corpus_is_given(quick_cli, tmp_path):
    for name in ("a.txt", "b.txt", "v.txt", "w.txt"):
        (tmp_path / name).write_text(RHYME + name)
    (tmp_path / "c.toml").write_text("corpus = 'a.txt'\nvalid = 'v.txt'\nsteps = 1\nhidden-size = 4\nnum-layers = 1")
    note = "validating on v.txt, the --valid of --config; give --valid to validate on another text"
    for options, is_noted in (
        ([], False),
        (["--corpus", "b.txt"], True),
        (["--corpus", "b.txt", "--valid", "w.txt"], False),
    ):
        done = quick_cli("train", "--config", "c.toml", *options)
        assert done.returncode == 0, done.stderr
        assert (note in done.stderr) == is_noted


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("hiden-size = 3", "--hiden-size: no such option in a configuration"),
        ("hidden-size = 0", "--hidden-size must be in [1, 10000000], got 0"),
        ("hidden-size = 'big'", "--hidden-size must be a whole number, got 'big'"),
        ("hidden-size = 2.5", "--hidden-size must be a whole number, got 2.5"),
        ("corpus = 3", "--corpus must be text, got 3"),
        ("hidden-size = [3, 4]", "--hidden-size must be a whole number, got (3, 4)"),
        ("tie-weights = 1", "--tie-weights must be true or false, got 1"),
        ("hidden-size", "--config c.toml is not valid TOML"),
        (f"seed = {'9' * 5000}", "--config c.toml is not valid TOML"),  # exceeds the limit of digits that Python parses
        ("time = '1m'\nsteps = 3", "--time and --steps cannot be combined"),
    ],
)
def test_an_invalid_config_file_is_rejected_with_the_reason(quick_cli, tmp_path, content, message):
    (tmp_path / "c.toml").write_text(content)
    done = quick_cli("train", "--config", "c.toml", "--corpus", "x.txt")
    assert done.returncode == 2
    assert message in error_line(done)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])  # as Windows writes them
def test_a_config_file_may_begin_with_a_byte_order_mark(quick_cli, tmp_path, encoding):
    (tmp_path / "c.toml").write_text("hidden-size = 0", encoding=encoding)
    done = quick_cli("train", "--config", "c.toml", "--corpus", "x.txt")
    assert "--config c.toml: --hidden-size must be in [1, 10000000], got 0" in error_line(done)


INTERRUPTIBLE = ["train", "--corpus", "rhyme.txt", "--epochs", "2", "--hidden-size", "64", "--batch-size", "8",
                 "--sequence-length", "16"]  # fmt: skip
TWO_THREADS = {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}  # on any machine


def test_the_final_loss_is_estimated_if_scoring_takes_too_long(quick_cli, tmp_path, monkeypatch):
    (tmp_path / "rhyme.txt").write_text(RHYME * 10)
    arguments = ("train", "--corpus", "rhyme.txt", "--hidden-size", "8", "--name", "r", "--overwrite")
    ticks = itertools.count()
    monkeypatch.setattr("time.perf_counter", lambda: 0.01 * next(ticks))
    assert "estimated" not in quick_cli(*arguments, "--steps", "5").stderr  # no time budget
    for name, value in (("EXACT_SLOWNESS", 1e9), ("EXACT_SHARE", 1e-9)):  # not tried; timed out
        monkeypatch.setattr(f"seqgen.training.timetable.{name}", value)
        assert (
            "nats per token, estimated; seqgen evaluate computes it exactly"
            in quick_cli(*arguments, "--time", "1s").stderr
        )
        monkeypatch.setattr("seqgen.training.timetable.EXACT_SLOWNESS", 0.0)


def assert_resumes_exactly(folder, run, interrupted):
    """Resume an interrupted run, and compare its weights with those of an uninterrupted one."""
    assert interrupted.returncode == 130, interrupted.stderr
    assert interrupted.stderr.strip().splitlines()[-1] == "resume with: seqgen train --resume rhyme"
    for arguments in (["train", "--resume", "rhyme"], [*INTERRUPTIBLE, "--name", "whole"]):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
    for file in ("best.safetensors", "last.safetensors"):
        assert digest(folder / "checkpoints" / "rhyme" / file) == digest(folder / "checkpoints" / "whole" / file)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_interrupted_training_is_saved_and_resumes_to_the_same_weights(cli, tmp_path):
    (tmp_path / "rhyme.txt").write_text(RHYME * 80, encoding="utf-8")
    moment = fault(0, "seqgen.training.learner:Learner.learn", 40, signal.SIGTERM)
    interrupted = cli(*INTERRUPTIBLE, **TWO_THREADS, **moment)
    assert_resumes_exactly(tmp_path, partial(cli, **TWO_THREADS), interrupted)


@pytest.mark.parametrize("count", [1, 2])
def test_ctrl_c_once_or_twice_saves_and_training_resumes_to_the_same_weights(quick_cli, tmp_path, monkeypatch, count):
    (tmp_path / "rhyme.txt").write_text(RHYME * 80, encoding="utf-8")
    learn = Learner.learn

    def interrupt(self, batch, step, *others):
        for _ in range(count if step == 40 else 0):
            signal.raise_signal(signal.SIGINT)
        return learn(self, batch, step, *others)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "learn", interrupt)
        interrupted = quick_cli(*INTERRUPTIBLE)
    assert_resumes_exactly(tmp_path, quick_cli, interrupted)


def digest(path):
    """Return the hash of all tensors of a checkpoint."""
    content = path.read_bytes()
    return hashlib.sha256(content[8 + int.from_bytes(content[:8], "little") :]).hexdigest()


def test_resuming_a_finished_run_changes_nothing(trained):
    before = {path: path.stat().st_mtime_ns for path in trained.files.iterdir()}
    done = trained.cli("train", "--resume", "rhyme")
    assert done.returncode == 0
    assert "rhyme is finished" in error_line(done)
    assert {path: path.stat().st_mtime_ns for path in trained.files.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["train"], 2, "a corpus is required: use --corpus FILE"),
        (["train", "--corpus", "nothing.txt"], 1, "there is no file or folder 'nothing.txt'"),
        (["train", "--corpus", "empty.txt"], 1, "empty.txt: there is nothing to learn from"),
        (["train", "--corpus", "one.txt"], 1, "one.txt: a single character is too little to learn from"),
        (
            ["train", "--corpus", "latin.txt"],
            1,
            "latin.txt is not utf-8 text (line 1, byte offset 3): it looks like cp1252, so try --encoding cp1252",
        ),
        (["train", "--corpus", "builtin:poems"], 1, "there is no built-in corpus 'poems'"),
        (["train", "--corpus", "empty"], 1, "empty holds no text"),
        (["train", "--corpus", "good.txt", "--name", "../x"], 2, "--name must start with a letter or digit"),
        (["train", "--corpus", "good.txt", "--name", "../x", "--overwrite"], 2, "--name must start with a letter or"),
        (["train", "--corpus", "good.txt", "--name", ""], 2, "--name must start with a letter or digit"),
        (["train", "--corpus", "tiny"], 1, "with --valid-fraction 0.1 nothing is left to train on"),
        (["train", "--corpus", "good.txt", "--seed", "9" * 30], 2, "--seed must be in [0, 2147483647], got 999"),
        (["train", "--corpus", ""], 1, "there is no file or folder ''"),
        (["train", "--corpus", "*.tsv"], 1, "nothing matches '*.tsv'"),
        (["train", "--corpus", "good.txt", "one.txt"], 2, "unexpected argument 'one.txt': give --corpus before every"),
        (["train", "--corpus", "good.txt", "--level", "word", "--ngram", "2"], 2, "--ngram is for --level character"),
        (
            ["train", "--corpus", "good.txt", "--unpack-limit", "much"],
            2,
            "--unpack-limit must be a positive number of bytes, or have a",
        ),
        (["train", "--corpus", "broken.gz"], 1, "broken.gz is damaged, or does not have the format of its suffix"),
        (["train", "--corpus", "t.csv", "--field", "x"], 1, "t.csv has no column 'x'; --field may be id, title"),
        (["train", "--corpus", "bad.jsonl"], 1, "bad.jsonl holds no record that can be read: row 1 (line 1)"),
        (["train", "--corpus", "mixed"], 1, "mixed holds 1 file of music and 1 file of text: --level note reads"),
        (["train", "--corpus", "-"], 1, "-: there is nothing to learn from"),
        (["sample", "--output", "empty"], 2, "--output must be a file, but empty is a folder"),
        (["sample", "--output", "no/x.txt"], 2, "--output no/x.txt: folder no does not exist; create it first"),
        (["train", "--corpus", "good.txt", "--time", "soon"], 2, "--time must be a positive number with a unit"),
        (
            ["train", "--corpus", "good.txt", "--time", "1m", "--epochs", "2"],
            2,
            "--time and --epochs cannot be combined",
        ),
        (["train", "--corpus", "good.txt", "--device", "cuda"], 2, "--device cuda is not available"),
        (
            ["train", "--corpus", "good.txt", "--encoding", "klingon"],
            2,
            "--encoding klingon is not a known text",
        ),
        (["train", "--corpus", "good.txt", "--valid", "nothing.txt"], 1, "no file or folder 'nothing.txt'"),
        (
            ["train", "--resume", "nothing"],
            1,
            "there is no run 'nothing' to resume in checkpoints; the runs there are: none",
        ),
        (["train", "--resume", "x", "--hidden-size", "3"], 2, "--hidden-size cannot be given"),
        (["sample", "--checkpoint", "nothing"], 1, "there is no checkpoint 'nothing'"),
        (["sample", "--checkpoint", "good.txt"], 1, "good.txt is truncated, damaged or not a safetensors file"),
        (["sample", "--temperature", "-1"], 2, "--temperature must be at least 0, got -1"),
        (["sample", "--top-p", "1.5"], 2, "--top-p must be in (0, 1], got 1.5"),
        (["evaluate"], 1, "there is no trained model in checkpoints"),
    ],
)
def test_invalid_input_gives_a_one_line_error_and_leaves_no_files(quick_cli, tmp_path, arguments, status, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "tiny").mkdir()
    (tmp_path / "mixed").mkdir()
    for name in ("tiny/a", "tiny/b", "mixed/a.abc", "mixed/b.txt"):
        (tmp_path / name).write_text("a")
    contents = {"empty.txt": b"", "one.txt": b"a", "latin.txt": b"caf\xe9", "good.txt": b"some good text\n" * 9}
    contents |= {"broken.gz": b"no archive", "t.csv": b"id,title\n1,A\n", "bad.jsonl": b"{\n[]\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.iterdir())
    done = quick_cli(*arguments, stdin="")
    assert done.returncode == status, done.stderr
    assert message in error_line(done)
    assert done.stdout == ""
    assert sorted(tmp_path.iterdir()) == before


def test_an_unreadable_prime_is_a_one_line_error(trained, tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    for name, message in (("nothing.txt", "cannot be read"), ("latin.txt", "is not valid UTF-8 (byte offset 3)")):
        done = trained.cli("sample", "--prime", f"@{tmp_path / name}")
        assert done.returncode == 1
        assert f"the prime {tmp_path / name} {message}" in error_line(done)


def test_a_model_too_large_for_memory_is_a_one_line_error(quick_cli, tmp_path):
    (tmp_path / "good.txt").write_text(RHYME)
    done = quick_cli("train", "--corpus", "good.txt", "--hidden-size", "10000000", "--steps", "1")
    assert done.returncode == 1
    assert "GB of memory, but only" in error_line(done)
    assert not (tmp_path / "checkpoints").exists()


def test_running_out_of_memory_is_a_one_line_error(capsys):
    with pytest.raises(typer.Exit), errors_reported():
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
    assert "not enough memory: use a smaller model" in capsys.readouterr().err


def on_terminal(folder, *arguments, status=0, output=None, **environment):
    """Run `seqgen` on a pseudoterminal and return what it shows; `output` may be a file for standard output."""
    import pty

    ours, theirs = pty.openpty()
    variables = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30", **environment}
    command = [sys.executable, "-m", "seqgen", *arguments]
    process = processes.start(command, cwd=folder, stdout=output or theirs, stderr=theirs, env=variables)
    os.close(theirs)
    shown = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal, suppress(OSError):  # raised at the end
        while data := terminal.read(4096):
            shown += data
    assert processes.finish(process).returncode == status
    return shown.decode("utf-8")


@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
def test_on_a_terminal_training_shows_a_live_panel_with_losses_and_a_sample(tmp_path):
    (tmp_path / "rhyme.txt").write_text(RHYME * 30)
    short = ["train", "--corpus", "rhyme.txt", "--steps", "40", "--hidden-size", "16", "--batch-size", "4"]
    shown = on_terminal(tmp_path, *short)
    for text in ("─ rhyme ─", "tokens/s", "left", "train", "valid", "best", "sample:", "try: seqgen sample"):
        assert text in shown, text
    plain = on_terminal(tmp_path, *short, TERM="dumb")
    assert "\x1b" not in plain
    assert "step 40  epoch" in plain


@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
def test_no_escape_sequence_reaches_a_terminal(tmp_path):
    """Terminals obey them: some rename the window, some simulate typing."""
    title = "\x1b]0;owned\x07"
    (tmp_path / f"{title}.txt").write_text(f"{title}\x9b31m\x08 black sheep\n" * 200)
    short = ("train", "--corpus", ".", "--steps", "10", "--hidden-size", "16", "--name", "run")
    shown = [
        on_terminal(tmp_path, *short, TERM="dumb"),
        on_terminal(tmp_path, *short, "--overwrite", "--quiet", "--corpus", f"{title}.csv", TERM="dumb", status=1),
        on_terminal(tmp_path, "sample", "--length", "300", "--prime", title, TERM="dumb"),
        on_terminal(tmp_path, "sample", "--checkpoint", title, TERM="dumb", status=1),
        on_terminal(tmp_path, "evaluate", "--num-samples", "2", TERM="dumb"),
    ]
    for text in shown:
        assert not set(text) & set("\x1b\x07\x08\x9b"), text
    assert "␛]0;owned␇" in shown[2]  # the prime
    assert all(r"\x1b]0;owned\x07" in shown[index] for index in (1, 3, 4))


def test_control_characters_are_made_visible_for_a_terminal():
    from seqgen.cli.display import visible

    assert visible("a\tb\n\x1b[31mred\x07\x7f\x9b\r") == "a\tb\n␛[31mred␇␡\ufffd␍"


def test_a_default_name_is_numbered_if_taken_and_a_given_one_is_rejected(quick_cli, tmp_path):
    (tmp_path / "my poems.txt").write_text(RHYME)
    short = ["train", "--corpus", "my poems.txt", "--steps", "1", "--hidden-size", "16"]
    for _ in range(2):
        assert quick_cli(*short).returncode == 0
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["my-poems", "my-poems-2"]
    refused = quick_cli(*short, "--name", "my-poems")
    assert refused.returncode == 2
    assert "the run 'my-poems' already exists in checkpoints" in error_line(refused)
    assert quick_cli(*short, "--name", "my-poems", "--overwrite").returncode == 0


def test_windows_newlines_are_reported_once(quick_cli, tmp_path):
    (tmp_path / "a.txt").write_bytes(RHYME.replace("\n", "\r\n").encode())
    done = quick_cli("train", "--corpus", "a.txt", "--steps", "1", "--hidden-size", "16")
    assert done.stderr.count("Windows or old Mac newlines read as \\n") == 1


def test_a_damaged_state_is_rejected_and_the_previous_one_is_named(quick_cli, tmp_path):
    (tmp_path / "a.txt").write_text(RHYME)
    assert quick_cli("train", "--corpus", "a.txt", "--steps", "2", "--hidden-size", "16").returncode == 0
    last = tmp_path / "checkpoints" / "a" / "last.safetensors"
    last.write_bytes(last.read_bytes()[:-3])
    done = quick_cli("train", "--resume", "a", "--steps", "4")
    assert done.returncode == 1
    assert "last.safetensors" in error_line(done)
    assert "previous.safetensors" in error_line(done)


SMALL = ["--hidden-size", "32", "--learning-rate", "0.01"]


def test_a_model_of_a_compressed_table_writes_records_that_end(quick_cli, tmp_path):
    words = [word.strip(",.!") for word in RHYME.split() * 3]
    rows = "".join(f"{i},{word} {word}\n" for i, word in enumerate(words))
    (tmp_path / "names.csv.gz").write_bytes(gzip.compress(f"number,name\n{rows}".encode()))
    done = quick_cli("train", "--corpus", "names.csv.gz", "--steps", "60", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "names.csv.gz: header, columns number, name, comma-separated; text from name" in done.stderr
    assert "read 1 text, 66 documents" in done.stderr
    texts = quick_cli("sample", "--num-samples", "20", "--length", "40").stdout.split("---\n")
    assert len(texts) == 20
    assert all(text.count("\n") == 1 and text.endswith("\n") for text in texts)
    assert sum(len(text) < 40 for text in texts) > 10
    figures = json.loads(quick_cli("evaluate", "--json").stdout)
    assert figures["tokens"] > figures["characters"]  # the ends


def test_a_corpus_from_standard_input_is_stored_for_resuming(quick_cli, tmp_path):
    options = ["--corpus", "-", "--level", "word", "--steps", "4", "--name", "piped", *SMALL]
    done = quick_cli("train", *options, stdin=RHYME * 20)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "checkpoints").iterdir()) == [tmp_path / "checkpoints" / "piped"]
    again = quick_cli("train", "--resume", "piped", "--steps", "6", stdin="")
    assert "6 steps" in again.stderr, again.stderr
    other = quick_cli("train", "--resume", "piped", "--steps", "8", "--corpus", "-", stdin=RHYME * 21)
    assert other.returncode == 1
    assert "has changed since the run 'piped' began, or is another one" in other.stderr
    shutil.rmtree(tmp_path / "data")
    gone = quick_cli("train", "--resume", "piped", "--steps", "8", stdin="")
    assert (gone.returncode, gone.stderr.count("\n")) == (1, 1)
    assert "the corpus came from standard input, and its prepared copy in" in gone.stderr


def test_verbose_names_skipped_files(quick_cli, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(RHYME * 20)
    (tmp_path / "texts" / "b.png").write_bytes(b"\0")
    output = quick_cli("train", "--corpus", "texts", "--steps", "2", "--level", "subword", "--verbose", *SMALL).stderr
    assert "skipped 1 binary file\n" in output
    assert (
        "skipped binary file: texts/b.png is not utf-8 text but a binary file (NUL at line 1, byte offset 0)\n"
        in output
    )
    output = quick_cli(
        "train", "--corpus", "texts", "--steps", "2", "--vocabulary-size", "300", "--level", "word", *SMALL
    ).stderr
    assert "skipped binary file: " not in output
    assert "tokens: this text yields fewer than --vocabulary-size 300" in output


def test_the_version_is_printed(cli):
    assert cli("--version").stdout == "seqgen 0.1.0\n"


def test_a_run_is_found_by_its_name_its_folder_and_its_file(trained, tmp_path):
    files = trained.files
    for name in ("rhyme", "checkpoints/rhyme", "checkpoints/rhyme/", f"{files}", f"{files}/last.safetensors"):
        done = trained.cli("train", "--resume", name)
        assert done.returncode == 0, done.stderr
        assert "is finished" in done.stderr
        sampled = trained.cli("sample", "--checkpoint", name, "--length", "3", "--seed", "1")
        assert sampled.returncode == 0, sampled.stderr
    quick = quick_runner(tmp_path)
    (tmp_path / "more.txt").write_text(RHYME * 9, encoding="utf-8")
    for index, name in enumerate((f"{files}", f"{files}/", f"{files}/last.safetensors")):
        done = quick("train", "--corpus", "more.txt", "--from", name, "--steps", "1", "--name", f"r{index}")
        assert done.returncode == 0, done.stderr
    done = quick("train", "--resume", f"{files}/best.safetensors")
    assert "--resume needs a run, whose state is in last.safetensors, not" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--resume", "rhime"],
        ["train", "--resume", "checkpoints/Rhymes/"],
        ["train", "--corpus", "rhyme.txt", "--from", "ryhme"],
        ["sample", "--checkpoint", "checkpoints/rhym/best.safetensors"],
        ["evaluate", "--checkpoint", "RHYME2"],
        ["inspect", "--checkpoint", "ryme"],
    ],
)
def test_a_mistyped_name_of_a_run_suggests_the_nearest_one(trained, arguments):
    done = trained.cli(*arguments)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("did you mean rhyme?")
    far = trained.cli(*arguments[:-1], "zzz")
    assert "did you mean" not in far.stderr


def test_a_run_resumes_with_a_moved_corpus_but_not_with_another_text(quick_cli, tmp_path):
    (tmp_path / "poem.txt").write_text(RHYME * 9, encoding="utf-8")
    (tmp_path / "far").mkdir()
    small = ("--hidden-size", "16", "--num-layers", "1")
    assert quick_cli("train", "--corpus", "poem.txt", "--steps", "2", "--name", "r1", *small).returncode == 0
    (tmp_path / "poem.txt").rename(tmp_path / "far" / "verse.txt")

    def refused(*options):
        done = quick_cli("train", "--resume", "r1", "--steps", "4", *options)
        assert done.returncode == 1
        return " ".join(done.stderr.split())

    message = refused()
    assert "the corpus of the run 'r1' cannot be read: " in message
    assert "if it has moved, use --resume r1 --corpus PATH" in message
    (tmp_path / "far" / "other.txt").write_text(RHYME * 10, encoding="utf-8")
    grown = refused("--corpus", "far/other.txt")
    assert "has changed since the run 'r1' began, or is another one (fingerprint" in grown
    assert "start a new run with --corpus far/other.txt --from r1" in grown
    done = quick_cli("train", "--resume", "r1", "--steps", "4", "--corpus", "far/verse.txt")
    assert done.returncode == 0, done.stderr
    again = quick_cli("train", "--resume", "r1", "--steps", "6")  # it knows the new place
    assert again.returncode == 0, again.stderr
    assert json.loads(quick_cli("evaluate", "--json").stdout)["tokens"]
    assert "far/verse.txt" in (tmp_path / "checkpoints" / "r1" / "config.toml").read_text()
