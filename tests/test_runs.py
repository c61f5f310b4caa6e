"""The names by which checkpoints are shown."""

from pathlib import Path

import pytest

from seqgen import pretrained
from seqgen.runs import short_name, short_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["checkpoints/a/best.safetensors", "checkpoints/b/last.safetensors"], ["a", "b"]),
        (["models/a.safetensors", "models/b.v2.safetensors"], ["a", "b.v2"]),
        (["checkpoints/a/best.safetensors", "x/a.safetensors", "y/b.safetensors"], ["checkpoints/a", "x/a", "b"]),
        (["x/a/best.safetensors", "y/a/best.safetensors", "z/a/best.safetensors"], ["x/a", "y/a", "z/a"]),
        (["1/x/a/best.safetensors", "2/x/a/best.safetensors", "c/best.safetensors"], ["1/x/a", "2/x/a", "c"]),
        (["x/a/best.safetensors", "x/a/last.safetensors"], ["a/best.safetensors", "a/last.safetensors"]),
        (["a/best.safetensors", "a/best.safetensors"], ["a", "a"]),
        ([pretrained.path_of("builtin:names"), "a/best.safetensors"], ["names", "a"]),
        ([pretrained.path_of("builtin:names"), "names/best.safetensors"], ["builtin:names", "tmp/names"]),
    ],
)
def test_names_are_as_short_as_they_can_be_without_being_the_same(paths, names):
    assert short_names(Path("/tmp") / path for path in paths) == names


def test_a_file_in_the_present_folder_has_the_name_of_this_folder(tmp_path, monkeypatch):
    (tmp_path / "poems").mkdir()
    monkeypatch.chdir(tmp_path / "poems")
    assert short_name(Path("best.safetensors")) == short_name(Path("../poems/best.safetensors")) == "poems"
    assert short_name(Path("/best.safetensors")) == "best"
