"""Groups of sets from small matrices of correlations, and the limits of what is known."""

import numpy as np
import pandas as pd
import pytest

from kogen.statistics.scores_of_sets.score_matrix import make_score_matrix
from kogen.statistics.similarity import ALIKE, MIN_MODELS, correlations, group_sets, similarity


def scores(**sets: list[float]) -> pd.DataFrame:
    rows = [(f"m{i}", name, value) for name, values in sets.items() for i, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["model", "dataset", "score"])


BASE = [50.0, 60.0, 70.0, 80.0, 90.0]
BUMP = [40.0, 62.0, 60.0, 78.0, 80.0]


@pytest.mark.parametrize(("near", "groups"), [(0.7, [1, 2, 2, 3]), (0.6999, [1, 2, 3, 4]), (0.9, [1, 2, 2, 3])])
def test_every_two_sets_of_a_group_correlate_enough(near: float, groups: list[int]) -> None:
    matrix = np.eye(4)
    matrix[1, 2] = matrix[2, 1] = near
    matrix[2, 3] = matrix[3, 2] = 0.65
    assert group_sets(matrix, 0.7).tolist() == groups
    chain = matrix.copy()
    chain[2, 3] = chain[3, 2] = 0.95
    if near == 0.9:  # 1 and 3 do not go together: the nearer pair does
        assert group_sets(chain, 0.7).tolist() == [1, 2, 3, 3]


def test_two_sets_are_two_groups_and_one_is_one() -> None:
    assert group_sets(np.ones((2, 2)), 0.7).tolist() == [1, 2]
    assert group_sets(np.ones((1, 1)), 0.7).tolist() == [1]
    assert (ALIKE, MIN_MODELS) == (0.7, 5)


def test_residuals_that_go_together_correlate_and_the_source_with_none() -> None:
    table = make_score_matrix(scores(s=BASE, t=BUMP, u=BUMP, flat=[50.0] * 5))
    matrix = correlations(table, ["s", "t", "u", "flat"])
    assert matrix[0].tolist() == [1, 0, 0, 0]
    assert matrix[1, 2] == pytest.approx(1)
    assert matrix[3].tolist() == pytest.approx([0, 0, 0, 1])
    turned = make_score_matrix(scores(s=[50.0] * 5, t=BUMP, u=[100 - x for x in BUMP]))
    assert correlations(turned, ["s", "t", "u"])[1, 2] == pytest.approx(-1)  # no line: around the mean
    few = make_score_matrix(scores(s=BASE[:4], t=BUMP[:4]))
    assert np.isnan(correlations(few, ["s", "t"])).all()


def test_the_table_has_a_column_for_each_set_and_the_number_of_sets_that_say_as_much() -> None:
    found = similarity(scores(s=BASE, t=BUMP, u=BUMP), source="s")
    assert list(found) == ["dataset", "group", "s", "t", "u", "n_eff"]
    assert found["group"].tolist() == [1, 2, 2]
    assert found["n_eff"].tolist() == pytest.approx([9 / (1 + 4)] * 3)
    few = similarity(scores(s=BASE[:4], t=BUMP[:4]), source="s")
    assert few["group"].isna().all()
    assert few["n_eff"].isna().all()
    assert similarity(scores(s=BASE, t=BUMP), source="s", alike=1.0)["group"].tolist() == [1, 2]
    for alike in (0.0, 1.01):
        with pytest.raises(ValueError, match="alike is a correlation above 0 and up to 1"):
            similarity(scores(s=BASE, t=BUMP), source="s", alike=alike)
    with pytest.raises(ValueError, match="cannot be named 'group'"):
        similarity(scores(s=BASE, group=BUMP), source="s")
