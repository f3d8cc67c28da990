"""Tables as csv: a spreadsheet runs no cell, and every cell can be read back as it was."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kogen.results.csv_file import guard_cell, guard_table, write_csv

STARTS = "=+-@＝＋－＠"
UNSEEN = " \t\r\n'\"\u00a0\ufeff\u200b\x00\x01"


@pytest.mark.parametrize("start", [*STARTS, *(f"{a}{b}" for a in UNSEEN for b in STARTS), " \"'=", "\t", "\r", "\n"])
def test_text_that_begins_a_formula_is_guarded(start: str) -> None:
    assert guard_cell(f"{start}1+1").startswith("'")


@pytest.mark.parametrize("text", ["a;=1+1", "a\n=1+1", "a\t@x", "a; -1", 'a;"=1"'])
def test_a_part_that_may_become_a_cell_is_guarded_too(text: str) -> None:
    assert guard_cell(text) == text[:2] + "'" + text[2:]


@pytest.mark.parametrize(
    "value", ["resnet-50", "a=b", "x@y", "1.5", "", "モデル", -1.5, 0, None, np.nan, True, "'a", "a;b"]
)
def test_other_cells_stay(value: object) -> None:
    assert guard_cell(value) is value or guard_cell(value) == value


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from([*STARTS, *UNSEEN, ";", "a", "1", ",", "é"]), max_size=8))
@example("=cmd|' /C calc'!A0")
def test_no_cell_that_is_written_begins_a_formula(text: str) -> None:
    guarded = guard_cell(text)
    for part in [guarded, *guarded.replace("\t", ";").replace("\r", ";").replace("\n", ";").split(";")]:
        assert part.lstrip(UNSEEN.replace("'", ""))[:1] not in list(STARTS)
    assert guarded == text or guarded.replace("'", "") == text.replace("'", "")  # nothing but marks came in


def test_columns_of_any_kind_and_their_names(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "model": pd.Categorical(["=1+1", "b"]),
            "=set": ["@x", None],
            "value": [-1.5, np.nan],
            "n": pd.array([-3, None], dtype="Int64"),
            "top": [True, False],
        }
    )
    write_csv(tmp_path / "t.csv", frame)
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "model,'=set,value,n,top",
        "'=1+1,'@x,-1.5,-3,True",
        "b,,,,False",
    ]
    assert frame["model"].tolist() == ["=1+1", "b"]  # the table itself stays
    assert guard_table(frame)["value"].dtype == np.float64
