"""The page of `seqgen inspect --text`: its data, read back, and its behaviour in a browser."""

import base64
import html
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from seqgen.config import CorpusConfig
from seqgen.evaluation import inspection_page
from seqgen.evaluation.attended import Attended
from seqgen.evaluation.inspection import Inspection
from seqgen.evaluation.inspection_page import chosen_units, page
from seqgen.evaluation.text_properties import text_properties
from seqgen.evaluation.unit_ranking import Tracking
from seqgen.levels.character import CharacterLevel
from seqgen.levels.note import NoteLevel
from tests import processes
from tests.conftest import RHYME
from tests.scores import melody
from tests.test_inspection import checkpoint_of  # noqa: F401  # a fixture

TRICKY = "</script><!-- \"a\" 'b' &amp; 😀 שלום (עולם)\t\u202e\u2028x\\n\n  {{data}}\n" + RHYME
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Scripts(HTMLParser):
    """Collects the contents of the script elements, as a browser sees them."""

    def __init__(self):
        super().__init__()
        self.found = []
        self._is_script = False

    def handle_starttag(self, tag, attrs):
        self._is_script = tag == "script"
        if self._is_script:
            self.found.append("")

    def handle_endtag(self, tag):
        self._is_script = False

    def handle_data(self, data):
        if self._is_script:
            self.found[-1] += data


def data_of(text):
    parser = Scripts()
    parser.feed(text)
    first, _ = parser.found  # the data and the program
    return json.loads(first)


