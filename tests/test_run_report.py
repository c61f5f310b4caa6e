"""The report of `seqgen inspect --output report.html`: its data, read back, and the page in a browser."""

import json
import math
import re
import shutil
from dataclasses import replace

import pytest

from seqgen.checkpoint import Checkpoint
from seqgen.evaluation import drawn_samples, run_report
from seqgen.music.write import rendered
from tests.conftest import RHYME, quick_runner
from tests.scores import random_melody
from tests.test_inspection_page import Scripts, browse, needs_browser
from tests.test_remedies import model_of  # noqa: F401  # a fixture
from tests.test_signals import WORDS, write_json

SMALL = ["--hidden-size", "16", "--num-layers", "1", "--steps", "3"]
HOSTILE = "</script><b onclick=1>'\"&amp;{{data}}{{page.js}}"
TEMPERATURES = [0.5, 0.7, 1.0, 1.2]


def data_of(path):
    parser = Scripts()
    parser.feed(path.read_text(encoding="utf-8"))
    data, _ = parser.found  # and the program
    return json.loads(data)


def report(cli, path, *names):
    """Return the data of a report, and what the command printed."""
    options = [word for name in names for word in ("--checkpoint", name)]
    done = cli("inspect", *options, "--output", str(path))
    assert done.returncode == 0, done.stderr
    assert f"saved as {path}" in done.stderr
    return data_of(path), done


