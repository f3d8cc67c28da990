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
    """Five singular values, over N - 1 = 4."""
    values = np.random.default_rng(0).normal(size=(5, 100))
    sigma = np.linalg.svd(values, compute_uv=False)
    p = sigma / sigma.sum() + 1e-7
    assert rank_me(torch.from_numpy(values)) == pytest.approx(math.exp(-(p * np.log(p)).sum()) / 4, rel=1e-9)


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


def test_rank_me_has_no_unit_and_is_known_of_one_image_and_of_zeros():
    values = torch.from_numpy(np.random.default_rng(1).normal(size=(50, 8)))
    assert rank_me(values * 1e-9) == pytest.approx(rank_me(values), rel=1e-9)
    assert rank_me(torch.ones(1, 8)) == pytest.approx(1, abs=1e-5)  # one value, and 1 for the N - 1 = 0 below it
    p = 1e-7  # of each of 8 values that are 0
    assert rank_me(torch.zeros(64, 8)) == pytest.approx(math.exp(-8 * p * math.log(p)) / 8, rel=1e-12)


def test_spread_by_hand():
    """Unit rows (1, 0), (0, 1), (0, 1): in each column the deviation of one from two, .5774, times the root of 2."""
    found = feature_std(torch.tensor([[3.0, 0.0], [0.0, 5.0], [0.0, 1.0]]))
    assert found == pytest.approx((1 / 3) ** 0.5 * 2**0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("per_epoch", "rank", "spread", "loss", "kinds"),
    [
        (19, 0.0, 0.0, 100.0, []),  # 19 steps tell nothing, 20 do
        (20, 0.0, 0.0, 100.0, ["rank", "spread", "stuck"]),
        (20, 0.5, 0.25, 200.0, []),  # a tenth of the start is not under a tenth
        (20, 0.4999, 0.25, 200.0, ["rank"]),
        (20, 0.5, 0.2499, 200.0, ["spread"]),
        (20, 5.0, 2.5, 101.0, []),  # 1 % away is not within 1 %
        (20, 5.0, 2.5, 100.999, ["stuck"]),
        (20, 5.0, 2.5, 99.001, ["stuck"]),
        (20, 5.0, 2.5, 99.0, []),
    ],
)
def test_where_alarms_begin(per_epoch: int, rank: float, spread: float, loss: float, kinds: list[str]):
    found = find_alarms([0, 1], [5.0, rank], [2.5, spread], [math.nan, loss], 100.0, per_epoch)
    assert [alarm.kind for alarm in found] == kinds


def test_the_words_of_an_alarm_say_its_numbers():
    rank, spread, stuck = find_alarms([0, 1], [5.0, 0.25], [2.5, 0.125], [math.nan, 99.5], 100.0, 20)
    assert rank.text == "RankMe fell from 5.000 to 0.250, under 10% of its start"
    assert spread.text == "the spread of features fell from 2.500 to 0.125, under 10% of its start"
    assert stuck.text == "the loss is stuck at 99.5000, the value of a collapse"


def test_an_alarm_keeps_the_epoch_at_which_it_began_and_a_loss_that_moves_on_takes_its_own_back():
    healthy = [5.0] * 4
    (alarm,) = find_alarms([0, 1, 2, 3], healthy, healthy, [math.nan, 200.0, 100.0, 100.5], 100.0, 20)
    assert (alarm.kind, alarm.epoch) == ("stuck", 2)
    assert find_alarms([0, 1, 2, 3], healthy, healthy, [math.nan, 100.0, 100.0, 150.0], 100.0, 20) == []
    assert find_alarms([0, 1, 2, 3], healthy, healthy, [math.nan, 100.0, 100.0, 100.0], None, 20) == []
    (alarm,) = find_alarms([0, 1, 2, 3], healthy, healthy, [math.nan, -100.0, -100.0, -100.5], -100.0, 20)
    assert (alarm.kind, alarm.epoch) == ("stuck", 1)  # a floor may be below 0


def test_a_loss_is_wanted_for_each_epoch():
    with pytest.raises(ValueError, match="shorter"):
        find_alarms([0, 1], [5.0, 5.0], [5.0, 5.0], [math.nan], None, 20)


def test_a_pilot_of_48_images_and_two_steps_raises_no_alarm(tmp_path):
    images = blobs(48)
    for method in ("supervised", "simclr", "byol"):
        plan = plan_for(images, method, epochs=1, batch_size=24)
        assert train_run(plan, images, tmp_path / method)["alarms"] == []
