"""Architecture: imports point in one direction, and the command line starts without heavy packages."""

import ast
import sys
from pathlib import Path

from tests import processes

ROOT = Path(__file__).parent.parent / "seqgen"
# A package may import from itself and from the lines below its own.
LAYERS = [
    ["api"],
    ["cli"],
    ["training"],
    ["evaluation"],
    ["writing"],
    ["sampling"],
    ["checkpoint"],
    ["runs"],
    ["pretrained"],
    ["corpus", "model"],
    ["encoders"],
    ["levels", "cells"],
    ["music"],
    ["config_file"],
    ["config", "files", "kernels", "noise", "pictures"],
    ["options"],
    ["registry", "errors", "compiled", "wording", "texts"],
    ["process"],
]
HEAVY = [
    "torch",
    "numba",
    "music21",
    "sentencepiece",
    "matplotlib",
    "rapidfuzz",
    "sacrebleu",
    "PIL",
    "soundfile",
    "soxr",
    "prompt_toolkit",
]


def imports(path):
    """Yield the dotted names of everything that a file imports, in functions as well."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules():
    return [path for path in ROOT.rglob("*.py") if path.parent != ROOT or not path.stem.startswith("__")]


def test_imports_point_in_one_direction():
    layer_of = {name: depth for depth, names in enumerate(LAYERS) for name in names}
    for path in modules():
        layer = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for name in imports(path):
            if name.startswith("seqgen.") and name != "seqgen.__version__":
                imported = name.split(".")[1]
                assert layer_of[layer] <= layer_of[imported], f"{path} must not import {name}"
                assert layer == imported or layer_of[layer] < layer_of[imported], (
                    f"{path} must not import {name} of the same layer"
                )


def test_no_package_imports_private_modules_of_another():
    for path in modules():
        for name in imports(path):
            package, *rest = name.split(".")
            place = ROOT
            for part in rest if package == "seqgen" else ():
                is_private = part.startswith("_") and not part.startswith("__")
                assert not is_private or place in path.parents, f"{path} must not import {name}"
                place = place / part if (place / part).is_dir() else place


def test_external_packages_are_imported_only_where_allowed():
    for path in modules():
        place = path.relative_to(ROOT)
        for package in {name.split(".")[0] for name in imports(path)}:
            assert package != "rich" or place.parts[0] == "cli", place
            assert package != "typer" or place.parts[0] == "cli", place
            assert package != "prompt_toolkit" or place.parts[0] == "cli", place
            assert package != "music21" or place.parts[0] == "music", place
            assert package != "PIL" or place == Path("encoders/image.py"), place
            assert package != "midirenderer" or place == Path("music/soundfont.py"), place
            assert package != "soundfile" or place == Path("encoders/audio.py"), place


def test_help_imports_nothing_heavy():
    code = f"""
import sys
from typer.testing import CliRunner
from seqgen.cli.app import app
for command in ([], ["train"], ["sample"], ["write"], ["evaluate"], ["inspect"]):
    assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0
found = set({HEAVY}) & set(sys.modules)
assert not found, found
"""
    done = processes.run([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
