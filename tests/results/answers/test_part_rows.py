"""Rows of parts in a table of results: left out and said, chosen where they are asked for, foreign columns let be."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions
from kogen.results.answers.part_rows import choose_rows
from kogen.results.results import read_results

ROWS = pd.DataFrame({"model": np.repeat(["a", "b"], 20), "dataset": "val", "item": np.tile(np.arange(20), 2)})
ROWS = ROWS.assign(correct=(ROWS["item"] % 3 > 0).astype(int))


def test_rows_of_parts_of_the_images_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    part, whole = ROWS.assign(correct=0, pool="10%"), ROWS.assign(pool=None)
    file = tmp_path / "t.csv"
    pd.concat([whole, part]).to_csv(file, index=False)
    found = read_results(file, LotteryOptions())
    assert found.predictions is not None
    assert found.predictions["correct"].tolist() == ROWS["correct"].tolist()
    assert [(note.key, note.values) for note in found.notes] == [("read_pools", {"n": 40})]
    asked = read_results(file, LotteryOptions(where={"pool": "10%"}))
    assert asked.predictions is not None
    assert asked.predictions["correct"].sum() == 0
    part.to_csv(file, index=False)
    with pytest.raises(
        ValueError, match=r"pre-trained on part of the images: choose one with --where .*, such as pool=10%"
    ):
        read_results(file, LotteryOptions())


def test_labels_and_images_are_left_out_side_by_side(tmp_path: Path) -> None:
    blank = {"budget": None, "draw": np.nan, "pool": None}
    rows = [
        ROWS.assign(**blank),
        ROWS.assign(**blank | {"pool": "10%"}),
        ROWS.assign(**blank | {"budget": "5%", "draw": 0}),
    ]
    pd.concat(rows).to_csv(tmp_path / "t.csv", index=False)
    found = read_results(tmp_path / "t.csv", LotteryOptions())
    assert found.predictions is not None
    assert len(found.predictions) == 40
    assert [note.key for note in found.notes] == ["read_budgets", "read_pools"]


def test_a_column_of_another_meaning_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    ROWS.assign(pool=np.where(ROWS["item"] % 2, "indoor", "outdoor")).to_csv(file, index=False)
    found = read_results(file, LotteryOptions())
    assert found.predictions is not None
    assert len(found.predictions) == 40
    assert found.ignored == ("pool",)
    clusters = read_results(file, LotteryOptions(cluster="pool"))
    assert clusters.predictions is not None
    assert set(clusters.predictions["cluster"]) == {"indoor", "outdoor"}


def test_a_frame_whose_rows_are_all_kept_is_not_copied() -> None:
    assert choose_rows(ROWS, np.ones(40, dtype=bool)) is ROWS
    assert len(choose_rows(ROWS, ROWS["model"] == "a")) == 20
