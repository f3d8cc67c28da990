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


def coded(rows: list[tuple[str, int, str, str]], dataset: str = "s") -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["model", "seed", "label", "predicted"]).assign(dataset=dataset)
    kinds = pd.CategoricalDtype(sorted({*table["label"], *table["predicted"], "unused"}))
    return table.astype({"label": kinds, "predicted": kinds})


def test_counts_are_means_over_runs_and_shares_are_of_the_label() -> None:
    found = confusion(
        coded([("m", 0, "a", "a"), ("m", 0, "a", "b"), ("m", 1, "a", "a"), ("m", 1, "a", "a"), ("k", 0, "a", "b")])
    )
    assert found.to_numpy().tolist() == [
        ["s", "k", "a", "a", 0.0, 0.0],
        ["s", "k", "a", "b", 1.0, 1.0],
        ["s", "m", "a", "a", 1.5, 0.75],
        ["s", "m", "a", "b", 0.5, 0.25],
    ]


def test_sixty_four_classes_are_shown_and_more_are_not() -> None:
    def rows(classes: int, dataset: str = "s") -> pd.DataFrame:
        return coded([("m", 0, f"c{i:02d}", f"c{i:02d}") for i in range(classes)], dataset)

    assert len(confusion(rows(64))) == 64 * 64
    assert confusion(rows(65)).empty
    assert confusion(rows(3).drop(columns="label")).empty
    both = pd.concat([rows(65, "large"), rows(2, "small")]).astype({"label": "category", "predicted": "category"})
    assert set(confusion(both)["dataset"]) == {"small"}
