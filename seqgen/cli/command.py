"""What all commands have in common: their help, how mistakes on the command line are answered, and completion."""

import copy
from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from seqgen.cli.help import help_text
from seqgen.cli.reporting import reporting
from seqgen.errors import UsageError


class Command(TyperCommand):
    """A command that takes options alone, and refuses one that is given twice where a single value counts."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return what follows the name of the command: an argument is there only to be refused with a sentence."""
        return ["[OPTIONS]"]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(help_text(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the arguments.

        Raises:
            UsageError: an option with a single value is given several.
        """
        if not ctx.resilient_parsing:
            self._refuse_repeated(ctx, args)
        return super().parse_args(ctx, args)

    def _refuse_repeated(self, ctx: Any, args: list[str]) -> None:
        """Refuse what the parser would pass over: all but the last of several values of an option."""
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
    """The program: every mistake on the command line becomes one sentence, as all other errors."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(help_text(self, ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the arguments; without any, show the help."""
        with reporting():
            return super().parse_args(ctx, args if args or ctx.resilient_parsing else ["--help"])

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with reporting():
            return super().invoke(ctx)
