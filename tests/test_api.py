"""The Python API."""

import json

import numpy as np
import pytest

import seqgen
from seqgen.api import Model
from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig
from seqgen.corpus.dataset import encoded
from seqgen.corpus.documents import Excerpt, Passage
from seqgen.errors import CheckpointError, CorpusError, UsageError
from seqgen.evaluation.likelihood import score
from seqgen.levels import level_class
from seqgen.levels.note import NoteLevel
from seqgen.levels.note.encoder import TrackHeader
from seqgen.levels.note.habits import Habits
from seqgen.levels.note.ranges import Part, Range
from seqgen.levels.note.tokens import NUM_PITCHES, PITCH
from tests.conftest import resolved, runner


@pytest.fixture
def model(trained):
    return seqgen.load(trained.files / "best.safetensors", device="cpu")


def test_samples_agree_with_the_command_line(trained, model):
    options = ("--prime", "How ", "--seed", "3", "--length", "30", "--num-samples", "2", "--json")
    done = runner(trained.folder)("sample", *options)
    expected = [json.loads(line)["text"] for line in done.stdout.splitlines()]
    assert model.sample("How ", seed=3, length=30, num_samples=2) == expected
    (text,) = model.sample("How\r\nI", length=3)
    assert text.startswith("How\nI")


def test_scores_agree_with_the_command_line(trained, model, tmp_path):
    (tmp_path / "a.txt").write_text("How I wonder ü\n", encoding="utf-8")
    done = trained.cli("evaluate", "--corpus", str(tmp_path / "a.txt"), "--json")
    expected = json.loads(done.stdout)
    scored = model.score("How I wonder ü\r\n", is_ended=True)
    assert scored.pop("part") == "text"
    assert scored == {name: expected[name] for name in scored}
    assert {"tokens", "nats_per_token", "bits_per_character", "bits_per_byte"} <= scored.keys()


TEXT = "up is a star\n\nhigh is  another one \n it's 小さな星,\n\n\nso far"
SPLIT = {"file": [TEXT], "line": ["up is a star", "high is  another one", " it's 小さな星,", "so far"],
         "paragraph": ["up is a star", "high is  another one \n it's 小さな星,", "so far"]}  # fmt: skip


@pytest.fixture
def untrained(make_model, tmp_path):
    """Write the checkpoint of an untrained model."""

    def write(level_name, document):
        config = CorpusConfig(level=level_name, document=document)
        level = level_class(level_name).fit([[TEXT * 9]], config)
        model = make_model(level.vocabulary_size, num_factors=level.num_factors)
        config = resolved(model.config, config)
        path = tmp_path / "model.safetensors"
        Checkpoint(config, config, level, [], True, "0", {}, model.state_dict()).write(path)
        return seqgen.load(path, device="cpu")

    return write


@pytest.mark.parametrize("document", SPLIT)
@pytest.mark.parametrize("level", ["character", "word", "subword"])
@pytest.mark.parametrize("ending", ["", "\n"])
def test_a_text_is_scored_like_evaluate_and_its_end_only_on_request(
    untrained, quick_cli, tmp_path, level, document, ending
):
    model = untrained(level, document)
    (tmp_path / "a.txt").write_text(TEXT + ending, encoding="utf-8")
    done = quick_cli("evaluate", "--checkpoint", "model.safetensors", "--corpus", "a.txt", "--json")
    expected = json.loads(done.stdout)
    whole, begun = model.score(TEXT + ending, is_ended=True), model.score(TEXT + ending)
    assert whole == {**expected, "part": "text"}
    is_meant = bool(ending) and document != "file"  # lines and paragraphs end with a newline, files do not
    assert begun["tokens"] == expected["tokens"] - (not is_meant)
    texts = [*SPLIT[document][:-1], SPLIT[document][-1] + ending * (document == "file")]
    tokens = sum(len(model.checkpoint.level.encode(text)) + 1 for text in texts)
    assert expected["tokens"] == tokens
    if not is_meant:
        last = Excerpt(Passage("text", texts[-1]), 0, len(texts[-1]))
        documents = [*(Passage("text", text) for text in texts[:-1]), last]
        with encoded(model.checkpoint.level, documents) as part:
            nats = score(model.checkpoint.model(), part).nats
        assert begun["nats_per_token"] * begun["tokens"] == pytest.approx(nats)


def test_tokens_without_training_examples_are_never_sampled(model):
    alphabet = set(model.checkpoint.level.alphabet)
    texts = model.sample("", seed=1, length=400, num_samples=20, temperature=20.0)
    assert set("".join(texts)) <= alphabet
    assert all(len(text) == 400 for text in texts)  # texts do not end, since none ended in training


