"""All options of a training run."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self, get_type_hints

from seqgen.config.budget import BUDGETS, BudgetConfig
from seqgen.config.corpus import CorpusConfig
from seqgen.config.machine import MachineConfig
from seqgen.config.model import ModelConfig, ModelOptions
from seqgen.config.optimization import OptimizationConfig, OptimizationOptions
from seqgen.errors import UsageError
from seqgen.options import field_name, flag


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of a training run as requested: those that are None are chosen by the recipe."""

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    model: ModelOptions = field(default_factory=ModelOptions)
    optimization: OptimizationOptions = field(default_factory=OptimizationOptions)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    machine: MachineConfig = field(default_factory=MachineConfig)

    def __post_init__(self) -> None:
        """Reject names that cannot be stored, such as file names in Latin-1."""
        for name, value in self.to_flat().items():
            try:
                "".join(value if isinstance(value, list) else [str(value)]).encode()
            except UnicodeEncodeError:
                raise UsageError(f"{flag(name)} must be valid UTF-8, got {value!r}") from None

    def to_flat(self) -> dict[str, Any]:
        """Return the values by option name, without those that are None."""
        flat: dict[str, Any] = {}
        for group in fields(self):
            options = getattr(self, group.name)
            flat |= {flag(item.name)[2:]: getattr(options, item.name) for item in fields(options)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in flat.items()
            if value is not None
        }

    @classmethod
    def from_flat(cls, flat: Mapping[str, Any]) -> Self:
        """Return the options from which `to_flat` made these values.

        Raises:
            UsageError: an option does not exist, is missing or breaks its rule.
        """
        values = {field_name(name): tuple(v) if isinstance(v, list) else v for name, v in flat.items()}
        if isinstance(values.get("corpus"), str):
            values["corpus"] = (values["corpus"],)
        groups: dict[str, Any] = {}
        for group, kind in get_type_hints(cls).items():
            own = {item.name: values.pop(item.name) for item in fields(kind) if item.name in values}
            missing = [item.name for item in fields(kind) if item.default is MISSING and item.name not in own]
            if missing:
                raise UsageError(f"a resolved configuration needs {', '.join(map(flag, missing))}")
            groups[group] = kind(**own)
        if values:
            raise UsageError(f"{', '.join(map(flag, values))}: no such option in a configuration")
        return cls(**groups)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(TrainOptions):
    """The options of a training run as resolved: everything is chosen."""

    model: ModelConfig
    optimization: OptimizationConfig

    def __post_init__(self) -> None:
        """Reject what is not chosen.

        Raises:
            UsageError: there is no budget, or the device or the precision is `auto`.
        """
        super().__post_init__()
        has_budget = any(getattr(self.budget, name) is not None for name in BUDGETS)
        if not has_budget or "auto" in (self.machine.device, self.machine.precision):
            raise UsageError("a resolved configuration needs a budget, a device and a precision")
