"""The corpus of a run, read again from its files or from the prepared corpus."""

import json
from dataclasses import replace

import pytest

from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig, ModelConfig, ModelOptions, TrainOptions
from seqgen.corpus import sources, text_file
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split import PARTS, TRAIN
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import CorpusError
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.levels.character import CharacterLevel
from seqgen.training.distributed import ALONE
from seqgen.training.preparation import prepare_again
from tests.conftest import RHYME, quick_runner, resolved

TUNE = "X:1\nM:3/4\nL:1/4\nK:D\n" + "DEF|GAB|dcB|AGF|" * 6 + "|\n"


def prepared(folders, path, **options):
    """Return a checkpoint of a run on a file, its prepared corpus, and its documents as they are in the file."""
    config = CorpusConfig(corpus=(str(path),), **options)
    split_corpus = SplitCorpus.read(config)
    corpus = PreparedCorpus.prepare(split_corpus, folders.parsed.parent)
    requested = TrainOptions(corpus=config)
    model = ModelConfig(num_layers=1, hidden_size=4, embedding_size=3)
    checkpoint = Checkpoint(requested, resolved(model, config), corpus.level, [], True, corpus.fingerprint, {}, {})
    documents_of_file = [
        (part, list(piece.chunks()), piece.is_complete and piece.ending) for part, piece in split_corpus.documents()
    ]
    return checkpoint, corpus, documents_of_file


@pytest.mark.parametrize("document", ["file", "line", "paragraph"])
@pytest.mark.parametrize("level", ["character", "word", "subword"])
def test_documents_of_a_deleted_file_come_from_the_prepared_corpus(folders, tmp_path, document, level, monkeypatch):
    monkeypatch.setattr("seqgen.evaluation.run_corpus._BLOCK", 7)
    path = tmp_path / "poems.txt"
    path.write_text("\n\n".join(f"{RHYME}Stern Nr. {n}: 小さな星é\n" for n in range(20)) + "\n\n", encoding="utf-8")
    checkpoint, corpus, documents_of_file = prepared(folders, path, document=document, level=level)
    path.unlink()
    run = RunCorpus(checkpoint, folders)
    for part in PARTS:
        documents = [("".join(piece.chunks()), piece.ending) for piece in run.documents(part)]
        assert documents == [
            ("".join(chunks), ending or "") for name, chunks, ending in documents_of_file if name == part
        ]
        with run.encoded(part) as ids:
            assert ids.ids.tolist() == getattr(corpus, part).ids.tolist()
    assert run.missing is None
    assert "poems.txt, no longer exists or cannot be read: using the prepared copy in" in run.notes[0]


def test_music_of_a_deleted_file_comes_from_the_prepared_corpus(folders, tmp_path):
    for number in range(12):
        (tmp_path / f"{number}.abc").write_text(TUNE.replace("K:D", f"K:{'CDGAEF'[number % 6]}"))
    checkpoint, _, documents_of_file = prepared(folders, tmp_path / "*.abc")
    for file in tmp_path.glob("*.abc"):
        file.unlink()
    run = RunCorpus(checkpoint, folders)
    for part in PARTS:
        scores = [score for piece in run.documents(part) for score in piece.chunks()]
        expected = [score for name, chunks, _ in documents_of_file if name == part for score in chunks]
        assert [[note[:3] for note in score.notes] for score in scores] == [
            [note[:3] for note in score.notes] for score in expected
        ]
        assert sum(score.num_notes for score in scores) > 0


def test_a_changed_file_is_not_used_and_is_an_error_without_the_prepared_corpus(folders, tmp_path):
    path = tmp_path / "rhyme.txt"
    path.write_text(RHYME * 20)
    checkpoint, _, documents_of_file = prepared(folders, path)
    path.write_text(RHYME * 20 + "and more")
    run = RunCorpus(checkpoint, folders)
    assert ["".join(piece.chunks()) for piece in run.documents(TRAIN)] == ["".join(documents_of_file[0][1])]
    assert "has changed (fingerprint" in run.notes[0]
    (folders.parsed.parent / "prepared").rename(tmp_path / "aside")
    with pytest.raises(
        CorpusError, match=r"has changed .* no prepared copy of it in .*: give a text with --corpus, or give the"
    ):
        HeldOut(checkpoint, None, folders)
    run = RunCorpus(checkpoint, folders)
    assert run.missing
    assert run.notes == []
    path.write_text(RHYME * 20)
    run = RunCorpus(checkpoint, folders)
    assert run.missing is None
    assert ["".join(piece.chunks()) for piece in run.documents(TRAIN)] == ["".join(documents_of_file[0][1])]


@pytest.fixture
def closed_stdin(monkeypatch):
    """Make reading standard input an error."""

    def refuse(source):
        raise AssertionError(f"{source} was read")

    monkeypatch.setattr(sources, "_Copy", refuse)


@pytest.mark.usefixtures("closed_stdin")
def test_a_validation_text_from_a_pipe_is_not_read_again(folders, tmp_path):
    path, held_out = tmp_path / "rhyme.txt", tmp_path / "held out.txt"
    path.write_text(RHYME * 20)
    held_out.write_text("a little star\n" * 9)
    checkpoint, corpus, _ = prepared(folders, path, valid=str(held_out))
    options = replace(checkpoint.requested.corpus, valid="-")
    resumed = replace(checkpoint, requested=replace(checkpoint.requested, corpus=options))
    assert prepare_again(resumed, "r", folders, print, ALONE).valid.ids.tolist() == corpus.valid.ids.tolist()


