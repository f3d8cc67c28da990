"""Pool curves: values and gains of hand-made tables with exact numbers, and what is said of them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.common.metric_facts import ACCURACY
from kogen.results.answers.pool_curves import Growth, pool_curves, read_growth, shared_seeds

CLASSES = ["a", "b"]
SIZES = {(model, pool): images for model in "xy" for pool, images in (("10%", 20.0), ("30%", 60.0), ("", 200.0))}
Right = dict[str, list[list[int]]]  # pool -> of each seed whether each image is right


def predictions(models: dict[str, Right]) -> pd.DataFrame:
    """Rows of models with these answers, ten images or as many as are given."""
    rows = []
    for model, pools in models.items():
        for pool, seeds in pools.items():
            for seed, right in enumerate(seeds):
                n = len(right)
                label = np.where(np.arange(n) % 2, "a", "b")
                predicted = np.where(np.array(right) > 0, label, np.where(label == "a", "b", "a"))
                frame: dict[str, Any] = {"model": model, "seed": seed, "dataset": "test", "item": np.arange(n)}
                frame |= {"label": label, "predicted": predicted, "correct": right, "cluster": np.arange(n)}
                rows.append(pd.DataFrame(frame | {"pool": pool or None}))
    found = pd.concat(rows, ignore_index=True)
    texts = {name: found[name].astype("category") for name in ("model", "dataset", "pool")}
    answers = {name: pd.Categorical(found[name], CLASSES) for name in ("label", "predicted")}
    return found.assign(**texts, **answers)


def test_a_gain_without_any_spread_is_exact() -> None:
    # Each image is right in one of the two seeds with 30 %, and in both with all: 50 points, whoever is drawn.
    few = [[1, 0] * 5, [0, 1] * 5]
    rows = predictions({"x": {"10%": [[0] * 10] * 2, "30%": few, "": [[1] * 10] * 2}, "y": {"": [[1] * 10] * 2}})
    found = pool_curves(rows, ACCURACY, SIZES, 1.0, {("x", "10%"): 2})
    assert [(one.model, one.pool, one.images, one.seeds, one.value, one.alarmed) for one in found.values] == [
        ("x", "10%", 20, 2, 0, 2),
        ("x", "30%", 60, 2, 50, 0),
        ("x", "", 200, 2, 100, 0),
    ]
    (gain,) = found.gains
    assert (gain.less, gain.more, gain.less_images, gain.more_images, gain.seeds) == ("30%", "", 60, 200, 2)
    assert (gain.gain, gain.lo, gain.hi, gain.growth) == (50, 50, 50, Growth.RISING)


def test_the_interval_of_one_seed_is_students_over_images() -> None:
    # Differences 1, 0, 0, 0: mean 1/4, variance of the mean (1/4) / 4, Student's t of 3 degrees of freedom is 3.18245.
    rows = predictions({"x": {"30%": [[0, 1, 0, 0]], "": [[1, 1, 0, 0]]}})
    (gain,) = pool_curves(rows, ACCURACY, SIZES, 1.0).gains
    half = 3.182446 * 100 * (0.25 / 4) ** 0.5
    assert (gain.gain, gain.lo, gain.hi) == pytest.approx((25, 25 - half, min(25 + half, 100)), abs=1e-4)
    assert gain.growth == Growth.UNKNOWN
    (few, whole) = pool_curves(rows, ACCURACY, SIZES, 1.0).values
    assert (few.lo, whole.hi) == (0, 100)  # no accuracy lies beyond these


def test_the_interval_holds_the_seeds_too_and_pairs_them() -> None:
    # Seeds differ in level, and gain 10 and 30 points: mean 20, Student's t of one degree of freedom is 12.7062.
    n = 40
    seeds = [(10, 14), (20, 32)]  # right with 30 % and with all

    def answers(count: int) -> list[int]:
        return [1] * count + [0] * (n - count)

    rows = predictions({"x": {"30%": [answers(a) for a, _ in seeds], "": [answers(b) for _, b in seeds]}})
    (gain,) = pool_curves(rows, ACCURACY, SIZES, 1.0).gains
    each = np.array([np.array(answers(b)) - np.array(answers(a)) for a, b in seeds]).mean(axis=0)
    images, runs = each.var(ddof=1) / n, np.var([0.1, 0.3], ddof=1) / 2
    half = 100 * np.sqrt(images * 2.022691**2 + runs * 12.706205**2)
    assert 20 + half > 100
    assert (gain.gain, gain.lo, gain.hi) == pytest.approx((20, max(20 - half, -100), 100), abs=1e-3)  # no further


def test_only_seeds_that_a_model_has_with_every_number_of_images_count() -> None:
    right = {"30%": [[0] * 4, [0] * 4, [0] * 4], "": [[1] * 4, [1] * 4, [1] * 4]}
    rows = predictions({"x": right, "y": {"": [[1] * 4] * 3}})
    torn = rows[~((rows.model == "x") & (rows.seed == 0) & rows.pool.isna())]
    torn = torn[~((torn.model == "x") & (torn.seed == 2) & (torn.pool == "30%"))]
    assert shared_seeds(torn).groupby("model", observed=True).seed.unique().map(list).to_dict() == {
        "x": [1],
        "y": [0, 1, 2],
    }
    (gain,) = pool_curves(torn, ACCURACY, SIZES, 1.0).gains
    assert (gain.seeds, gain.gain) == (1, 100)
    none = torn[~((torn.model == "x") & (torn.seed == 1) & (torn.pool == "30%"))]
    assert pool_curves(none, ACCURACY, SIZES, 1.0).gains == []


def test_runs_whose_folder_is_gone_are_left_out() -> None:
    rows = predictions({"x": {"10%": [[0] * 4], "30%": [[0] * 4], "": [[1] * 4]}})
    sizes = {key: size for key, size in SIZES.items() if key[1] != "30%"}
    (gain,) = pool_curves(rows, ACCURACY, sizes, 1.0).gains
    assert (gain.less, gain.less_images) == ("10%", 20)
    assert pool_curves(rows, ACCURACY, {("x", ""): 200.0}, 1.0).values == []


@pytest.mark.parametrize(
    ("ends", "inner", "growth"),
    [
        ((0.4, 3.8), (0.7, 3.5), Growth.RISING),
        ((-3.8, -0.4), (-3.5, -0.7), Growth.FALLING),
        ((-1.2, 0.9), (-0.9, 0.8), Growth.FLAT),
        ((0.1, 0.9), (0.2, 0.8), Growth.FLAT),  # real, and too small to matter
        ((-1.2, 1.2), (-1.0, 0.8), Growth.UNKNOWN),  # the margin itself is not within it
        ((-0.1, 3.0), (0.1, 2.8), Growth.UNKNOWN),
    ],
)
def test_what_the_interval_says(ends: tuple[float, float], inner: tuple[float, float], growth: Growth) -> None:
    assert read_growth(ends, inner, 1.0) == growth


def test_tables_have_a_row_each() -> None:
    rows = predictions({"x": {"30%": [[0] * 4], "": [[1] * 4]}})
    tables = pool_curves(rows, ACCURACY, SIZES, 1.0).tables()
    assert tables["pools"][["model", "pool", "value"]].to_numpy().tolist() == [["x", "30%", 0.0], ["x", "", 100.0]]
    assert tables["pool_gains"]["growth"].tolist() == ["rising"]
