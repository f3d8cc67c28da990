"""The minimiser of the linear probe where there is nothing to minimise."""

import numpy as np
import torch

from kogen.evaluation.probes.linear import minimise_loss


def test_a_loss_that_cannot_fall_ends_and_is_not_called_reached() -> None:
    """Of one class the loss is 0 from the start: no step is made, and the steps that are left still run out."""
    x, labels = torch.ones(2, 3, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.int64)
    weights, bias, reached = minimise_loss(x, labels, np.zeros((2, 1)), np.zeros(1), 1.0, np.ones((2, 1)), 5)
    assert weights.tolist() == [[0.0], [0.0]]
    assert bias.tolist() == [0.0]
    assert not reached
