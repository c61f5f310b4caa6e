"""`seqgen inspect --text` on the command line."""

import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from seqgen.cli import display, surprisal
from tests.test_inspection_page import data_of
from tests.test_remedies import model_of  # noqa: F401  # a fixture

TEXT = "Up above the world so high"


def lines_of(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def refusal(done):
    assert done.returncode in (1, 2), done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    return line


def test_a_table_lists_the_most_surprising_tokens(trained):
    first, _, heads, *rows = lines_of(trained.cli("inspect", "--checkpoint", "rhyme", "--text", TEXT))
    content = json.loads(trained.cli("inspect", "--checkpoint", "rhyme", "--text", TEXT, "--json").stdout)
    tokens = content["tokens"]
    assert "".join(token["text"] for token in tokens) == TEXT
    assert first.startswith(f"26 tokens, {content['nats_per_token']:.4f} nats per token")
    assert heads.split()[:4] == ["place", "after", "token", "nats"]
    order = sorted(range(26), key=lambda place: -tokens[place]["nats"])[:12]
    assert [int(row.split()[0]) - 1 for row in rows] == order
    place = order[0]
    assert f"{tokens[place]['nats']:.2f}" in rows[0]
    best = max(tokens[place]["alternatives"], key=lambda token: token["probability"])
    assert f"{best['probability']:.1%}" in rows[0]


def test_json_agrees_with_the_tokens_of_evaluate(trained, tmp_path):
    short = tmp_path / "short.txt"
    short.write_text(TEXT)
    evaluated = trained.cli("evaluate", "--checkpoint", "rhyme", "--corpus", str(short), "--per-token").stdout
    expected = [json.loads(line) for line in evaluated.splitlines()]
    inspected = trained.cli("inspect", "--checkpoint", "rhyme", "--text", f"@{short}", "--json").stdout
    found = json.loads(inspected)["tokens"]
    assert [token["id"] for token in found] == [token["id"] for token in expected][:-1]  # whose last is END
    for own, other in zip(found, expected, strict=False):
        assert own["nats"] == pytest.approx(other["nats"], rel=1e-4, abs=1e-5)


def test_a_terminal_shows_the_text_in_colour(trained, monkeypatch):
    with Path(os.devnull).open("w") as nowhere:
        out = Console(
            file=nowhere, force_terminal=True, color_system="truecolor", width=200, record=True, no_color=False
        )
        monkeypatch.setattr(display, "results", lambda: out)
        assert trained.cli("inspect", "--checkpoint", "rhyme", "--text", "Up\nzzz").returncode == 0
    shown = out.export_text(styles=True)
    plain = shown.replace("\x1b[0m", "")
    assert "nats per token: " in plain
    assert "48;2;185;28;28m" in shown  # the colour of tokens that cost 6 nats and more
    assert "↵" in plain


def test_the_page_is_written(trained, tmp_path):
    path = tmp_path / "page.html"
    done = trained.cli("inspect", "--checkpoint", "rhyme", "--text", TEXT, "--output", str(path))
    assert f"saved as {path}" in done.stderr
    data = data_of(path.read_text(encoding="utf-8"))
    assert (data["model"], "".join(data["tokens"])) == ("rhyme", TEXT)


def test_a_longer_text_is_cut_with_a_note(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(surprisal, "MAX_TOKENS", 10)
    path = tmp_path / "page.html"
    done = trained.cli("inspect", "--checkpoint", "rhyme", "--text", TEXT, "--output", str(path))
    assert "only the first 10 of 26 tokens are inspected" in done.stderr
    data = data_of(path.read_text(encoding="utf-8"))
    assert (len(data["tokens"]), data["numTokens"]) == (10, 26)


def test_characters_outside_the_vocabulary_are_reported_and_scored(trained):
    done = trained.cli("inspect", "--checkpoint", "rhyme", "--text", "Ué", "--json")
    assert "the text contains characters that are not in the vocabulary: 'é'" in done.stderr
    assert [token["text"] for token in json.loads(done.stdout)["tokens"]] == ["U", "", "", "", "é"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", ""], "--text must not be empty"),
        (["--text", "@nothing.txt"], "the text nothing.txt cannot be read"),
        (["--text", "a", "--output", "a.png"], "--output a.png: --text writes a page, whose name must end in .html"),
        (["--text", "a", "--output", "no/a.html"], "folder no does not exist"),
        (["--text", "a", "--given", "a"], "--text and --given cannot be combined"),
        (["--text", "a", "--cell", "lstm"], "--text is for one --checkpoint, without --cell and --corpus"),
    ],
)
def test_what_cannot_be_inspected_is_one_sentence(trained, arguments, message):
    assert message in refusal(trained.cli("inspect", "--checkpoint", "rhyme", *arguments))


def test_a_model_for_text_refuses_music(trained, tmp_path):
    tune = tmp_path / "tune.mid"
    tune.write_bytes(b"MThd\x00\xff\xfe")
    message = refusal(trained.cli("inspect", "--checkpoint", "rhyme", "--text", f"@{tune}"))
    assert message.endswith("tune.mid is music")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("some words", "this model is for music: give notes"),
        ("@text.txt", "this model is for music: give notes"),
        ("", "--text must not be empty"),
        ("@gone.mid", "gone.mid cannot be read"),
    ],
)
def test_a_model_of_music_needs_music(model_of, quick_cli, tmp_path, text, message):  # noqa: F811
    (tmp_path / "text.txt").write_text("words")
    assert message in refusal(quick_cli("inspect", *model_of("note"), "--text", text))


def test_notes_are_inspected_as_the_beginning_of_a_piece(model_of, quick_cli):  # noqa: F811
    found = json.loads(quick_cli("inspect", *model_of("note"), "--text", "C4 E4:2", "--json").stdout)["tokens"]
    texts = [token["text"] for token in found]
    assert [text for text in texts if text.startswith("PITCH")] == ["PITCH 60", "PITCH 64"]
    assert texts[-1] != ""  # not END
