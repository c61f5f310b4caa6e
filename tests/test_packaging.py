"""The packages, and the help of `make`."""

import re
import tomllib
from pathlib import Path
from shutil import which

import pytest

from tests import processes

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_links_and_pictures_of_the_package_description_are_absolute():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"\]\((?!https?:|#)", text)  # in the repository there are some
    for change in PROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    assert not re.search(r"\]\((?!https?:|#)", text)
    assert "![" not in text
    assert "How to contribute" in text


def test_the_source_package_contains_everything_that_make_and_the_tests_need():
    included = {
        ROOT / name.removeprefix("/") for name in PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    }
    needed = [
        "seqgen",
        "tests",
        "Makefile",
        "constraints.txt",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
    ]
    assert {ROOT / name for name in needed} <= included
    assert all(path.exists() for path in included)
    assert (ROOT / "seqgen" / "py.typed").is_file()
    assert {f"Programming Language :: Python :: 3.{n}" for n in (11, 12, 13)} <= set(PROJECT["project"]["classifiers"])


@pytest.mark.skipif(which("make") is None, reason="make is not installed")
def test_make_without_a_target_lists_all_targets_within_80_columns():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)[1].split())
    done = processes.run(["make", "--no-print-directory"], cwd=ROOT)
    lines = done.stdout.splitlines()
    assert {line.split()[1] for line in lines} == targets
    assert all(line.split()[0] == "make" and len(line.split()) > 3 and len(line) <= 80 for line in lines)