def array(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


@pytest.fixture
def inspected(checkpoint_of, generator):  # noqa: F811
    level = CharacterLevel.fit([[RHYME]], CorpusConfig())
    return Inspection.of(*checkpoint_of(level, generator), TRICKY, 1000, 5)


def test_the_data_of_the_page_are_those_of_the_inspection(inspected):
    data = data_of(page(inspected, "</script>"))
    count = len(inspected.ids)
    assert data["model"] == "</script>"
    assert data["tokens"] == inspected.texts
    assert "".join(data["tokens"]) == TRICKY
    assert data["surprisal"] == pytest.approx(inspected.surprisal, abs=5e-4)
    best = array(data["best"], "<u2").reshape(count, 5)
    assert [[data["vocabulary"][n] for n in row] for row in best] == [
        [inspected.label(int(token)) for token in row] for row in inspected.best
    ]
    found = array(data["probabilities"], "<u2").reshape(count, 5) / 65535
    np.testing.assert_allclose(found, inspected.probabilities, atol=1e-5)
    assert data["hits"] == [
        row.index(token) if token in row else None
        for row, token in zip(inspected.best.tolist(), inspected.ids.tolist(), strict=True)
    ]
    assert data["numUnits"] == len(data["units"]) == 2 * 6 * 16  # all of them
    assert data["attended"] is None
    levels = array(data["activations"], np.uint8).reshape(-1, count)
    for (layer, name, unit, low, high), row in zip(data["units"], levels, strict=True):
        values = inspected.layers[layer][name][:, unit]
        np.testing.assert_allclose(low + row / 255 * (high - low), values, atol=(high - low) / 500 + 1e-4)


@pytest.fixture
def attending(checkpoint_of, generator):  # noqa: F811
    level = CharacterLevel.fit([[RHYME]], CorpusConfig())
    return Inspection.of(*checkpoint_of(level, generator, attention=30, document="line"), RHYME, 1000, 5)


def test_the_page_has_the_weights_of_at_least_2_percent(attending):
    data = data_of(page(attending, "run"))["attended"]
    counts = array(data["counts"], np.uint8)
    ends = counts.cumsum(dtype=int)[:-1]
    distances, weights = np.split(array(data["distances"], "<u2"), ends), np.split(array(data["weights"], "u1"), ends)
    for place, (all_distances, all_weights) in enumerate(zip(*attending.attended, strict=True)):
        shown = all_weights >= 0.02
        assert counts[place] == shown.sum()
        np.testing.assert_array_equal(distances[place], all_distances[shown])
        np.testing.assert_allclose(weights[place] / 255, all_weights[shown], atol=0.002)
    assert 1 < counts.mean() < 8


def test_the_ranking_of_the_page_is_that_of_the_properties(inspected):
    data = data_of(page(inspected, "run"))
    wanted = text_properties(inspected.texts)
    assert {name for name, _ in data["ranking"]} == set(wanted)
    for name, ranked in data["ranking"]:
        assert len(ranked) == 12
        for layer, kind, unit, correlation in ranked:
            expected = np.corrcoef(inspected.layers[layer][kind][:, unit], wanted[name])[0, 1]
            assert correlation == pytest.approx(expected, abs=1e-3)


def test_a_long_text_includes_the_ranked_and_the_most_variable_units():
    random = np.random.default_rng(1)
    layers = [{name: random.normal(size=(9, 20)) * np.arange(1, 21) for name in ("hidden", "cell")} for _ in range(2)]
    ranked = {"a": [Tracking(0, "hidden", 2, 0.9)], "b": [Tracking(1, "cell", 0, 0.8), Tracking(0, "hidden", 2, 0.7)]}
    chosen = chosen_units(layers, ranked, 10)
    assert len(set(chosen)) == 10
    assert {(0, "hidden", 2), (1, "cell", 0)} <= set(chosen)
    spread = layers[1]["hidden"].std(0)
    assert (1, "hidden", int(spread.argmax())) in chosen
    assert len(chosen_units(layers, ranked, 1000)) == 80


@pytest.mark.parametrize(
    ("attended", "bytes_per_token"),
    [(None, 0), (Attended(np.ones((5000, 8), int), np.full((5000, 8), 0.125, np.float32)), 25)],
)
def test_a_page_of_5000_characters_is_smaller_than_3_mb(attended, bytes_per_token):
    count, units = 5000, 700
    random = np.random.default_rng(1)
    level = CharacterLevel.fit([[RHYME]], CorpusConfig())
    ids = random.integers(18, level.vocabulary_size, count)
    layers = [{name: random.normal(size=(count, units)).astype(np.float32) for name in ("hidden", "cell")}]
    best = random.integers(2, level.vocabulary_size, (count, 8))
    surprisal, probabilities = (random.random(shape).astype(np.float32) for shape in (count, (count, 8)))
    found = Inspection(level, ids, [0], surprisal * 20, best, probabilities, layers, count, attended)
    text = page(found, "run")
    assert 2_000_000 < len(text.encode()) < 3_000_000
    num_units = inspection_page.MAX_BYTES / count - bytes_per_token
    assert len(data_of(text)["units"]) == pytest.approx(num_units, abs=1)


def test_the_page_needs_no_network(inspected):
    text = page(inspected, "run")
    assert "default-src 'none'" in text
    assert re.findall(r"https?://[^\"' ]+", text) == ["http://www.w3.org/2000/svg"]  # a name, not an address
    assert not re.search(r"<link|<img|@import|\bsrc=", text)


def test_a_piece_of_music_has_a_piano_roll(checkpoint_of):  # noqa: F811
    level = NoteLevel(12)
    found = Inspection.of(*checkpoint_of(level), melody(), 1000, 5)
    data = data_of(page(found, "run"))
    (roll,) = data["music"]
    assert [note[1:4] for note in roll["notes"]] == [list(note[:3]) for note in melody().tracks[0].notes]
    assert [data["tokens"][note[0]] for note in roll["notes"]] == [f"PITCH {note[3]}" for note in roll["notes"]]
    assert {name for name, _ in data["ranking"]} <= {"beat", "position in bar", "bar", "voice"}


def browse(path, text, program):
    """Return the elements of a page, as the browser has them after a program, as text; errors fail the test."""
    path.write_text(text + f"<script>{program}</script>", encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={path.parent / 'browser'}"]
    options += ["--enable-logging=stderr", "--autoplay-policy=no-user-gesture-required"]
    done = processes.run([BROWSER, *options, "--virtual-time-budget=2000", "--dump-dom", path.as_uri()])
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout


needs_browser = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")


@needs_browser
def test_a_browser_shows_the_text_and_what_is_chosen(inspected, tmp_path):
    program = """
    const press = (key) => byId("text").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    press("ArrowRight"); press("ArrowRight"); press("ArrowRight"); press("ArrowLeft");
    document.querySelector("#ranking button").click();
    const whole = spans.filter((span) => span.className !== "part");
    document.documentElement.dataset.text = whole.map((span) => span.textContent).join("");
    document.documentElement.dataset.value = valueAt(signal.unit, 1).toFixed(3);
    document.documentElement.dataset.painted = spans.filter((span) => span.style.backgroundColor).length;
    """
    dom = browse(tmp_path / "page.html", page(inspected, "run"), program)
    root = {
        name: html.unescape(value) for name, value in re.findall(r'data-([a-z]+)="([^"]*)"', dom[: dom.index("<head>")])
    }
    shown = TRICKY.replace("\u202e", "⟨U+202E⟩").replace("\u2028", "⟨U+2028⟩").replace("\n", "↵\n")
    assert root["text"] == shown
    assert root["painted"] == str(len(inspected.ids))
    panel = html.unescape(re.search(r'<section id="token".*?</section>', dom, re.DOTALL)[0])
    assert f"{inspected.surprisal[1]:.2f} nats" in panel
    assert f"{inspected.label(int(inspected.best[1, 0]))}" in panel
    (_, ranked), *_ = data_of(page(inspected, "run"))["ranking"]
    layer, name, unit, _ = ranked[0]
    value = inspected.layers[layer][name][1, unit]
    assert float(root["value"]) == pytest.approx(value, abs=0.02)
    assert f": {root['value']}" in panel


@needs_browser
@pytest.mark.parametrize("place", [40, 0])
def test_a_browser_marks_what_the_selected_token_attends_to(attending, tmp_path, place):
    program = f"""
    select(90);
    select({place} + 1);
    byId("text").dispatchEvent(new KeyboardEvent("keydown", {{ key: "ArrowLeft", bubbles: true }}));
    const places = [...document.querySelectorAll("#text .attended")].map((span) => span.index);
    document.documentElement.dataset.attended = places.sort((a, b) => b - a).join(" ");
    """
    dom = browse(tmp_path / "page.html", page(attending, "run"), program)
    begin = max(each for each in attending.begins if each <= place)
    rows = [
        (place - distance, distance, round(weight * 255) / 255)
        for distance, weight in zip(*(values[place] for values in attending.attended), strict=True)
        if weight >= 0.02
    ]
    marked = sorted((index for index, *_ in rows if index >= begin), reverse=True)
    assert re.search(r'data-attended="([^"]*)"', dom)[1] == " ".join(map(str, marked))
    panel = html.unescape(re.search(r'<section id="token".*?</section>', dom, re.DOTALL)[0])
    *_, table = re.findall(r"<table>.*?</table>", panel)
    shown = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>.*?</tr>", table)]
    texts = ["".join(attending.texts[max(0, index - 8) : index + 1]).replace(" ", "␣") for index, *_ in rows]
    labels = [text if index >= begin else "START" for text, (index, *_) in zip(texts, rows, strict=True)]
    assert [re.sub("<.*?>", "", row[0]) for row in shown] == labels
    assert [row[2:] for row in shown] == [[f"{100 * weight:.1f} %", str(distance)] for _, distance, weight in rows]
    assert f"{100 * (1 - sum(weight for *_, weight in rows)):.1f} %" in table


@needs_browser
def test_a_browser_colours_the_notes_of_a_piano_roll(checkpoint_of, tmp_path):  # noqa: F811
    found = Inspection.of(*checkpoint_of(NoteLevel(12)), melody(), 1000, 5)
    dom = browse(tmp_path / "page.html", page(found, "run"), "select(data.music[0].notes[2][0]);")
    rects = re.findall(r"<rect [^>]*>", dom)
    assert len(rects) == len(melody().tracks[0].notes)
    assert all("fill: rgba(" in rect for rect in rects)
    assert ["current" in rect for rect in rects] == [place == 2 for place in range(len(rects))]
    assert "PITCH␣67" in dom
