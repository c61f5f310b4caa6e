"""Training from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from seqgen.api.arguments import Config, config_of, errors_in_python_terms, python_terms, refuse_unknown
from seqgen.api.model import Model, load
from seqgen.cli import display, panel
from seqgen.cli.conclusion import report_result
from seqgen.cli.displayed_training import train_displayed
from seqgen.cli.train import COMPILING, WITH_RESUME, resume_run
from seqgen.compiled import announced
from seqgen.config import FoldersConfig, LoggingConfig, TrainOptions
from seqgen.errors import UsageError
from seqgen.process import keep_freed_memory
from seqgen.training.session import Session

_GROUPS: dict[str, Any] = get_type_hints(TrainOptions)
_NAMES = [item.name for kind in (*_GROUPS.values(), FoldersConfig, LoggingConfig) for item in fields(kind)]


def train(
    corpus: str | Path | Sequence[str | Path] = (),
    *,
    name: str | None = None,
    overwrite: bool = False,
    resume: str | None = None,
    quiet: bool = False,
    verbose: bool = False,
    **options: Any,
) -> Model:
    """Train a model on a corpus, or resume training one, like `seqgen train`, and return the best model of the run.

        model = seqgen.train("poems.txt", time="60s")
        model = seqgen.train(resume="poems", time="5m")

    Progress is shown like by the command: in a panel in a notebook or on a terminal, otherwise in lines on standard
    error.

    Args:
        corpus: one or several sources: files, folders, patterns or built-in corpora.
        name: name of the run; by default it is derived from the corpus.
        overwrite: whether an existing run of the same name is replaced.
        resume: name of a run to resume; with it, only `corpus`, `valid`, `device`, a larger budget and the folders can
            be given.
        quiet: whether nothing is printed.
        verbose: whether more details are printed.
        options: all other options of `seqgen train`, such as `time`, `steps`, `hidden_size`, `seed` or `device`; the
            option `--from` is `from_`.

    Raises:
        SeqgenError: an option, the corpus or a folder is invalid, or training cannot continue.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, when the state has been saved; `resume` continues the run.
    """
    given: dict[str, Any] = {**({"corpus": corpus} if corpus else {}), **options}

    def say(text: str, *, is_detail: bool = False) -> None:
        if not quiet and (verbose or not is_detail):
            display.note(python_terms(text))

    with errors_in_python_terms(), announced(lambda: say(COMPILING)):
        _refuse_misuse(given, name, resume, overwrite=overwrite)
        keep_freed_memory()
        session = Session(
            _config(FoldersConfig, given),
            say,
            is_sampled=panel.is_live(is_quiet=quiet),
            log_to=_config(LoggingConfig, given).log_to,
        )
        requested = TrainOptions(**{group: _config(kind, given) for group, kind in _GROUPS.items()})
        if resume is None:
            trainer = session.start(requested, name, overwrite=overwrite, given=given)
        elif (resumed := resume_run(session, resume, requested, set(given))) is not None:
            trainer = resumed
        else:
            return load(Path(session.folders.checkpoints_dir) / resume, given.get("device", "auto"))
        train_displayed(trainer, say, is_quiet=quiet, is_verbose=verbose)
        if not trainer.figures.is_finished:
            raise KeyboardInterrupt
        if not quiet:
            report_result(trainer, say)
        return load(trainer.run.best, trainer.config.machine.device)


def _config(kind: type[Config], given: Mapping[str, Any]) -> Config:
    """Return those of the arguments that are options of this kind."""
    names = {item.name for item in fields(kind)}
    return config_of(kind, {name: value for name, value in given.items() if name in names})


def _refuse_misuse(given: Mapping[str, Any], name: str | None, resume: str | None, *, overwrite: bool) -> None:
    """Reject arguments that do not exist or cannot be combined."""
    refuse_unknown(given, _NAMES)
    if resume is None and "corpus" not in given:
        raise UsageError("a corpus is required, such as a file, or builtin:python-docs")
    given = {**given, **({} if name is None else {"name": name}), **({"overwrite": True} if overwrite else {})}
    if resume is not None and (unfit := sorted(set(given) - WITH_RESUME)):
        raise UsageError(f"--resume takes its options from the run: {', '.join(unfit)} cannot be given")
