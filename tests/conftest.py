"""Fixtures shared by many tests: texts, small models, the command line, and a trained run."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import settings
from typer.main import get_command
from typer.testing import CliRunner

from seqgen.checkpoint import Checkpoint
from seqgen.cli.app import app
from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    MachineConfig,
    ModelConfig,
    ModelOptions,
    OptimizationConfig,
    OptimizationOptions,
    TrainConfig,
    TrainOptions,
)
from seqgen.corpus.dataset import Dataset, DatasetWriter
from seqgen.corpus.documents import Passage
from seqgen.encoders.text import Embedding
from seqgen.levels.character import CharacterLevel
from seqgen.model.language_model import LanguageModel
from seqgen.training.loop import Trainer
from seqgen.training.session import Session
from tests import processes, several

settings.register_profile("seqgen", deadline=None, max_examples=60)
settings.load_profile("seqgen")

RHYME = """Twinkle, twinkle, little star,
How I wonder what you are!
Up above the world so high,
Like a diamond in the sky.
"""

SMALL_NETWORK = {"num_layers": 1, "hidden_size": 32, "embedding_size": 16, "dropout": 0.1}
FAST_LEARNING = {"learning_rate": 0.01, "batch_size": 4, "sequence_length": 16}

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z](?![\w-])(?!: no such option)")
_OTHER_COMMAND = re.compile(r"\bseqgen (\w+) [^;,\n]*")


def unknown_options(arguments: Sequence[str], shown: str) -> set[str]:
    """Return the options that are mentioned in messages of a command but do not exist.

    Args:
        arguments: arguments of the command, which messages may repeat.
        shown: the standard error of the command.
    """
    commands = get_command(app).commands  # type: ignore[attr-defined]  # it is a group
    known = {name: {spelling for option in command.params for spelling in (*option.opts, *option.secondary_opts)}
             for name, command in commands.items()}  # fmt: skip
    own = known.get(arguments[0] if arguments else "", set().union(*known.values()))
    unknown = set(_OPTION.findall(_OTHER_COMMAND.sub("", shown))) - own - {"--help", "--version"}
    for match in _OTHER_COMMAND.finditer(shown):
        unknown |= set(_OPTION.findall(match[0])) - known.get(match[1], set())
    return {option for option in unknown if not any(option in argument for argument in arguments)}


def resolved(model: ModelConfig, corpus: CorpusConfig = CorpusConfig()) -> TrainConfig:  # noqa: B008  # it is frozen
    """Return the options of a run of one step."""
    optimization = OptimizationConfig(learning_rate=0.01, weight_decay=0.01, batch_size=2, sequence_length=4)
    machine = MachineConfig(device="cpu", precision="float32")
    return TrainConfig(
        corpus=corpus, model=model, optimization=optimization, budget=BudgetConfig(steps=1), machine=machine
    )


Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def no_process_outlives_the_tests() -> Iterator[None]:
    processes.adopt_orphans()
    yield
    assert not (killed := processes.end_all()), f"left running by fixtures: {killed}"


@pytest.fixture(autouse=True)
def no_process_outlives_its_test() -> Iterator[None]:
    yield
    assert not (killed := processes.end_all()), f"left running: {killed}"


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Dataset]:
    """Encode texts as documents of a dataset."""

    def make(*texts: str, level: CharacterLevel | None = None) -> Dataset:
        level = level or CharacterLevel.fit([[text] for text in texts], CorpusConfig())
        name = f"dataset {len(list(tmp_path.iterdir()))}"
        with DatasetWriter(tmp_path, name, level) as writer:
            for text in texts:
                writer.add(Passage("text", text))
        return Dataset.open(tmp_path, name, level, writer.extents)

    return make


@pytest.fixture
def make_model() -> Callable[..., LanguageModel]:
    """Return a function that creates a small model with random weights."""

    def make(
        vocabulary_size: int, given_vocabulary_size: int = 0, num_factors: int = 0, **options: object
    ) -> LanguageModel:
        sizes = {
            "num_layers": 1,
            "hidden_size": 16,
            "embedding_size": 8,
            "dropout": 0.0,
            "embedding_dropout": 0.0,
        } | options
        config = ModelConfig(**sizes)  # type: ignore[arg-type]
        reads = Embedding(given_vocabulary_size, config.embedding_size) if given_vocabulary_size else None
        model = LanguageModel(config, vocabulary_size, reads, num_factors)
        model.initialise(torch.Generator().manual_seed(0), torch.zeros(vocabulary_size))
        return model.eval()

    return make


@pytest.fixture
def folders(tmp_path: Path) -> FoldersConfig:
    return FoldersConfig(checkpoints_dir=str(tmp_path / "checkpoints"), data_dir=str(tmp_path / "data"))


@pytest.fixture
def start(tmp_path: Path, folders: FoldersConfig) -> Callable[..., Trainer]:
    """Return a function that starts a small run."""

    def begin(
        name: str = "run",
        text: str = RHYME * 12,
        *,
        model: dict[str, Any] | None = None,
        optimization: dict[str, Any] | None = None,
        corpus: dict[str, Any] | None = None,
        file: str = "corpus.txt",
        seed: int = 1,
        precision: str = "auto",
        device: str = "cpu",
        **budget: Any,
    ) -> Trainer:
        path = tmp_path / file
        path.write_text(text, encoding="utf-8")
        requested = TrainOptions(
            corpus=CorpusConfig(corpus=(str(path),), **(corpus or {})),
            model=ModelOptions(**(SMALL_NETWORK | (model or {}))),
            optimization=OptimizationOptions(**(FAST_LEARNING | (optimization or {}))),
            budget=BudgetConfig(**budget),
            machine=MachineConfig(device=device, seed=seed, precision=precision),
        )
        trainer = Session(folders, print).start(requested, name)
        assert trainer is not None
        return trainer

    return begin


@pytest.fixture
def quick_cli(tmp_path: Path) -> Cli:
    """Runs `seqgen` in an empty folder and in this process, see `quick_runner`."""
    return quick_runner(tmp_path)


def quick_runner(folder: Path) -> Cli:
    """Return a function that runs `seqgen` in a folder and in this process, which saves seconds of imports.

    Tracebacks and messages that mention options the command lacks fail the test.
    """

    def run(*arguments: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        variables = {"COLUMNS": "120", **environment}
        with chdir(folder), patch.object(sys, "argv", ["seqgen", *arguments]):
            done = CliRunner().invoke(app, arguments, input=stdin, env=variables, catch_exceptions=False)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        assert not unknown_options(arguments, done.stderr), done.stderr
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs `seqgen` in an empty folder, see `runner`."""
    return runner(tmp_path)


