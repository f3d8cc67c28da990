"""Parts of the summary of a lottery."""

import pandas as pd

from kogen.results.summary import compare_rules
from kogen.statistics.unified import METRICS, unified


def test_rules_that_have_a_value_are_compared_though_one_has_none() -> None:
    """A column of losses leaves the mean logit without a value, and the other rules as they are."""
    rows = {"m0": (80.0, 60.0, -0.8), "m1": (81.0, 61.0, -0.7), "m2": (79.0, 62.0, -0.9)}
    scores = [
        {"model": model, "dataset": name, "score": value}
        for model, values in rows.items()
        for name, value in zip(("a", "b", "loss"), values, strict=True)
    ]
    table = unified(pd.DataFrame(scores))
    assert table.loc[table["metric"] == "mean_logit", ["value", "rank"]].isna().all(axis=None)
    rules = compare_rules(table, None, None, 100, 0)
    assert set(rules.winners) == set(METRICS) - {"mean_logit"}
    assert rules.winners["mean_accuracy"] == ["m1"]
    assert compare_rules(table.assign(rank=float("nan")), None, None, 100, 0).winners == {}
