"""The commands: `seqgen train`, `seqgen sample` and `seqgen evaluate`."""

import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from seqgen import __version__, files
from seqgen.cli.options import defaults_from_file, given_options, options_from
from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    MachineConfig,
    ModelConfig,
    OptimizationConfig,
    SamplingConfig,
    TrainConfig,
    flag,
)
from seqgen.errors import CorpusError, SeqgenError, UsageError

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.model.language_model import LanguageModel
    from seqgen.sampling.sampler import Sample
    from seqgen.training.loop import Trainer

INTERRUPTED = 130
SEPARATOR = "---\n"
BUDGETS = {"time", "epochs", "steps"}
WITH_RESUME = {
    "resume",
    "device",
    "quiet",
    "verbose",
    *BUDGETS,
    *(item.name for item in fields(FoldersConfig)),
}

app = typer.Typer(
    help="Train recurrent language models on text, sample from them, and measure them.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
CheckpointOption = Annotated[
    str | None,
    typer.Option(help="A run's name, or a checkpoint file.", metavar="NAME|FILE", show_default="the newest run"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what a narrow encoding cannot show must not end the program
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    app()


@contextmanager
def reporting() -> Iterator[None]:
    """Turn what can go wrong into one sentence and an exit status."""
    from seqgen.cli import display

    try:
        yield
    except SeqgenError as error:
        display.error(str(error))
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt as error:
        display.note("interrupted")
        raise typer.Exit(INTERRUPTED) from error


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"seqgen {__version__}")
        raise typer.Exit


@app.callback()
def seqgen(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Train recurrent language models on text, sample from them, and measure them."""


@app.command()
@reporting()
@options_from(
    corpus=CorpusConfig,
    model=ModelConfig,
    optimization=OptimizationConfig,
    budget=BudgetConfig,
    machine=MachineConfig,
    folders=FoldersConfig,
)
def train(
    context: typer.Context,
    corpus: CorpusConfig,
    model: ModelConfig,
    optimization: OptimizationConfig,
    budget: BudgetConfig,
    machine: MachineConfig,
    folders: FoldersConfig,
    name: Annotated[
        str | None, typer.Option(help="The run's name.", metavar="NAME", show_default="from the corpus")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run of the same name.")] = False,
    resume: Annotated[str | None, typer.Option(help="Go on with the run of this name.", metavar="NAME")] = None,
    config: Annotated[  # noqa: ARG001  # its callback has done the work
        Path | None,
        typer.Option(
            help="Take options from this TOML file; the command line wins.",
            metavar="FILE.toml",
            is_eager=True,
            callback=reporting()(defaults_from_file),
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Tell nothing but errors.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Tell more.")] = False,
) -> None:
    """Train a model on a corpus, or go on training one."""
    from seqgen.cli import display
    from seqgen.model.hardware import keep_freed_memory

    given = given_options(context)
    say = _ignore if quiet else display.note
    if resume is None and not corpus.corpus:
        raise UsageError("name what to learn from with --corpus, as in --corpus FILE or --corpus builtin:python-docs")
    if unfit := sorted(given - WITH_RESUME) if resume else []:
        raise UsageError(
            f"--resume takes all options from the run; {', '.join(map(flag, unfit))} cannot be given with it"
        )
    keep_freed_memory()
    from seqgen.training import session

    with display.waiting("reading the corpus", is_quiet=quiet):
        if resume is None:
            requested = TrainConfig(
                corpus=corpus, model=model, optimization=optimization, budget=budget, machine=machine
            )
            trainer = session.start(requested, name, folders, say, overwrite=overwrite)
        else:
            larger = budget if given & BUDGETS else None
            device = machine.device if "device" in given else None
            again = session.resume(resume, larger, device, folders, say)
            if again is None:
                say(f"{resume} is finished; to train it longer, resume it with a larger budget, as --time or --epochs")
                return
            trainer = again
    _train(trainer, quiet=quiet, verbose=verbose)


def _train(trainer: "Trainer", *, quiet: bool, verbose: bool) -> None:
    """Train to the end or to an interruption, and say what came of it."""
    from seqgen.cli import display
    from seqgen.training.curve import draw_curve

    name = trainer.run.name
    with (
        _interruption() as is_interrupted,
        display.TrainingDisplay(trainer, is_quiet=quiet, is_verbose=verbose) as shown,
    ):
        for report in trainer.train(is_interrupted):
            shown.show(report)
            if shown.is_live and report.valid_nats is not None:
                shown.show_sample(_short_sample(trainer))
    draw_curve(trainer.run)
    if not trainer.figures.is_finished:
        if not quiet:
            display.note(
                f"interrupted and saved at step {trainer.figures.step:,}; go on with: seqgen train --resume {name}"
            )
        raise typer.Exit(INTERRUPTED)
    if not quiet:
        _conclude(trainer)


def _conclude(trainer: "Trainer") -> None:
    """Say how good the best model is, where it is, and what to do next."""
    from seqgen.checkpoint import BEST, Checkpoint
    from seqgen.cli import display
    from seqgen.evaluation.report import Evaluation

    path = trainer.run.folder / BEST
    best = Checkpoint.read(path).model(trainer.config.machine.device)
    evaluation = Evaluation.of(best, trainer.store.valid, path.name).to_json()
    display.note(
        f"{trainer.figures.step:,} steps in {display.duration(trainer.seconds)}; the best model, of step "
        f"{trainer.figures.best_step:,}, has a validation loss of {evaluation['nats_per_token']:.4f} nats per token, "
        f"{evaluation['bits_per_character']:.4f} bits per character"
    )
    display.note(f"saved as {path}; now try: seqgen sample --checkpoint {trainer.run.name} --length 300")


def _short_sample(trainer: "Trainer") -> str:
    """Return a few lines from the model as it is now; its random numbers are its own."""
    from seqgen.sampling.sampler import Sample, sample

    trainer.model.eval()
    config, samples = SamplingConfig(length=200), [Sample(trainer.figures.step)]
    text = "".join(new.text for new in sample(trainer.model, trainer.store.level, "", config, samples))
    trainer.model.train()
    return text


def _ignore(text: str) -> None:
    del text


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Lend a function that tells whether Ctrl-C or SIGTERM has come since."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        received.append(number)

    before = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@app.command()
@reporting()
@options_from(sampling=SamplingConfig)
def sample(
    sampling: SamplingConfig,
    checkpoint: CheckpointOption = None,
    output: Annotated[list[Path] | None, typer.Option(help="Write to this file instead.", metavar="FILE")] = None,
    omit_prime: Annotated[bool, typer.Option("--omit-prime", help="Leave the prime out of the samples.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write new text with a trained model."""
    from seqgen.cli import display

    prime = _read_prime(sampling.prime)
    source, loaded, model = _load(checkpoint)
    from seqgen.sampling.sampler import Sample
    from seqgen.sampling.sampler import sample as write_samples

    seed = secrets.randbelow(2**31) if sampling.seed is None else sampling.seed
    display.note(f"{source}, seed {seed}")
    samples = [Sample(seed + index) for index in range(sampling.num_samples)]
    prime = loaded.level.normalise(prime)
    texts = ["" if omit_prime else prime] * sampling.num_samples
    is_streamed = sampling.num_samples == 1 and not (as_json or output)
    if is_streamed:
        display.write_result(texts[0])
    last = texts[0]
    for index, text in write_samples(model, loaded.level, prime, sampling, samples):
        if is_streamed:
            display.write_result(text)
            last = text
        else:
            texts[index] += text
    if is_streamed:
        display.write_result(_missing_newline(last))
        return
    result = _as_json(samples, texts, prime) if as_json else SEPARATOR.join(t + _missing_newline(t) for t in texts)
    for path in output or []:
        _write(path, result)
        display.note(f"written to {path}")
    if not output:
        display.write_result(result)


@app.command()
@reporting()
def evaluate(
    checkpoint: CheckpointOption = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            help="Text the model has not seen.",
            metavar="SOURCE",
            show_default="the run's own validation part",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a trained model predicts a text."""
    from seqgen.cli import display

    source, loaded, model = _load(checkpoint)
    from seqgen.evaluation.report import evaluate as evaluate_checkpoint

    with display.waiting("reading and scoring", is_quiet=False):
        evaluation, notes = evaluate_checkpoint(loaded, model, corpus)
    for text in (str(source), *notes):
        display.note(text)
    if as_json:
        display.write_result(json.dumps(evaluation.to_json()) + "\n")
    else:
        display.show_evaluation(evaluation)
    if corpus is None:
        display.note("this part has helped to choose the checkpoint: --corpus scores text that the model has not seen")


def _load(checkpoint: str | None) -> "tuple[Path, Checkpoint, LanguageModel]":
    """Return the file that is meant, its content and its model."""
    from seqgen.model.hardware import keep_freed_memory, resolve_device

    keep_freed_memory()
    from seqgen.checkpoint import Checkpoint, find

    path = find(checkpoint, Path(FoldersConfig().checkpoints_dir))
    loaded = Checkpoint.read(path)
    return path, loaded, loaded.model(resolve_device("auto"))


def _read_prime(prime: str) -> str:
    """Return the prime itself, or the text of the file that it names with @."""
    if not prime.startswith("@"):
        return prime
    path = Path(prime[1:])
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CorpusError(f"the prime {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"the prime {path} is not UTF-8 text (byte offset {error.start}): convert it first"
        ) from error


def _as_json(samples: "list[Sample]", texts: list[str], prime: str) -> str:
    """Return one JSON object a line."""
    objects = (
        {"text": text, "prime": prime, "tokens": sample.tokens, "nats": sample.nats, "seed": sample.seed}
        for sample, text in zip(samples, texts, strict=True)
    )
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in objects)


def _missing_newline(text: str) -> str:
    return "" if text.endswith("\n") else "\n"


def _write(path: Path, result: str) -> None:
    try:
        files.replace(path, result.encode("utf-8"))
    except OSError as error:
        raise SeqgenError(f"{path} cannot be written: {error.strerror}") from error