def runner(folder: Path) -> Cli:
    """Return a function that runs `seqgen` in a folder, in a process of its own."""

    def run(*arguments: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, "COLUMNS": "120", **environment}
        return processes.run([sys.executable, "-m", "seqgen", *arguments], stdin, cwd=folder, env=variables)

    return run


@dataclass(frozen=True)
class TrainedRun:
    """A short run named `rhyme`, trained on `rhyme.txt`, which tests only read."""

    folder: Path
    cli: Cli
    output: str

    @property
    def files(self) -> Path:
        return self.folder / "checkpoints" / "rhyme"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainedRun]:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "rhyme.txt").write_text(RHYME * 30, encoding="utf-8")
    done = runner(folder)("train", "--corpus", "rhyme.txt", "--steps", "60", "--hidden-size", "48", "--batch-size", "8",
                          "--sequence-length", "32", "--learning-rate", "0.01")  # fmt: skip
    assert done.returncode == 0, done.stderr
    yield TrainedRun(folder, quick_runner(folder), done.stderr)
    left = {path.name for path in folder.iterdir()} - {"rhyme.txt", "checkpoints", "data"}
    assert not left, f"files that a test left in a folder shared by all tests: {left}"


@pytest.fixture(scope="module")
def lines_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with lines of many lengths, so that some batches have fewer documents than there are processes."""
    folder = tmp_path_factory.mktemp("several")
    short = "".join(f"line {number}\n" for number in range(31))
    (folder / "rhyme.txt").write_text(RHYME * 30 + short, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def alone(lines_folder: Path) -> Checkpoint:
    """The final checkpoint of a run by one process."""
    several.done(several.train(lines_folder, *several.LINES, "--steps", "60", "--name", "alone", *several.SMALL))
    return several.last(lines_folder, "alone")
