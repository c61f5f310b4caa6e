"""Where the figures of a run are written, apart from its own log."""

from dataclasses import dataclass

from seqgen.options import Options, option


@dataclass(frozen=True, kw_only=True)
class LoggingConfig(Options):
    """Logging: where figures are written."""

    log_to: str | None = option(
        "Also write the figures of the run for this program, into the run's folder. Its package must be installed.",
        choices=("tensorboard",),
    )
