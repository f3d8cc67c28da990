"""Scores as a matrix: the order of models, logits, families, and every refusal."""

import numpy as np
import pandas as pd
import pytest

from kogen.statistics.scores_of_sets.score_matrix import is_minus_error, make_score_matrix, score_logits


def scores(rows: list[tuple[str, str, float]], **more: object) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["model", "dataset", "score"]).assign(**more)


TABLE = scores([("b", "t", 50.0), ("a", "t", 60.0), ("c", "s", 70.0), ("a", "s", 70.0), ("b", "s", 80.0)])


def test_models_stand_by_their_scores_set_by_set_then_by_name() -> None:
    table = make_score_matrix(TABLE)
    assert (table.models, table.datasets) == (("b", "a", "c"), ("s", "t"))  # of a and c only a was measured on t
    assert table.values[:2].tolist() == [[80, 50], [70, 60]]
    assert np.isnan(table.values[2, 1])
    assert np.isnan(table.n).all()
    assert table.families is None
    assert make_score_matrix(scores([("b", "s", 1.0), ("a", "s", 1.0)])).models == ("a", "b")
    assert (table.column("t"), table.common_models("s", "t").tolist()) == (1, [0, 1])
    assert table.ranks()[:, 0].tolist() == [1.0, 2.5, 2.5]
    assert make_score_matrix(scores([("a", "s", 70.0), ("b", "s", 70.0 + 4e-10)])).ranks()[:, 0].tolist() == [1.5, 1.5]
    assert table.choose_targets("s", None) == ["t"]
    assert table.choose_targets("s", ["s"]) == ["s"]
    for bad in (
        lambda: table.column("q"),
        lambda: table.choose_targets("q", None),
        lambda: table.choose_targets("s", ["q"]),
    ):
        with pytest.raises(ValueError, match="no data set 'q': there are s, t"):
            bad()


def test_logits_are_finite_at_the_ends_and_of_10000_images_where_nothing_is_known() -> None:
    found = score_logits(np.array([0.0, 100.0, 25.0, 50.0]), np.array([10.0, 10.0, np.nan, 8.0]))
    wanted = [np.log(0.5 / 10.5), np.log(10.5 / 0.5), np.log(2500.5 / 7500.5), 0.0]
    assert found == pytest.approx(wanted)


def test_minus_an_error_is_below_0_and_has_no_logit() -> None:
    values = np.array([[-3.0, 50.0, 0.0, -1.0], [-2.0, np.nan, 0.0, 0.0], [np.nan, 60.0, 0.0, 1.0]])
    assert is_minus_error(values).tolist() == [True, False, False, False]
    table = make_score_matrix(scores([("a", "s", -3.0), ("b", "s", 0.0), ("a", "t", 50.0)]))
    assert np.isnan(table.logits()[:, 0]).all()
    assert table.logits()[table.models.index("a"), 1] == pytest.approx(0.0)


def test_images_and_families_are_those_of_the_models() -> None:
    table = make_score_matrix(TABLE.assign(n=[1.0, None, 3, 4, 5], family=["x", None, "y", None, "x"]))
    assert table.n[0].tolist() == [5.0, 1.0]
    assert table.families is not None
    b, a, c = table.families.tolist()
    assert len({b, a, c}) == 3  # a has no family: it is one of its own
    same = make_score_matrix(TABLE.assign(family=["x", "y", "x", "y", "x"]))
    assert same.families is not None
    assert same.families[0] == same.families[2] != same.families[1]
    assert make_score_matrix(TABLE.assign(family=None)).families is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (TABLE.drop(columns="score"), "scores need the columns model, dataset, score; missing: score"),
        (TABLE.head(0), "the scores have no rows"),
        (
            pd.concat([TABLE, TABLE.iloc[[3, 3, 0]]]),
            "models that are named more than once on a data set: 2, first 'b' on 't'",
        ),
        (TABLE.assign(score=[50.0, 101.0, 1, 1, 1]), "scores outside 0 to 100 points: 1, first 101.0 on 't'"),
        (TABLE.assign(score=[50.0, -1.0, 1, 1, 1]), "scores outside 0 to 100 points: 1, first -1.0 on 't'"),
        (TABLE.assign(n=[1.0, 1.0, 0.0, 1.0, 1.0]), "the data set 's' has 0 items"),
        (TABLE.assign(family=["x", "y", "x", "y", "z"]), "the model 'b' is in two families"),
    ],
)
def test_scores_of_which_nothing_can_be_made(table: pd.DataFrame, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_score_matrix(table)


def test_the_ends_of_the_range_are_scores() -> None:
    assert make_score_matrix(scores([("a", "s", 0.0), ("b", "s", 100.0)], n=1.0)).values[:, 0].tolist() == [100, 0]
