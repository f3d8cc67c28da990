"""Numbers of landscapes over planes: values of known bowls, intervals that cover, pairs on the same planes."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from kogen.common.tables import SCHEMAS, to_arrow
from kogen.statistics._surface_metrics import (
    PlaneMetric,
    half_width,
    jackknife_variance,
    number_interval,
    pair_rows,
    pair_verdict,
    variance_components,
    variance_of_mean,
)
from kogen.statistics.geometry import geometry
from kogen.statistics.geometry_pairs import difference_half_width, geometry_pairs
from kogen.surface_fit.interpolation import SQUARE, RefinedGrid, axis, fit_grid, next_points
from kogen.surface_fit.metrics import surface_metrics


def planes(model: str, widths: list[float], run: str = "r0", noise: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """A surface table of one model: a well of each width on each plane, its eighths of images a little apart."""
    rng, places, rows = np.random.default_rng(seed), axis(9, (-1, 1)), []
    for plane, width in enumerate(widths):
        wide = width * (1 + noise * rng.standard_normal(8))  # of each part of the images
        for x in places:
            for y in places:
                parts = (x * x + y * y) / (x * x + y * y + wide**2)
                rows.append({"plane": plane, "alpha": x, "beta": y, "loss": parts.mean(), "parts": list(parts)})
    about = {"run": run, "model": model, "objective": "own", "direction": "random", "level": 0}
    return pd.DataFrame(rows).assign(**about, loss_se=0.0, images=64, units=8)


@pytest.fixture(scope="module")
def surface() -> pd.DataFrame:
    spreads = [0.9, 1.0, 1.1, 1.0, 0.95, 1.05]
    narrow, wide = ([c * w for w in spreads] for c in (0.5, 0.7))
    return pd.concat([planes("narrow", narrow, noise=0.02), planes("wide", wide, noise=0.02)], ignore_index=True)


def test_the_table_is_a_geometry_table(surface):
    found = geometry(surface)
    assert [*found, "standing"] == SCHEMAS["geometry"].names
    to_arrow(found, "geometry")
    assert set(found["metric"]) == {"width", "basin", "convex", "range", "error"}
    assert (found["planes"] == 6).all()
    assert (found["images"] == 64).all()
    ranged = found[found["metric"] != "error"]
    assert ((ranged["lo"] < ranged["value"]) & (ranged["value"] < ranged["hi"])).all()


def test_the_wider_well_is_called_wider(surface):
    found = geometry_pairs(surface).set_index("metric")
    for metric in ("width", "basin"):
        assert found.loc[metric, ["first", "second", "verdict"]].tolist() == ["wide", "narrow", "larger"]
    single = geometry(surface).set_index(["metric", "model"])
    apart = single.loc[("width", "wide"), "value"] - single.loc[("width", "narrow"), "value"]
    assert found.loc["width", "difference"] == pytest.approx(apart)
    paired = found.loc["width", "hi"] - found.loc["width", "lo"]
    alone = single.loc[("width", "wide"), "hi"] - single.loc[("width", "wide"), "lo"]
    assert paired < alone  # the planes' luck is common to both


def test_equal_models_are_not_told_apart(surface):
    same = pd.concat([surface[surface["model"] == "wide"], surface[surface["model"] == "wide"].assign(model="twin")])
    found = geometry_pairs(same)
    verdicts = found.set_index("metric")["verdict"].to_dict()
    assert {verdicts.pop(metric) for metric in ("width", "basin", "convex")} == {"equivalent"}  # 0 to 0
    assert set(verdicts.values()) <= {"undecided", "unknown"}  # in units of a loss nobody knows what is much
    assert (found.loc[found["metric"] != "error", "difference"] == 0).all()


def test_one_plane_has_no_interval(surface):
    one = surface[surface["plane"] == 0]
    assert geometry(one)[["lo", "hi"]].isna().all(axis=None)
    assert geometry(one).query("metric != 'error'")["value"].notna().all()  # of one level there is no error
    assert set(geometry_pairs(one)["verdict"]) == {"unknown"}


def test_only_planes_that_both_have_are_compared(surface):
    less = surface[(surface["model"] == "wide") | (surface["plane"] < 4)]
    assert set(geometry_pairs(less)["planes"]) == {4}


def drawn(rng: np.random.Generator, runs: int, count: int) -> PlaneMetric:
    """Values with luck of runs, of planes and of images, around 0."""
    values = rng.normal(0, 1.0, (runs, 1, 1)) * (runs > 1) + rng.normal(0, 1.5, (1, count, 1))
    values = values + rng.normal(0, 0.5, (runs, count, 1))
    images = rng.normal(0, 1.0, 8)
    without = (images.sum() - images) / 7  # the mean without each part
    whole = np.concatenate([[images.mean()], without])
    return PlaneMetric(values + whole, np.arange(count), 8)


@pytest.mark.parametrize(("runs", "count"), [(1, 4), (1, 8), (3, 8)])
def test_intervals_cover(runs, count):
    rng = np.random.default_rng(0)
    inside = [
        abs(one.mean) <= half_width(variance_components(one)) for one in (drawn(rng, runs, count) for _ in range(1000))
    ]
    assert 0.935 <= np.mean(inside) <= 0.995


def test_intervals_of_differences_cover():
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(1000):
        one, other = drawn(rng, 3, 8), drawn(rng, 3, 8)
        inside.append(abs(one.mean - other.mean) <= difference_half_width(one, other))
    assert 0.935 <= np.mean(inside) <= 0.995


def test_the_jackknife_is_that_of_a_mean():
    values = np.random.default_rng(0).standard_normal(8)
    without = (values.sum() - values) / 7
    variance, freedom = jackknife_variance(np.concatenate([[values.mean()], without]))
    assert (variance, freedom) == (pytest.approx(variance_of_mean(values)[0]), 7)
    assert jackknife_variance(values[:1]) == jackknife_variance(values[:2]) == (0.0, 0)  # one part says nothing
    assert variance_of_mean(values[:1]) == (0.0, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns=["parts"]), "a surface needs the columns .*; missing: parts"),
        (lambda t: t.assign(direction="between"), "the surface has no random planes"),
        (lambda t: t[1:], "80 points of level 0 do not fill a grid of 9 x 9"),
        (lambda t: t.assign(run=np.where(t["plane"] < 3, "a", "b")), "the runs of 'narrow' have no plane in common"),
    ],
)
@pytest.mark.parametrize("statistic", [geometry, geometry_pairs])
def test_what_cannot_be_measured_is_refused(surface, statistic, change, words):
    with pytest.raises(ValueError, match=words):
        statistic(change(surface))


def test_models_without_a_common_plane_are_refused(surface):
    apart = surface[(surface["model"] == "wide") == (surface["plane"] < 3)]
    with pytest.raises(ValueError, match=r"'\w+' and '\w+' have no plane in common: draw the same"):
        geometry_pairs(apart)


# The error of the spline.


def drawn_by_levels(function: Any, levels: int, steps: int = 9) -> RefinedGrid:
    """The fit of a function's points, level after level, as `landscape.surface` would compute them."""
    points = pd.DataFrame()
    for level in range(levels):
        places = next_points(points, (steps, steps), level, SQUARE, 0.01)
        new = pd.DataFrame(places, columns=["alpha", "beta"]).assign(level=level)
        new["loss"] = function(new["alpha"].to_numpy(), new["beta"].to_numpy())
        points = pd.concat([points, new], ignore_index=True)
    return fit_grid(points)


