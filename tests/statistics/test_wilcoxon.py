"""Wilcoxon's test over sets: the pair in its order, and Holm's correction by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon as signed_rank

from kogen.statistics.wilcoxon import MAX_MODELS, holm, wilcoxon


def scores(**models: list[float]) -> pd.DataFrame:
    rows = [(m, f"s{i}", value) for m, values in models.items() for i, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["model", "dataset", "score"])


UP = [50.0 + i for i in range(9)]


def test_the_higher_median_stands_first_and_equals_by_name() -> None:
    table = scores(b=UP, a=[x + 1 + i / 10 for i, x in enumerate(UP)], c=UP)
    found = wilcoxon(table)
    assert list(zip(found["first"], found["second"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["difference"].tolist() == pytest.approx([1.4, 1.4, 0.0])
    exact = float(np.asarray(signed_rank(np.arange(10, 19) / 10, zero_method="pratt"))[1])
    assert found["p"].tolist() == pytest.approx([exact, exact, 1.0])
    assert found["p_holm"].tolist() == pytest.approx([3 * exact, 3 * exact, 1.0])
    near = wilcoxon(scores(b=UP, a=[x + 1e-10 for x in UP], c=[x - 5 for x in UP]))
    assert near["p"][0] == 1.0  # rounding is no difference


def test_holms_correction_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.5])).tolist() == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm(np.array([0.4, 0.4, 0.4])).tolist() == [1.0, 1.0, 1.0]


def test_forty_models_are_compared_and_more_are_not() -> None:
    assert MAX_MODELS == 40
    many = scores(**{f"m{i:02d}": [x + i for x in UP] for i in range(41)})
    with pytest.raises(ValueError, match="41 models are too many for all pairs over data sets: choose at most 40"):
        wilcoxon(many)
