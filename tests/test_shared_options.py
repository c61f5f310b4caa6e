"""Options shared by several commands."""

import json

import pytest

from seqgen.cli import display
from seqgen.cli.model import load
from seqgen.config import DeviceConfig, RunsConfig

COMMANDS = {
    "sample": ["--length", "5"],
    "evaluate": [],
    "inspect": ["--length", "5"],
}


def folders_of(trained, command):
    """Return the options that name the folders of a run, so that a command can be run elsewhere."""
    folders = ["--checkpoints-dir", str(trained.folder / "checkpoints")]
    return folders + ["--data-dir", str(trained.folder / "data")] * (command != "sample")  # which reads no corpus


@pytest.mark.parametrize("command", COMMANDS)
def test_quiet_prints_results_and_errors(trained, quick_cli, command):
    options = [*folders_of(trained, command), *COMMANDS[command], "--checkpoint"]
    loud, quiet = quick_cli(command, *options, "rhyme"), quick_cli(command, *options, "rhyme", "--quiet")
    assert loud.stderr
    assert quiet.stderr == ""
    assert len(quiet.stdout.splitlines()) == len(loud.stdout.splitlines()) or command == "sample"
    failed = quick_cli(command, *options, "nobody", "--quiet")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("Error: there is no checkpoint 'nobody'")
    assert quick_cli(command, *options, "rhyme").stderr  # it has no lasting effect


@pytest.mark.parametrize("command", COMMANDS)
def test_folders_and_device_can_be_given(trained, quick_cli, command):
    folders = folders_of(trained, command)
    done = quick_cli(command, *folders, "--device", "cpu", "--checkpoint", "rhyme", *COMMANDS[command])
    assert done.returncode == 0, done.stderr
    assert done.stdout
    refused = quick_cli(command, *folders, "--device", "tpu", "--checkpoint", "rhyme")
    assert refused.returncode == 2
    assert "tpu" in refused.stderr


def test_a_model_is_loaded_on_the_chosen_device(trained, monkeypatch):
    monkeypatch.setattr("seqgen.model.hardware.resolve_device", {"auto": "cpu", "cuda": "meta"}.get)
    folders = RunsConfig(checkpoints_dir=str(trained.files.parent))
    for name, expected in (("auto", "cpu"), ("cuda", "meta")):
        _, _, model = load("rhyme", folders, DeviceConfig(device=name))
        assert {parameter.device.type for parameter in model.parameters()} == {expected}


def test_only_the_first_process_prints_messages(monkeypatch):
    monkeypatch.setattr(display.console, "quiet", display.console.quiet)
    for is_first, is_quiet, expected in ((True, False, False), (True, True, True), (False, False, True)):
        monkeypatch.setattr(display, "is_first_process", lambda is_first=is_first: is_first)
        assert display.set_quiet(is_quiet) == is_quiet
        assert display.console.quiet == expected


def test_the_seed_of_an_evaluation_determines_its_samples(trained):
    texts = [
        json.loads(trained.cli("evaluate", "--num-samples", "1", "--json", *seed).stdout)["copying"]["samples"]
        for seed in ([], ["--seed", "1"], ["--seed", "2"])
    ]
    assert texts[0] == texts[1] != texts[2]
