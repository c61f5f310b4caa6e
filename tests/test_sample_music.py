"""Music on the command line: training on a folder of MIDI files and sampling."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import seqgen
from seqgen.cli.app import app
from seqgen.cli.destination import Destination
from seqgen.cli.music import write_tunes
from seqgen.evaluation import best_of
from seqgen.music import soundfont
from seqgen.music.audio import TAIL
from seqgen.music.read import read
from seqgen.music.score import Bar, Note, Score, Tempo, track_of
from seqgen.music.write import rendered
from tests.conftest import RHYME
from tests.scores import melody, random_melody
from tests.sounds import cents_off, samples_of
from tests.sounds import soundfont as sine

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


def sample(*arguments, run_name="tunes", seed=1):
    return run("sample", "--checkpoint", run_name, "--seed", str(seed), "--bars", "4", *arguments)


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


def test_audio_files_are_numbered_and_what_played_them_is_reported_once(monkeypatch):
    monkeypatch.setattr(soundfont, "FOLDERS", ())
    outputs = ("--output", "a.wav", "--output", "b.mid")
    done = sample("--tempo", "60", "--num-samples", "2", *outputs, seed=2)  # pieces that end with notes, not with rests
    assert done.exit_code == 0, done.output
    assert done.stderr.count("played by the built-in synthesizer; --soundfont FILE.sf2 plays recorded") == 1
    for number in (1, 2):
        samples, rate = samples_of(Path(f"a-{number}.wav").read_bytes())
        assert samples.shape == (2, (score_in(f"b-{number}.mid").num_steps // 12 + TAIL) * rate)
    assert "played by" not in sample("--output", "b.mid").stderr


@pytest.mark.skipif(not find_spec("midirenderer"), reason="midirenderer is not installed")
def test_a_soundfont_plays_audio_files():
    Path("sine.sf2").write_bytes(sine())
    done = sample("--prime", "A4:4", "--output", "a.wav", "--soundfont", "sine.sf2")
    assert done.exit_code == 0, done.output
    assert re.search(r"played by midirenderer with the SoundFont \S*sine.sf2\n", done.stderr)
    samples, rate = samples_of(Path("a.wav").read_bytes())
    assert abs(cents_off(samples[0, :rate], rate, 69)) < 3
    Path("sine.sf2").write_bytes(sine()[:999])
    done = sample("--output", "a.wav", "--soundfont", "sine.sf2")
    assert done.exit_code == 2
    assert "the SoundFont sine.sf2 cannot be used (" in done.stderr


def test_tunes_in_the_abc_notation_of_a_text_become_audio_files(folder, monkeypatch, capsys):
    monkeypatch.setattr(soundfont, "FOLDERS", ())
    tunes = ["X:1\nL:1/4\nK:C\nCDEF|GABc|\n\nX:2\nL:1/4\nK:C\nA4|\n"]
    write_tunes(tunes, Path("tune.wav"), Destination(folder / "checkpoints" / "tunes" / "best.safetensors"))
    samples, rate = samples_of(Path("tune-2.wav").read_bytes())
    assert abs(cents_off(samples[0, :rate], rate, 69)) < 3
    assert "played by the built-in synthesizer" in capsys.readouterr().err


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


def test_a_prime_from_a_file_keeps_its_tempo_instrument_name_and_drums():
    notes = [Note(12 * place, 12, SCALE[place]) for place in range(8)]
    drums = track_of([Note(24 * place, 24, 38) for place in range(4)], "Snare", is_drum=True)
    prime = Score((Bar(),) * 2, (track_of(notes, "My Violin", 40), drums), tempos=(Tempo(0, 60.0), Tempo(48, 75.0)))
    Path("prime.mid").write_bytes(rendered(prime, ".mid"))
    done = sample("--prime", "@prime.mid", "--output", "kept.mid")
    assert done.exit_code == 0, done.output
    assert "part Snare ends with the prime, because the model has never seen its notes" in done.stderr
    kept = score_in("kept.mid")
    assert [(track.name, track.program, track.is_drum) for track in kept.tracks] == [
        ("My Violin", 40, False),
        ("Snare", 0, True),
    ]
    assert kept.tempos == prime.tempos
    assert [note[:3] for note in kept.tracks[0].notes][:8] == [note[:3] for note in notes]
    assert [note[:3] for note in kept.tracks[1].notes] == [note[:3] for note in drums.notes]
    assert sample("--prime", "@prime.mid", "--tempo", "90", "--output", "kept.mid").exit_code == 0
    assert [round(tempo.quarters_per_minute, 3) for tempo in score_in("kept.mid").tempos] == [90]


def test_what_the_reader_changed_in_a_prime_is_reported():
    Path("two.abc").write_text("X:1\nK:C\n{g}C4 E4|\n\nX:2\nK:C\nG4 G4|\n", encoding="utf-8")
    done = sample("--prime", "@two.abc", "--output", "two.mid")
    assert "two.abc contains several pieces: the prime is the first" in done.stderr
    assert "two.abc: 1 grace note omitted" in done.stderr


def test_pitches_beyond_those_of_the_corpus_are_kept_and_reported():
    done = sample("--prime", "C0 E4 C0", "--output", "moved.mid")
    assert "2 notes of the prime read in another octave, in which the model has seen them: C0 as C4" in done.stderr
    assert [note[:3] for note in score_in("moved.mid").notes][:3] == [(0, 12, 12), (12, 12, 64), (24, 12, 12)]


def test_the_prime_can_be_limited_to_its_first_bars():
    assert sample("--prime", "@tunes/3.mid", "--prime-bars", "1", "--output", "one.mid").exit_code == 0
    limited, whole = score_in("one.mid"), piece(3, 1)
    assert [n[:3] for n in limited.notes][:4] == [n[:3] for n in whole.notes][:4]
    assert [n[:3] for n in limited.notes][4:8] != [n[:3] for n in whole.notes][4:8]
    assert len(limited) <= 5


def test_instruments_of_the_result_can_be_chosen():
    done = sample("--instrument", "violin", "--instrument", "acoustic bass", "--output", "played.mid", run_name="duets")
    assert done.exit_code == 0, done.output
    assert "no layout of the corpus is for Violin, Acoustic Bass: the model writes for 2 x Acoustic" in done.stderr
    assert [(track.name, track.program) for track in score_in("played.mid").tracks] == [
        ("Violin", 40),
        ("Acoustic Bass", 32),
    ]


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
    with pytest.raises(seqgen.UsageError, match="^metre must be one of the corpus's metres, 4/4; got 3/4"):
        model.compose(metre="3/4")
    with pytest.raises(seqgen.UsageError, match="^prime_bars must be at most 6"):
        model.compose(piece(1, 1), prime_bars=7)
    with pytest.warns(UserWarning, match="1 note of the prime read in another octave, .*: C0 as C4"):
        (moved,) = model.compose("C0 E4", metre="4/4", bars=1)
    assert moved.tracks[0].notes[0].pitch == 12
    with pytest.warns(UserWarning, match="no layout of the corpus is for Oboe: the model writes for Acoustic Grand"):
        (played,) = model.compose(instrument=["oboe"], bars=1)
    assert played.tracks[0].program == 68
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
        (
            ["--prime", "C4", "--prime-bars", "2"],
            2,
            "--prime-bars must be at most 1, the number of bars of the prime, ",
        ),
        (["--prime-bars", "2"], 2, "--prime-bars needs --prime"),
        (["--metre", "6/8"], 2, "--metre must be one of the corpus's metres, 4/4; got 6/8"),
        (["--metre", "six eight"], 2, "--metre must be such as 3/4 or 6/8"),
        (["--instrument", "violn"], 2, "'violn' is unknown; similar names are Violin, Viola"),
        (["--instrument", "violin", "--instrument", "cello"], 2, "pieces of the corpus have 1 part, got Violin, Cello"),
        (["--prime", "@rhyme.txt"], 2, "a model of music reads .abc"),
        (["--prime", "@none.mid"], 1, "none.mid cannot be read"),
        (["--prime", "@tunes/broken.mid"], 1, "broken.mid"),
        (["--output", "a.ogg"], 2, "the suffix of a music file must be one of .mid"),
        (["--soundfont", "a.sf2"], 2, "--soundfont is for audio: add --output FILE.wav"),
        (["--output", "a.mid", "--soundfont", "a.sf2"], 2, "--soundfont is for audio: add --output FILE.wav"),
        (["--output", "a.wav", "--soundfont", "none.sf2"], 2, "--soundfont none.sf2 cannot be read: No such file"),
        (
            ["--output", "a.wav", "--soundfont", "rhyme.txt"],
            2,
            "--soundfont must be a SoundFont (.sf2), which rhyme",
        ),
        (["--stop", "x"], 2, "--stop is for models of text"),
        (
            ["--no-repeat", "3"],
            2,
            "--no-repeat is for models of text; this model writes music",
        ),
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
    music = (["--bars", "4"], ["--tempo", "90"], ["--key", "D"], ["--metre", "6/8"], ["--instrument", "oboe"])
    for arguments in (*music, ["--prime-bars", "2"]):
        done = run("sample", "--checkpoint", "rhyme", *arguments)
        assert done.exit_code == 2
        assert f"{arguments[0]} is for models of music" in done.stderr
    for name in ("rhyme.mid", "rhyme.wav"):
        done = run("sample", "--checkpoint", "rhyme", "--output", name, "--length", "20")
        assert done.exit_code == 1
        assert f"{name} was not written: the sample contains no valid ABC notation" in done.stderr


def cost(piece):
    """Return the nats per note of a piece in JSON."""
    return piece["nats"] / len(piece["notes"])


def test_the_best_of_several_pieces_is_the_most_likely_per_note_that_is_not_copied(monkeypatch):
    pieces = [json.loads(line) for line in sample("--num-samples", "6", "--json").stdout.splitlines()]
    monkeypatch.setattr(best_of, "_is_copied", lambda *_: False)
    kept = [json.loads(line) for line in sample("--best-of", "3", "--num-samples", "2", "--json").stdout.splitlines()]
    assert [each["seed"] for each in kept] == [min(group, key=cost)["seed"] for group in (pieces[:3], pieces[3:])]
    copied = [len(piece["notes"]) == len(kept[0]["notes"]) for piece in pieces[:3]]
    monkeypatch.setattr(best_of, "_is_copied", lambda score, _: score.num_notes == len(kept[0]["notes"]))
    done = sample("--best-of", "3", "--json")
    others = [piece for piece, is_copied in zip(pieces, copied, strict=False) if not is_copied]
    assert json.loads(done.stdout)["seed"] == min(others or pieces[:3], key=cost)["seed"]
    assert f"{sum(copied)} piece" in done.stderr
    assert "of 3 have most of their melody from the training set" in done.stderr


def test_a_piece_with_the_melody_of_a_training_piece_is_copied():
    from seqgen.evaluation.copying import Library, works_of

    library = Library(work for seed in range(3) for work in works_of("known", piece(seed, 1)))
    assert best_of._is_copied(piece(1, 1).transposed(3), library)
    assert not best_of._is_copied(random_melody(5), library)
    assert not best_of._is_copied(melody([(0, 12, 60)], num_bars=1), library)


def test_samples_report_their_parts_and_whether_they_were_cut():
    done = sample("--output", "whole.mid", run_name="duets")
    assert "written to whole.mid: 2 parts, 4 bars of 4/4" in done.stderr
    assert "cut" not in done.stderr
    done = sample("--length", "20", "--output", "cut.mid")
    assert "1 part" in done.stderr
    assert "cut after --length 20, without an ending" in done.stderr
    ended = [json.loads(sample("--length", length, "--json").stdout)["ended"] for length in ("20", "2000")]
    assert ended == [False, True]


@pytest.mark.parametrize("suffix", [".mid", ".musicxml", ".abc"])
def test_samples_have_a_title_and_part_names(suffix):
    assert sample("--output", f"titled{suffix}", run_name="duets").exit_code == 0
    content = Path(f"titled{suffix}").read_bytes()
    for text in ("duets, seed 1", "Part 1", "Part 2"):
        assert text.encode() in content
