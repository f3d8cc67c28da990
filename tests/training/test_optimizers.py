"""Optimisers and schedules against hand-computed tables."""

import math

import pytest
import torch
from torch import nn

from kogen.modules.base import Recipe
from kogen.modules.schedules import cosine_schedule, learning_rate
from kogen.training.optimizers import LARS, make_optimiser, parameter_groups


def test_cosine_is_byols_schedule():
    # tau_k = 1 - (1 - tau_base)(cos(pi k / K) + 1) / 2
    for k in range(6):
        wanted = 1 - (1 - 0.97) * (math.cos(math.pi * k / 5) + 1) / 2
        assert cosine_schedule(k / 5, 0.97, 1.0) == pytest.approx(wanted, abs=1e-15)


def test_rate_by_hand():
    table = {0.0: 0.0, 0.05: 0.5, 0.1: 1.0, 0.55: 0.5, 1.0: 0.0}
    for progress, wanted in table.items():
        assert learning_rate(progress, 1.0, 0.1) == pytest.approx(wanted, abs=1e-12)


def test_rate_without_warmup_starts_at_its_peak():
    assert learning_rate(0.0, 0.3, 0.0) == pytest.approx(0.3)


def test_lars_against_five_steps_by_hand():
    w = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    ours = LARS([{"params": [w], "weight_decay": 0.1, "adapt": True}], lr=0.5, momentum=0.9)
    x, buffer = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    for step in range(5):
        grad = torch.tensor([[1.0, -2.0 * step]])
        w.grad = grad.clone()
        ours.step()
        direction = grad + 0.1 * x
        buffer = 0.9 * buffer + direction * 1e-3 * x.norm() / direction.norm()
        x = x - 0.5 * buffer
        assert torch.allclose(w.detach(), x, atol=1e-7)


def test_lars_leaves_biases_to_plain_sgd():
    w = nn.Parameter(torch.tensor([1.0, 2.0]))
    w.grad = torch.tensor([0.5, 0.5])
    LARS([{"params": [w], "weight_decay": 0.0, "adapt": False}], lr=0.1).step()
    assert torch.allclose(w.detach(), torch.tensor([0.95, 1.95]))


def test_positions_and_tokens_do_not_decay():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.pos_embed = nn.Parameter(torch.zeros(1, 4, 8))
            self.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
            self.layer = nn.Linear(8, 8)

    net = Net()
    decayed, plain = (group["params"] for group in parameter_groups(net, 0.1))
    assert [p is net.layer.weight for p in decayed] == [True]
    assert len(plain) == 3


def test_unknown_optimiser():
    with pytest.raises(ValueError, match="unknown optimiser 'sdg': choose one of adamw, lars, sgd"):
        make_optimiser(nn.Linear(2, 2), Recipe("", "", "", 2, optimiser="sdg"))