def off(found: RefinedGrid, function: Any) -> float:
    """The largest error against 51 x 51 points."""
    places = axis(51, (-1, 1))
    return float(np.abs(found.spline.on_grid(places, places) - function(places[:, None], places[None, :])).max())


def waves(seed: int, kinked: bool) -> Any:
    """A sum of six waves, or of their absolute values, whose creases are those of networks with ReLU."""
    rng = np.random.default_rng(seed)
    tilt, phase, height = rng.normal(0, 3, (6, 2)), rng.uniform(0, 2 * np.pi, 6), np.abs(rng.standard_normal(6))
    parts = list(zip(tilt, phase, height, strict=True))
    if kinked:
        return lambda x, y: sum(h * np.abs(np.sin((a * x + b * y) / 2 + p)) for (a, b), p, h in parts)
    return lambda x, y: sum(h * np.sin(a * x + b * y + p) for (a, b), p, h in parts)


@pytest.mark.parametrize("levels", [1, 2, 3])
@pytest.mark.parametrize("kinked", [False, True])
def test_the_error_is_within_the_estimate_for_smooth_and_for_creased_surfaces(levels, kinked):
    ratios = [off(found := drawn_by_levels(f, levels), f) / found.error for f in (waves(s, kinked) for s in range(20))]
    assert np.max(ratios) < 4
    assert np.quantile(ratios, 0.9) < 3
    assert np.median(ratios) > (1 / 8 if levels == 1 else 1 / 4)  # and is no mere caution


def test_noise_is_not_extrapolated_away():
    """Where halving the grid changes as much as before, the error is what it changed."""
    noise = np.random.default_rng(0).standard_normal((33, 33))
    found = drawn_by_levels(lambda x, y: noise[np.rint(16 * x + 16).astype(int), np.rint(16 * y + 16).astype(int)], 2)
    assert found.decay > 0.8
    assert found.error == pytest.approx(found.decay * np.nanmax(np.abs(found.surplus[-1])))


def test_what_was_not_refined_still_counts():
    bump = lambda x, y: np.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.02) + x * x  # noqa: E731
    coarse, fine = drawn_by_levels(bump, 2), drawn_by_levels(bump, 3)
    assert 0 < fine.unrefined_surplus < np.nanmax(np.abs(coarse.surplus[-1]))
    assert fine.error < coarse.error
    for found in (coarse, fine):
        assert off(found, bump) < 3 * found.error


