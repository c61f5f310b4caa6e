"""Signals on the command line and from Python: train, sample, evaluate and inspect."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

import seqgen
from seqgen.errors import CorpusError, UsageError
from tests.conftest import quick_runner
from tests.test_signals import WORDS, strokes_of, write_json


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Return the command line in a folder with a run that reads strokes."""
    folder = tmp_path_factory.mktemp("shapes")
    write_json(folder / "train.jsonl", [word for place, word in enumerate(WORDS) if place % 5] * 2)
    write_json(folder / "test.jsonl", WORDS[::5])
    for word in ("LTV", "TIT"):
        (folder / f"{word}.json").write_text(json.dumps(strokes_of(word)), encoding="utf-8")
    cli = quick_runner(folder)
    options = ["--corpus", "train.jsonl", "--given", "strokes", "--field", "text", "--steps", "200", "--name", "shapes"]
    done = cli("train", *options, "--hidden-size", "32", "--valid-fraction", "0.2", "--precision", "float32")
    assert done.returncode == 0, done.stderr
    cli.folder, cli.log = folder, done.stderr
    return cli


def test_training_shows_a_pair_and_how_to_go_on(shapes):
    assert "given      " in shapes.log
    assert " movements\nreference  " in shapes.log
    assert "seqgen sample --checkpoint shapes --given @FILE" in shapes.log
    assert "text from text, given strokes" in shapes.log


def test_a_file_is_read(shapes):
    done = shapes("sample", "--checkpoint", "shapes", "--given", "@LTV.json")
    assert (done.returncode, done.stdout) == (0, "LTV\n")


def test_strokes_may_be_json_on_the_command_line(shapes):
    done = shapes("sample", "--checkpoint", "shapes", "--given", json.dumps(strokes_of("VIV")))
    assert (done.returncode, done.stdout) == (0, "VIV\n")


def test_each_line_of_standard_input_names_a_file(shapes):
    done = shapes("sample", "--checkpoint", "shapes", "--given", "-", stdin="LTV.json\n\nTIT.json\n")
    assert (done.returncode, done.stdout) == (0, "LTV\n\nTIT\n")
    done = shapes(
        "sample", "--checkpoint", "shapes", "--given", "-", "--json", "--num-samples", "2", stdin="LTV.json\n"
    )
    best, second = map(json.loads, done.stdout.splitlines())
    assert (best["given"], best["text"]) == ("LTV.json", "LTV")
    assert best["score"] > second["score"]