@pytest.fixture(scope="module")
def piped(tmp_path_factory):
    """A run that read lines from a pipe, and the same lines in a file."""
    folder = tmp_path_factory.mktemp("piped")
    lines = "".join(
        f"{word} is a little star number {n}\n" for n in range(12) for word in ("up", "high", "far", "near")
    )
    (folder / "lines.txt").write_text(lines)
    (folder / "new.txt").write_text("far is another star\nhigh it is\n" * 9)
    cli = quick_runner(folder)
    for name, source in (("piped", "-"), ("file", "lines.txt")):
        options = ["--document", "line", "--steps", "3", "--hidden-size", "16", "--batch-size", "2", "--seed", "1"]
        done = cli("train", "--corpus", source, "--name", name, *options, stdin=lines)
        assert done.returncode == 0, done.stderr
    return cli


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json"],
        ["--json", "--dynamic", "--num-samples", "2"],
        ["--json", "--corpus", "new.txt", "--cache", "9"],
        ["--per-document"],
        ["--per-token"],
    ],
)
@pytest.mark.usefixtures("closed_stdin")
def test_a_run_from_standard_input_is_evaluated_like_one_from_the_file(piped, arguments):
    by_name = {}
    for name in ("piped", "file"):
        done = piped("evaluate", "--checkpoint", name, *arguments)
        assert done.returncode == 0, done.stderr
        by_name[name] = done.stdout.replace("standard input", "lines.txt")
    assert [json.loads(line) for line in by_name["piped"].splitlines()] == [
        json.loads(line) for line in by_name["file"].splitlines()
    ]
    assert "ngram" in by_name["piped"] or "--json" not in arguments


@pytest.mark.usefixtures("closed_stdin")
def test_a_run_from_standard_input_is_inspected_like_one_from_the_file(piped):
    norms = []
    for name in ("piped", "file"):
        done = piped("inspect", "--checkpoint", name, "--length", "9", "--json")
        assert done.returncode == 0, done.stderr
        norms.append(json.loads(done.stdout)["gradient_norms"])
    assert norms[0] == norms[1]
    assert len(norms[0]) == 9


def test_the_error_without_the_prepared_corpus_of_standard_input_names_the_remedy(piped):
    elsewhere = ["--checkpoint", "piped", "--data-dir", "elsewhere"]
    done = piped("evaluate", *elsewhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert "which can be read only once, and there is no prepared copy of it in elsewhere" in done.stderr
    assert "give a text with --corpus, or give the right --data-dir" in done.stderr
    done = piped("evaluate", *elsewhere, "--corpus", "new.txt", "--dynamic", "--num-samples", "3")
    assert (done.returncode, done.stdout) == (1, "")
    assert "omit --dynamic and --num-samples, or give the right --data-dir" in done.stderr
    done = piped("evaluate", *elsewhere, "--corpus", "new.txt", "--json")
    assert "ngram" not in json.loads(done.stdout)


@pytest.mark.parametrize("size", range(1, 12))
def test_words_are_counted_once_wherever_chunks_begin(tmp_path, folders, monkeypatch, size):
    """They are read from the file in chunks of this number of bytes."""
    monkeypatch.setattr(text_file, "CHUNK_BYTES", size)
    path = tmp_path / "a.txt"
    path.write_text("the cat  sat on\ta mat\n\n the 小さな星 sat,\n and é a mat\n" * 4, encoding="utf-8")
    checkpoint, corpus, _ = prepared(folders, path, level="word", document="file")
    text = path.read_text(encoding="utf-8")
    cut = int(0.9 * len(text))
    for part, own in ((corpus.train, text[:cut]), (corpus.valid, text[cut:])):
        assert part.extent["words"] == len(own.split()) + own.count("\n")
    held_out = HeldOut(checkpoint, str(path), folders)
    (piece,) = held_out.documents()
    assert held_out.extent(piece)["words"] == len(text.split()) + text.count("\n")


def test_a_validation_set_from_standard_input_is_not_read_again(folders, tmp_path):
    path = tmp_path / "rhyme.txt"
    path.write_text(RHYME * 20)
    checkpoint, _, _ = prepared(folders, path)
    requested = replace(checkpoint.requested, corpus=replace(checkpoint.requested.corpus, valid="-"))
    run = RunCorpus(replace(checkpoint, requested=requested, fingerprint="gone"), folders)
    assert f"{path}, standard input, which can be read only once" in run.missing


def test_a_corpus_prepared_with_another_vocabulary_is_not_used(folders, tmp_path):
    path = tmp_path / "rhyme.txt"
    path.write_text(RHYME * 20)
    checkpoint, _, _ = prepared(folders, path)
    path.unlink()
    run = RunCorpus(replace(checkpoint, level=CharacterLevel("xyz")), folders)
    assert "there is no prepared copy" in run.missing


def test_the_files_of_a_fine_tuned_run_are_recognized_with_its_vocabulary(folders, tmp_path):
    path = tmp_path / "rhyme.txt"
    path.write_text(RHYME * 20)
    checkpoint, _, _ = prepared(folders, path)
    level = CharacterLevel("xyz")
    corpus = SplitCorpus.read(checkpoint.requested.corpus, level=level)
    requested = replace(checkpoint.requested, model=ModelOptions(from_="parent"))
    run = RunCorpus(replace(checkpoint, requested=requested, level=level, fingerprint=corpus.fingerprint), folders)
    assert run.missing is None
    assert "".join(chunk for document in run.documents(TRAIN) for chunk in document.chunks()).startswith(RHYME)
