"""Creates Typer options from config dataclasses: one option per field, one help group per class."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import Field, fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

import typer

from seqgen.cli import display
from seqgen.cli.completion import choices, model_names, sources
from seqgen.cli.help import CHOSEN
from seqgen.config import BUDGETS
from seqgen.config_file import from_toml
from seqgen.errors import UsageError
from seqgen.options import Options, field_name, flag

Command = Callable[..., None]
EARLIER = "seqgen.earlier"  # key in a context's `meta` of the run whose configuration file was given
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print errors only.", callback=display.set_quiet)]


class Overrides(NamedTuple):
    """Some options of a group, which override those of a run; a command receives the given values by name."""

    config: type[Options]
    names: tuple[str, ...]


def options_from(**configs: type[Options] | Overrides) -> Callable[[Command], Command]:
    """Return a decorator that replaces parameters of a command, given by name and config class, by options."""

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name not in configs]
        others = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        added = [
            option
            for config in configs.values()
            for option in (_overriding(config) if isinstance(config, Overrides) else _options(config))
        ]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            if "context" in given and (budgets := given_options(given["context"]) & set(BUDGETS)):
                given |= dict.fromkeys(set(BUDGETS) - budgets)  # a budget on the command line overrides any in --config
            for name, config in configs.items():
                if isinstance(config, Overrides):
                    values = _values(config.config, {key: given.pop(key) for key in config.names})
                    given[name] = {key: value for key, value in values.items() if value is not None}
                else:
                    given[name] = config(
                        **_values(config, {item.name: given.pop(item.name) for item in fields(config)})
                    )
            command(**given)

        vars(run)["__signature__"] = signature.replace(parameters=added + others)
        return run

    return decorate


def _options(config: type[Options]) -> Iterator[inspect.Parameter]:
    types = get_type_hints(config)
    title = (config.__doc__ or "").split(":")[0]
    for item in fields(config):
        is_bool = _type(types[item.name]) == bool | None
        spelling = [flag(item.name)] if is_bool or item.name.endswith("_") else []
        if is_bool and item.metadata["chosen"]:
            spelling = [f"{flag(item.name)}/--no-{flag(item.name)[2:]}"]
        option = typer.Option(
            *spelling,
            help=_help(item),
            metavar=item.metadata["metavar"] or "NAME",
            rich_help_panel=item.metadata["group"] or title,
            autocompletion=_completion(item),
            show_default=CHOSEN if item.metadata["chosen"] else _default(item),
        )
        yield inspect.Parameter(
            item.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=list(item.default) if isinstance(item.default, tuple) else item.default,
            annotation=Annotated[_type(types[item.name]), option],
        )


def _overriding(overrides: Overrides) -> Iterator[inspect.Parameter]:
    for parameter in _options(overrides.config):
        if parameter.name in overrides.names:
            annotated, option = get_args(parameter.annotation)
            option.show_default = "as in the run"
            yield parameter.replace(default=None, annotation=Annotated[annotated | None, option])


def _default(item: Field[Any]) -> str | bool:
    """Return what the help shows as the default: a description, the value itself, or nothing."""
    return item.metadata["shown_default"] or item.default not in (None, "", (), False)


def _help(item: Field[Any]) -> str:
    """Return the help text of an option, with its choices."""
    help_, names = item.metadata["help"], item.metadata["choices"]
    return f"{help_} One of: {', '.join(names)}." if names else str(help_)


def _completion(item: Field[Any]) -> Callable[..., list[str]] | None:
    """Return the function that completes values of an option."""
    if item.metadata["choices"]:
        return choices(item.metadata["choices"])
    offers: dict[str | None, Callable[..., list[str]]] = {"SOURCE": sources, "NAME|FILE": model_names}
    return offers.get(item.metadata["metavar"])


def _type(annotated: Any) -> Any:
    """Return the type of a field for Typer: values are passed as text, since `Options` checks them."""
    if annotated in (bool, bool | None):
        return bool | None
    return list[str] if annotated == tuple[str, ...] else str | None


def _values(config: type[Options], given: dict[str, Any]) -> dict[str, Any]:
    """Convert the texts of the command line; invalid numbers stay text, which `Options` rejects."""
    types = get_type_hints(config)
    return {name: _value(types[name], value) for name, value in given.items()}


def _value(annotated: Any, given: Any) -> Any:
    if isinstance(given, list):
        return tuple(given)
    for kind in (int, float):
        if kind in (annotated, *get_args(annotated)) and isinstance(given, str):
            with suppress(ValueError):
                return kind(given)
    return given


def defaults_from_file(context: typer.Context, path: Path | None) -> Path | None:
    """Use the options in a TOML file as defaults, which the command line overrides.

    Raises:
        UsageError: the file cannot be read, or an option in it does not exist or is invalid.
    """
    if path is None:
        return None
    from seqgen.corpus.encodings import decoded

    try:
        values, context.meta[EARLIER] = from_toml(decoded(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"--config {path} cannot be read: {error.strerror}") from error
    except UsageError as error:
        raise UsageError(f"--config {path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--config {path} is not valid TOML: {error}") from error
    if isinstance(values.get("corpus"), str):
        values["corpus"] = [values["corpus"]]
    context.default_map = {
        **(context.default_map or {}),
        **{field_name(name): v for name, v in values.items()},
    }
    return path


def given_options(context: typer.Context) -> set[str]:
    """Return the names of the parameters that are given on the command line."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