def test_a_folder_gives_a_table_and_bad_files_are_reported(shapes):
    folder = shapes.folder / "ink"
    folder.mkdir()
    for word in ("LTV", "TIT"):
        traces = "".join(f"<trace>{','.join(f'{x} {y}' for x, y in stroke)}</trace>" for stroke in strokes_of(word))
        (folder / f"{word}.inkml").write_text(f"<ink>{traces}</ink>", encoding="utf-8")
    (folder / "notes.txt").write_text("no strokes", encoding="utf-8")
    done = shapes("sample", "--checkpoint", "shapes", "--given", "@ink")
    assert (done.returncode, done.stdout) == (0, "LTV.inkml\tLTV\nTIT.inkml\tTIT\n")
    assert shapes("sample", "--checkpoint", "shapes", "--given", "@ink", "--output", "table.tsv").returncode == 0
    assert (shapes.folder / "table.tsv").read_text(encoding="utf-8") == done.stdout
    several = ["--given", "@TIT.json", "--given", "@ink", "--given", "LTV.json"]
    done = shapes("sample", "--checkpoint", "shapes", *several)
    assert (done.returncode, done.stdout) == (
        0, "TIT.json\tTIT\nLTV.inkml\tLTV\nTIT.inkml\tTIT\nLTV.json\tLTV\n"
    )  # fmt: skip
    done = shapes(
        "sample",
        "--checkpoint",
        "shapes",
        "--given",
        "-",
        stdin="ink/LTV.inkml\nink/notes.txt\nnothing\nink/TIT.inkml\n",
    )
    assert (done.returncode, done.stdout) == (0, "LTV\n\n\nTIT\n")
    assert "nothing is written for a file: ink/notes.txt is not a list of strokes" in done.stderr
    assert "nothing is written for a file: nothing cannot be read" in done.stderr
    (shapes.folder / "empty").mkdir()
    assert (
        "empty holds no files of the kind that this model is given"
        in shapes("sample", "--checkpoint", "shapes", "--given", "@empty").stderr
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--given", "@missing.json"], "missing.json cannot be read: No such file or directory"),
        (["--given", "some text"], "some text cannot be read: No such file or directory"),
        (["--given", "@train.jsonl"], "train.jsonl is not a list of strokes, each a list of points [x, y]"),
        (["--given", "[[[1, 1]]]"], "--given has fewer than two different points"),
        (["--given", "@LTV.json", "--prime", "L"], "--prime needs a decoder"),
        (["--given", "@LTV.json", "--length", "5"], "--length needs a decoder"),
        (["--given", "@LTV.json", "--temperature", "1"], "--temperature and other options of sampling need a decoder"),
    ],
)
def test_what_cannot_be_read_gets_one_line(shapes, arguments, message):
    done = shapes("sample", "--checkpoint", "shapes", *arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr.strip().splitlines()[-1]


def test_evaluation_compares_what_is_written(shapes):
    done = shapes("evaluate", "--checkpoint", "shapes", "--corpus", "test.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["writing"]
    assert found["exact"]["value"] > 0.8
    assert found["character_error_rate"]["value"] < 0.1
    done = shapes("evaluate", "--checkpoint", "shapes", "--corpus", "test.jsonl", "--per-document")
    first = json.loads(done.stdout.splitlines()[0])
    assert first["text"] == WORDS[0]
    assert first["given"].endswith("test.jsonl")


def test_a_run_goes_on_from_another_and_repeats_its_options(shapes):
    data = ["--corpus", "train.jsonl", "--given", "strokes", "--field", "text", "--steps", "3"]
    done = shapes("train", "--from", "shapes", "--name", "tuned", *data)
    assert done.returncode == 0, done.stderr
    done = shapes("train", "--config", "checkpoints/shapes/config.toml", "--name", "again", "--steps", "3")
    assert done.returncode == 0, done.stderr
    done = shapes("train", "--name", "deep", "--num-layers", "3", *data)
    assert done.returncode == 2
    assert "--num-layers 3 is for the decoder, which --alignment ctc does not have" in done.stderr


def test_a_language_model_helps_to_read(shapes):
    (shapes.folder / "words.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    done = shapes("train", "--corpus", "words.txt", "--document", "line", "--steps", "30", "--name", "words",
                  "--hidden-size", "16", "--num-layers", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    done = shapes("sample", "--checkpoint", "shapes", "--given", "@LTV.json", "--language-model", "words")
    assert (done.returncode, done.stdout) == (0, "LTV\n")
    assert "weight of the language model: 0" in done.stderr
    assert "validation pairs (without it " in done.stderr
    options = ["--corpus", "test.jsonl", "--language-model", "words", "--json"]
    done = shapes("evaluate", "--checkpoint", "shapes", *options)
    assert json.loads(done.stdout)["writing"]["exact"]["value"] > 0.8
    weighted = ["--language-model", "words", "--language-model-weight"]
    done = shapes("sample", "--checkpoint", "shapes", "--given", "@LTV.json", *weighted, "0.2")
    assert (done.returncode, done.stdout) == (0, "LTV\n")
    assert "weight of the language model: 0.2" in done.stderr
    done = shapes("sample", "--checkpoint", "shapes", "--given", "@LTV.json", *weighted, "50", "--json")
    alone = shapes("sample", "--checkpoint", "shapes", "--given", "@LTV.json", "--json")
    assert json.loads(done.stdout)["score"] < json.loads(alone.stdout)["score"] - 1
    for command in (["sample", "--given", "@LTV.json"], ["evaluate", "--corpus", "test.jsonl"]):
        done = shapes(*command, "--checkpoint", "shapes", "--language-model-weight", "0.2")
        assert done.returncode == 2
        assert "--language-model-weight needs --language-model" in done.stderr
    done = shapes("sample", "--checkpoint", "words", "--language-model", "words")
    assert done.returncode == 2
    assert "--language-model needs --given" in done.stderr
    done = shapes("evaluate", "--checkpoint", "words", "--corpus", "words.txt", "--language-model", "words")
    assert done.returncode == 2
    assert "--language-model is for models that write from something given" in done.stderr


def test_a_corpus_of_another_kind_is_refused(shapes):
    (shapes.folder / "words.tsv").write_text("a\tL\nb\tV\n", encoding="utf-8")
    done = shapes("evaluate", "--checkpoint", "shapes", "--corpus", "words.tsv", "--given", "1", "--field", "2")
    assert done.returncode == 1
    assert "the texts of words.tsv are given text, but this model is given strokes" in done.stderr
    done = shapes("train", "--from", "shapes", "--corpus", "words.tsv", "--given", "1", "--field", "2", "--steps", "1")
    assert done.returncode == 1
    assert "the texts are given text, but this model is given strokes" in done.stderr


def test_inspect_draws_when_the_outputs_occur(shapes):
    done = shapes("inspect", "--checkpoint", "shapes", "--given", "@LTV.json", "--json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["text"] == ["L", "T", "V"]
    assert content["given"][:2] == ["movement 1", "movement 3"]
    with Image.open(shapes.folder / "attention.png") as picture:
        assert picture.width > picture.height
    table = shapes("inspect", "--checkpoint", "shapes", "--given", "@LTV.json").stdout
    assert "occurs at" in table
    places = [int(number) for number in re.findall(r"movement (\d+)", table)]
    assert places == sorted(places)
    assert len(places) == 3


def test_python_reads_files(shapes):
    model = seqgen.load(shapes.folder / "checkpoints" / "shapes" / "best.safetensors")
    files = [shapes.folder / "LTV.json", shapes.folder / "TIT.json"]
    assert model.sample(given=files) == ["LTV", "TIT"]
    assert model.sample(given=files[0]) == ["LTV"]
    assert (
        model.score("LTV", given=files[0])["nats_per_token"] < 1 < model.score("TTT", given=files[0])["nats_per_token"]
    )
    with pytest.raises(UsageError, match="this model is given strokes: name a file"):
        model.sample(given="LTV")
    with pytest.raises(CorpusError, match="cannot be read"):
        model.sample(given=Path("missing.json"))
