"""The shape of the house: imports point one way, and the command line starts without the heavy packages."""

import ast
import sys
from pathlib import Path

from tests import processes

ROOT = Path(__file__).parent.parent / "seqgen"
# Each line may import from the lines below it, and from its own.
LAYERS = [
    ["cli", "api"],
    ["training"],
    ["evaluation"],
    ["sampling"],
    ["checkpoint"],
    ["runs"],
    ["corpus", "model"],
    ["levels", "cells"],
    ["music"],
    ["config_file"],
    ["config", "files", "kernels", "pictures"],
    ["options"],
    ["registry", "errors", "process", "compiled", "wording"],
]
HEAVY = ["torch", "numba", "music21", "sentencepiece", "symusic", "matplotlib"]


def imports(path):
    """Yield the dotted names of all that a file imports, in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules():
    return [path for path in ROOT.rglob("*.py") if path.parent != ROOT or not path.stem.startswith("__")]


def test_imports_point_one_way():
    layer_of = {name: depth for depth, names in enumerate(LAYERS) for name in names}
    for path in modules():
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for name in imports(path):
            if name.startswith("seqgen.") and name != "seqgen.__version__":
                other = name.split(".")[1]
                assert layer_of[own] <= layer_of[other], f"{path} must not import {name}"
                assert own == other or layer_of[own] < layer_of[other], f"{path} must not import its neighbour {name}"


def test_no_package_imports_what_is_private_to_another():
    for path in modules():
        for name in imports(path):
            package, *rest = name.split(".")
            place = ROOT
            for part in rest if package == "seqgen" else ():
                is_private = part.startswith("_") and not part.startswith("__")
                assert not is_private or place in path.parents, f"{path} must not import {name}"
                place = place / part if (place / part).is_dir() else place


def test_each_outside_package_has_its_one_place():
    for path in modules():
        place = path.relative_to(ROOT)
        for package in {name.split(".")[0] for name in imports(path)}:
            assert package != "rich" or place.parts[0] == "cli", place
            assert package != "typer" or place.parts[0] == "cli", place
            assert package not in {"music21", "symusic"} or place.parts[0] == "music", place


def test_help_imports_nothing_heavy():
    code = f"""
import sys
from typer.testing import CliRunner
from seqgen.cli.app import app
for command in ([], ["train"], ["sample"], ["evaluate"], ["inspect"]):
    assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0
found = set({HEAVY}) & set(sys.modules)
assert not found, found
"""
    done = processes.run([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