def test_an_empty_text_has_no_score(model, untrained):
    for empty_of, text in ((model, ""), (untrained("character", "line"), " \n\t\n")):
        with pytest.raises(CorpusError, match="an empty text cannot be scored"):
            empty_of.score(text)


def test_the_newest_run_is_loaded_by_default(trained, monkeypatch):
    monkeypatch.chdir(trained.folder)
    assert seqgen.load().checkpoint.fingerprint == seqgen.load("rhyme").checkpoint.fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature must be at least 0, got -1"),
        ({"top_p": 2}, r"top_p must be in \(0, 1\], got 2"),
        ({"length": 2.5}, "length must be a whole number, got 2.5"),
        ({"length": True}, "length must be a whole number, got True"),
        ({"length": 3, "min_length": 4}, "min_length must be at most length, which is 3, got 4"),
        ({"prime": None}, "prime must be text, got None"),
        ({"stop": ["a", 3]}, "stop must be text"),
        ({"stop": ""}, "stop must not be empty"),
        ({"keep_stop": True}, "keep_stop needs stop"),
        ({"temprature": 1}, "there is no option temprature: did you mean temperature?"),
        ({"foo": 1}, "there is no option foo: the options are prime, length,"),
        ({"bars": 3}, "bars is for models of music; this model writes text"),
        ({"key": "D"}, "key is for models of music; this model writes text"),
    ],
)
def test_invalid_options_are_named_like_python_parameters(model, options, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        model.sample(**options)


def test_numpy_numbers_and_one_or_several_stop_texts_are_accepted(model):
    plain = {"length": 40, "temperature": 0.5, "seed": 3, "top_k": 5}
    numpy = {"length": np.int64(40), "temperature": np.float64(0.5), "seed": np.uint8(3), "top_k": np.int32(5)}
    assert model.sample("How ", **numpy) == model.sample("How ", **plain)
    (once,), (listed,) = model.sample("How ", stop="\n", **plain), model.sample("How ", stop=["\n", "@"], **plain)
    assert once == listed == model.sample("How ", **plain)[0].split("\n")[0]


def test_a_model_of_text_does_not_compose(model):
    with pytest.raises(UsageError, match=r"this is a model of text: use sample\(\)"):
        model.compose("C4 E4")


def test_music_is_composed_in_the_key_asked_for_and_without_pitches_that_training_lacks(make_model):
    flute = TrackHeader(0, is_drum=False, num_voices=1, name="Flute")
    level = NoteLevel(12, habits=Habits(layouts=[(flute,)], ranges={Part(0, 1, 1): Range(60, 67)}))
    network, seen = make_model(level.vocabulary_size, num_factors=level.num_factors), {60, 64, 67}
    config = resolved(network.config, CorpusConfig(level="note"))
    unseen = [PITCH + pitch for pitch in range(NUM_PITCHES) if pitch not in seen]
    model = Model(Checkpoint(config, config, level, unseen, True, "0", {}, network.state_dict()), "cpu")
    (score,) = model.compose("C4 E4", key="D", bars=2, seed=1)
    assert score.bars[0].sharps == 2
    assert {note.pitch for note in score.notes} <= seen
    with pytest.raises(UsageError, match="D4, which this model has never seen"):
        model.compose("D4")


def test_a_model_is_loaded_on_the_chosen_device(model, monkeypatch):
    monkeypatch.setattr("seqgen.api.model.resolve_device", {"cuda": "meta"}.get)
    parameters = Model(model.checkpoint, "cuda")._model.parameters()
    assert {parameter.device.type for parameter in parameters} == {"meta"}


def test_all_errors_can_be_caught_by_names_of_the_package():
    kinds = [kind for kind in vars(seqgen.errors).values() if isinstance(kind, type)]
    direct = [kind for kind in kinds if seqgen.SeqgenError in kind.__bases__]
    assert len(direct) == 6
    assert all(getattr(seqgen, kind.__name__) is kind and kind.__name__ in seqgen.__all__ for kind in direct)
    assert issubclass(seqgen.UsageError, ValueError)


def test_errors_are_raised_with_a_one_line_message(trained):
    with pytest.raises(CheckpointError, match="no checkpoint 'nothing'"):
        seqgen.load("nothing")
    with pytest.raises(UsageError, match="^device must be one of auto, cpu, cuda, mps; got 'gpu'"):
        seqgen.load(trained.files / "best.safetensors", device="gpu")
    with pytest.raises(AttributeError, match="no attribute 'play'"):
        seqgen.play  # noqa: B018
