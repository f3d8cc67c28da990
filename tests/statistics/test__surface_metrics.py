"""A plane's surface without each part of its images: by hand, of parts that are not all as large."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from kogen.statistics._surface_metrics import (
    LEVEL,
    MARGIN,
    METRICS,
    PlaneMetric,
    half_width,
    jackknife_variance,
    measure_planes,
    number_interval,
    pair_rows,
    pair_verdict,
    splines_without_parts,
    variance_components,
    variance_of_mean,
)


def plane(parts: list[float], units: int) -> pd.DataFrame:
    side = np.linspace(-1, 1, 3)
    alpha, beta = (one.ravel() for one in np.meshgrid(side, side, indexing="ij"))
    points = pd.DataFrame({"alpha": alpha, "beta": beta, "level": 0, "loss": 2.0, "images": 64, "units": units})
    return points.assign(parts=[parts] * 9)


def test_without_a_part_the_others_weigh_by_their_sizes() -> None:
    found = splines_without_parts(plane([1.0, 2.0, 4.0], 7))  # three units, two and two: 15 in all
    assert [float(one.values[1, 1]) for one in found] == pytest.approx([2.0, 12 / 4, 11 / 5, 7 / 5])
    even = splines_without_parts(plane([1.0, 2.0, 4.0], 6))
    assert [float(one.values[0, 2]) for one in even] == pytest.approx([2.0, 3.0, 2.5, 1.5])


def test_one_part_cannot_be_left_out() -> None:
    assert len(splines_without_parts(plane([2.0], 4))) == 1


def metric_of(values: list[list[list[float]]], planes: list[int] | None = None) -> PlaneMetric:
    made = np.array(values)
    return PlaneMetric(made, np.array(planes or range(made.shape[1])), 64)


def test_the_mean_is_over_runs_and_planes_of_all_images() -> None:
    one = metric_of([[[1.0, 9], [2.0, 9]], [[3.0, 9], [6.0, 9]]], [4, 7])
    assert one.mean == 3.0
    assert one.on_planes(np.array([7])).mean == 4.0
    assert one.on_planes(np.array([7])).planes.tolist() == [7]
    assert one.on_planes(np.array([7])).images == 64


def test_each_part_of_a_variance_has_its_degrees_of_freedom() -> None:
    assert variance_of_mean(np.array([1.0, 3.0, 8.0])) == (pytest.approx(13 / 3), 2)
    assert variance_of_mean(np.array([1.0])) == (0.0, 0)
    assert jackknife_variance(np.array([5.0, 1.0, 2.0, 6.0])) == (pytest.approx(2 / 3 * 14), 2)
    assert jackknife_variance(np.array([5.0, 1.0])) == (0.0, 0)
    assert jackknife_variance(np.array([5.0, 1.0, 2.0])) == (pytest.approx(0.25), 1)
    one = metric_of([[[1.0, 1, 2], [2.0, 3, 1]], [[3.0, 2, 2], [6.0, 8, 3]]])
    runs, planes, images = variance_components(one)
    assert runs == variance_of_mean(np.array([1.5, 4.5]))
    assert planes == variance_of_mean(np.array([2.0, 4.0]))
    assert images == jackknife_variance(np.array([3.0, 3.5, 2.0]))


def test_variances_are_added_with_satterthwaites_degrees_of_freedom() -> None:
    assert half_width([(0.25, 3)]) == pytest.approx(student.isf(0.025, 3) * 0.5)
    assert half_width([(0.25, 3)], 0.01) == pytest.approx(student.isf(0.005, 3) * 0.5)
    freedom = 5**2 / (4**2 / 3 + 1**2 / 7)
    assert half_width([(4.0, 3), (1.0, 7), (0.0, 0)]) == pytest.approx(student.isf(0.025, freedom) * 5**0.5)
    assert half_width([(0.0, 0)]) == 0
    assert np.isnan(half_width([(float("nan"), 2), (1.0, 2)]))


@pytest.mark.parametrize(
    ("lo", "hi", "share", "word"),
    [
        *[(0.01, 0.2, True, "larger"), (0.0, 0.2, True, "undecided"), (-0.04, 0.04, True, "equivalent")],
        *[(-0.05, 0.04, True, "undecided"), (-0.04, 0.05, True, "undecided"), (-0.04, 0.04, False, "undecided")],
        *[(0.001, 0.04, True, "larger"), (float("nan"), 1.0, True, "unknown"), (0.5, float("nan"), True, "unknown")],
    ],
)
def test_the_verdict_on_a_pair(lo: float, hi: float, share: bool, word: str) -> None:
    assert pair_verdict(lo, hi, share) == word


def test_intervals_never_hold_what_a_metric_cannot_be() -> None:
    lo, hi = number_interval(0.8, 0.1, "width")
    factor = np.exp(0.1 / 0.16)
    assert (lo / (1 - lo), hi / (1 - hi)) == pytest.approx((4 / factor, 4 * factor))
    assert number_interval(2.0, 0.5, "range") == pytest.approx((2 / np.exp(0.25), 2 * np.exp(0.25)))
    assert number_interval(2.0, 0.5, "trace") == (1.5, 2.5)
    assert number_interval(-2.0, 0.5, "range") == (-2.5, -1.5)
    assert number_interval(0.0, 0.3, "width") == (0.0, 0.3)
    assert number_interval(1.0, 0.3, "width") == (0.7, 1.0)
    assert number_interval(0.0, 0.3, "range") == (-0.3, 0.3)
    assert np.isnan(number_interval(1.0, float("nan"), "convex")).all()
    assert np.isnan(number_interval(0.5, float("nan"), "convex")).all()
    assert number_interval(1.0, 1e9, "range") == pytest.approx((np.exp(-50), np.exp(50)))
    assert (LEVEL, MARGIN) == (0.05, 0.05)


def test_pairs_share_the_chance_of_error_and_the_larger_stands_first() -> None:
    asked: list[float] = []

    def compare(first: str, second: str, chance: float) -> tuple[float, float, int]:
        asked.append(chance)
        return 0.2, 0.1, 3

    rows = pair_rows({"objective": "o", "metric": "width"}, {"c": 0.5, "a": 0.5, "b": 0.9}, compare)
    assert [(row["first"], row["second"]) for row in rows] == [("b", "a"), ("a", "c"), ("b", "c")]
    assert asked == pytest.approx([0.05 / 3] * 3)
    assert (rows[0]["lo"], rows[0]["hi"], rows[0]["planes"]) == (pytest.approx(0.1), pytest.approx(0.3), 3)
    assert (rows[0]["verdict"], rows[0]["metric"]) == ("larger", "width")
    assert pair_rows({"metric": "width"}, {"a": 0.5}, compare) == []


def test_only_planes_that_every_run_has_are_measured() -> None:
    made = plane([1.9, 2.1], 4).assign(loss=lambda rows: rows["alpha"] ** 2 + rows["beta"] ** 2)
    made = made.assign(parts=[[x - 0.1, x + 0.1] for x in made["loss"]], objective="o", direction="random")
    runs = [
        made.assign(model="m", run=run, plane=plane_) for run, plane_ in (("r0", 0), ("r0", 1), ("r1", 1), ("r1", 2))
    ]
    table = pd.concat([*runs, made.assign(model="m", run="r0", plane=5, direction="sharpest")])
    found = measure_planes(table)
    assert set(found) == {("o", metric) for metric in METRICS}
    one = found["o", "range"]["m"]
    assert (one.values.shape, one.planes.tolist(), one.images) == ((2, 1, 3), [1], 64)
    assert one.mean == pytest.approx(2.0)
    with pytest.raises(ValueError, match="the runs of 'm' have no plane in common"):
        measure_planes(pd.concat([runs[0], runs[3]]))
    with pytest.raises(ValueError, match="no random planes"):
        measure_planes(table[table["direction"] == "sharpest"])
    with pytest.raises(ValueError, match="missing: parts"):
        measure_planes(table.drop(columns="parts"))
