"""Floors, thresholds on shifted sets, and claims that are withheld, by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogen.common.metric_facts import MetricFacts
from kogen.metrics._metric import Answers
from kogen.results.answers.answer_columns import share_classes
from kogen.results.answers.metric_choice import choose_metric
from kogen.results.answers.metric_matrices import metric_matrices, set_answers
from kogen.results.answers.metric_tables import (
    answer_tables,
    best_accuracy,
    best_constant,
    best_thresholds,
    constant_answers,
    floor_rows,
    metric_floor,
    metric_tables,
    protocol_answers,
    shift_case,
    withhold_claims,
)
from kogen.statistics.paired import paired
from kogen.statistics.ranks import ranks
from kogen.statistics.values import values


def table(skill: float = 2.0, off: float = 0.0, n: int = 200, dataset: str = "val", seed: int = 0) -> pd.DataFrame:
    """One model on a set with 30 % bad; `off` moves all its probabilities."""
    rng = np.random.default_rng(seed)
    labels = np.where(np.arange(n) < 0.3 * n, "bad", "good")
    chance = 1 / (1 + np.exp(-(skill * ((labels == "bad") - 0.5) * 2 + rng.standard_normal(n) + off)))
    said = np.where(chance > 0.5, "bad", "good")
    frame = {"model": "a", "dataset": dataset, "seed": 0, "item": [f"{dataset}{i}" for i in range(n)], "label": labels}
    frame |= {"predicted": said, "correct": (said == labels).astype(int)}
    return pd.DataFrame(frame | {"score": np.where(labels == "bad", chance, 1 - chance)})


def study(*parts: pd.DataFrame) -> tuple[pd.DataFrame, MetricFacts]:
    frame = share_classes(pd.concat(parts, ignore_index=True))
    return frame, choose_metric(frame, None, "val")


def test_the_floor_of_accuracy_is_the_larger_class() -> None:
    frame, facts = study(table())
    row = metric_tables(frame, facts, "val")["floors"].iloc[0]
    assert (row["constant"], row["metric"], row["model"]) == ("good", "accuracy", "a")
    assert row["floor"] == pytest.approx(70)
    assert row["difference"] == pytest.approx(row["value"] - 70)
    assert row["clear"]
    assert row["lo"] > 0
    poor = table(skill=0.0, off=-1.5)
    row = metric_tables(*study(poor), "val")["floors"].iloc[0]
    assert not row["clear"]
    assert row["lo"] < 0


FLOORS = {
    "balanced_accuracy": 50,
    "auroc": 50,
    "average_precision": 30,
    "quadratic_kappa": 0,
    "macro_f1": 100 * (2 * 0.7 / 1.7) / 2,
    "recall_at_false_alarm": 5,
    "expected_cost": 0.7,  # to call every image: 7 of 10 are false alarms of price 1; to call none: 3 misses of 10
    "log_loss": -(0.3 * np.log(0.3) + 0.7 * np.log(0.7)),
}


@pytest.mark.parametrize("name", FLOORS)
def test_the_floor_of_each_metric(name: str) -> None:
    frame, facts = study(table())
    rows = metric_tables(frame, facts, "val", "linear")["metrics"].set_index("metric")
    assert rows.loc[name, "floor"] == pytest.approx(FLOORS[name], abs=1e-9)
    assert rows.loc[name, "protocol"] == "linear"
    assert rows.loc["calibration_error", ["better", "unit"]].tolist() == ["lower", "points"]
    assert np.isnan(rows.loc["calibration_error", "floor"])
    assert rows.loc["recall_at_false_alarm", "reason"] == "no_threshold"
    assert np.isnan(rows.loc["recall_at_false_alarm", "value"])
    cost = rows.loc["expected_cost"]
    assert 0 <= cost["lo"] < cost["value"] < cost["hi"]


def test_equal_floors_are_the_larger_class() -> None:
    frame, facts = study(table())
    one = Answers(("a", "b"), np.array([0, 1, 1]), np.array([0, 1, 1]), np.ones(3))
    constants = constant_answers(one)
    assert metric_floor(replace(facts, name="balanced_accuracy", counts_images=False), constants) == (
        "b",
        pytest.approx(50),
    )
    assert constants["b"].predicted.tolist() == [1, 1, 1]
    assert constants["b"].correct.tolist() == [0, 1, 1]
    assert constant_answers(Answers((), one.labels, one.predicted, one.correct)) == {}
    assert len(frame)


def test_a_threshold_that_is_off_and_a_ranking_that_is_lost() -> None:
    moved, lost = table(off=6, dataset="moved", seed=1), table(skill=0.1, off=6, dataset="lost", seed=2)
    rows = metric_tables(*study(table(), moved, lost, table(dataset="same", seed=3)), "val")["threshold_shift"]
    found = rows.set_index("dataset")
    assert found["case"].to_dict() == {"moved": "threshold", "lost": "ranking", "same": "none"}
    assert found["larger"].tolist() == pytest.approx([70, 70, 70])
    assert set(found["larger_class"]) == {"good"}
    assert found.loc["moved", "best_accuracy"] > found.loc["moved", "accuracy"] + 20
    assert found.loc["moved", "reference_accuracy"] == pytest.approx(100 * table()["correct"].mean())


CALM = {
    "accuracy": 80.0,
    "accuracy_hi": 84.0,
    "larger": 70.0,
    "auroc": 88.0,
    "auroc_lo": 84.0,
    "reference_accuracy": 82.0,
    "reference_accuracy_lo": 78.0,
    "reference_auroc": 90.0,
}


@pytest.mark.parametrize(
    ("change", "case"),
    [
        ({}, "none"),
        ({"accuracy": 60, "accuracy_hi": 69.9}, "threshold"),  # below the larger class
        ({"accuracy": 77, "accuracy_hi": 77.9, "larger": 50}, "none"),  # lost 5 points, and not more
        ({"accuracy": 76.9, "accuracy_hi": 77.9, "larger": 50}, "threshold"),
        ({"accuracy": 76.9, "accuracy_hi": 78, "larger": 50}, "none"),  # not surely below the reference
        ({"accuracy": 60, "accuracy_hi": 69.9, "auroc_lo": 50}, "ranking"),
        ({"accuracy": 60, "accuracy_hi": 69.9, "auroc": 85}, "threshold"),  # lost 5 points, and not more
        ({"accuracy": 60, "accuracy_hi": 69.9, "auroc": 84.9}, "ranking"),
        ({"accuracy": 60, "accuracy_hi": 70, "reference_accuracy": 64}, "none"),
        ({"auroc_lo": np.nan}, None),
        ({"reference_auroc": np.nan}, None),
    ],
)
def test_the_rule(change: dict[str, float], case: str | None) -> None:
    assert shift_case(CALM | change)["case"] == case


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=12))
def test_the_best_threshold_is_the_best_of_all(cases: list[tuple[int, bool]]) -> None:
    score, positive = np.array([one for one, _ in cases], float), np.array([two for _, two in cases])
    slow = max(((score > cut) == positive).mean() for cut in (-1, 0, 1, 2, 3, 4))
    assert best_accuracy(score, positive) == pytest.approx(slow)


def test_claims_are_withheld_where_a_class_has_too_few_images() -> None:
    one = table(n=40).iloc[9:]  # three bad
    frame = share_classes(
        pd.concat([one, one.assign(model="b", predicted="good", correct=(one["label"] == "good") * 1)])
    )
    facts = choose_metric(frame, "balanced_accuracy", "val")
    matrices = metric_matrices(frame, facts)
    pairs, places = paired(matrices, margin=1, draws=50), ranks(matrices, draws=50)
    withhold_claims(matrices[0], pairs, places)
    row = pairs.iloc[0]
    assert row[["lo", "lo90", "family_lo", "hi", "hi90", "family_hi"]].tolist() == [-100] * 3 + [100] * 3
    assert (row["verdict"], row["p"], row["lottery"], row["minimum_detectable"]) == ("undecided", 1, 0.5, 100)
    assert places[["rank_lo", "rank_hi"]].to_numpy().tolist() == [[1, 2], [1, 2]]
    assert places["top"].all()
    assert places["p_best"].tolist() == [0.5, 0.5]
    floors = metric_tables(frame, facts, "val")["floors"]
    assert floors["lo"].isna().all()
    assert not floors["clear"].any()
    assert set(floors["reason"]) == {"few_of_class"}


def test_enough_images_claim_what_they_do() -> None:
    frame, facts = study(table())
    matrices = metric_matrices(frame, facts)
    places = ranks(matrices, draws=50)
    before = places.copy()
    withhold_claims(matrices[0], pd.DataFrame(), places)
    pd.testing.assert_frame_equal(places, before)


def test_without_labels_there_is_accuracy_alone() -> None:
    bare = table().drop(columns=["label", "predicted", "score"])
    facts = choose_metric(bare, None, "val")
    found = answer_tables(bare, facts, "val", values(metric_matrices(bare, facts)))
    known = found["metrics"].set_index("metric")["value"].dropna()
    assert list(known.index) == ["accuracy"]
    assert all(not len(found[name]) for name in ("floors", "threshold_shift", "recall", "confusion", "hard"))


def test_rows_of_a_metric_have_their_direction_and_their_ends_in_order() -> None:
    frame, facts = study(table())
    rows = metric_tables(frame, facts, "val", "knn")["metrics"].set_index("metric")
    assert {name: rows.loc[name, "better"] for name in ("auroc", "log_loss", "expected_cost")} == {
        "auroc": "higher",
        "log_loss": "lower",
        "expected_cost": "lower",
    }
    loss = rows.loc["log_loss"]
    assert 0 < loss["lo"] < loss["value"] < loss["hi"]
    assert (loss["n"], loss["dataset"], loss["unit"], loss["model"], loss["protocol"]) == (
        200,
        "val",
        "nats",
        "a",
        "knn",
    )
    assert rows.loc["accuracy", "reason"] is None
    lost = rows.loc["recall_at_false_alarm"]
    assert (lost["model"], lost["n"], bool(np.isnan(lost["lo"])), bool(np.isnan(lost["hi"]))) == ("a", 200, True, True)


def test_the_floor_of_a_recall_is_the_rate_of_false_alarms_that_is_asked_for() -> None:
    frame, facts = study(table())
    one = Answers(("a", "b"), np.array([0, 1, 1]), np.array([0, 1, 1]), np.ones(3))
    constants = constant_answers(one)
    recall = replace(facts, name="recall_at_false_alarm", parameters={})
    assert metric_floor(recall, constants) == (None, 5.0)
    assert metric_floor(replace(recall, parameters={"rate": 0.2}), constants) == (None, 20.0)
    assert metric_floor(recall, {})[0] is None
    assert np.isnan(metric_floor(recall, {})[1])
    assert np.isnan(metric_floor(replace(facts, name="calibration_error"), constants)[1])
    assert len(frame)


def test_always_the_same_class_has_the_shares_of_all_as_probabilities() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]])
    one = Answers(("a", "b", "none"), np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]), np.ones(4), probabilities)
    found = constant_answers(one)
    assert list(found) == ["a", "b"]  # `none` has no images
    assert found["a"].predicted.tolist() == [0] * 4
    assert found["a"].correct.tolist() == [1, 0, 0, 0]
    for each in found.values():
        assert each.probabilities is not None
        assert each.score is not None
        assert each.probabilities.tolist() == [[0.25, 0.75, 0]] * 4
        assert each.score.tolist() == [0.25, 0.75, 0.75, 0.75]
    assert constant_answers(replace(one, probabilities=None))["a"].probabilities is None


def test_the_floor_of_shares_is_that_of_the_largest_class() -> None:
    frame, facts = study(table())
    one = Answers(("a", "b"), np.array([0, 1, 1]), np.array([0, 1, 1]), np.ones(3))
    one = replace(one, probabilities=np.full((3, 2), 0.5), positive=0)
    loss = replace(facts, name="log_loss", higher_is_better=False, unit="nats")
    name, value = metric_floor(loss, constant_answers(one))
    assert name == "b"
    assert abs(value) > 0
    assert len(frame)


@pytest.mark.parametrize(("lost", "clear"), [(11, True), (13, False)])
def test_a_floor_is_clear_from_where_its_interval_lies_above_0(lost: int, clear: bool) -> None:
    """Of 60 bad and 140 good images, 24 bad ones are found and `lost` good ones are called bad."""
    frame = table()
    bad = np.isin(np.arange(200), [*range(24), *range(60, 60 + lost)])
    frame = frame.assign(predicted=np.where(bad, "bad", "good")).drop(columns="score")
    frame = frame.assign(correct=(frame["predicted"] == frame["label"]).astype(int))
    coded, facts = study(frame)
    (found,) = set_answers(coded, facts)
    row = floor_rows(found, facts, best_constant(facts, constant_answers(found.answers[0]))).iloc[0]
    assert row["difference"] == pytest.approx((24 - lost) / 2)
    middle = 100 * (24 - lost) / 202
    half = 1.959964 * 100 * (24 + lost + 2 - (24 - lost) ** 2 / 202) ** 0.5 / 202
    assert (row["lo"], row["hi"]) == pytest.approx((middle - half, middle + half), abs=1e-3)
    assert abs(row["lo"]) < 1
    assert bool(row["clear"]) is clear


def test_best_thresholds_are_the_mean_over_runs_of_each_model() -> None:
    runs = pd.concat([table(), table(seed=9).assign(seed=1), table(seed=8).assign(model="b"),
                      table(seed=7).assign(model="b", seed=1)])  # fmt: skip
    frame, facts = study(runs.assign(item=np.tile(np.arange(200), 4)))
    (found,) = set_answers(frame, facts)
    best = best_thresholds(found)
    singles = [100 * best_accuracy(one.chance, one.is_positive) for one in found.answers]
    assert best["model"].tolist() == ["a", "b"]
    assert best["best"].tolist() == pytest.approx([np.mean(singles[:2]), np.mean(singles[2:])])
    assert best["larger_class"].tolist() == ["good", "good"]


def test_shifts_are_rows_of_the_other_sets_where_the_reference_is_there() -> None:
    frame, facts = study(table(), table(dataset="moved", off=6, seed=1))
    found = metric_tables(frame, facts, "val")
    assert found["threshold_shift"]["dataset"].tolist() == ["moved"]
    row, every = found["threshold_shift"].iloc[0], found["metrics"].set_index(["dataset", "metric"])
    for name in ("accuracy", "auroc"):
        assert [row[name], row[f"{name}_lo"], row[f"{name}_hi"]] == list(
            every.loc[("moved", name), ["value", "lo", "hi"]]
        )
        assert row[f"reference_{name}"] == every.loc[("val", name), "value"]
    assert row["reference_accuracy_lo"] == every.loc[("val", "accuracy"), "lo"]
    assert (row["n"], row["accuracy_falls"], row["ranking_holds"]) == (200, True, True)
    assert metric_tables(table(), facts, "absent")["threshold_shift"].empty


def test_metrics_of_other_protocols_stand_below_and_have_no_other_tables() -> None:
    frame, facts = study(table())
    other = share_classes(table(seed=3))
    both = {"linear": frame, "knn": other}
    found = protocol_answers(both, values(metric_matrices(frame, facts)), facts, "val", "linear")
    counts = found["metrics"].groupby("protocol").size()
    assert counts["linear"] == counts["knn"] > 5
    assert found["metrics"]["protocol"].iloc[0] == "linear"
    assert len(found["floors"]) == 1
