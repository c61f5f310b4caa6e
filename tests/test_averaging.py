"""The average of weights, compared with worked examples."""

import numpy as np
import pytest
import torch

from seqgen.training.averaging import ETA, Average


def test_the_share_of_each_step_equals_its_formula(make_model):
    """The share of step t in the average after n steps is a_t (1 - a_{t+1}) ... (1 - a_n)."""
    model = make_model(20)
    average, history = Average(model), []
    for step in range(1, 61):
        with torch.no_grad():
            for weight in model.parameters():
                weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(step)))
        average.update(model, step)
        history.append(model.output_bias.detach().double().numpy().copy())
    a = (ETA + 1) / (ETA + np.arange(1, 61))
    shares = a * np.append(np.cumprod((1 - a)[::-1])[::-1][1:], 1)
    assert shares.sum() == pytest.approx(1)
    assert (np.diff(shares) > 0).all()  # the newest has the largest share
    torch.testing.assert_close(
        average.model.output_bias.double().numpy(), shares @ np.array(history), atol=1e-6, rtol=0
    )


def test_the_average_is_an_independent_model(make_model):
    model = make_model(20)
    average = Average(model)
    before = average.model.output_bias.clone()
    with torch.no_grad():
        model.output_bias.add_(1)
    assert torch.equal(average.model.output_bias, before)
    average.update(model, 1)
    assert torch.equal(average.model.output_bias, model.output_bias)
    assert not any(weight.requires_grad for weight in average.model.parameters())
