"""Files that seqgen wrote are not read as a corpus; the files that it actually writes are the oracle."""

import os
import shutil

import pytest

from seqgen.config import CorpusConfig
from seqgen.corpus.kinds import source_files
from seqgen.corpus.music_file import MusicFile
from seqgen.corpus.provenance import SAMPLES, record_sample
from seqgen.corpus.reading import ReadingLog
from seqgen.corpus.source_file import RawFile
from seqgen.music.read import ReadingOptions


def found(*sources, **options):
    log = ReadingLog()
    texts = source_files(map(str, sources), CorpusConfig(**options), log)
    return sorted(os.path.basename(text.name) for text in texts), log.skipped  # noqa: PTH119


@pytest.fixture
def project(trained, tmp_path):
    """Copy the files that a user has after training into folders of other names."""
    folder = tmp_path / "project"
    shutil.copytree(trained.folder, folder)
    (folder / "checkpoints").rename(folder / "runs")
    (folder / "data").rename(folder / "cache")
    return folder


def num_files(folder):
    return sum(path.is_file() for path in folder.rglob("*"))


def test_runs_and_prepared_corpora_in_a_folder_are_skipped_whatever_their_names(project):
    num_run, num_data = num_files(project / "runs"), num_files(project / "cache")
    expected = [f"{num_run} files of seqgen's own runs", f"{num_data} files of seqgen's own data"]
    for source in (project, project.parent, f"{project}/**/*", f"{project}/*"):
        names, skipped = found(source)
        assert names == ["rhyme.txt"]
        assert sorted(skipped) == sorted(expected)


def test_a_run_without_a_checkpoint_is_skipped(project):
    for path in (project / "runs").rglob("*.safetensors"):
        path.unlink()
    assert found(project)[0] == ["rhyme.txt"]


def test_other_files_in_the_same_folders_are_read(project):
    run = project / "runs" / "rhyme"
    (run / "notes.txt").write_text("my notes")
    shutil.copy(run / "best.safetensors", project)
    shutil.copy(run / "config.toml", project)
    names, skipped = found(project)
    assert names == ["notes.txt", "rhyme.txt"]
    assert skipped[0] == f"{num_files(run) + 1} files of seqgen's own runs"


def test_files_with_the_names_but_not_the_content_of_seqgen_files_are_read(tmp_path):
    for name in ("config.toml", "metrics.jsonl", "store.json", "train.ids", f"{'0' * 32}.json"):
        (tmp_path / name).write_text('[{"name": "a user"}]')
    assert found(tmp_path, level="character")[0] == sorted(path.name for path in tmp_path.iterdir())


def test_parsed_music_is_skipped(tmp_path):
    tune, broken = tmp_path / 'a "tune".abc', tmp_path / "broken.abc"
    tune.write_text('X:1\nT:Say "ah"\nK:C\nCDEF|GABc|\n')
    broken.write_text("X:1\nK:C\n")
    for path in (tune, broken):
        raw = RawFile(path.name, lambda path=path: path.open("rb"))
        MusicFile(raw, ReadingOptions(), tmp_path / "data" / "parsed").parse_ahead()
    parsed = list((tmp_path / "data" / "parsed").iterdir())
    assert len(parsed) == 2
    (tmp_path / "elsewhere").mkdir()
    for path in parsed:
        shutil.copy(path, tmp_path / "elsewhere")
    names, skipped = found(tmp_path, level="character")
    assert names == [tune.name, broken.name]
    assert skipped == ["4 files of seqgen's own data"]


def test_a_file_given_by_name_is_read(project):
    assert found(project / "runs" / "rhyme" / "config.toml")[0] == ["config.toml"]


def test_samples_are_skipped_even_if_they_were_moved(project, trained):
    cli = trained.cli
    sample = project / "sample.txt"
    done = cli("sample", "--checkpoint", str(project / "runs" / "rhyme" / "best.safetensors"), "--length", "20",
               "--output", str(sample), "--output", str(project / "second.txt"))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert found(project)[0] == ["rhyme.txt"]
    assert "2 samples that seqgen wrote" in found(project)[1]
    sample.rename(project / "poem.txt")
    assert found(project)[0] == ["rhyme.txt"]
    with (project / "poem.txt").open("a") as file:
        file.write("and a line of my own")
    assert found(project)[0] == ["poem.txt", "rhyme.txt"]


def test_nothing_is_recorded_outside_a_run(tmp_path):
    record_sample(tmp_path / "sample.txt", b"sample", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
def test_a_record_that_is_a_link_is_not_written(project, tmp_path):
    run, other = project / "runs" / "rhyme", tmp_path / "other"
    other.write_text("precious")
    (run / SAMPLES).unlink(missing_ok=True)
    (run / SAMPLES).symlink_to(other)
    record_sample(tmp_path / "sample.txt", b"sample", run)
    assert other.read_text() == "precious"
    (run / SAMPLES).unlink()
    os.mkfifo(run / SAMPLES)
    record_sample(tmp_path / "sample.txt", b"sample", run)  # does not wait for a reader
    assert found(project)[0] == ["rhyme.txt"]


def test_a_damaged_record_is_ignored(project):
    run = project / "runs" / "rhyme"
    for name, content in (("sample.txt", b"a sample"), ("second.txt", b"another one")):
        (project / name).write_bytes(content)
        record_sample(project / name, content, run)
    (project / "same size.txt").write_bytes(b"a simple")
    record = (run / SAMPLES).read_bytes()
    (run / SAMPLES).write_bytes(b'{"bytes": "many"}\n[1]\n\xff\n{"bytes": 1e999, "sha256": ""}\n{}\n' + record)
    for source in (project, f"{project}/**/*"):
        names, skipped = found(source)
        assert names == ["rhyme.txt", "same size.txt"]
        assert "2 samples that seqgen wrote" in skipped
