"""RankMe, spread and the alarms."""

import math

import numpy as np
import pytest
import torch

from kogen.training.monitor import feature_std, find_alarms, rank_me


def test_rank_me_against_its_definition():
    values = np.random.default_rng(0).normal(size=(50, 8)) + 3.0
    sigma = np.linalg.svd(values, compute_uv=False)
    p = sigma / sigma.sum() + 1e-7
    wanted = math.exp(-(p * np.log(p)).sum()) / 8
    assert rank_me(torch.from_numpy(values)) == pytest.approx(wanted, rel=1e-9)


def test_rank_me_at_its_ends():
    assert rank_me(torch.linalg.qr(torch.randn(64, 8, generator=torch.Generator().manual_seed(0)))[0]) > 0.99
    assert rank_me(torch.ones(64, 8)) == pytest.approx(1 / 8, rel=1e-3)


def test_rank_me_with_fewer_images_than_features():
    value = rank_me(torch.randn(5, 100, generator=torch.Generator().manual_seed(0)))
    assert 0.9 < value < 1.26  # five singular values over N - 1 = 4


def test_spread_is_near_one_for_random_and_zero_for_collapsed():
    assert feature_std(torch.randn(500, 64, generator=torch.Generator().manual_seed(0))) == pytest.approx(1, abs=0.02)
    assert feature_std(torch.ones(500, 64)) == pytest.approx(0, abs=1e-9)


def test_a_healthy_run_raises_nothing():
    assert find_alarms([0, 1, 2], [0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [math.nan, 3.0, 2.0], floor=math.log(100)) == []


def test_collapse_is_told_with_its_epoch():
    (first, second) = find_alarms([0, 1, 2], [0.5, 0.3, 0.01], [0.2, 0.01, 0.3], [math.nan, 1.0, 1.0], floor=None)
    assert (first.kind, first.epoch) == ("spread", 1)
    assert (second.kind, second.epoch) == ("rank", 2)
    assert "under 10% of its start" in first.text


def test_a_loss_stuck_at_ln_k():
    floor = math.log(1024)
    (alarm,) = find_alarms([0, 1, 2], [1, 1, 1], [1, 1, 1], [math.nan, floor, floor * 1.001], floor)
    assert alarm.kind == "stuck"
    assert find_alarms([0, 1, 2], [1, 1, 1], [1, 1, 1], [math.nan, floor, 2.0], floor) == []
