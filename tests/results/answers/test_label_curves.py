"""Label curves of a study: values by budget by hand, models that are left out, and who needs how many labels."""

import numpy as np
import pytest
from budgets import SIZES, predictions

from kogen.common.metric_facts import ACCURACY
from kogen.results.answers.label_curves import budget_labels, label_curves
from kogen.results.answers.metric_choice import choose_metric


def test_each_model_has_a_value_for_every_number_of_labels() -> None:
    shares = {"x": {"10%": 0.6, "50%": 0.7, "": 0.8}, "y": {"10%": 0.5, "50%": 0.6, "": 0.7}}
    curves, matches = label_curves(predictions(shares), ACCURACY, SIZES)
    assert curves[["model", "budget", "labels", "draws", "seeds"]].to_numpy().tolist() == [
        [model, budget, SIZES[budget], draws, 2]
        for model in "xy"
        for budget, draws in (("10%", 3), ("50%", 3), ("", 1))
    ]
    assert curves["value"].tolist() == pytest.approx([60, 70, 80, 50, 60, 70])
    assert (curves["lo"] < curves["value"]).all()
    assert (curves["hi"] > curves["value"]).all()
    met = matches.set_index(["model", "other", "budget"])
    assert met.loc[("y", "x", "10%"), "needed"] == pytest.approx(100)  # 60 % with half of the labels
    assert met.loc[("y", "x", "50%"), "needed"] == pytest.approx(200)
    assert not met.loc[("y", "x", ""), "reached"]
    assert met.loc[("x", "y", "10%"), "reached"]
    assert np.isnan(met.loc[("x", "y", "10%"), "needed"])  # with fewer labels than were tried


def test_a_model_without_every_seed_or_without_budgets_is_left_out() -> None:
    shares = {"x": {"10%": 0.6, "": 0.8}, "whole": {"": 0.9}, "torn": {"10%": 0.6, "50%": 0.7, "": 0.8}}
    rows = predictions(shares)
    torn = rows[~((rows["model"] == "torn") & (rows["budget"] == "50%") & (rows["seed"] == 1) & (rows["draw"] == 2))]
    curves, _ = label_curves(torn, ACCURACY, SIZES)
    assert curves[["model", "budget"]].to_numpy().tolist() == [["torn", "10%"], ["torn", ""], ["x", "10%"], ["x", ""]]


def test_a_budget_without_every_draw_that_others_have_is_left_out() -> None:
    rows = predictions({"x": {"10%": 0.4, "50%": 0.7, "": 0.9}, "y": {"10%": 0.3, "50%": 0.6, "": 0.8}})
    torn = rows[~((rows["model"] == "x") & (rows["budget"] == "50%") & (rows["draw"] == 2))]
    curves, _ = label_curves(torn, ACCURACY, SIZES)
    assert [("x", "50%") in zip(curves["model"], curves["budget"], strict=True), len(curves)] == [False, 5]


def test_nothing_is_claimed_where_a_class_has_too_few_images() -> None:
    rows = predictions({"x": {"10%": 0.4, "50%": 0.7, "": 0.9}, "y": {"10%": 0.3, "50%": 0.6, "": 0.8}})
    few = rows[(rows["label"] == "b") | (rows["item"] < 4)]  # two images of class a
    wanted = choose_metric(few[few["budget"].isna()], "balanced_accuracy", "test")
    curves, matches = label_curves(few, wanted, SIZES)
    assert (curves["lo"] == 0).all()
    assert (curves["hi"] == 100).all()
    assert len(matches) == 6
    assert matches[["needed_lo", "needed_hi"]].isna().all(axis=None)
    full, known = label_curves(rows, choose_metric(rows[rows["budget"].isna()], "balanced_accuracy", "test"), SIZES)
    assert (full["hi"] < 100).all()
    assert known[["needed_lo", "needed_hi"]].notna().any(axis=None)


def test_numbers_of_labels_are_those_of_the_record() -> None:
    draws = [{"budget": "10%", "draw": draw, "labels": 20 + draw} for draw in range(3)]
    quality = {"sets": [{"name": "train", "labelled": 200}, {"name": "test", "labelled": 90}], "budgets": draws}
    assert budget_labels(quality) == {"10%": 21.0, "": 200.0}
    assert budget_labels({"sets": quality["sets"]}) == {"": 200.0}
