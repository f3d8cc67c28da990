"""Losses from outside: units, metrics and the pass that they share."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from kogen.loss_landscape.own_loss import OwnLoss, OwnUnitLosses, SharedForward


class Counting(nn.Module):
    """A network of several outputs that counts its passes, and a loss may write to what it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.passes = nn.Linear(3, 2), 0

    def forward(self, x: Tensor, scale: float = 1.0) -> dict[str, Any]:
        self.passes += 1
        return {"logits": self.layer(x) * scale, "name": "counting"}


def squares(model: nn.Module, batch: Tensor) -> Tensor:
    return model(batch)["logits"].square_().sum(1)  # in place: the metric must not see it


def first(model: nn.Module, batch: Tensor) -> Tensor:
    return model(batch)["logits"][:, 0]


def test_a_metric_sees_the_output_as_the_network_made_it():
    network, batch = Counting(), torch.randn(4, 3)
    each = OwnUnitLosses(network, OwnLoss("squares", squares, {"first": first}))
    with torch.no_grad(), each.measuring():
        found = each(batch, None)
    assert network.passes == 1
    wanted = network.layer(batch)
    torch.testing.assert_close(found, torch.stack([wanted.square().sum(1), wanted[:, 0]], dim=1))
    with torch.no_grad():
        assert each(batch, None).shape == (4,)  # without metrics: the losses alone
    assert network.passes == 2


def test_other_inputs_are_computed_anew():
    network, batch = Counting(), torch.randn(4, 3)
    shared = SharedForward(network.forward)
    with torch.no_grad(), shared.remembering():
        shared(batch)
        shared(batch.clone())  # the same numbers
        assert network.passes == 1
        twice = shared(batch, scale=2.0)
        other = shared(batch + 1)
        assert network.passes == 3
    torch.testing.assert_close(twice["logits"], 2 * network.layer(batch))
    torch.testing.assert_close(other["logits"], network.layer(batch + 1))
    shared(batch)
    shared(batch)
    assert network.passes == 5  # outside it remembers nothing


def test_a_scalar_is_the_loss_of_a_batch_and_metrics_are_means():
    network, batch = Counting(), torch.randn(4, 3)
    metrics = {"right": lambda model, x: first(model, x) > 0}
    each = OwnUnitLosses(network, OwnLoss("mean", lambda model, x: squares(model, x).mean(), metrics))
    with torch.no_grad(), each.measuring():
        found = each(batch, None)
    assert found.shape == (1, 2)
    assert each.scalar
    assert found[0, 1].item() == pytest.approx((network.layer(batch)[:, 0] > 0).float().mean().item())
