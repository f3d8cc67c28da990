"""Box tables of a study: what its runs found, read and measured by protocol, and what part of the boxes they learnt."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.tables import read_table
from kogen.results.boxes.box_runs import read_runs
from kogen.results.boxes.box_values import RunPrecisions, measure_run
from kogen.results.gather import TABLE

BOXES, BOX_GALLERY = "boxes.parquet", "box_gallery"  # of a run: the table of what it found, the folder of pictures


def read_boxes(study: Path, answers: pd.DataFrame) -> pd.DataFrame:
    """The boxes of all judged runs of a study, of sets and protocols that `answers` (rows of predictions) has.

    Clusters are those of `answers`. ValueError for a run of which the answers are there and not what it found.
    """
    files = [place.parent / BOXES for place in sorted(study.glob(f"runs/*/{TABLE}"))]
    if lost := [file for file in files if not file.exists()]:
        raise ValueError(f"{lost[0]} is gone, and predictions.parquet beside it there: delete that one, and run again")
    rows: Any = pd.concat([read_table(file) for file in files], ignore_index=True)
    key = ["dataset", "protocol", "item"]
    named: Any = answers[[*key, "cluster"]].astype(str)
    clusters = named.drop_duplicates(key)
    return rows.drop(columns="cluster").merge(clusters, on=key, how="inner")


def measure_boxes(rows: pd.DataFrame) -> dict[tuple[str, int], list[RunPrecisions]]:
    """COCO's numbers of every run and set, by budget ("" for all boxes) and draw."""
    budget, draw = rows["budget"].astype(object).where(rows["budget"].notna(), ""), rows["draw"].fillna(0).astype(int)
    known = sorted(map(str, rows["class"].dropna().unique()))
    parts: Any = rows.groupby([budget, draw], sort=True)
    return {
        (str(name), int(number)): [measure_run(run) for run in read_runs(part, known)] for (name, number), part in parts
    }


def by_set(measured: list[RunPrecisions]) -> Mapping[str, list[RunPrecisions]]:
    """The runs of each set, sets in the order of their names."""
    found: dict[str, list[RunPrecisions]] = {}
    for one in measured:
        found.setdefault(one.run.dataset, []).append(one)
    return found
