"""The language model of `--language-model`, which is added to the search of a conditional model."""

from typing import TYPE_CHECKING

from seqgen.cli import display
from seqgen.cli.model import load
from seqgen.cli.progress import ShownProgress
from seqgen.config import DeviceConfig, EvaluationConfig, FoldersConfig, SamplingConfig
from seqgen.errors import UsageError

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.model.language_model import LanguageModel
    from seqgen.sampling.fusion import Fusion


def load_fusion(
    options: SamplingConfig | EvaluationConfig,
    loaded: "Checkpoint",
    model: "LanguageModel",
    folders: FoldersConfig,
    machine: DeviceConfig,
) -> "Fusion | None":
    """Return the language model that options name, with its weight; None if they name none.

    Args:
        options: name the run of the language model, and possibly its weight.
        loaded: the conditional checkpoint.
        model: its model.
        folders: where runs and prepared corpora are.
        machine: where to compute.

    Raises:
        UsageError: the models do not suit each other.
        CheckpointError: the language model does not exist or is damaged.
    """
    if options.language_model is None:
        return None
    if loaded.given_coding is None:
        raise UsageError("--language-model is for models that write from something given; this one does not: omit it")
    from seqgen.evaluation.fusion_weight import fused

    _, other, other_model = load(options.language_model, folders, machine)
    weight = options.language_model_weight
    fusion, message = fused(loaded, model, other, other_model, folders, weight, ShownProgress())
    display.note(message)
    return fusion
