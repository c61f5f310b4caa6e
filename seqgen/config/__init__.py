"""All options: each is a field with its name, default, help text and bounds.

Options that the recipe chooses unless they are given have two types: `ModelOptions` are requested and may be None,
`ModelConfig` is resolved and complete. Code after `training/recipe.py` sees only the latter.
"""

from seqgen.config.budget import BUDGETS, BudgetConfig
from seqgen.config.corpus import READING, CorpusConfig
from seqgen.config.evaluation import EvaluationConfig, InspectionConfig
from seqgen.config.logging import LoggingConfig
from seqgen.config.machine import DeviceConfig, FoldersConfig, MachineConfig, RunsConfig
from seqgen.config.model import ARCHITECTURE, INITIAL_WEIGHTS, ModelConfig, ModelOptions
from seqgen.config.optimization import OptimizationConfig, OptimizationOptions
from seqgen.config.sampling import BEAM_SIZE, GIVEN_LENGTH, GIVEN_LENGTH_PER_TOKEN, TEXT_LENGTH, SamplingConfig
from seqgen.config.train import TrainConfig, TrainOptions
from seqgen.config.writing import WritingConfig

__all__ = [
    "ARCHITECTURE",
    "BEAM_SIZE",
    "BUDGETS",
    "GIVEN_LENGTH",
    "GIVEN_LENGTH_PER_TOKEN",
    "INITIAL_WEIGHTS",
    "READING",
    "TEXT_LENGTH",
    "BudgetConfig",
    "CorpusConfig",
    "DeviceConfig",
    "EvaluationConfig",
    "FoldersConfig",
    "InspectionConfig",
    "LoggingConfig",
    "MachineConfig",
    "ModelConfig",
    "ModelOptions",
    "OptimizationConfig",
    "OptimizationOptions",
    "RunsConfig",
    "SamplingConfig",
    "TrainConfig",
    "TrainOptions",
    "WritingConfig",
]
