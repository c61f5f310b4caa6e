"""The average of the weights that training goes through: better than any of them while the learning rate is high.

    average_t = average_{t-1} + a_t (w_t - average_{t-1}),  a_t = (eta + 1) / (eta + t)

which weighs the newest of t steps most, and reaches back over about the last t / (eta + 1) (polynomial-decay averaging:
Shamir & Zhang, Stochastic gradient descent for non-smooth optimization, 2013). It needs no length of the
run, unlike a fixed decay, and none of what was far from good is left in it.
"""

import copy

import torch

from seqgen.model.language_model import LanguageModel

ETA = 4  # with the learning rate that `schedule.py` ends with; 2, 3, 5, 10 and 20 give 0.001 to 0.013 nats more


class Average:
    """A model whose weights are the average of another's.

    Args:
        model: the one in training.

    Attributes:
        model: with the averaged weights, for validating, sampling and keeping.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def update(self, model: LanguageModel, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        share = (ETA + 1) / (ETA + step)
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), share)
