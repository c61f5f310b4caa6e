"""The optimizer, AdamW."""

from dataclasses import dataclass

import torch
from torch import Tensor

from seqgen.model.language_model import LanguageModel

BETA1, BETA2, EPSILON = 0.9, 0.99, 1e-8


@dataclass(frozen=True)
class Moments:
    """The moments of a parameter's gradients, named as in torch's AdamW.

    Attributes:
        step: the number of updates, a scalar.
        exp_avg: the running mean of the gradients, in the shape of the parameter.
        exp_avg_sq: the running mean of their squares, in the shape of the parameter.
    """

    step: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor


class AdamW:
    """Adam with decoupled weight decay of matrices only (Loshchilov & Hutter, 2019).

        m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
        w = w - lr decay w - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)

    `torch.optim.AdamW` computes the same, but imports torch's compiler: 0.85 s and 64 MB before the first step.

    Attributes:
        learning_rate: the learning rate of the next step.
        decay: the weight decay of each parameter, by name.
        moments: the moments of each parameter, by name.
    """

    def __init__(self, model: LanguageModel, learning_rate: float, weight_decay: float) -> None:
        self.learning_rate = learning_rate
        self.parameters = dict(model.named_parameters())
        self.decay = {name: weight_decay if p.ndim > 1 else 0.0 for name, p in self.parameters.items()}
        self.moments = {
            name: Moments(torch.zeros((), device=p.device), torch.zeros_like(p.data), torch.zeros_like(p.data))
            for name, p in self.parameters.items()
        }

    @torch.no_grad()
    def step(self) -> None:
        """Update the weights with their gradients."""
        gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        for decay in set(self.decay.values()):
            names = [name for name in gradients if self.decay[name] == decay]
            if names:
                _update(
                    [self.parameters[name] for name in names],
                    [gradients[name] for name in names],
                    [self.moments[name] for name in names],
                    self.learning_rate,
                    decay,
                )

    def zero_grad(self) -> None:
        """Delete the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None


def _update(
    weights: list[Tensor], gradients: list[Tensor], moments: list[Moments], learning_rate: float, decay: float
) -> None:
    steps = [each.step for each in moments]
    torch._foreach_add_(steps, 1)
    if not hasattr(torch, "_fused_adamw_"):
        for parameter in zip(weights, gradients, moments, strict=True):
            _update_unfused(*parameter, learning_rate, decay)
        return
    torch._fused_adamw_(
        weights,
        gradients,
        [each.exp_avg for each in moments],
        [each.exp_avg_sq for each in moments],
        [],
        steps,
        lr=learning_rate,
        beta1=BETA1,
        beta2=BETA2,
        weight_decay=decay,
        eps=EPSILON,
        amsgrad=False,
        maximize=False,
    )


def _update_unfused(weight: Tensor, gradient: Tensor, moments: Moments, learning_rate: float, decay: float) -> None:
    """Compute the same without torch's private operator, which takes a third of the time."""
    moments.exp_avg.lerp_(gradient, 1 - BETA1)
    moments.exp_avg_sq.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
    mean = moments.exp_avg / (1 - BETA1**moments.step)
    deviation = (moments.exp_avg_sq / (1 - BETA2**moments.step)).sqrt() + EPSILON
    weight.mul_(1 - learning_rate * decay).addcdiv_(mean, deviation, value=-learning_rate)
