"""The optimizer, and the tensors from which it goes on exactly where it was stopped."""

from collections.abc import Mapping

import torch
from torch import Tensor

from seqgen.cells.base import State
from seqgen.config import OptimizationConfig
from seqgen.model.language_model import LanguageModel

BETAS = (0.9, 0.99)
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # as torch's AdamW calls them


def make_optimizer(model: LanguageModel, options: OptimizationConfig) -> torch.optim.Optimizer:
    """Return AdamW with decay on the matrices alone (Loshchilov & Hutter 2019)."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": options.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=BETAS, fused=True)


def resumable_tensors(optimizer: torch.optim.Optimizer, model: LanguageModel, hidden: list[State]) -> dict[str, Tensor]:
    """Return the moments of every parameter and the hidden state of every stream, by name."""
    tensors = {f"hidden.{i}.{name}": part for i, layer in enumerate(hidden) for name, part in layer._asdict().items()}
    for name, parameter in model.named_parameters():
        moments = optimizer.state.get(parameter, {})  # none before the first step
        tensors |= {f"optimizer.{name}.{moment}": tensor for moment, tensor in moments.items()}
    return tensors


def restore_optimizer(optimizer: torch.optim.Optimizer, model: LanguageModel, tensors: Mapping[str, Tensor]) -> None:
    """Give the optimizer the moments that `resumable_tensors` returned."""
    for name, parameter in model.named_parameters():
        if f"optimizer.{name}.step" in tensors:
            optimizer.state[parameter] = {
                moment: tensors[f"optimizer.{name}.{moment}"].to(parameter.device) for moment in _MOMENTS
            }


def restored_hidden(hidden: list[State], tensors: Mapping[str, Tensor]) -> list[State]:
    """Return the hidden state that `resumable_tensors` returned, as `hidden` is in kind and device."""
    return [
        type(layer)(*(tensors[f"hidden.{i}.{name}"].to(part) for name, part in layer._asdict().items()))
        for i, layer in enumerate(hidden)
    ]
