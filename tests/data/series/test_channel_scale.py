"""The scale of each channel: numpy's mean and std, and a constant channel that divides nothing by 0."""

import numpy as np
import pytest
import torch

from kogen.data.series.channel_scale import channel_scale


def test_scale_of_windows() -> None:
    values = torch.randn(9, 2, 30).double() * 3 + 5
    values[:, 1] = 4
    mean, std = channel_scale(values)
    assert mean == pytest.approx((float(values[:, 0].mean()), 4.0))
    assert std == pytest.approx((float(np.std(values[:, 0].numpy())), 1.0))
