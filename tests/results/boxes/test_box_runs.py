"""Box runs: a table on disk and back, and runs that cannot be compared are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from found_boxes import draw_run

from kogen.boxes.image_boxes import FoundBoxes
from kogen.boxes.matching import OVERLAPS, overlaps
from kogen.common.tables import read_table, write_table
from kogen.results.boxes.box_runs import BoxRun, read_runs, to_rows

FACTS = {"run": "abc", "protocol": "fcos", "method": "byol", "role": "reference"}


def in_float32(run: BoxRun) -> BoxRun:
    """The run as a table holds it."""
    found = [FoundBoxes(f.corners, f.classes, f.scores.astype(np.float32)) for f in run.found]
    return replace(run, found=tuple(found))


@pytest.mark.parametrize("clusters", [0, 4])
def test_a_run_comes_back_from_its_table(clusters: int, tmp_path: Path):
    run = in_float32(draw_run(1, images=12, crowds=True, clusters=clusters))
    write_table(tmp_path / "boxes.parquet", to_rows(run, FACTS), "boxes")
    (again,) = read_runs(read_table(tmp_path / "boxes.parquet"), run.classes)
    assert (again.dataset, again.model, again.seed) == ("set", "a", 0)
    np.testing.assert_array_equal(again.items, run.items)
    np.testing.assert_array_equal(again.clusters, run.clusters)
    for mine, theirs in zip(run.true, again.true, strict=True):
        for name in ("corners", "classes", "crowd", "difficult", "areas"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    for mine, theirs in zip(run.found, again.found, strict=True):
        for name in ("corners", "classes", "scores"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))


def test_each_found_box_names_the_true_one_that_it_is():
    run = draw_run(2, images=80)
    rows = to_rows(run, FACTS)
    assert set(rows["kind"]) == {"true", "found", "none"}
    true = rows[rows["kind"] == "true"].set_index(["item", "number"])
    corners = ["x1", "y1", "x2", "y2"]
    found = rows[rows["kind"] == "found"]
    assert sum(row["match"][0] >= 0 for _, row in found.iterrows()) > 10
    for _, row in found.iterrows():
        for least, number in zip(OVERLAPS, row["match"], strict=True):
            if number >= 0:
                there = true.loc[(row["item"], number)]
                pair = (np.array([part[corners].to_numpy(float)]) for part in (row, there))
                assert there["class"] == row["class"]
                assert overlaps(*pair, np.zeros(1, bool))[0, 0] >= least - 1e-9


def test_runs_on_other_images_or_other_boxes_are_refused():
    run = draw_run(1)
    rows = to_rows(run, FACTS)
    other = rows.assign(model="b")
    fewer = pd.concat([rows, other[other["item"] != "0003"]])
    with pytest.raises(ValueError, match=r"and b \(seed 0\) on set were judged on other images, 1 of which, as 0003"):
        read_runs(fewer)
    moved = other.assign(x1=other["x1"].where(other["kind"] != "true", other["x1"] + 1))
    with pytest.raises(ValueError, match=r"were judged by other boxes on the image 00"):
        read_runs(pd.concat([rows, moved]))
    with pytest.raises(ValueError, match=r"the boxes are of a class 'c', which is not among a, b"):
        read_runs(rows, ["a", "b"])
