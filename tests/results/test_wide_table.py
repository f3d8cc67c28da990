"""A wide table: columns of scores, of costs and of nothing, from hand-made frames."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions, TableOptions
from kogen.results.column_kinds import Kind
from kogen.results.questions import Questions
from kogen.results.raw_table import RawTable, refuse_wrong_cells
from kogen.results.results import read_results
from kogen.results.wide_table import Sorted, melt_columns, read_axes, read_wide, sort_columns


def raw(**columns: list[Any]) -> RawTable:
    return RawTable("t", {name: pd.Series(values) for name, values in columns.items()})


def test_columns_stand_below_one_another_with_the_intervals_that_some_have() -> None:
    table = raw(model=["a", "b"], val=["80 ± 1", "70"], night=["60", "50"], params=["5", "6"])
    long = melt_columns(table, table.columns["model"], ["val", "night"])
    assert long["model"].tolist() == ["a", "b", "a", "b"]
    assert long["dataset"].tolist() == ["val", "val", "night", "night"]
    assert long["score"].tolist() == [80.0, 70.0, 60.0, 50.0]
    assert long["lo"].tolist() == pytest.approx([79.0, np.nan, np.nan, np.nan], nan_ok=True)
    assert long["hi"].tolist() == pytest.approx([81.0, np.nan, np.nan, np.nan], nan_ok=True)
    assert "lo" not in melt_columns(table, table.columns["model"], ["night"])


def test_a_cost_is_of_models_that_have_one_number() -> None:
    table = raw(model=["a", "a", "b", "b", "c", "d"], params=[5.0, 5.0, 6.0, 7.0, np.nan, np.inf], none=[np.nan] * 6)
    assert read_axes(table, table.columns["model"], ["params", "none"]) == {"params": {"a": 5.0}}


def test_a_column_of_nothing_is_left_out_beside_others_and_alone_is_refused() -> None:
    frame = pd.DataFrame({"model": ["a", "b"], "val": [80.0, 70.0], "night": [np.nan, np.nan]})
    found = read_results(frame, LotteryOptions())
    assert found.datasets == ("val",)
    assert found.excluded == {"night": "excluded_empty"}
    with pytest.raises(ValueError, match="every score is empty: nothing was measured"):
        read_results(frame.assign(val=np.nan), LotteryOptions())
    with pytest.raises(ValueError, match="the table has the columns model, text and no scores: give one column a"):
        read_results(pd.DataFrame({"model": ["a", "b"], "text": ["x", "y"]}), LotteryOptions())


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["80", "inf"], f"the column '{'x' * 60}' holds infinity"),
        (["80", "y" * 70], f"the column '{'x' * 60}' holds text in some cells .1., first '{'y' * 60}': write numbers"),
        (["80,123", "70"], f"the column '{'x' * 60}' holds '80,123', which may be 80.123 or a number of thousands"),
    ],
)
def test_cells_that_are_no_scores_are_refused_and_long_names_cut(cells: list[str], words: str) -> None:
    numbers = raw(column=cells).numbers("column")
    with pytest.raises(ValueError, match=words):
        refuse_wrong_cells("x" * 70, numbers)


A, B = np.array([80.0, 70.0]), np.array([20.0, 30.0])
SCORE, ERROR, COST, TEXT = Kind.SCORE, Kind.ERROR, Kind.COST, Kind.TEXT


def kinds_of(
    kinds: dict[str, Kind], wanted: list[str] | None = None, direction: Any = True, **values: Any
) -> tuple[Sorted, Questions]:
    asked = Questions(None, TableOptions())
    known = {name: np.array([51.0, 52.0 + place]) for place, name in enumerate(kinds)} | values
    return sort_columns(kinds, known, wanted, direction, asked), asked


def test_scores_and_errors_are_sets_and_the_rest_says_why_not() -> None:
    found, asked = kinds_of({"a": SCORE, "b": SCORE, "c": COST, "t": TEXT})
    assert (found.sets, found.axes, found.errors, asked.sentences) == (["a", "b"], ["c"], [], [])
    assert found.excluded == {"c": "excluded_cost", "t": "excluded_text"}


def test_what_is_asked_for_is_a_set_whatever_it_is_and_what_is_not_was_not_chosen() -> None:
    found, _ = kinds_of({"a": SCORE, "b": SCORE, "c": COST}, ["c", "a", "c"])
    assert (found.sets, found.axes, found.excluded) == (["c", "a"], [], {"b": "excluded_choice"})
    found, _ = kinds_of({"a": SCORE, "e": ERROR, "c": COST}, ["a"])
    assert found.excluded == {"e": "excluded_choice", "c": "excluded_cost"}
    said, asked = kinds_of({"a": SCORE, "c": COST}, direction={"c": False, "gone": False})
    assert (said.sets, said.axes, asked.sentences) == (["a", "c"], [], [])


def test_errors_whose_direction_nobody_said_are_asked_about() -> None:
    one, asked = kinds_of({"a": SCORE, "e": ERROR})
    assert (one.sets, one.errors, asked.answers) == (["a", "e"], ["e"], {"higher_is_better": {"e": False}})
    assert "the column e seems to hold errors (less is better)" in asked.sentences[0]
    _, asked = kinds_of({"e": ERROR, "f": ERROR})
    assert "the columns e, f seem to hold errors" in asked.sentences[0]
    assert kinds_of({"e": ERROR}, direction=False)[0].errors == []
    assert kinds_of({"e": ERROR}, direction={"e": False})[0].errors == []
    assert kinds_of({"e": ERROR}, ["e"])[0].errors == ["e"]
    assert kinds_of({"a": SCORE, "e": ERROR}, ["a"])[0].errors == []


def test_an_error_that_is_100_less_a_score_is_its_mirror() -> None:
    found, asked = kinds_of({"a": SCORE, "e": ERROR}, a=A, e=B)
    assert (found.sets, found.excluded, asked.sentences) == (["a"], {"e": "excluded_mirror"}, [])
    kept, _ = kinds_of({"a": SCORE, "e": ERROR}, direction={"e": False}, a=A, e=B)
    assert kept.sets == ["a", "e"]
    second, _ = kinds_of({"val top-1": SCORE, "val top-5": SCORE})
    assert (second.sets, second.excluded) == (["val top-1"], {"val top-5": "excluded_second"})
    both, _ = kinds_of({"val top-1": SCORE, "val top-5": SCORE}, ["val top-5", "val top-1"])
    assert both.sets == ["val top-5", "val top-1"]


def wide(table: RawTable, **asked: Any) -> tuple[pd.DataFrame, Sorted, dict[str, float]]:
    options = TableOptions(**asked)
    return read_wide(table, table.columns["model"], ["model"], options, Questions(None, options))


def test_a_wide_table_is_read_with_its_percent_signs_and_what_was_left_out() -> None:
    table = raw(model=["a", "b"], val=["80 %", "70"], night=["60", "50"], none=["", ""], rank=[1, 2], notes=["x", "y"])
    long, found, percent = wide(table)
    assert (found.sets, percent) == (["val", "night"], {"val": 0.5})
    assert found.excluded["none"] == "excluded_empty"
    assert {"rank", "notes"} <= set(found.excluded)
    assert len(long) == 4
    with pytest.raises(ValueError, match="no column for the data set 'vale': did you mean 'val'"):
        wide(table, sets=("vale",))
    assert wide(table, sets=("night",))[1].sets == ["night"]
    with pytest.raises(ValueError, match=r"holds text in some cells \(2\)"):
        wide(table, sets=("notes",))


@pytest.mark.parametrize("name", ["dataset", "item", "correct", "score", "n"])
def test_a_long_table_that_lacks_a_column_is_no_wide_one(name: str) -> None:
    with pytest.raises(ValueError, match="one row an image wants model, dataset, item, correct"):
        wide(RawTable("t", {"model": pd.Series(["a"]), name: pd.Series([1.0])}))


def test_seeds_are_carried_along() -> None:
    table = raw(model=["a", "a"], seed=[3, 4], val=[80.0, 70.0], night=[60.0, 50.0])
    assert melt_columns(table, table.columns["model"], ["val", "night"])["seed"].tolist() == [3, 4, 3, 4]
