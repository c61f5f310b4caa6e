"""Options mentioned in error messages exist: `quick_cli` checks every message."""

import gzip

import pytest

from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig
from seqgen.levels import level_class
from tests.conftest import resolved, unknown_options


def test_unknown_options_in_messages_are_detected():
    assert unknown_options(["evaluate"], "Error: a.csv: use --level word, or --field NAME") == {"--level"}
    assert not unknown_options(["evaluate"], "there is no model; seqgen train --corpus FILE --level word, or --corpus")
    assert unknown_options(["sample"], "try: seqgen evaluate --temperature 3") == {"--temperature"}
    assert not unknown_options(["sample", "--levle"], "no such option: --levle")


@pytest.fixture
def model_of(make_model, tmp_path):
    """Write the checkpoint of an untrained model, and return options that name it."""

    def write(level_name="character", **options):
        config = CorpusConfig(corpus=("gone.txt",), level=level_name, **options)
        level = level_class(level_name).fit([["some text\n"]] if level_name != "note" else [], config)
        model = make_model(level.vocabulary_size, num_factors=level.num_factors)
        config = resolved(model.config, config)
        Checkpoint(config, config, level, [], True, "0", {}, model.state_dict()).write(tmp_path / "m.safetensors")
        return ["--checkpoint", "m.safetensors"]

    return write


@pytest.mark.parametrize("command", ["evaluate", "inspect"])
@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ({}, [], "gone.txt, no longer exists"),
        ({}, ["--corpus", "nothing.txt"], "no file or folder 'nothing.txt'"),
        ({}, ["--corpus", "latin.txt"], "--encoding"),
        ({}, ["--corpus", "latin.txt", "--encoding", "klingon"], "--encoding klingon is"),
        ({}, ["--corpus", "zero.txt"], "zero.txt is"),
        ({}, ["--corpus", "numbers.csv"], "--field"),
        ({"field": "review"}, ["--corpus", "table.csv"], "table.csv has no column 'review'; --field may be"),
        ({}, ["--corpus", "table.csv", "--field", "x"], "table.csv has no column 'x'; --field may be"),
        ({}, ["--corpus", "large.txt.gz", "--unpack-limit", "5B"], "raise --unpack-limit"),
        ({}, ["--corpus", "large.txt.gz", "--unpack-limit", "much"], "--unpack-limit"),
        ({}, ["--corpus", "empty.txt"], "there is nothing to learn from"),
        ({}, ["--corpus", "tiny.jsonl"], "tiny.jsonl"),
        ({}, ["--corpus", "-"], "-: there is nothing to learn from"),
        ({}, ["--field", "text"], "--field needs --corpus"),
        ({"document": "line"}, ["--corpus", "long.txt"], "has a line of more than 100 characters"),
        ({"document": "paragraph"}, ["--corpus", "lines.txt"], "has a paragraph of more than 100 characters"),
        ({"level_name": "note"}, ["--corpus", "long.txt"], "long.txt is not music"),
        ({"level_name": "note"}, ["--corpus", "folder"], "folder holds no music"),
        ({}, ["--device", "cuda"], "--device cuda is not available"),
        ({}, ["--checkpoints-dir", "nowhere", "--checkpoint", "x"], "no checkpoint 'x'"),
    ],
)
def test_suggested_options_exist(quick_cli, model_of, tmp_path, monkeypatch, command, model, arguments, message):
    monkeypatch.setattr("seqgen.corpus.documents.MAX_CHARACTERS", 100)
    contents = {"latin.txt": b"caf\xe9 au lait, s'il vous pla\xeet\n", "zero.txt": b"a\0b", "empty.txt": b"",
                "numbers.csv": b"a,b\n1,2\n3,4\n", "table.csv": b"id,title\n1,some text\n2,more text\n",
                "large.txt.gz": gzip.compress(b"some text\n" * 9), "tiny.jsonl": b"{\n[]\n",
                "long.txt": b"some text " * 20, "lines.txt": b"some text\n" * 20,}  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").write_text("text")
    named = [] if "--checkpoint" in arguments else model_of(**model)
    done = quick_cli(command, *named, *arguments)
    assert message in done.stderr
    assert (done.returncode == 0) == (command == "inspect" and not arguments)  # which then shows the network alone


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ({}, ["--bars", "3"], "--bars is for"),
        ({}, ["--prime", "@nothing.txt"], "nothing.txt cannot be read"),
        ({"level_name": "note"}, ["--prime", "C4:1/7"], "1/12 of a quarter"),
        ({"level_name": "note"}, ["--prime", "R:1"], "--prime must contain a note"),
        ({"level_name": "note"}, ["--stop", "x"], "--stop is for"),
        ({"level_name": "note"}, ["--output", "x.txt"], "--output x.txt"),
        ({}, ["--output", "no/x.txt"], "folder no does not exist"),
        ({}, ["--device", "cuda"], "--device cuda is not available"),
    ],
)
def test_suggested_options_of_sample_exist(quick_cli, model_of, model, arguments, message):
    done = quick_cli("sample", *model_of(**model), *arguments)
    assert done.returncode != 0
    assert message in done.stderr


def test_without_a_model_every_command_suggests_training(quick_cli):
    for command in (["sample", "--given", "a"], ["evaluate"], ["inspect"]):
        assert "seqgen train --corpus FILE" in quick_cli(*command, "--checkpoints-dir", "elsewhere").stderr