def well(seed: int) -> Any:
    """A narrow well with a crease in a plain that is soon resolved, as networks with ReLU have."""
    rng = np.random.default_rng(seed)
    width, turn, (right, up) = rng.uniform(0.1, 0.5), rng.uniform(0, np.pi), rng.uniform(-0.15, 0.15, 2)

    def losses(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        x, y = x - right, y - up
        crease = np.abs(x * np.cos(turn) + y * np.sin(turn)) / width
        return 0.2 * np.cos(3 * x) * np.cos(2 * y) - np.exp(-crease - (x**2 + y**2) / 0.1)

    return losses


@pytest.mark.parametrize("levels", [2, 3])
def test_a_surface_that_is_rough_in_one_place_is_judged_by_that_place(levels: int):
    ratios = [off(found := drawn_by_levels(f, levels), f) / found.error for f in map(well, range(20))]
    assert np.max(ratios) < 4
    assert np.quantile(ratios, 0.9) < 3
    assert 1 / 2 < np.median(ratios) < 2


def test_a_constant_is_flat_whatever_it_is_rounded_to():
    noise = np.random.default_rng(0).uniform(-1, 1, (33, 33))

    def rounded(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return -7.0 + 4e-7 * noise[np.rint(16 * x + 16).astype(int), np.rint(16 * y + 16).astype(int)]

    for function in (rounded, lambda x, y: 0 * x - 7.0):
        found = drawn_by_levels(function, 3)
        assert found.spline.values.shape == (17, 17)  # nothing to refine
        assert surface_metrics(found.spline) == {"range": 0, "width": 1, "basin": 1, "convex": 1}


def test_a_grid_too_small_to_halve_has_no_error():
    assert np.isnan(drawn_by_levels(lambda x, y: x + y, 1, steps=3).error)
    assert drawn_by_levels(lambda x, y: x + y, 2, steps=3).error == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "value", "half", "lo", "hi"),
    [
        ("range", 2.0, 2.0, 2 / np.e, 2 * np.e),  # e to the half over the value, down and up
        ("range", 0.0, 0.0, 0.0, 0.0),
        ("width", 0.5, 0.25, 1 / (1 + np.e), np.e / (1 + np.e)),  # odds of 1, times e to .25 / (.5 * .5)
        ("width", 0.0, 0.1, 0.0, 0.1),
        ("width", 1.0, 0.1, 0.9, 1.0),
        ("trace", 1.0, 3.0, -2.0, 4.0),  # of any sign
        ("lambda_max", -1.0, 3.0, -4.0, 2.0),
    ],
)
def test_intervals_stay_where_their_numbers_can_be(metric: str, value: float, half: float, lo: float, hi: float):
    assert number_interval(value, half, metric) == pytest.approx((lo, hi))


def test_intervals_of_positive_numbers_are_positive_and_of_shares_within_0_and_1():
    for half in (0.1, 5.0, 1e6):
        assert 0 < number_interval(0.01, half, "range")[0] < 0.01 < number_interval(0.01, half, "range")[1]
        lo, hi = number_interval(0.01, half, "basin")
        assert 0 <= lo < 0.01 < hi <= 1
    assert np.isnan(number_interval(0.5, np.nan, "width")).all()
    assert np.isnan(number_interval(0.5, np.nan, "sam")).all()


@pytest.mark.parametrize(
    ("lo", "hi", "share", "wanted"),
    [
        (0.001, 0.2, True, "larger"),
        (0.0, 0.2, True, "undecided"),
        (-0.049, 0.049, True, "equivalent"),
        (-0.05, 0.01, True, "undecided"),
        (-0.01, 0.05, True, "undecided"),
        (-0.01, 0.01, False, "undecided"),  # in units of a loss nobody knows what is little
        (0.001, 0.01, True, "larger"),
        (np.nan, 0.01, True, "unknown"),
        (0.01, np.nan, True, "unknown"),
    ],
)
def test_a_verdict_follows_from_the_interval(lo: float, hi: float, share: bool, wanted: str):
    assert pair_verdict(lo, hi, share) == wanted


def test_all_pairs_of_a_metric_share_their_chance_to_err():
    asked: list[float] = []

    def compare(first: str, second: str, chance: float) -> tuple[float, float, int]:
        asked.append(chance)
        return 0.1, 0.05, 8

    rows = pair_rows({"metric": "width"}, {"a": 1.0, "b": 2.0, "c": 1.0, "d": 0.5}, compare)
    assert asked == pytest.approx([0.05 / 6] * 6)
    assert [(row["first"], row["second"]) for row in rows[:2]] == [("b", "a"), ("a", "c")]  # equals by name
    assert (rows[0]["lo"], rows[0]["hi"]) == pytest.approx((0.05, 0.15))
    assert half_width([(1.0, 5)], 0.05 / 6) == pytest.approx(float(student.isf(0.05 / 12, 5)))
    assert half_width([(4.0, 5)]) == pytest.approx(2 * float(student.isf(0.025, 5)))
