"""Tables of a user's own statistics: stored as they are or refused in a sentence, and shown with every kind of cell."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.common import plugins
from kogen.common.own_statistics import shown_statistics, write_statistics
from kogen.common.plugins import Plugin


def compute(table: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the table of a statistic that returns this one."""
    (folder / "predictions.parquet").write_bytes(pd.DataFrame({"correct": [1, 0]}).to_parquet())
    plugin = Plugin("statistics", "own", "mine.py", "0", lambda rows: table)
    monkeypatch.setattr(plugins, "OPENED", {("statistics", "own"): plugin})
    write_statistics(folder, ["own"])


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            r"the table of the statistic 'own' cannot be stored \(.*make it flat",
        ),
        (pd.DataFrame({"a": [1, "b", [3]]}), "'own' cannot be stored"),
        (pd.DataFrame(), "'own' returned a DataFrame: wanted a function of the rows"),
        (pd.Series([1.0]), "'own' returned a Series: wanted"),
    ],
)
def test_what_cannot_be_stored_is_a_sentence(table: Any, match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match=match):
        compute(table, tmp_path, monkeypatch)


def test_every_kind_of_cell_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cells = {
        "float": np.float32([1 / 3, np.nan]),
        "whole": pd.array([3, None], dtype="Int64"),
        "time": pd.to_datetime(["2026-01-02", None]),
        "text": ["a", None],
        "list": [[1, 2], None],
    }
    compute(pd.DataFrame(cells, index=pd.Index(["x", "y"], name="set")), tmp_path, monkeypatch)
    (shown,) = shown_statistics(tmp_path, ["own"])
    assert shown["columns"] == ["set", *cells]
    assert shown["rows"][0][:3] == ["x", "0.3333", "3"]
    assert shown["rows"][1] == ["y", *["–"] * len(cells)]
    assert shown["more"] == 0


def test_a_long_table_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    compute(pd.DataFrame({"a": range(33)}), tmp_path, monkeypatch)
    (shown,) = shown_statistics(tmp_path, ["own"])
    assert (len(shown["rows"]), shown["more"]) == (30, 3)
