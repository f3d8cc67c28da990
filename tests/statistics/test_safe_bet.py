"""The safe bet from small tables: ties, weights, and who could be near the best."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest

from kogen.statistics.safe_bet import contenders, near_best_probability, safe_bet
from kogen.statistics.scores_of_sets.score_matrix import make_score_matrix


def scores(n: float | None = None, **models: tuple[float, ...]) -> pd.DataFrame:
    rows = [(m, f"s{i}", value, n) for m, values in models.items() for i, value in enumerate(values)]
    return pd.DataFrame(rows, columns=["model", "dataset", "score", "n"])


def picks(table: pd.DataFrame, **more: object) -> dict[str, dict[str, object]]:
    return {row["pick"]: row for row in safe_bet(table, **more).to_dict("records")}  # type: ignore[arg-type]


def test_each_pick_has_its_numbers_and_its_price() -> None:
    found = picks(scores(a=(90.0, 50.0, 70.0), b=(80.0, 60.0, 65.0), c=(70.0, 61.0, 60.0)))
    assert list(found) == ["expected", "regret"]  # nothing is known of the noise
    one, safe = found["expected"], found["regret"]
    assert (one["model"], one["expected"], one["max_regret"], one["worst_set"]) == ("a", 70.0, 11.0, "s1")
    assert (one["price"], one["equals"], bool(np.isnan(float(str(one["near_best"]))))) == (0.0, [], True)
    assert (safe["model"], safe["max_regret"], safe["worst_set"]) == ("b", 10.0, "s0")
    assert safe["price"] == pytest.approx(70 - 205 / 3)


def test_weights_move_the_mean_and_take_sets_out() -> None:
    table = scores(a=(90.0, 50.0), b=(80.0, 65.0), c=(99.0, 0.0))
    assert picks(table, weights={"s0": 3.0, "s1": 1.0})["expected"]["expected"] == 80.0
    assert picks(table)["expected"]["expected"] == 72.5
    alone = picks(table, weights={"s0": 0.0, "s1": 1.0})
    assert (alone["regret"]["model"], alone["regret"]["worst_set"]) == ("b", "s1")


def test_equals_go_to_the_higher_mean_then_the_smaller_regret_then_by_name() -> None:
    found = picks(scores(b=(80.0, 60.0), a=(80.0, 60.0), c=(75.0, 65.0)))
    assert (found["expected"]["model"], found["expected"]["equals"]) == ("a", ["b", "c"])  # all lose 5 at most: by name
    tied = picks(scores(b=(80.0, 60.0), a=(80.0, 60.0)))
    assert (tied["expected"]["model"], tied["expected"]["equals"]) == ("a", ["b"])
    near = picks(scores(a=(80.0, 60.0 + 1e-10), b=(80.0, 60.0), c=(70.0, 60.0 + 2e-9)))
    assert near["regret"]["equals"] == ["b"]
    higher = picks(scores(a=(80.0, 50.0, 61.0), b=(70.0, 60.0, 60.0)))  # both lose 10 at most
    assert (higher["regret"]["model"], higher["regret"]["equals"]) == ("a", ["b"])


def test_near_the_best_is_a_probability_over_draws_of_each_set() -> None:
    noise = {
        "s0": pd.DataFrame({"a": [0.0, 0.0, -3.0, 0.0], "b": [0.0] * 4}),
        "s1": pd.DataFrame({"a": [0.0] * 3, "b": [0.0, -9.0, 0.0]}),
    }
    table = make_score_matrix(scores(a=(80.0, 60.0), b=(79.0, 60.0)))
    whole, used = np.arange(2), np.arange(2)
    found = near_best_probability(table, whole, used, 1.0, noise, 0)
    # of a: the third draw of s0 is 2 behind; of b: the second of s1 is 9 behind; s1 has three draws
    assert found is not None
    assert found.tolist() == pytest.approx([2 / 3, 2 / 3])
    assert near_best_probability(table, whole, used, 1.0, {"s0": noise["s0"]}, 0) is None
    exact = near_best_probability(table, whole, used[:1], 0.999, noise, 0)
    assert exact is not None
    assert exact.tolist() == [0.75, 0.25]  # b is 1 behind, but for the draw in which a loses 3


def test_only_models_within_reach_of_the_noise_are_drawn() -> None:
    table = make_score_matrix(scores(10_000.0, a=(90.0,), b=(81.5,), c=(81.0,), d=(10.0,)))
    whole = np.arange(4)
    assert contenders(table, whole, 0, 0.5, None).tolist() == [0, 1]  # 90 - 0.5 - 8
    assert contenders(table, whole, 0, 1.0, None).tolist() == [0, 1, 2]
    assert contenders(table, whole, 0, 0.5, {}).tolist() == [0, 1, 2, 3]
    unknown = make_score_matrix(scores(a=(90.0,), b=(10.0,)))
    assert contenders(unknown, np.arange(2), 0, 0.5, None).tolist() == [0, 1]


def test_no_pick_where_nobody_was_measured_everywhere_and_bad_margins_are_refused() -> None:
    table = scores(a=(90.0, 50.0), b=(80.0, 60.0))
    assert safe_bet(table.iloc[[0, 3]]).empty
    assert len(safe_bet(table, margin=0.0)) == 2
    for margin in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="margin must be 0 or more points"):
            safe_bet(table, margin=margin)


def test_the_usual_settings() -> None:
    found = {key: one.default for key, one in signature(safe_bet).parameters.items() if one.default is not one.empty}
    assert found == {"margin": 0.5, "weights": None, "noise": None, "seed": 0}
