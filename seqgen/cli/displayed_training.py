"""Training with a display, and until an interruption."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from seqgen.cli import panel

if TYPE_CHECKING:
    from seqgen.training.loop import Trainer


def train_displayed(
    trainer: "Trainer", say: Callable[[str], None], *, is_quiet: bool = False, is_verbose: bool = False
) -> None:
    """Train until the end or an interruption, after which the state is saved.

    Args:
        trainer: the trainer.
        say: prints messages for the user.
        is_quiet: whether nothing is printed.
        is_verbose: whether every report is printed if there is no panel.
    """
    from seqgen.training.curve import draw_curve
    from seqgen.training.report import Notice

    has_warned = False
    with _interruption() as is_interrupted:
        with panel.TrainingDisplay(trainer, say, is_quiet=is_quiet, is_verbose=is_verbose) as shown:
            for report in trainer.train(is_interrupted):
                if isinstance(report, Notice):
                    shown.note(report.text)
                    continue
                shown.show(report)
                if trainer.is_overfitting and not has_warned:
                    has_warned = True
                    shown.note(_warning(trainer))
                if shown.is_live and report.valid_nats is not None and report.example is None:
                    shown.show_sample(_preview(trainer))
        if not trainer.figures.is_finished:
            shown.note(f"interrupted and saved at step {trainer.figures.step:,}")
        if trainer.world.is_first:
            draw_curve(trainer.run)


def _warning(trainer: "Trainer") -> str:
    """Return the warning that the model is starting to overfit."""
    model, is_conditional = trainer.config.model, trainer.corpus.given_coding is not None
    best = "the fewest validation tokens were wrong" if is_conditional else "the validation loss was lowest"
    return (
        f"the model is starting to overfit: the training loss is falling, but {best} at step "
        f"{trainer.figures.best_step:,}. That model is kept; more text, a --dropout above {model.dropout:g} or a "
        f"--hidden-size below {model.hidden_size:,} may give a better one"
    )


def _preview(trainer: "Trainer") -> str:
    """Return a few lines or bars from the current model, without using random numbers of the training."""
    from seqgen.sampling.preview import preview

    num_documents = panel.SAMPLE_LINES if trainer.config.corpus.document == "line" else 1
    return preview(
        trainer.averaged,
        trainer.corpus.level,
        trainer.figures.step,
        trainer.unseen,
        num_documents,
        panel.PANEL_WIDTH - 8,
        knows_beginnings=trainer.knows_beginnings,
    )


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Provide a function that returns whether Ctrl-C or SIGTERM has been received, which only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        received.append(number)

    before = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
