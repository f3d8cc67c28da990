"""A wide table: columns of scores, of costs and of nothing, from hand-made frames."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions
from kogen.results.raw_table import RawTable, refuse_wrong_cells
from kogen.results.results import read_results
from kogen.results.wide_table import melt_columns, read_axes


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
        (["80", "y" * 70], f"the column '{'x' * 60}' holds text in 1 rows, first '{'y' * 60}': write numbers"),
        (["80,123", "70"], f"the column '{'x' * 60}' holds '80,123', which may be 80.123 or a number of thousands"),
    ],
)
def test_cells_that_are_no_scores_are_refused_and_long_names_cut(cells: list[str], words: str) -> None:
    numbers = raw(column=cells).numbers("column")
    with pytest.raises(ValueError, match=words):
        refuse_wrong_cells("x" * 70, numbers)
