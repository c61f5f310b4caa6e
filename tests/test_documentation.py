"""README.md and docs/: every command runs, with less training, and every option has its place."""

import re
from pathlib import Path

import pytest

import seqgen
from seqgen.music.write import rendered
from tests.conftest import quick_runner
from tests.documentation import PAGES, ROOT, Command, commands, programs, shortened, updated, write_files
from tests.scores import random_melody

README = (ROOT / "README.md").read_text(encoding="utf-8")
LESS = ["--steps", "3", "--hidden-size", "16", "--num-layers", "1"]
LESS_IN_PYTHON = "steps=3, hidden_size=16, num_layers=1"
REPLACED = {"--time", "--epochs", "--steps", "--hidden-size", "--num-layers"}
SMALLER = dict.fromkeys(("builtin:bach-chorales", "builtin:folk-tunes"), "tunes")  # which are read within a second


def lessened(arguments):
    """Return the arguments of a short training instead of those of a long one."""
    if arguments[0] != "train" or "--resume" in arguments:
        return arguments
    remaining = [
        argument for before, argument in zip(["", *arguments], arguments, strict=False) if before not in REPLACED
    ]
    less = LESS[:-2] if ".png" in arguments else LESS  # without --num-layers, since there is no decoder
    return [SMALLER.get(argument, argument) for argument in remaining if argument not in REPLACED] + less


def lessened_program(program):
    """Return a program with a short training instead of a long one; a run is resumed for a few more steps."""
    program = re.sub(r'(resume="[^"]*", )time="[^"]*"', r"\1steps=6", program)
    return re.sub(r'time="[^"]*"', LESS_IN_PYTHON, program)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    write_files(folder)
    (folder / "tunes").mkdir()
    for number in range(24):
        (folder / "tunes" / f"{number}.mid").write_bytes(rendered(random_melody(number), ".mid"))
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_runs(folder, page):
    for arguments, stdin in commands(page):
        done = quick_runner(folder)(*lessened(arguments), stdin=stdin)
        is_untrained = "the model writes nothing for this" in done.stderr  # after a few steps
        assert done.returncode == 0 or is_untrained, (arguments, done.stderr)


@pytest.mark.parametrize("page", [page for page in PAGES if programs(page)], ids=lambda page: page.name)
def test_every_program_runs_after_the_commands(folder, page, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    for program in programs(page):
        exec(lessened_program(program), {})  # our own page
    assert capsys.readouterr().out


def test_every_name_of_the_package_is_in_a_program_or_a_sentence_on_python():
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    methods = {name for kind in (seqgen.Model,) for name in vars(kind) if not name.startswith("_")}
    for name in {*seqgen.__all__} - {"Model"}:
        assert re.search(rf"\b{name}\b", page), name
    for name in methods:
        assert f".{name}(" in page or f"`{name}`" in page, name


def test_every_option_is_in_the_table_of_options(quick_cli):
    table = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    for command in ("train", "sample", "write", "evaluate", "inspect"):
        for option in set(re.findall(r"--[a-z-]+", quick_cli(command, "--help", COLUMNS="200").stdout)) - {"--help"}:
            assert f"`{option}" in table, (command, option)


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 250


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


def test_a_command_may_have_standard_input():
    assert Command.parse("seqgen sample --prime 'a b'  # why") == (["sample", "--prime", "a b"], None)
    assert Command.parse(r"printf 'a b\n\n' | seqgen sample --given -") == (["sample", "--given", "-"], "a b\n\n")
    with pytest.raises(ValueError, match="must be seqgen"):
        Command.parse("cat a | seqgen sample")


def test_new_output_replaces_the_old():
    page = "Text.\n\n```console\n$ one --a\nold\nold\n$ two  # why\n```\n\n```sh\n$ three\n```\n"
    assert updated(page, lambda command: f"new {command}\n") == (
        "Text.\n\n```console\n$ one --a\nnew one --a\n$ two  # why\nnew two  # why\n```\n\n```sh\n$ three\n```\n"
    )


def test_long_progress_is_shortened():
    steps = [f"step {number}  epoch 1" for number in range(9)]
    expected = ["read 1 text", *steps[:2], "...", "a note", *steps[-2:], "saved  "]
    output = "\n".join(["read 1 text", *steps[:4], "a note", *steps[4:], "saved  "])
    assert shortened(output).splitlines() == [line.rstrip() for line in expected]
    assert shortened("\n".join(steps[:5])).splitlines() == steps[:5]
    example = ["given      a", "reference  b", "output     c"]
    output = "\n".join(line for step in steps for line in [step, *example])
    shown = [*steps[:2], "...", *steps[-2:]]
    assert shortened(output).splitlines() == [line for s in shown for line in [s, *(example if s != "..." else [])]]


def test_the_tests_that_tests_readme_names_exist():
    tests = Path(__file__).parent
    written = {name for path in tests.rglob("*.py") for name in re.findall(r"def (test_\w+)", path.read_text())}
    named = re.findall(r"`(test_\w+)`", (tests / "README.md").read_text(encoding="utf-8"))
    assert named
    assert set(named) <= written
