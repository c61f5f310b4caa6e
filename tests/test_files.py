"""Atomic replacement of files."""

import os

import pytest

from seqgen import files


def test_the_content_is_replaced(tmp_path):
    path = tmp_path / "a"
    for content in (b"one", b"two"):
        files.replace(path, content)
        assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_new_file_has_the_usual_permissions(tmp_path):
    files.replace(tmp_path / "a", b"")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace"])
def test_the_old_content_is_kept_after_an_error(tmp_path, monkeypatch, failing):
    files.replace(tmp_path / "a", b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(failing, fail)
    with pytest.raises(OSError, match="No space left"):
        files.replace(tmp_path / "a", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@pytest.mark.parametrize("path", ["missing/a.png", "folder"])
def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path, path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"a\.png|folder") as refused:
        files.replace(tmp_path / path, b"content")
    assert refused.value.filename == str(tmp_path / path)
    assert "/." not in str(refused.value)


def test_the_new_content_is_flushed_before_it_is_renamed(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("os.fsync", lambda handle: calls.append("flush"))
    rename = type(tmp_path).replace
    monkeypatch.setattr("pathlib.Path.replace", lambda *paths: (calls.append("rename"), rename(*paths)))
    files.replace(tmp_path / "a", b"new")
    assert calls[:2] == ["flush", "rename"]


def test_temporary_files_of_killed_processes_are_removed(tmp_path):
    files.replace(tmp_path / "a", b"old")
    for name in (".a.x1y2", ".ab.x1y2", "a.x"):
        (tmp_path / name).touch()
    files.remove_unfinished(tmp_path / "a")
    assert {file.name for file in tmp_path.iterdir()} == {"a", ".ab.x1y2", "a.x"}
