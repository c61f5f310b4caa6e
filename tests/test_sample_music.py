"""Music on the command line: training on a folder of MIDI files and sampling."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import seqgen
from seqgen.cli.app import app
from seqgen.music.read import read
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.music.write import rendered
from tests.conftest import RHYME

SCALE = [60, 62, 64, 65, 67, 69, 71, 72]


def piece(seed: int, num_tracks: int) -> Score:
    tracks = []
    for number in range(num_tracks):
        pitches = [SCALE[(seed * 3 + k * (seed % 5 + 1) + k * k % 3) % 8] - 12 * number for k in range(24)]
        tracks.append(track_of([Note(12 * k, 12, pitch) for k, pitch in enumerate(pitches)], name=f"Part {number + 1}"))
    return Score((Bar(),) * 6, tuple(tracks))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a run of melodies and one of two parts, each learned from files of which some are broken."""
    folder = tmp_path_factory.mktemp("music")
    for name, num_tracks in (("tunes", 1), ("duets", 2)):
        (folder / name).mkdir()
        for seed in range(24):
            (folder / name / f"{seed}.mid").write_bytes(rendered(piece(seed, num_tracks), ".mid"))
        (folder / name / "broken.mid").write_bytes(b"MThd\0\0")
        (folder / name / "notes.txt").write_text("not music", encoding="utf-8")
    (folder / "rhyme.txt").write_text(RHYME * 20, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for corpus in ("tunes", "duets"):
            done = run("train", "--corpus", corpus, "--level", "note", "--steps", "40", "--hidden-size", "32")
            assert done.exit_code == 0, done.output
        assert run("train", "--corpus", "rhyme.txt", "--steps", "3", "--hidden-size", "16").exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def sample(*arguments, run_name="tunes"):
    return run("sample", "--checkpoint", run_name, "--seed", "1", "--bars", "4", *arguments)


def score_in(path):
    (tune,) = read(str(path), Path(path).read_bytes())
    return tune.score


def test_training_reports_what_was_read_and_skipped(folder):
    done = run("train", "--corpus", "tunes", "--steps", "1", "--hidden-size", "16", "--level", "note", "--name", "t")
    assert "read 24 files of music, 24 pieces" in done.stderr
    assert "skipped 1 file without music" in done.stderr
    assert "broken" not in done.stderr
    assert "try: seqgen sample --checkpoint t --output tune.mid" in done.stderr
    named = run("train", "--corpus", "tunes/*.mid", "--steps", "1", "--hidden-size", "16", "--name", "u", "--verbose")
    assert "tunes/broken.mid" in named.stderr


def test_a_midi_file_is_written_by_default_and_its_name_printed():
    done = sample()
    assert done.exit_code == 0, done.output
    assert done.stdout == "tunes-1.mid\n"
    assert 1 <= len(score_in("tunes-1.mid")) <= 4


def test_the_prime_is_at_the_beginning_of_every_output_file():
    done = sample("--prime", "C4 E4:2 G4:0.5 R:0.5", "--output", "a.mid", "--output", "a.musicxml", "--output", "a.png")
    assert done.exit_code == 0, done.output
    assert [note[:3] for note in score_in("a.mid").notes][:3] == [(0, 12, 60), (12, 24, 64), (36, 6, 67)]
    assert [note[:3] for note in score_in("a.musicxml").notes] == [note[:3] for note in score_in("a.mid").notes]
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert sample("--prime", "C4 E4:2 G4:0.5 R:0.5", "--output", "a.abc").exit_code == 0
    assert [note[:3] for note in score_in("a.abc").notes] == [note[:3] for note in score_in("a.mid").notes]


def test_notes_may_be_separated_by_commas():
    assert sample("--prime", "C4, E4,G4", "--output", "commas.mid").exit_code == 0
    assert [note[:3] for note in score_in("commas.mid").notes][:3] == [(0, 12, 60), (12, 12, 64), (24, 12, 67)]


def test_a_melody_is_the_first_part_of_a_model_of_several():
    done = sample("--prime", "C5 D5 E5:2", "--output", "duet.mid", run_name="duets")
    assert done.exit_code == 0, done.output
    upper, lower = score_in("duet.mid").tracks
    assert [note[:3] for note in upper.notes][:3] == [(0, 12, 72), (12, 12, 74), (24, 24, 76)]
    assert upper.name == "Part 1"
    assert lower.notes


def test_a_prime_may_be_a_file_and_may_be_omitted_from_the_output():
    assert sample("--prime", "@tunes/3.mid", "--output", "on.mid").exit_code == 0
    assert [n[:3] for n in score_in("on.mid").notes][:24] == [n[:3] for n in piece(3, 1).notes]
    assert sample("--prime", "@tunes/3.mid", "--omit-prime", "--output", "rest.mid").exit_code == 0
    assert len(score_in("rest.mid")) <= 4


def test_several_samples_are_numbered():
    done = sample("--num-samples", "3", "--output", "many.mid")
    assert done.exit_code == 0, done.output
    assert [Path(f"many-{number}.mid").is_file() for number in (1, 2, 3)] == [True] * 3


def test_the_python_api_accepts_notes_and_rejects_options_for_text():
    model = seqgen.load("tunes", device="cpu")
    (written,) = model.compose("C4:0.5 E4", bars=np.int64(2), seed=1)
    assert [note[:3] for note in written.notes][:2] == [(0, 6, 60), (6, 12, 64)]
    with pytest.raises(seqgen.UsageError, match='^prime must be a score, or notes such as "C4 E4:2 R:1", got 5'):
        model.compose(5)
    with pytest.raises(seqgen.UsageError, match="^prime: this model writes music, so a prime is notes"):
        model.compose("Hello")
    with pytest.raises(seqgen.UsageError, match="^no_repeat is for models of text"):
        model.compose(no_repeat=3)
    with pytest.raises(seqgen.UsageError, match=r"this is a model of music: use compose\(\)"):
        model.sample()


def test_notes_may_come_from_standard_input():
    done = CliRunner().invoke(
        app, ["sample", "--checkpoint", "tunes", "--bars", "2", "--prime", "-", "--json"], input="C4:0.5 E4\n"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["notes"][1]["pitch"] == 64


def test_a_model_of_text_rejects_a_file_of_music_as_prime():
    done = run("sample", "--checkpoint", "rhyme", "--prime", "@tunes/3.mid")
    assert done.exit_code == 2
    assert "this model is for text, and tunes/3.mid is music" in done.stderr


def test_json_contains_the_notes_in_quarter_notes():
    (line,) = sample("--json", "--prime", "C4:0.5 E4").stdout.splitlines()
    content = json.loads(line)
    assert content["notes"][1] == {"track": "Part 1", "onset": 0.5, "duration": 1.0, "pitch": 64, "velocity": 90}
    assert (content["seed"], content["prime"]) == (1, "C4:0.5 E4")
    assert content["tokens"] > 0


def test_evaluate_counts_notes_and_compares_samples():
    done = run("evaluate", "--checkpoint", "tunes", "--num-samples", "3", "--json")
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["nats_per_note"] == pytest.approx(content["nats_per_token"] * content["tokens"] / content["notes"])
    assert content["quarters"] == content["notes"] > 0  # every note of the pieces is a quarter
    assert content["ngram"]["nats_per_token"] > 0
    assert content["music"]["samples"]["num_pieces"] == 3
    assert 0 <= content["music"]["valid_share_without_rules"] <= 1
    assert content["music"]["copying"]["held_out"]["num_symbols"] > 0
    table = run("evaluate", "--checkpoint", "tunes", "--num-samples", "2")
    assert "scale consistency" in table.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--prime", "Twinkle"], 2, "Twinkle"),
        (["--prime", "H4"], 2, "B4"),
        (["--prime", "C4:0.3"], 2, "multiples of 1/12 of a quarter"),
        (["--prime", "R:4"], 2, "must contain a note"),
        (["--prime", "C0"], 2, "C0, which this model has never seen"),
        (["--prime", "@rhyme.txt"], 2, "a model of music reads .abc"),
        (["--prime", "@none.mid"], 1, "none.mid cannot be read"),
        (["--prime", "@tunes/broken.mid"], 1, "broken.mid"),
        (["--output", "a.wav"], 2, "the suffix of a music file must be one of .mid"),
        (["--stop", "x"], 2, "--stop is for models of text"),
        (["--no-repeat", "3"], 2, "--no-repeat is for models of text; this model writes music, which ends by itself"),
        (["--min-length", "3"], 2, "--min-length is for models of text"),
        (
            ["--prime", "Hello, world"],
            2,
            'this model writes music, so a prime is notes such as "C4 E4:2 R:1", or @FILE',
        ),
        (["--key", "H"], 2, "H"),
        (["--tempo", "1"], 2, "--tempo must be"),
    ],
)
def test_options_that_do_not_apply_to_music_are_rejected_with_a_one_line_error(arguments, status, words):
    done = sample(*arguments)
    assert done.exit_code == status, done.output
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_models_of_text_reject_options_for_music():
    for arguments in (["--bars", "4"], ["--tempo", "90"], ["--key", "D"]):
        done = run("sample", "--checkpoint", "rhyme", *arguments)
        assert done.exit_code == 2
        assert f"{arguments[0]} is for models of music" in done.stderr
    done = run("sample", "--checkpoint", "rhyme", "--output", "rhyme.mid", "--length", "20")
    assert done.exit_code == 1
    assert "the sample contains no valid ABC notation" in done.stderr
