"""Help pages, completion, and errors on the command line."""

import re
import shutil
import sys
from dataclasses import fields

import pytest
import typer
from typer.core import TyperGroup, TyperOption
from typer.testing import CliRunner

from seqgen import config, pretrained, registry
from seqgen.cli.app import app
from seqgen.corpus import builtin
from seqgen.options import Options, flag
from tests import processes

PROGRAM = typer.main.get_command(app)
COMMANDS = ["train", "sample", "evaluate", "inspect"]
HELPS = [[], *([name] for name in COMMANDS)]


def help_of(arguments, width):
    done = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": str(width)})
    assert done.exit_code == 0
    return done.stdout


def words_of(shown):
    return {word.strip(",.;:[]()") for word in shown.split()}


def options_of(arguments):
    assert isinstance(PROGRAM, TyperGroup)
    command = PROGRAM.commands[arguments[0]] if arguments else PROGRAM
    return [param for param in command.params if isinstance(param, TyperOption)]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("arguments", HELPS, ids=lambda names: names[0] if names else "seqgen")
def test_no_word_of_a_help_page_is_cut_or_broken(arguments, width):
    shown = help_of(arguments, width)
    assert max(map(len, shown.splitlines())) <= width
    words = words_of(shown)
    for option in options_of(arguments):
        assert {*option.opts, *option.secondary_opts} <= words, option.name
        assert option.is_flag or option.metavar in words, option.name
        assert option.help in re.sub(r"\s+", " ", shown), option.name
    for leak in ("…", "misplaced", "<", "VALUE", "False", "None", "(chosen"):
        assert leak not in shown, leak


def test_every_choice_is_in_the_help():
    shown = "".join(help_of([name], 80) for name in COMMANDS)
    words = words_of(shown)
    groups = [kind for kind in vars(config).values() if isinstance(kind, type) and issubclass(kind, Options)]
    for item in (item for group in groups for item in fields(group)):
        assert flag(item.name) in words
        assert set(item.metadata["choices"]) <= words
    assert {*registry.names("cells"), *registry.names("levels")} <= words


def test_the_most_important_options_come_first():
    sections = re.findall(r"^(\w+):$", help_of(["train"], 80), re.MULTILINE)
    assert sections[:4] == ["Corpus", "Budget", "General", "Given"]
    assert sections.index("Model") < sections.index("Music") < sections.index("Files") < sections.index("Folders")
    assert help_of(["train"], 80).count("[auto]") == 1 + sum(
        option.show_default == "auto" for option in options_of(["train"])
    )
    assert help_of(["sample"], 80).index("--prime") < help_of(["sample"], 80).index("--checkpoint")


def test_a_program_without_arguments_shows_its_help():
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0
    assert "Commands:" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "--checkpoint", "a", "--checkpoint=b"], "--checkpoint takes one value, got 'a' and 'b'"),
        (["train", "--steps", "3", "--corpus", "x", "--steps", "3"], "--steps takes one value, got '3' and '3'"),
        (["train", "--config", "a.toml", "--config", "b.toml"], "--config takes one value, got 'a.toml' and 'b.toml'"),
        (["train", "--seed", "1", "--seed", "2", "--seed", "3"], "--seed takes one value, got '1' and '2' and '3'"),
        (["train", "--residual", "--no-residual"], "--residual and --no-residual contradict each other: give one"),
        (["evaluate", "--corpus", "a", "--corpus", "b"], "--corpus takes one value, got 'a' and 'b'"),
        (["inspect", "--output", "a.png", "--output", "b.png"], "--output takes one value, got 'a.png' and 'b.png'"),
        (["train", "--hiden-size", "3"], "No such option: --hiden-size (Possible options: "),
        (["sample", "--temprature", "1"], "(Possible options: --metre, --temperature, --tempo)"),
        (["--verson"], "(Possible options: --version)"),
        (["trian"], "No such command 'trian'. Did you mean 'train'?"),
        (["train", "--steps", "many"], "--steps must be a whole number, got 'many'"),
        (["train", "--steps", "1e3"], "--steps must be a whole number, got '1e3'"),
        (["train", "--dropout", "0,5"], "--dropout must be a number, got '0,5'"),
        (["train", "--cell", "lstn"], "--cell must be one of coupled-lstm"),
        (["inspect", "--cell", "lstm", "--cell", "gur"], "got 'gur'"),
        (["evaluate", "--unpack-limit", "1 GB", "--field", "a", "--field", "b"], "--field takes one value"),
    ],
)
def test_a_mistake_on_the_command_line_is_a_one_line_error(arguments, message):
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "40"})
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_flags_may_be_repeated_and_several_sources_given(tmp_path, quick_cli):
    done = quick_cli("train", "--corpus", "a.txt", "--corpus", "b.txt", "--quiet", "--quiet")
    assert done.returncode == 1
    assert "there is no file or folder 'a.txt'" in done.stderr


