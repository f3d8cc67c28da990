"""Box study: detectors from several starts on the same draws of labelled images, as rows of the table `boxes`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.tables import read_table, write_table
from kogen.data.boxes.box_images import BoxImages
from kogen.detection.detectors import DetectorStart, detector_plan, find_boxes, train_detector
from kogen.results.boxes.box_runs import BoxRun, to_rows

ALL = 1.0  # share of the training images: their boxes are all seen


def draw_share(boxes: BoxImages, share: float, seed: int) -> BoxImages:
    """A share of the images with their boxes, at least two, drawn by a seed: the same for every start.

    ValueError for a share that is none, and for one without any box.
    """
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share} of the images with boxes: wanted above 0 and at most 1, such as 0.1")
    if share == ALL:
        return boxes
    order = np.random.default_rng([seed, len(boxes)]).permutation(len(boxes))
    part = boxes.subset(np.sort(order[: max(round(share * len(boxes)), 2)]))
    if not any((~one.ignored).any() for one in part.boxes):
        raise ValueError(f"the {len(part)} images that seed {seed} draws have no box: take a larger share")
    return part


def run_detector(
    start: DetectorStart,
    parts: tuple[BoxImages, BoxImages],
    out: Path,
    *,
    size: int,
    epochs: int,
    share: float = ALL,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Rows of the table `boxes`: what a detector finds on the second part, trained on a share of the first.

    They lie in `out`/runs/ID/boxes.parquet; what is there is not done again, and what was interrupted goes on.
    """
    train, test = parts
    seen = draw_share(train, share, seed)
    plan = detector_plan(start, seen, size, epochs, seed, settings or {})
    folder = out / "runs" / plan.fingerprint[:12]
    place = folder / f"boxes-{test.digest[:12]}.parquet"
    if not place.exists():
        found = find_boxes(train_detector(plan, seen, folder), plan, test)
        images = test.images
        known = (test.classes, images.ids, images.clusters, test.boxes, found, images.groups, images.sources)
        run = BoxRun(images.name, start.name, seed, *known)
        budget = None if share == ALL else f"{100 * share:g}%"
        facts = {"run": plan.fingerprint[:12], "method": "detect", "role": "reference", "budget": budget}
        rows = to_rows(run, facts | {"draw": None if share == ALL else seed})
        write_table(place, rows, "boxes")
    return read_table(place)


def join_rows(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of several runs as one table."""
    return pd.concat(tables, ignore_index=True)
