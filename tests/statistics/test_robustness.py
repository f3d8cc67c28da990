"""Lines through a few models: who they are fitted to, and where they are unknown."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from kogen.statistics.robustness import fit_line, robustness


def test_least_squares_by_hand() -> None:
    x, y = np.array([0.0, 1.0, 2.0, 9.0]), np.array([1.0, 3.0, 5.0, 0.0])
    assert fit_line(x, y, np.arange(3)) == pytest.approx((1.0, 2.0))
    assert fit_line(x, np.array([1.0, 3.0, 2.0, 0.0]), np.arange(3)) == pytest.approx((1.5, 0.5))
    assert np.isnan(fit_line(x, y, np.arange(2))).all()
    assert np.isnan(fit_line(np.array([1.0, 1.0, 1.0 + 5e-10]), y, np.arange(3))).all()
    assert not np.isnan(fit_line(np.array([1.0, 1.0, 1.0 + 2e-9]), y, np.arange(3))).any()


def table(sets: dict[str, list[float]], n: float | None = None) -> pd.DataFrame:
    rows = [(f"m{i}", name, value, n) for name, values in sets.items() for i, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["model", "dataset", "score", "n"])


def test_expected_is_the_line_of_the_baseline_at_each_models_own_source() -> None:
    sets = {"s": [50.0, 60.0, 70.0, 80.0], "t": [40.0, 50.0, 60.0, 90.0], "c": [55.0, 65.0, 70.0, 85.0]}
    frame = table(sets)
    found = robustness(frame, source="s", targets=["t"], baseline=["m0", "m1", "m2"])
    near = lambda share: logit((100 * share + 0.5) / (10_001))  # noqa: E731  # of 10,000 images
    slope, start = np.polyfit([near(x) for x in sets["s"][:3]], [near(x) for x in sets["t"][:3]], 1)
    wanted = 100 * expit(start + slope * np.array([near(x) for x in sets["s"]]))
    by_model = found.set_index("model").loc[["m0", "m1", "m2", "m3"]]
    assert by_model["expected"].to_numpy() == pytest.approx(wanted, abs=1e-6)
    assert by_model["observed"].tolist() == sets["t"]
    assert by_model["effective"].to_numpy() == pytest.approx(sets["t"] - wanted, abs=1e-6)
    assert set(found["source"]) == {"s"}
    assert set(robustness(frame, source="s")["target"]) == {"c", "t"}
    paired = robustness(frame, source="s", counterpart={"t": "c"})
    assert set(zip(paired["source"], paired["target"], strict=True)) == {("c", "t")}
    assert robustness(frame.query("dataset == 's'"), source="s").empty
    with pytest.raises(ValueError, match="the baseline names 'q'"):
        robustness(frame, source="s", baseline=["q"])
    with pytest.raises(ValueError, match="no data set 'z'"):
        robustness(frame, source="s", counterpart={"t": "z"})
    two = robustness(frame, source="s", targets=["t"], baseline=["m0", "m1"])
    assert two["expected"].isna().all()
