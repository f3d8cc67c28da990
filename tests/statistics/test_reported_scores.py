"""Intervals of reported scores: only where the number of images is known."""

import pandas as pd
import pytest

from kogen.statistics.reported_scores import reported_scores


def test_no_end_of_an_interval_without_a_number_of_images() -> None:
    """Nothing, everything and minus an error have no known end either."""
    known = {"a": 0.0, "b": 100.0, "c": 50.0, "d": -0.8}
    rows = [{"model": name, "dataset": "s", "score": value, "n": None, "seed": 0} for name, value in known.items()]
    found = reported_scores(pd.DataFrame(rows).astype({"n": float}))
    assert found["lo"].isna().all()
    assert found["hi"].isna().all()
    counted = reported_scores(pd.DataFrame(rows[:2]).assign(n=100.0)).set_index("model")
    assert counted.loc["a", "lo"] == 0
    assert counted.loc["b", "hi"] == 100
    assert counted.loc["a", "hi"] == pytest.approx(3.7, abs=0.1)  # Wilson: 1.96^2 / (100 + 1.96^2)
