"""RankMe, spread and the alarms."""

import math

import numpy as np
import pytest
import torch
from small import blobs, plan_for

from kogen.training.monitor import feature_std, find_alarms, rank_me
from kogen.training.run import train_run


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
    assert (
        find_alarms(
            [0, 1, 2], [0.1, 0.2, 0.3], [0.2, 0.3, 0.4], [math.nan, 3.0, 2.0], floor=math.log(100), per_epoch=20
        )
        == []
    )


def test_collapse_is_told_with_its_epoch():
    (first, second) = find_alarms(
        [0, 1, 2], [0.5, 0.3, 0.01], [0.2, 0.01, 0.3], [math.nan, 1.0, 1.0], floor=None, per_epoch=20
    )
    assert (first.kind, first.epoch) == ("spread", 1)
    assert (second.kind, second.epoch) == ("rank", 2)
    assert "under 10% of its start" in first.text


def test_a_loss_stuck_at_ln_k():
    floor = math.log(1024)
    (alarm,) = find_alarms([0, 1, 2], [1, 1, 1], [1, 1, 1], [math.nan, floor, floor * 1.001], floor, 20)
    assert alarm.kind == "stuck"
    assert find_alarms([0, 1, 2], [1, 1, 1], [1, 1, 1], [math.nan, floor, 2.0], floor, 20) == []


def test_two_steps_are_too_few_to_tell_a_collapse():
    """Of 48 images in batches of 24: the loss of a classifier begins at its floor, and batch norm is half filled."""
    floor = math.log(2)
    short = [0, 1], [0.5, 0.01], [0.5, 0.01], [math.nan, floor]
    assert find_alarms(*short, floor, per_epoch=2) == []
    assert [alarm.kind for alarm in find_alarms(*short, floor, per_epoch=20)] == ["rank", "spread", "stuck"]
    late = [0, 1, 10], [0.5, 0.01, 0.01], [0.5, 0.5, 0.5], [math.nan, floor, 0.1]
    (alarm,) = find_alarms(*late, floor, per_epoch=2)
    assert (alarm.kind, alarm.epoch) == ("rank", 10)


def test_a_pilot_of_48_images_and_two_steps_raises_no_alarm(tmp_path):
    images = blobs(48)
    for method in ("supervised", "simclr", "byol"):
        plan = plan_for(images, method, epochs=1, batch_size=24)
        assert train_run(plan, images, tmp_path / method)["alarms"] == []
