"""Curvature metrics: means, intervals and differences of two hand-made models, each part of the variance by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from kogen.statistics._curvature_metrics import EXACT_DF, metric_half_width, tables

ANT = [[1.0, 2, 3, 4], [3.0, 4, 5, 6]]  # means of 2.5 and 4.5; by part of the images 2, 3, 4 and 5
BEE = [[1.0, 1, 2, 2]]


def metrics(
    metric: str = "trace", images: tuple[int, ...] = (64, 96, 64), bee: list[list[float]] = BEE
) -> pd.DataFrame:
    rows = [
        {"run": f"{model}-{seed}", "model": model, "values": values, "error": error}
        for model, runs, errors in (("bee", bee, [0.2]), ("ant", ANT, [0.1, 0.3]))
        for seed, (values, error) in enumerate(zip(runs, errors, strict=True))
    ]
    return pd.DataFrame(rows).assign(objective="pretrain", metric=metric, images=images)


def half(*parts: tuple[float, float], chance: float = 0.05) -> float:
    """Half of the interval of variances with their degrees of freedom (Satterthwaite)."""
    total = sum(variance for variance, _ in parts)
    freedom = total**2 / sum(variance**2 / df for variance, df in parts)
    return float(student.isf(chance / 2, freedom)) * total**0.5


def test_the_variance_is_that_of_images_runs_and_errors() -> None:
    rows, _ = tables(metrics())
    ant, bee = rows.to_dict("records")
    assert (ant["model"], ant["value"], ant["images"], ant["planes"]) == ("ant", 3.5, 96, None)
    wide = half((5 / 3 / 4, 3), (2 / 2, 1), ((0.01 + 0.09) / 4, 1e6))
    assert (ant["lo"], ant["hi"]) == pytest.approx((3.5 - wide, 3.5 + wide))
    wide = half((1 / 3 / 4, 3), (0.04, 1e6))  # one run says nothing of other runs
    assert (bee["model"], bee["value"]) == ("bee", 1.5)
    assert (bee["lo"], bee["hi"]) == pytest.approx((1.5 - wide, 1.5 + wide))


def test_what_is_positive_has_an_interval_on_a_scale_of_logs() -> None:
    ant = tables(metrics("lambda_max"))[0].iloc[0]
    factor = np.exp(half((5 / 3 / 4, 3), (1.0, 1), (0.025, 1e6)) / 3.5)
    assert (ant["lo"], ant["hi"]) == pytest.approx((3.5 / factor, 3.5 * factor))


def test_a_difference_is_taken_part_by_part() -> None:
    (pair,) = tables(metrics())[1].to_dict("records")
    assert (pair["first"], pair["second"], pair["difference"], pair["planes"]) == ("ant", "bee", 2.0, None)
    wide = half((2 / 3 / 4, 3), (1.0, 1), (0.025, 1e6), (0.04, 1e6))  # 1, 2, 2 and 3 apart
    assert (pair["lo"], pair["hi"]) == pytest.approx((2 - wide, 2 + wide))
    assert pair["verdict"] == "undecided"


@pytest.mark.parametrize(("parts", "unknown"), [([1.5], True), ([1.5] * 3, True), ([1.0, 1, 2, 2], False)])
def test_models_of_other_parts_are_not_compared(parts: list[float], unknown: bool) -> None:
    rows, pairs = tables(metrics(bee=[parts]))
    assert pairs["difference"].tolist() == [2.0]
    assert (pairs["verdict"].tolist() == ["unknown"]) == unknown
    assert np.isnan(rows["lo"].iloc[1]) == (len(parts) < 2)


def test_two_parts_have_an_interval_and_a_known_error_that_of_a_normal() -> None:
    two = metric_half_width(np.array([1.0, 2.0]), [(np.array([[1.0, 2.0]]), np.zeros(1))])
    assert two == pytest.approx(half((0.25, 1)))
    steady = metric_half_width(np.full(4, 2.0), [(np.full((1, 4), 2.0), np.array([0.1]))])
    assert steady == pytest.approx(0.1 * 1.959964, rel=5e-6)


def test_runs_with_other_parts_are_refused() -> None:
    rows = metrics()
    rows.at[1, "values"] = [1.0, 2.0]
    with pytest.raises(ValueError, match="the runs of a model were measured on different numbers of images"):
        tables(rows)


def test_an_error_is_known_with_a_million_degrees_of_freedom() -> None:
    assert EXACT_DF == 1_000_000
