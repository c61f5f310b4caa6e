"""Tokens that are read with factors: the sum of their embeddings."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqgen.compiled import HAS_COMPILER
from seqgen.model.rows import add_to_rows


def sum_of_embeddings(ids: Tensor, matrix: Tensor) -> Tensor:
    """Return the sums of some rows of a matrix, shape (..., features).

    Args:
        ids: the rows, shape (..., summands).
        matrix: shape (rows, features), in float32 if it has a gradient.
    """
    if ids.device.type != "cpu":
        return F.embedding(ids, matrix).sum(-2)
    rows = ids.flatten(0, -2)
    if HAS_COMPILER and torch.is_grad_enabled():
        sums: Tensor = _Sum.apply(rows, matrix)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    else:
        sums = F.embedding_bag(rows, matrix, mode="sum")
    return sums.view(*ids.shape[:-1], -1)


class _Sum(torch.autograd.Function):
    """`embedding_bag`, whose own backward pass takes 13 times as long."""

    @staticmethod
    def forward(ctx: Any, ids: Tensor, matrix: Tensor) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.num_rows = len(matrix)
        return F.embedding_bag(ids, matrix, mode="sum")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_sums: Tensor) -> tuple[None, Tensor]:
        (ids,) = ctx.saved_tensors
        d_matrix = d_sums.new_zeros(ctx.num_rows, d_sums.shape[1])
        add_to_rows(d_matrix, ids, d_sums)
        return None, d_matrix
