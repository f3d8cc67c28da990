"""The share of a plane that is nearly convex, from maps whose border between the two is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from kogen.statistics._near_convex import BELOW, FINE, downward_curvature, near_convex_share, share_half_width, tables


def tilted(most: float, beta: tuple[float, ...] = (-1.0, 0.0, 1.0)) -> pd.DataFrame:
    """A map whose curvature downwards rises from 0 at alpha = -1 to `most` at alpha = 1."""
    rows = [{"alpha": a, "beta": b, "lambda_min": -most * (a + 1) / 2} for a in (-1.0, 1.0) for b in beta]
    return pd.DataFrame(rows).assign(lambda_max=1.0)


def maps(*runs: tuple[str, str, float]) -> pd.DataFrame:
    """One map for each run: model, run, how much points down at most."""
    return pd.concat(
        tilted(most).assign(model=model, run=run, objective="pretrain", direction="random", plane=0)
        for model, run, most in runs
    )


@pytest.mark.parametrize("beta", [(-1.0, 0.0, 1.0), (0.0,)])
def test_the_share_ends_where_a_tenth_points_down(beta: tuple[float, ...]) -> None:
    assert FINE == 201
    assert near_convex_share(tilted(0.2, beta)) == pytest.approx(100 / 201, abs=1e-3)  # at alpha = 0 it is no less
    assert near_convex_share(tilted(0.4, beta)) == pytest.approx(50 / 201, abs=1e-3)
    assert near_convex_share(tilted(0.09, beta)) == 1.0


def test_unknown_places_are_not_convex() -> None:
    rows = tilted(0.0)
    rows.loc[rows["alpha"] == 1.0, "lambda_max"] = np.nan
    assert near_convex_share(rows) < 0.01


def test_curvature_points_down_by_the_smallest_over_the_largest_and_by_one_at_most() -> None:
    low, high = [-0.2, -3.0, -1.0, -1.0, 0.0, 0.5, np.nan, -1.0], [2.0, 2.0, 0.0, -2.0, 1.0, 0.0, 1.0, np.nan]
    found = downward_curvature(pd.DataFrame({"lambda_min": low, "lambda_max": high}))
    assert found.tolist() == pytest.approx([0.1, 1.0, 1.0, 1.0, 0.0, 0.0, np.nan, np.nan], nan_ok=True)


def test_models_stand_by_name_with_the_mean_of_their_runs_and_an_interval_from_two_on() -> None:
    chosen = maps(("ant", "2", 9.0)).assign(direction="sharpest")  # no random plane: it does not count
    rows, pairs = tables(pd.concat([maps(("bee", "0", 0.4), ("ant", "0", 0.2), ("ant", "1", 0.09)), chosen]))
    assert rows["model"].tolist() == ["ant", "bee"]
    assert rows["value"].tolist() == pytest.approx([(100 / 201 + 1) / 2, 50 / 201])
    assert rows["planes"].tolist() == [1, 1]
    assert rows["lo"].notna().tolist() == [True, False]
    assert 0 < rows["lo"].iloc[0] < rows["value"].iloc[0] < rows["hi"].iloc[0] < 1
    (pair,) = pairs.to_dict("records")
    assert (pair["first"], pair["second"], pair["planes"]) == ("ant", "bee", 1)
    assert pair["difference"] == pytest.approx((100 / 201 + 1) / 2 - 50 / 201)
    assert pair["verdict"] == "unknown"  # bee has one run


def test_half_of_an_interval_is_students_over_runs() -> None:
    assert share_half_width(np.array([0.4, 0.6])) == pytest.approx(0.1 * float(student.isf(0.025, 1)))
    assert np.isnan(share_half_width(np.array([0.4, 0.6]), np.array([0.5])))
    two = share_half_width(np.array([0.4, 0.6]), np.array([0.2, 0.4]), chance=0.1)
    assert two == pytest.approx(0.02**0.5 * float(student.isf(0.05, 2)))


def test_missing_columns_are_named() -> None:
    with pytest.raises(ValueError, match=r"an eigenmap needs the columns run, .*; missing: run, lambda_max$"):
        tables(maps(("ant", "0", 0.2)).drop(columns=["run", "lambda_max"]))


def points(*rows: tuple[float, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["alpha", "beta", "lambda_min", "lambda_max"])


def test_downward_curvature_is_a_share_of_the_largest_and_at_most_one() -> None:
    made = points(
        (0, 0, 1.0, 2.0), (0, 1, 0.0, 0.0), (0, 2, -1.0, 4.0), (0, 3, -5.0, 4.0), (0, 4, -1.0, 0.0), (0, 5, -1.0, -0.5)
    )
    assert downward_curvature(made).tolist() == [0.0, 0.0, 0.25, 1.0, 1.0, 1.0]
    assert np.isnan(downward_curvature(points((0, 0, np.nan, 1.0), (0, 1, 1.0, np.nan)))).all()


def test_the_share_of_a_plane_and_of_a_line_below_a_tenth() -> None:
    square = points((0, 0, 0.0, 1.0), (0, 1, 0.0, 1.0), (1, 0, -0.2, 1.0), (1, 1, -0.2, 1.0))
    assert near_convex_share(square) == pytest.approx(100 / 201, abs=1e-3)  # of 201 places those before the middle
    line = points((0, 0, 0.0, 1.0), (1, 0, -0.2, 1.0))
    assert near_convex_share(line) == pytest.approx(100 / 201, abs=1e-3)
    assert near_convex_share(square.assign(lambda_min=-0.0999)) == 1.0
    assert near_convex_share(square.assign(lambda_min=-0.1001)) == 0.0
    assert (FINE, BELOW) == (201, 0.1)


def test_one_run_has_no_interval_and_two_have_students() -> None:
    assert np.isnan(share_half_width(np.array([0.5])))
    assert np.isnan(share_half_width(np.array([0.5, 0.6]), np.array([0.5])))
    half = share_half_width(np.array([0.5, 0.6]))
    assert half == pytest.approx(12.7062 * 0.05, rel=1e-4)
    both = share_half_width(np.array([0.5, 0.6]), np.array([0.1, 0.4]))
    total = 0.05**2 + 0.15**2
    freedom = total**2 / (0.05**4 + 0.15**4)
    assert both == pytest.approx(float(student.isf(0.025, freedom)) * total**0.5)
