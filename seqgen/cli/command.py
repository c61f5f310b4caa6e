"""What all commands have in common: their help, the errors of the command line, and completion."""

import copy
from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from seqgen.cli.completion import whole_words
from seqgen.cli.error_messages import errors_reported
from seqgen.cli.help import help_text
from seqgen.errors import UsageError


class Command(TyperCommand):
    """A command that takes only options, and rejects repeated ones unless the option takes several values."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return what follows the command's name; arguments are accepted only to be rejected with a clear error."""
        return ["[OPTIONS]"]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(help_text(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments.

        Raises:
            UsageError: an option that takes one value is repeated.
        """
        if not ctx.resilient_parsing:
            self._refuse_repeated(ctx, args)
        return super().parse_args(ctx, args)

    def _refuse_repeated(self, ctx: Any, args: list[str]) -> None:
        """Reject repeated options, of which the parser would silently use the last value."""
        single = [param for param in self.params if isinstance(param, TyperOption) and not param.multiple]
        collecting = copy.copy(self)
        collecting.params = [copy.copy(param) for param in self.params]
        for param in collecting.params:
            param.multiple = isinstance(param, TyperOption)
        given, _, _ = collecting.make_parser(ctx).parse_args(list(args))
        for option in single:
            values = given.get(option.name) or []
            if option.is_flag and len(set(values)) > 1:
                raise UsageError(f"{option.opts[0]} and {option.secondary_opts[0]} contradict each other: give one")
            if not option.is_flag and len(values) > 1:
                raise UsageError(
                    f"{option.opts[0]} takes one value, got {' and '.join(map(repr, values))}: give it once"
                )


class Group(TyperGroup):
    """The program; errors of the command line are reported in one line, like all other errors."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program, or complete the command line if the shell asks for that."""
        with whole_words():
            return super().main(*args, **kwargs)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(help_text(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; without any, show the help."""
        with errors_reported():
            return super().parse_args(ctx, args if args or ctx.resilient_parsing else ["--help"])

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with errors_reported():
            return super().invoke(ctx)
