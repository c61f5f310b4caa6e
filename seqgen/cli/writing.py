"""How good the texts are that conditional models write, as `seqgen evaluate` prints it."""

from typing import TYPE_CHECKING

from seqgen.cli import display
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.evaluation.comparison import Comparison
    from seqgen.evaluation.writing import WritingReport

WRITERS = {"model": "the model", "nearest": "nearest training pair", "copied": "the given itself"}
WRITTEN = {
    "exact": "exact matches",
    "character_error_rate": "character error rate",
    "word_error_rate": "word error rate",
    "bleu": "BLEU",
    "chrf": "chrF",
}


def show_writing(report: "WritingReport") -> None:
    """Print how good the texts are that the model writes, beside those of baselines."""
    written = {"model": report.model, **report.baselines}
    rows = [
        [WRITTEN[name], *(each.summaries.get(name, "") for each in written.values())] for name in report.model.figures
    ]
    display.results().print(f"\n{counted(report.model.num_givens, 'given')}, and what is written for them:")
    display.show_table(["", *(WRITERS[name] for name in written)], rows)
    for name, figure in report.model.figures.items():
        if figure.signature is not None:
            display.results().print(f"{WRITTEN[name]}: {figure.signature}")


def show_written(comparison: "Comparison") -> None:
    """Print how good the texts of several models are, and the differences from the first."""
    columns = {
        name: written.summaries for (name, _), written in zip(comparison.losses, comparison.written, strict=True)
    }
    columns |= {f"{each.name}, difference": each.written_summaries for each in comparison.differences}
    names = comparison.written[0].figures
    rows = [[WRITTEN[name], *(column[name] for column in columns.values())] for name in names]
    display.results().print(f"\n{counted(comparison.written[0].num_givens, 'given')}, and what is written for them:")
    display.show_table(["", *columns], rows)
