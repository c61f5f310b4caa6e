"""The folder of a run: its name and its initial content."""

import pytest

from seqgen.errors import CheckpointError, UsageError
from seqgen.training.run_folder import RunFolder


def create(folder, name, *, overwrite=False):
    return RunFolder.create(folder, name, ["a.txt"], print, overwrite=overwrite)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("my  poems.txt", "my-poems"),
        ("far/names.csv.gz", "names"),
        ("builtin:plays", "plays"),
        ("_(notes).txt", "notes"),
        ("songs/far/..", "songs"),
        ("小さな.txt", "run"),
    ],
)
def test_a_run_without_a_name_is_named_after_its_first_source(tmp_path, source, name):
    assert RunFolder.create(tmp_path, None, [source, "b.txt"], print, overwrite=False).name == name


@pytest.mark.parametrize("name", ["", ".", "-a", "a/../../b", "a b", "a\n", "é"])
def test_a_name_that_is_a_path_is_rejected(tmp_path, name):
    with pytest.raises(UsageError, match="--name must start with a letter or digit"):
        create(tmp_path / "runs", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["best.safetensors", "last.safetensors"])
def test_a_run_is_replaced_only_on_request_and_then_completely(tmp_path, file):
    files = {file, "previous.safetensors", "config.toml", "metrics.jsonl", "curve.png", "notes.txt"}
    (tmp_path / "r").mkdir()
    for each in files:
        (tmp_path / "r" / each).touch()
    with pytest.raises(UsageError, match="the run 'r' already exists in"):
        create(tmp_path, "r")
    assert files == {path.name for path in (tmp_path / "r").iterdir()}
    create(tmp_path, "r", overwrite=True)
    assert {path.name for path in (tmp_path / "r").iterdir()} == {"lock", "notes.txt"}  # the user's own file stays


def test_the_error_for_a_missing_last_state_names_the_previous_one(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "previous.safetensors").touch()
    with pytest.raises(CheckpointError, match=r"last\.safetensors is missing.*previous\.safetensors"):
        RunFolder.existing(tmp_path, "r", print)


def test_a_run_in_the_current_folder_has_the_name_of_the_folder(tmp_path, monkeypatch):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "last.safetensors").touch()
    monkeypatch.chdir(tmp_path / "r")
    for name in (".", "last.safetensors"):
        run = RunFolder.existing(tmp_path / "elsewhere", name, print)
        assert run.name == "r"
        run.release()


def test_unfinished_files_of_a_killed_process_are_deleted(tmp_path):
    run = create(tmp_path, "r")
    run.release()
    for file in ("last.safetensors", "best.safetensors", "config.toml", "metrics.jsonl"):
        (run.folder / file).touch()
        (run.folder / f".{file}.x1y2").touch()
    RunFolder.existing(tmp_path, "r", print).release()
    assert not list(run.folder.glob(".*"))


def test_the_log_is_truncated_to_a_step_and_invalid_lines_are_removed(tmp_path):
    run = create(tmp_path, "r")
    for step in (1, 2, 3):
        run.log({"step": step, "loss": 0.5})
    with (run.folder / "metrics.jsonl").open("a") as log:
        log.write('{"step": true}\n{"step": 1, "loss": "0.5"}\n{"step": 1, "tokens": 1' + "0" * 30 + '}\n[]\n{"st')
    run.rewind_log(2)
    assert run.read_log() == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.5}]
    assert (run.folder / "metrics.jsonl").read_text().count("\n") == 2


def test_each_secondary_file_that_cannot_be_written_is_reported_once(tmp_path):
    messages = []
    run = RunFolder(tmp_path / "gone", messages.append)
    for _ in range(2):
        run.log({"step": 1})
        run.write_config("")
    assert ["metrics.jsonl" in message for message in messages] == [True, False]