@pytest.fixture(scope="module")
def rhyme(trained, tmp_path_factory):
    """Return the data of the report on the run `rhyme`, its page, and what the command printed."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    data, done = report(trained.cli, path, "rhyme")
    return data["runs"][0], path, done


@pytest.fixture(scope="module")
def tunes(tmp_path_factory):
    """Return the command line in a folder with a run of music, and the data of the report on it."""
    folder = tmp_path_factory.mktemp("tunes")
    (folder / "tunes").mkdir()
    for number in range(24):
        (folder / "tunes" / f"{number}.mid").write_bytes(rendered(random_melody(number), ".mid"))
    cli = quick_runner(folder)
    assert cli("train", "--corpus", "tunes", "--name", "tunes", *SMALL).returncode == 0
    cli.folder = folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawn_samples, "MUSIC_LENGTH", 150)
        return cli, report(cli, folder / "tunes.html", "tunes")[0]["runs"][0]


def test_the_curves_are_those_of_the_log(trained, rhyme):
    run, _, _ = rhyme
    log = [json.loads(line) for line in (trained.files / "metrics.jsonl").read_text().splitlines()]
    for name, values in run["log"].items():
        expected = [record[name] for record in log]
        assert values == [value if value is None else pytest.approx(value, rel=1e-5) for value in expected]


def test_the_card_has_the_loss_that_evaluate_reports(quick_cli, tmp_path):
    (tmp_path / "rhyme.txt").write_text(RHYME * 200, encoding="utf-8")
    assert quick_cli("train", "--corpus", "rhyme.txt", *SMALL).returncode == 0
    data, _ = report(quick_cli, tmp_path / "r.html", "rhyme")
    (run,) = data["runs"]
    evaluated = json.loads(quick_cli("evaluate", "--checkpoint", "rhyme", "--json").stdout)
    loss, interval = dict(run["card"]["rows"])["validation loss of this checkpoint"], evaluated["confidence_interval"]
    assert loss.startswith(f"{evaluated['nats_per_token']:.4f} nats per token (95% confidence interval over blocks: ")
    assert f": {interval['low']:.4f} to {interval['high']:.4f})" in loss
    assert f"; {evaluated['bits_per_character']:.4f} bits per character;" in loss
    assert loss.endswith(f"; on {evaluated['tokens']:,} tokens")
    assert run["numValidationTokens"] == evaluated["tokens"] == run["calibration"]["tokens"]
    factor = evaluated["bits_per_character"] / evaluated["nats_per_token"]
    assert run["units"]["bits per character"] == pytest.approx(factor)


def test_a_large_validation_set_is_read_in_part(quick_cli, tmp_path, monkeypatch):
    monkeypatch.setattr(run_report, "MAX_SCORED", 1000)
    (tmp_path / "rhyme.txt").write_text(RHYME * 200, encoding="utf-8")
    assert quick_cli("train", "--corpus", "rhyme.txt", *SMALL).returncode == 0
    data, _ = report(quick_cli, tmp_path / "r.html", "rhyme")
    loss = dict(data["runs"][0]["card"]["rows"])["validation loss of this checkpoint"]
    evaluated = json.loads(quick_cli("evaluate", "--checkpoint", "rhyme", "--json").stdout)
    read = int(
        re.search(rf"; on ([\d,]+) of {evaluated['tokens']:,} tokens, evenly spaced; ", loss)[1].replace(",", "")
    )
    assert 500 <= read <= 1500
    assert float(loss.split()[0]) == pytest.approx(evaluated["nats_per_token"], rel=0.01)


def test_the_card_has_the_facts_of_the_run(trained, rhyme):
    run, _, _ = rhyme
    rows, (selected, *_) = dict(run["card"]["rows"]), run["card"]["limits"]
    content = json.loads(trained.cli("inspect", "--checkpoint", "rhyme", "--json", "--output", "gone.png").stdout)
    (trained.folder / "gone.png").unlink()
    assert rows["parameters"].startswith(f"{sum(content['parameters'].values()):,} (embedding ")
    assert rows["level"] == f"character, {content['vocabulary_size']} tokens"
    assert rows["cell"] == "lstm, 1 layer of 48 units"
    assert rows["corpus"] == "rhyme.txt"
    assert rows["split"] == "10% of the corpus for validation"
    assert rows["budget"].startswith("--steps 60; ")
    assert rows["training"].startswith("60 steps, ")
    assert selected.startswith("The validation set selected the checkpoint")


def test_the_command_of_the_card_trains_the_same_run(trained, rhyme, tmp_path):
    run, _, _ = rhyme
    shutil.copy(trained.folder / "rhyme.txt", tmp_path)
    words = run["card"]["command"].split()
    assert words[:2] == ["seqgen", "train"]
    assert quick_runner(tmp_path)(*words[1:]).returncode == 0
    first, second = (
        (folder / "checkpoints" / "rhyme" / "config.toml").read_text() for folder in (tmp_path, trained.folder)
    )
    assert first == second


def test_the_card_of_a_later_state_does_not_claim_to_be_the_best_model(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained.files, run)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    last = Checkpoint.read(run / "last.safetensors")
    figures = last.figures | {"best_step": 10}
    replace(last, figures=figures).write(run / "last.safetensors")
    broken = [{"step": 61, "seconds": None}, {"step": 62, "epoch": 1.0, "seconds": float("nan"), "tokens": 5}]
    (run / "metrics.jsonl").write_text("\n".join([*lines, *map(json.dumps, broken)]))
    done = trained.cli(
        "inspect", "--checkpoint", str(run / "last.safetensors"), "--output", str(tmp_path / "a.html"), "--json"
    )
    card = json.loads(done.stdout)["card"]
    assert f"The validation loss was lowest at step 10 of 60; this model is from {figures['step']}." in card["limits"]
    assert not any("selected the checkpoint" in limit for limit in card["limits"])
    assert any(row[1].startswith("60 steps, ") for row in card["rows"])


def test_a_report_refuses_options_of_untrained_networks_and_a_missing_run_before_measuring(trained, tmp_path):
    page = ["--output", str(tmp_path / "a.html")]
    done = trained.cli("inspect", "--checkpoint", "rhyme", "--length", "30", *page)
    assert "is a report on trained models: omit --length, or name a picture" in done.stderr
    done = trained.cli("inspect", "--checkpoint", "rhyme", "--checkpoint", "gone", *page)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: there is no checkpoint 'gone'")


def test_the_command_of_a_fine_tuned_run_names_its_parent_only(quick_cli, tmp_path):
    (tmp_path / "mine.txt").write_text("Marian, Robin and Will\n" * 50, encoding="utf-8")
    options = ["--corpus", "mine.txt", "--from", "builtin:names", "--steps", "1"]
    assert quick_cli("train", *options).returncode == 0
    done = quick_cli("inspect", "--checkpoint", "mine", "--output", "report.html", "--json")
    run = json.loads(done.stdout)
    assert run["card"]["command"] == f"seqgen train {' '.join(options[:2])} {' '.join(options[2:])}"
    assert quick_cli(*run["card"]["command"].split()[1:], "--overwrite", "--name", "mine").returncode == 0


def test_the_samples_are_those_of_the_commands_beside_them(trained, rhyme):
    run, _, _ = rhyme
    assert [sample["temperature"] for sample in run["samples"]] == TEMPERATURES
    for sample in run["samples"]:
        options = sample["command"].split()[1:]
        (line,) = trained.cli(*options, "--json", "--provenance").stdout.splitlines()
        expected = json.loads(line)
        assert (sample["text"], sample["tokens"]) == (expected["text"], expected["tokens"])
        assert sample["nats"] == pytest.approx(expected["nats"] / expected["tokens"])
        assert expected["seed"] == 1
        copies = [copy for copy in sample["copies"] if copy["end"] - copy["begin"] >= run["copied"]["minLength"]]
        assert copies == expected["copied"]


def test_a_sample_without_copies_has_the_longest_passage_of_the_training_set(trained, rhyme):
    run, _, _ = rhyme
    training = (trained.folder / "rhyme.txt").read_text()
    for sample in run["samples"]:
        text = sample["text"]
        longest = max(
            end - begin
            for begin in range(len(text))
            for end in range(begin, len(text) + 1)
            if end - begin < 400 and text[begin:end] in training
        )
        found = max((copy["end"] - copy["begin"] for copy in sample["copies"]), default=0)
        assert found == (longest if longest >= run["copied"]["shortest"] else 0)


def test_the_seed_of_the_samples_can_be_chosen(trained, tmp_path):
    done = trained.cli(
        "inspect", "--checkpoint", "rhyme", "--output", str(tmp_path / "a.html"), "--seed", "7", "--json"
    )
    (line,) = done.stdout.splitlines()
    run = json.loads(line)
    assert run == data_of(tmp_path / "a.html")["runs"][0]
    assert [sample["command"].split()[-2:] for sample in run["samples"]] == [["--seed", "7"]] * 4


def test_a_table_is_printed(rhyme):
    run, _, done = rhyme
    heads, row = (re.split("  +", line.strip()) for line in done.stdout.splitlines())
    assert heads == ["run", "nats per token", "calibration error", "longest copy"]
    assert row[0] == "rhyme"
    assert row[1] == dict(run["card"]["rows"])["validation loss of this checkpoint"].split()[0]
    assert row[2] == f"{run['calibration']['error']:.1%}"
    assert row[3].endswith(" characters")


def test_the_page_is_small_and_needs_no_network(rhyme):
    text = rhyme[1].read_text(encoding="utf-8")
    assert len(text.encode()) < 100_000
    assert "default-src 'none'" in text
    assert re.findall(r"https?://[^\"' ]+", text) == ["http://www.w3.org/2000/svg"]  # a name, not an address
    assert not re.search(r"<link|<img|@import|\bsrc=", text)
    assert "{{" not in text


def test_a_checkpoint_alone_has_a_card_and_samples(trained, quick_cli, tmp_path):
    shutil.copy(trained.files / "best.safetensors", tmp_path / "friend.safetensors")
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')  # of something else
    data, done = report(quick_cli, tmp_path / "r.html", "friend.safetensors")
    (run,) = data["runs"]
    reason = "the corpus of this run, rhyme.txt, no longer exists"
    assert f"no validation loss and no calibration and no copied passages of friend: {reason}" in done.stderr
    assert "no curves of friend: there is no metrics.jsonl beside the checkpoint" in done.stderr
    assert run["name"] == "friend"
    assert all(run["missing"][part].startswith(reason) for part in ("validation", "calibration", "copies"))
    assert (run["calibration"], run["copied"], run["log"]["step"], run["units"]) == (None, None, [], {})
    assert [len(sample["text"]) > 0 for sample in run["samples"]] == [True] * 4
    assert "validation loss of this checkpoint" not in dict(run["card"]["rows"])


def test_the_prepared_corpus_is_enough(trained, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "copy")
    (tmp_path / "copy" / "rhyme.txt").unlink()
    data, done = report(quick_runner(tmp_path / "copy"), tmp_path / "r.html", "rhyme")
    assert "using the prepared copy" in done.stderr
    assert data["runs"][0]["missing"] == {}
    assert data["runs"][0]["calibration"] is not None
    assert data["runs"][0]["copied"] is not None


def test_several_runs_are_on_one_page_in_the_order_given(trained, tunes, tmp_path, monkeypatch):
    cli, _ = tunes
    shutil.copytree(trained.files, tmp_path / "runs" / "rhyme")
    names = [str(tmp_path / "runs" / "rhyme"), str(cli.folder / "checkpoints" / "tunes"), "rhyme"]
    monkeypatch.setattr(drawn_samples, "MUSIC_LENGTH", 20)
    data, done = report(trained.cli, tmp_path / "both.html", *names)
    shown = ["runs/rhyme", "tunes", "checkpoints/rhyme"]  # two are called rhyme
    assert [run["name"] for run in data["runs"]] == shown
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == shown


def test_a_log_with_numbers_that_json_lacks_is_read(trained, tmp_path):
    shutil.copytree(trained.files, tmp_path / "checkpoints" / "odd")
    log = tmp_path / "checkpoints" / "odd" / "metrics.jsonl"
    record = json.loads(log.read_text().splitlines()[0]) | {"train_nats": math.nan, "valid_nats": math.inf}
    log.write_text(f"{json.dumps(record)}\nbroken\n{{}}\n{json.dumps({'step': 5})}\n{log.read_text()}")
    data, _ = report(quick_runner(tmp_path), tmp_path / "r.html", "odd")
    curves = data["runs"][0]["log"]
    assert curves["train_nats"][0] is curves["valid_nats"][0] is None
    assert None not in curves["seconds"]


def test_a_piece_is_the_one_that_sample_writes(tunes):
    cli, run = tunes
    assert run["isMusic"]
    for sample in run["samples"]:
        done = cli(*sample["command"].split()[1:], "--json", "--provenance")
        (line,) = done.stdout.splitlines()
        expected, piece = json.loads(line), sample["music"]
        found = [
            (onset / piece["grid"], duration / piece["grid"], pitch, velocity)
            for _, onset, duration, pitch, _, _, _, velocity in piece["notes"]
        ]
        assert found == [
            tuple(note[name] for name in ("onset", "duration", "pitch", "velocity")) for note in expected["notes"]
        ]
        assert sample["isCut"] == (not expected["ended"])
        copies = [copy for copy in sample["copies"] if copy["length"] >= run["copied"]["minLength"]]
        assert copies == expected["copied"]
        for _, onset, duration, _, _, begin, length, _ in piece["notes"]:  # at 120 quarter notes per minute
            assert begin == pytest.approx((onset - piece["start"]) / piece["grid"] / 2, abs=1e-3)
            assert length == pytest.approx(duration / piece["grid"] / 2, abs=1e-3)


def test_a_conditional_model_has_written_examples(quick_cli, tmp_path):
    words = ["apple", "berry", "cherry", "date", "elder", "fig", "grape", "hazel"]
    (tmp_path / "words.tsv").write_text("".join(f"{word}{n}\t{word.upper()}\n" for word in words for n in range(6)))
    train = ["train", "--corpus", "words.tsv", "--given", "1", "--field", "2", "--name", "upper"]
    assert quick_cli(*train, *SMALL, "--valid-fraction", "0.3").returncode == 0
    data, done = report(quick_cli, tmp_path / "r.html", "upper")
    (run,) = data["runs"]
    assert (run["samples"], run["copied"], run["missing"]) == ([], None, {})
    assert dict(run["card"]["rows"])["given"] == "1, character"
    assert 1 < len(run["pairs"]) <= 8
    for pair in run["pairs"]:
        assert pair["reference"] == pair["given"].rstrip("0123456789").upper()
        sampled = quick_cli("sample", "--checkpoint", "upper", "--given", pair["given"])
        assert sampled.stdout.removesuffix("\n") == pair["output"]
    evaluated = json.loads(quick_cli("evaluate", "--checkpoint", "upper", "--json").stdout)
    assert run["calibration"]["tokens"] == evaluated["tokens"]
    for path in (tmp_path / "words.tsv", tmp_path / "data"):
        path.unlink() if path.is_file() else shutil.rmtree(path)
    data, done = report(quick_cli, tmp_path / "r.html", "upper")
    assert "no written examples of upper: the corpus of this run" in done.stderr
    assert data["runs"][0]["pairs"] == []


def test_a_model_without_a_decoder_has_no_calibration(quick_cli, tmp_path):
    write_json(tmp_path / "train.jsonl", WORDS)
    train = ["train", "--corpus", "train.jsonl", "--given", "strokes", "--field", "text", "--name", "shapes"]
    done = quick_cli(*train, "--hidden-size", "16", "--steps", "2", "--precision", "float32", "--alignment", "ctc")
    assert done.returncode == 0, done.stderr
    data, done = report(quick_cli, tmp_path / "r.html", "shapes")
    (run,) = data["runs"]
    assert "no calibration of shapes: a model without a decoder (ctc)" in done.stderr
    assert run["calibration"] is None
    assert len(run["pairs"]) > 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--output", "r.html", "--cell", "rnn"], "--output r.html is a report on trained models: omit --cell"),
        (["--output", "r.html", "--corpus", "x.txt", "--checkpoint", "m"], "the run's own corpus: omit --corpus"),
        (["--output", "r.html", "--encoding", "utf-8", "--checkpoint", "m"], "own corpus: omit --encoding"),
        (["--output", "r.pdf", "--cell", "rnn"], "the name must end in .png for a picture, or in .html for a report"),
        (["--output", "r", "--cell", "rnn"], "the name must end in .png for a picture, or in .html for a report"),
        (["--output", "no/r.html", "--checkpoint", "m"], "folder no does not exist; create it first"),
        (["--output", "r.png", "--text", "a"], "--text writes a page, whose name must end in .html"),
        (["--output", "r.html", "--given", "a"], "--given draws a picture, whose name must end in .png"),
        (["--output", "r.html"], "there is no trained model in checkpoints"),
        (["--output", "r.html", "--checkpoint", "nobody"], "there is no checkpoint 'nobody'"),
    ],
)
def test_misuse_is_an_error_of_one_line(quick_cli, tmp_path, arguments, sentence):
    done = quick_cli("inspect", *arguments)
    assert done.returncode in (1, 2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert sentence in line
    assert not list(tmp_path.iterdir())


@needs_browser
def test_a_browser_shows_all_parts(rhyme, tmp_path):
    run, path, _ = rhyme
    program = """
    const [axis, unit] = document.querySelectorAll("select");
    unit.value = "bits per character"; unit.dispatchEvent(new Event("change"));
    axis.value = "seconds"; axis.dispatchEvent(new Event("change"));
    const svg = document.querySelector("svg.curves");
    const press = (key) => svg.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    data.runs[0].log.step.forEach(() => press("ArrowLeft"));
    """
    dom = browse(tmp_path / "page.html", path.read_text(encoding="utf-8"), program)
    assert '<h1 id="title">Report on rhyme</h1>' in dom
    titles = re.findall(r"<h2>(.*?)</h2>", dom)
    assert titles == ["Model card", "Curves", "rhyme", "Samples", "Calibration", "Copied passages"]
    assert "bits per character</text>" in dom
    assert "seconds</text>" in dom
    num_validations = sum(value is not None for value in run["log"]["valid_nats"])
    curves = dom[dom.index('<svg class="chart curves"') : dom.index('class="readout"')]
    assert curves.count("<circle") == num_validations
    assert curves.count("<polyline") == 3
    first = dom[dom.index('class="readout"') :]
    assert f'<td class="number">{run["log"]["step"][0]}</td>' in first[: first.index("</section>")]
    used = sum(each["num_tokens"] > 0 for each in run["calibration"]["bins"])
    reliability = dom[dom.index('<svg class="chart reliability"') :]
    assert reliability[: reliability.index("</svg>")].count("<circle") == used
    shown = re.findall(r"<pre[^>]*>(.*?)</pre>", dom, re.DOTALL)
    assert [re.sub("<[^>]*>", "", text) for text in shown] == [sample["text"] for sample in run["samples"]]
    marked = [re.findall("<mark[^>]*>(.*?)</mark>", text, re.DOTALL) for text in shown]
    assert [len(marks) for marks in marked] == [len(sample["copies"]) for sample in run["samples"]]
    assert "rhyme.txt, line " in dom


@needs_browser
def test_a_browser_plays_a_piece(tunes, tmp_path):
    cli, run = tunes
    program = """
    let started = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (at) { started++; return start.call(this, at); };
    for (const { music } of data.runs[0].samples) for (const note of music.notes) note[5] = 0; // all begin at once
    const [first, second] = document.querySelectorAll(".samples button");
    first.click();
    document.documentElement.dataset.label = first.textContent;
    document.documentElement.dataset.cursors = document.querySelectorAll("line.cursor").length;
    second.click();
    document.documentElement.dataset.labels = [first.textContent, second.textContent].join();
    second.click();
    document.documentElement.dataset.left = second.textContent + document.querySelectorAll(".roll .cursor").length;
    document.documentElement.dataset.started = started;
    document.documentElement.dataset.steps = data.runs[0].samples.map(({ music }) => {
      const middle = (music.times[0] + music.times[1]) / 2;
      return stepAt(music, middle) === (Math.max(music.bars[0], music.start) + music.bars[1]) / 2;
    }).join();
    """
    dom = browse(tmp_path / "page.html", (cli.folder / "tunes.html").read_text(encoding="utf-8"), program)
    root = dict(re.findall(r'data-([a-z]+)="([^"]*)"', dom[: dom.index("<head>")]))
    assert root["label"] == "■ Stop"
    assert root["labels"] == "▶ Play,■ Stop"
    assert root["left"] == "▶ Play0"
    assert int(root["started"]) == sum(len(sample["music"]["notes"]) for sample in run["samples"][:2])
    assert root["steps"] == "true,true,true,true"
    num_notes = sum(len(sample["music"]["notes"]) for sample in run["samples"])
    num_copies = sum(len(sample["copies"]) for sample in run["samples"])
    rolls = re.findall(r'<div class="roll".*?</svg>', dom, re.DOTALL)
    assert sum(roll.count("<rect") for roll in rolls) == num_notes + num_copies


@needs_browser
def test_hostile_names_are_shown_as_text(model_of, quick_cli, tmp_path):  # noqa: F811
    model_of()
    (tmp_path / "m.safetensors").rename(tmp_path / f"{HOSTILE.replace('/', '')}.safetensors")
    path = tmp_path / "r.html"
    data, _ = report(quick_cli, path, f"{HOSTILE.replace('/', '')}.safetensors")
    name = data["runs"][0]["name"]
    assert name == HOSTILE.replace("/", "")
    program = "document.documentElement.dataset.bold = document.querySelectorAll('b').length;"
    dom = browse(tmp_path / "page.html", path.read_text(encoding="utf-8"), program)
    assert 'data-bold="0"' in dom
    assert "&lt;script&gt;&lt;b onclick=1&gt;'\"&amp;amp;{{data}}{{page.js}}</h1>" in dom
    assert "no curves: there is no metrics.jsonl beside the checkpoint." in dom
    assert dom.count('class="missing"') == 4  # validation loss, curves, calibration and copied passages


def test_a_corpus_with_the_end_of_a_script_in_its_name_and_text_does_not_break_the_page(quick_cli, tmp_path):
    corpus = tmp_path / "<b>&quot;.txt"
    corpus.write_text("</script><script>alert(1)</script>\n" * 60)
    assert quick_cli("train", "--corpus", corpus.name, "--name", "odd", *SMALL).returncode == 0
    data, _ = report(quick_cli, tmp_path / "r.html", "odd")
    assert dict(data["runs"][0]["card"]["rows"])["corpus"] == corpus.name
