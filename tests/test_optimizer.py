"""AdamW, compared with torch's."""

import pytest
import torch

from seqgen.training.optimizer import AdamW


@pytest.fixture(params=["fused", "plain"])
def model(request, make_model, monkeypatch):
    if request.param == "plain":
        monkeypatch.delattr(torch, "_fused_adamw_")
    return make_model(20, num_layers=2)


def set_gradients(model, generator):
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def train(model, optimizer, generator, steps):
    for step in range(steps):
        optimizer.learning_rate = 0.01 / (1 + step)
        set_gradients(model, generator)
        optimizer.step()


def test_steps_equal_those_of_torch(model, make_model, generator):
    reference = make_model(20, num_layers=2)
    matrices, vectors = (
        [p for p in reference.parameters() if (p.ndim > 1) is is_matrix] for is_matrix in (True, False)
    )
    oracle = torch.optim.AdamW([{"params": matrices}, {"params": vectors, "weight_decay": 0.0}],
                               betas=(0.9, 0.99), weight_decay=0.3)  # fmt: skip
    optimizer = AdamW(model, learning_rate=0.01, weight_decay=0.3)
    train(model, optimizer, generator, 5)
    again = torch.Generator().manual_seed(1)
    for step in range(5):
        for group in oracle.param_groups:
            group["lr"] = 0.01 / (1 + step)
        set_gradients(reference, again)
        oracle.step()
    for mine, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-7, rtol=1e-5)


def test_zero_grad_deletes_gradients_and_missing_gradients_change_nothing(model):
    optimizer = AdamW(model, learning_rate=0.01, weight_decay=0.1)
    set_gradients(model, None)
    optimizer.zero_grad()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimizer.step()
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
