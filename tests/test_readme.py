"""What the README says to type works: every command of it runs, with less to train."""

import re
import shlex
from pathlib import Path

import pytest

from seqgen.music.write import rendered
from tests.conftest import RHYME, quick_runner
from tests.scores import random_melody

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
LESS = ["--steps", "3", "--hidden-size", "16"]


def commands():
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("seqgen ")]


def lessened(arguments):
    """Return the arguments of a short training in place of those of a long one."""
    if arguments[0] != "train" or "--resume" in arguments:
        return arguments
    replaced = {"--time", "--epochs", "--steps", "--hidden-size"}
    kept = [argument for before, argument in zip(["", *arguments], arguments, strict=False) if before not in replaced]
    return [argument for argument in kept if argument not in replaced] + LESS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    (folder / "poems.txt").write_text(RHYME * 20, encoding="utf-8")
    (folder / "unseen.txt").write_text(RHYME, encoding="utf-8")
    (folder / "names.txt").write_text("\n".join(RHYME.split()), encoding="utf-8")
    (folder / "reviews.csv").write_text(
        "id;review\n" + "".join(f"{n};{RHYME.splitlines()[n % 4]}\n" for n in range(60))
    )
    (folder / "tunes").mkdir()
    for number in range(24):
        (folder / "tunes" / f"{number}.mid").write_bytes(rendered(random_melody(number), ".mid"))
    (folder / "tunes" / "notes.txt").write_text("not music", encoding="utf-8")
    return folder


def test_every_command_of_the_readme_runs(folder):
    assert len(commands()) >= 5
    for arguments in commands():
        done = quick_runner(folder)(*lessened(arguments))
        assert done.returncode == 0, (arguments, done.stderr)


def test_the_python_of_the_readme_runs(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(code, {})  # our own README
    assert capsys.readouterr().out


def test_every_option_has_its_place_in_the_table_of_options(quick_cli):
    table = README[README.index("| To ") :]
    for command in ("train", "sample", "evaluate", "inspect"):
        for option in set(re.findall(r"--[a-z-]+", quick_cli(command, "--help", COLUMNS="200").stdout)) - {"--help"}:
            assert f"`{option}" in table, (command, option)


def test_the_tests_that_prove_what_is_promised_exist():
    tests = Path(__file__).parent
    written = {name for path in tests.rglob("*.py") for name in re.findall(r"def (test_\w+)", path.read_text())}
    named = re.findall(r"`(test_\w+)`", (tests / "README.md").read_text(encoding="utf-8"))
    assert named
    assert set(named) <= written
