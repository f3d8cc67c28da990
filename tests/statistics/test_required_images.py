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
