"""Images that would decide: a table by hand, also with few clusters and several runs."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from kogen.statistics.paired import paired
from kogen.statistics.required_images import cluster_widening, images_to_fit, required_images


def one(*values: float) -> list[np.ndarray]:
    return [np.array([value], dtype=float) for value in values]


def test_images_to_fit_by_hand() -> None:
    # 100 images with variance 4: (1.96 + 0.84)^2 * 4 * 100 / 2^2 = 784 images for a difference of 2
    assert images_to_fit(*one(100, 4, 0, 2, 1.96, 1, 3.92)) == [784]
    # a room of 0 or less: none
    assert np.isnan(images_to_fit(*one(100, 4, 0, 0, 1.96, 1, 3.92)))[0]
    # training leaves half^2 - (1.96)^2 * 4 = 25 - 15.3664 = 9.6336, widened by (2.8 / 1.96)^2: 19.6604...; 25 - that
    stays = (2.8 / 1.96) ** 2 * (25 - 1.96**2 * 4)
    wanted = np.ceil(2.8**2 * 4 * 100 / (5**2 - stays))
    assert images_to_fit(*one(100, 4, 1, 5, 1.96, 1, 5)) == [wanted]
    assert np.isnan(images_to_fit(*one(100, 4, 1, 4, 1.96, 1, 5)))[0]  # 16 is less than what stays
    # few clusters widen the interval now and not with more images: nothing of it stays
    wide = 2.5
    assert images_to_fit(*one(100, 4, 1e-9, 2, 1.96, wide, 1.96 * wide * 2)) == [784]


def test_few_degrees_of_freedom_widen_by_students_quantile() -> None:
    found = cluster_widening(np.array([7.0, np.nan]), 0.025)
    assert found == pytest.approx([student.isf(0.025, 7) / norm.isf(0.025), 1])


def test_50000_images_decide_what_scores_alone_leave_open() -> None:
    # 160 images only the first has right and 90 only the second: 0.14 points, decided as it is
    right = np.ones((2, 50_000), dtype=int)
    right[1, :160] = 0
    right[0, 160:250] = 0
    right[:, 250:10_250] = 0
    names = np.char.mod("%d", np.arange(50_000))
    table = pd.concat(
        pd.DataFrame({"model": f"m{i}", "dataset": "d", "seed": 0, "item": names, "correct": row})
        for i, row in enumerate(right)
    )
    pair = paired(table, margin=0.05, draws=50)
    assert (pair["b"][0], pair["c"][0], pair["verdict"][0]) == (160, 90, "better")
    assert required_images(pair, margin=0.05).empty


def test_two_models_that_never_differ_are_equal_once_the_interval_fits_in_the_margin() -> None:
    """Their interval is of Bonett and Price's two imagined items alone; one image more would not make it narrow."""
    right = np.arange(100) % 10 > 0
    rows = [(m, "s", 0, i, int(value)) for m in "ab" for i, value in enumerate(right)]
    predictions = pd.DataFrame(rows, columns=["model", "dataset", "seed", "item", "correct"])
    needed = required_images(paired(predictions, margin=0.5), margin=0.5)
    half = lambda n: 100 * 1.645 * 2**0.5 / (n + 2)  # noqa: E731
    images = int(needed["images"].iloc[0])
    assert needed["decides"].tolist() == ["equivalent"]
    assert half(images) < 0.5
    assert half(images / 2) > 0.5


PAIR = {
    "dataset": "d",
    "first": "a",
    "second": "b",
    "n": 100,
    "verdict": "undecided",
    "difference": 2.0,
    "seed_error": 0.0,
    "minimum_detectable": 2.8 * 2,  # a standard error of 2
    "family_lo": 2 - 2.5 * 2,
    "family_hi": 2 + 2.5 * 2,
    "lo90": 2 - 1.645 * 2,
    "hi90": 2 + 1.645 * 2,
    "critical": 2.5,
    "df": np.nan,
}


def needed(margin: float | None = None, **change: float) -> tuple[int | None, int | None, str | None]:
    """images, more and decides of one pair."""
    row = required_images(pd.DataFrame([PAIR | change]), margin=margin).iloc[0]
    images, more, decides = (None if pd.isna(row[name]) else row[name] for name in ("images", "more", "decides"))
    return images, more, decides


def test_a_pair_is_decided_by_the_familys_quantile_or_within_the_margin_whichever_takes_fewer() -> None:
    better = int(np.ceil((2.5 + 0.84) ** 2 * 4 * 100 / 2**2))
    assert needed() == needed(difference=-2.0) == (better, better - 100, "better")
    same = int(np.ceil((1.645 + 0.84) ** 2 * 4 * 100 / 3**2))  # a margin of 5 leaves 3
    assert needed(5.0) == (same, same - 100, "equivalent")
    assert needed(2.0) == (better, better - 100, "better")  # the margin leaves nothing
    assert needed(difference=0.0) == (None, None, None)
    only = int(np.ceil((1.645 + 0.84) ** 2 * 4 * 100 / 1**2))
    assert needed(1.0, difference=0.0) == (only, only - 100, "equivalent")
    assert needed(difference=1000.0) == (101, 1, "better")  # an undecided pair takes one image more at least


def test_what_training_adds_stays_and_what_clusters_widen_does_not() -> None:
    half2 = 2.5**2 * 4 + student.isf(0.025, 2) ** 2 * 1  # of images and of training, as `total_half_width` adds them
    wide = {"minimum_detectable": 2.8 * 5**0.5, "seed_error": 1.0, "difference": 8.0}
    ends = {"family_lo": 8 - half2**0.5, "family_hi": 8 + half2**0.5}
    grown = (3.34 / 2.5) ** 2
    wanted = int(np.ceil(3.34**2 * 4 * 100 / (64 - grown * student.isf(0.025, 2) ** 2)))
    assert wanted > 101
    assert needed(**wide, **ends) == (wanted, wanted - 100, "better")
    few = student.isf(0.025, 7) / norm.isf(0.025)
    better = int(np.ceil((2.5 + 0.84) ** 2 * 4 * 100 / 2**2))
    assert needed(df=7.0, family_lo=2 - 5 * few, family_hi=2 + 5 * few) == (better, better - 100, "better")
    few90 = student.isf(0.05, 7) / norm.isf(0.05)
    same = int(np.ceil((1.645 + 0.84) ** 2 * 4 * 100 / 3**2))
    ends90 = {"lo90": 2 - 3.29 * few90, "hi90": 2 + 3.29 * few90}
    assert needed(5.0, df=7.0, **ends90) == (same, same - 100, "equivalent")


def test_imagined_items_fall_with_the_square_of_the_number_of_images() -> None:
    # half^2 = 6.25 once + twice, with once 4 and twice 11 at 100 images: at x times as many, 25 / x + 11 / x^2
    half = (6.25 * 4 + 11) ** 0.5
    grown = (3.34 / 2.5) ** 2
    ratio = next(x for x in np.arange(1, 20, 1e-4) if grown * (25 / x + 11 / x**2) <= 4)
    images, _, _ = needed(family_lo=2 - half, family_hi=2 + half)
    assert images == pytest.approx(100 * ratio, abs=1.1)


def test_decided_pairs_need_nothing_and_columns_stay_in_order() -> None:
    rows = pd.DataFrame([PAIR | {"verdict": "better"}, PAIR, PAIR | {"second": "c", "difference": 0.0}])
    found = required_images(rows)
    assert list(found) == ["dataset", "first", "second", "n", "images", "more", "decides"]
    assert found["second"].tolist() == ["b", "c"]
    assert required_images(rows.head(1)).empty
