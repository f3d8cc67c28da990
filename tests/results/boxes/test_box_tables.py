"""Box tables of a study: whose clusters hold, what is measured by part, and what is gone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from found_boxes import draw_run

from kogen.common.tables import write_table
from kogen.results.boxes.box_judgement import matrices_of, part_contributions
from kogen.results.boxes.box_runs import to_rows
from kogen.results.boxes.box_tables import by_set, measure_boxes, read_boxes
from kogen.results.gather import TABLE

FACTS = {"run": "abc", "protocol": "fcos", "method": "byol", "role": "reference"}


def tables(study: Path) -> pd.DataFrame:
    """A run with all boxes and two draws of half of them, as a study has it; the rows of its predictions."""
    run, parts = draw_run(1, images=12), []
    for budget, draw in ((None, None), ("50%", 0), ("50%", 1)):
        parts.append(to_rows(run, FACTS | {"budget": budget, "draw": draw}))
    place = study / "runs" / "abc"
    place.mkdir(parents=True)
    (place / TABLE).touch()
    write_table(place / "boxes.parquet", pd.concat(parts, ignore_index=True), "boxes")
    answers = pd.DataFrame({"item": run.items, "cluster": np.arange(12) // 3, "dataset": run.dataset})
    return answers.assign(protocol="fcos")


def test_clusters_are_those_of_the_predictions(tmp_path):
    rows = read_boxes(tmp_path, tables(tmp_path))
    assert sorted(rows.cluster.unique()) == ["0", "1", "2", "3"]
    measured = measure_boxes(rows)
    assert sorted(measured) == [("", 0), ("50%", 0), ("50%", 1)]
    (matrix,) = matrices_of(measured["", 0], "ap")
    assert matrix.cluster_count == 4
    assert 100 * matrix.means[0] == pytest.approx(100 * measured["", 0][0].numbers["ap"])


def test_sets_that_the_predictions_do_not_have_are_left_out(tmp_path):
    answers = tables(tmp_path)
    assert read_boxes(tmp_path, answers.assign(dataset="other")).empty


def test_contributions_have_the_mean_of_their_number(tmp_path):
    measured = measure_boxes(read_boxes(tmp_path, tables(tmp_path)))
    (found,) = part_contributions(measured, "ap").values()
    models, clusters = found
    (budgets,) = models.values()
    assert {name: each.shape for name, each in budgets.items()} == {"": (1, 1, 12), "50%": (1, 2, 12)}
    assert budgets["50%"].mean() == pytest.approx(measured["50%", 0][0].numbers["ap"])
    assert len(set(clusters.tolist())) == 4


def test_a_set_without_such_boxes_is_refused(tmp_path):
    measured = measure_boxes(read_boxes(tmp_path, tables(tmp_path)))["", 0]
    (name,) = by_set(measured)
    measured[0].numbers["ap75"] = float("nan")
    with pytest.raises(ValueError, match=rf"the set '{name}' has no box that ap75 looks for: leave it out"):
        matrices_of(measured, "ap75")
