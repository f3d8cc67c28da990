"""Confusion, by hand."""

import pandas as pd

from kogen.results.answers.answer_columns import share_classes
from kogen.statistics.confusion import confusion


def test_counts_are_means_over_runs() -> None:
    rows = [
        ("bad", "bad", 0),
        ("bad", "good", 0),
        ("good", "good", 0),
        ("bad", "bad", 1),
        ("bad", "bad", 1),
        ("good", "odd", 1),
    ]
    frame = pd.DataFrame(rows, columns=["label", "predicted", "seed"]).assign(model="a", dataset="val")
    found = confusion(share_classes(frame))
    cells = {(row.label, row.predicted): (row.n, row.share) for row in found.itertuples()}
    assert cells == {
        ("bad", "bad"): (1.5, 0.75),
        ("bad", "good"): (0.5, 0.25),
        ("bad", "odd"): (0, 0),
        ("good", "bad"): (0, 0),
        ("good", "good"): (0.5, 0.5),
        ("good", "odd"): (0.5, 0.5),
    }


def test_no_matrix_of_more_than_64_classes() -> None:
    for classes, rows in ((64, 64 * 64), (65, 0)):
        names = [f"c{n:02d}" for n in range(classes)]
        frame = pd.DataFrame({"label": names, "predicted": names, "seed": 0, "model": "a", "dataset": "val"})
        assert len(confusion(share_classes(frame))) == rows
    assert len(confusion(frame.drop(columns="label"))) == 0