@pytest.fixture
def complete(tmp_path, monkeypatch):
    """Return a function that requests completions like a shell, in a folder with some runs."""
    monkeypatch.chdir(tmp_path)
    for run in ("checkpoints/rhyme", "checkpoints/poems", "moved/other"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "best.safetensors").touch()
    (tmp_path / "checkpoints" / "no-run").mkdir()

    def ask(shell, *words):
        line = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
        line |= {"_TYPER_COMPLETE_ARGS": " ".join(words), "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1]}
        line |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args", "_SEQGEN_COMPLETE": f"complete_{shell}"}
        done = CliRunner().invoke(app, [], env=line, prog_name="seqgen")
        assert done.exit_code == 0, done.output
        return done.stdout

    return ask


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_commands_options_runs_and_choices_are_completed_in_each_shell(complete, shell):
    assert {"train", "sample", "evaluate", "inspect"} <= set(re.findall(r"\w+", complete(shell, "seqgen", "")))
    assert "--hidden-size" in complete(shell, "seqgen", "train", "--hid")
    assert "rhyme" in complete(shell, "seqgen", "train", "--resume", "r")
    assert "original-gru" in complete(shell, "seqgen", "train", "--cell", "o")


def test_runs_sources_and_choices_are_completed(complete):
    def completed(*words):
        return complete("bash", "seqgen", *words).split()

    assert completed("sample", "--checkpoint", "") == ["poems", "rhyme", *pretrained.names()]
    assert completed("sample", "--checkpoints-dir", "moved", "--checkpoint", "") == ["other", *pretrained.names()]
    assert completed("inspect", "--checkpoint", "rhyme", "--checkpoint", "p") == ["poems"]
    assert completed("train", "--from", "r") == ["rhyme"]
    assert completed("train", "--resume", "") == ["poems", "rhyme"]
    assert completed("train", "--corpus", "builtin:py") == ["builtin:python-docs", "builtin:python-source"]
    assert completed("evaluate", "--corpus", "builtin:f") == ["builtin:folk-tunes"]
    assert completed("train", "--transpose", "") == ["auto", "on", "near", "key", "off"]
    assert completed("train", "--corpus", "poems.t") == []  # the shell offers files instead
    assert {"--residual", "--resume"} == set(completed("train", "--res"))


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("train --corpus builtin : py", "python-docs python-source"),
        ("train --corpus builtin :", " ".join(builtin.NAMES)),
        ("train --corpus = builtin : f", "folk-tunes"),
        ("train --corpus = buil", " ".join(f"builtin:{name}" for name in builtin.NAMES)),
        ("sample --checkpoint builtin : sh", "shakespeare"),
        ("train --level = ch", "character"),
        ("train --corpus builtin : python-docs --level ch", "character"),
        ("train --corpus builtin:py", "builtin:python-docs builtin:python-source"),  # no colon in COMP_WORDBREAKS
    ],
)
def test_bash_completes_words_that_it_splits_at_colons_and_equals_signs(complete, words, offered):
    assert complete("bash", "seqgen", *words.split()).split() == offered.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_a_real_bash_completes_a_word_with_a_colon(tmp_path):
    program = tmp_path / "seqgen"
    program.write_text(f"#!{sys.executable}\nfrom seqgen.__main__ import main\nmain()\n")
    program.chmod(0o755)
    script = CliRunner().invoke(app, [], prog_name="seqgen", env={"_SEQGEN_COMPLETE": "source_bash"}).stdout
    words = "COMP_WORDS=(seqgen train --corpus builtin : py) COMP_CWORD=5"
    lines = [f"PATH={tmp_path}:$PATH", script, words, "_seqgen_completion seqgen", "echo ${COMPREPLY[*]}"]
    done = processes.run([shutil.which("bash"), "--norc", "-c", "\n".join(lines)])
    assert done.stdout.split() == ["python-docs", "python-source"], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell", "pwsh"])
def test_the_completion_script_of_each_shell_can_be_shown(shell, monkeypatch):
    monkeypatch.setattr("shellingham.detect_shell", lambda: (shell, shell))
    shown = CliRunner().invoke(app, ["--show-completion"], prog_name="seqgen")
    assert shown.exit_code == 0
    assert "_SEQGEN_COMPLETE" in shown.stdout


def test_completion_is_installed_for_the_shell_in_use(monkeypatch, tmp_path):
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    done = CliRunner().invoke(app, ["--install-completion"], prog_name="seqgen")
    assert done.exit_code == 0
    assert "seqgen.sh" in (tmp_path / ".bashrc").read_text(encoding="utf-8")
    assert "complete_bash" in (tmp_path / ".bash_completions" / "seqgen.sh").read_text(encoding="utf-8")
