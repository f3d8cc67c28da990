"""Box runs: what detectors found on the images of a set, as rows of a table and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from kogen.boxes.image_boxes import FoundBoxes, ImageBoxes
from kogen.boxes.matching import OVERLAPS, SIZES, ClassMatches, match_class

TRUE, FOUND, NONE = "true", "found", "none"
CORNERS = ["x1", "y1", "x2", "y2"]
RUN = ["dataset", "model", "seed"]


@dataclass(frozen=True, eq=False)
class BoxRun:
    """What one run of a detector found on the N images of a set."""

    dataset: str
    model: str
    seed: int
    classes: tuple[str, ...]
    items: np.ndarray  # (N,) str, content ids
    clusters: np.ndarray  # (N,) str
    true: tuple[ImageBoxes, ...]  # N
    found: tuple[FoundBoxes, ...]  # N
    groups: np.ndarray | None = None  # (N,) object, "" where none is named
    paths: np.ndarray | None = None  # (N,) object

    def __post_init__(self) -> None:
        assert len(self.items) == len(self.clusters) == len(self.true) == len(self.found)

    def matches(self) -> list[ClassMatches]:
        """Which found box is which true one, of each class."""
        return [match_class(self.true, self.found, label) for label in range(len(self.classes))]

    def subset(self, index: np.ndarray) -> "BoxRun":
        """The run on some of the images."""
        rows = np.arange(len(self.items))[index]
        boxes = {name: tuple(getattr(self, name)[row] for row in rows) for name in ("true", "found")}
        names = {name: None if (of := getattr(self, name)) is None else of[rows] for name in ("groups", "paths")}
        return replace(self, items=self.items[rows], clusters=self.clusters[rows], **boxes, **names)


def to_rows(run: BoxRun, facts: Mapping[str, Any]) -> pd.DataFrame:
    """The rows of the table `boxes` of a run, the images in order; `facts`: its columns run, method, role ..."""
    matched = [np.full((len(found), len(OVERLAPS)), -1, np.int32) for found in run.found]
    for one in run.matches():
        for place, (image, number) in enumerate(zip(one.image.tolist(), one.place.tolist(), strict=True)):
            matched[image][number] = one.match[list(SIZES).index("all"), :, place]
    parts = list[dict[str, Any]]()
    for image, (true, found) in enumerate(zip(run.true, run.found, strict=True)):
        said = {"item": run.items[image], "cluster": run.clusters[image]}
        said |= {"group": None if run.groups is None else run.groups[image] or None}
        said |= {"path": None if run.paths is None else run.paths[image]}
        for number in range(len(true)):
            flags = {"crowd": int(true.crowd[number]), "difficult": int(true.difficult[number])}
            row = box_row(TRUE, number, run.classes[true.classes[number]], true.corners[number])
            parts.append(said | row | flags | {"area": float(true.areas[number])})
        for number in range(len(found)):
            row = box_row(FOUND, number, run.classes[found.classes[number]], found.corners[number])
            parts.append(said | row | {"score": found.scores[number], "match": matched[image][number].tolist()})
        if not len(true) and not len(found):
            parts.append(said | {"kind": NONE})
    columns = ["item", "cluster", "group", "path", "kind", "number", "class", "score", *CORNERS]
    frame = pd.DataFrame(parts, columns=[*columns, "area", "crowd", "difficult", "match"])
    whole = {name: frame[name].astype("Int64") for name in ("number", "crowd", "difficult")}
    return frame.assign(**whole, dataset=run.dataset, model=run.model, seed=run.seed, **facts)


def box_row(kind: str, number: int, label: str, corners: np.ndarray) -> dict[str, Any]:
    """What true and found boxes have in common."""
    return {"kind": kind, "number": number, "class": label, **dict(zip(CORNERS, corners.tolist(), strict=True))}


def read_runs(rows: pd.DataFrame, classes: Sequence[str] | None = None) -> list[BoxRun]:
    """The runs of a table of boxes, those of one set on the same images in one order.

    `classes`: all of them, where some may have no box. ValueError for runs of a set that differ in their images or in
    what is on these, and for a class that is not among them.
    """
    named = rows["class"].dropna().unique()
    known = tuple(sorted(map(str, named))) if classes is None else tuple(classes)
    if unknown := sorted(set(map(str, named)) - set(known)):
        raise ValueError(f"the boxes are of a class {unknown[0]!r}, which is not among {', '.join(known)}")
    place = {name: number for number, name in enumerate(known)}
    runs = list[BoxRun]()
    first: dict[str, BoxRun] = {}
    for key, part in rows.groupby(RUN, sort=True):
        run = read_run(part, key, known, place)  # type: ignore[arg-type]
        check_same(first.setdefault(run.dataset, run), run)
        runs.append(run)
    return runs


def read_run(part: pd.DataFrame, key: tuple[Any, ...], classes: tuple[str, ...], place: dict[str, int]) -> BoxRun:
    """One run from its rows."""
    dataset, model, seed = key
    code, items = pd.factorize(part["item"], sort=True)
    order = np.lexsort([part["number"].fillna(-1).to_numpy(np.int64), code])
    part, code = part.iloc[order], code[order]
    kind = part["kind"].to_numpy(object)
    label = np.array([place.get(name, -1) for name in part["class"]], np.int64)
    corners = part[CORNERS].to_numpy(np.float32)
    numbers = {name: part[name].to_numpy(np.float64, na_value=np.nan) for name in ("area", "score")}
    flags = {name: part[name].fillna(0).to_numpy(np.int64) > 0 for name in ("crowd", "difficult")}
    starts = np.searchsorted(code, np.arange(len(items) + 1))
    true, found = list[ImageBoxes](), list[FoundBoxes]()
    for low, high in pairwise(starts.tolist()):
        there = low + np.flatnonzero(kind[low:high] == TRUE)
        seen = low + np.flatnonzero(kind[low:high] == FOUND)
        known = corners[there], label[there], flags["crowd"][there], flags["difficult"][there]
        true.append(ImageBoxes(*known, numbers["area"][there]))
        found.append(FoundBoxes(corners[seen], label[seen], numbers["score"][seen]))
    heads = part.iloc[starts[:-1]]
    clusters = heads["cluster"].fillna(heads["item"]).to_numpy(object)
    groups = heads["group"].fillna("").to_numpy(object) if heads["group"].notna().any() else None
    named = (str(dataset), str(model), int(seed), classes)
    return BoxRun(
        *named, np.asarray(items), clusters, tuple(true), tuple(found), groups, heads["path"].to_numpy(object)
    )


def check_same(first: BoxRun, run: BoxRun) -> None:
    """ValueError for two runs that were not judged on the same images with the same boxes."""
    both = f"{first.model} (seed {first.seed}) and {run.model} (seed {run.seed}) on {run.dataset}"
    if not np.array_equal(first.items, run.items):
        odd = sorted(set(first.items) ^ set(run.items))
        raise ValueError(f"{both} were judged on other images, {len(odd)} of which, as {odd[0]}, only one has seen")
    for item, mine, theirs in zip(run.items, first.true, run.true, strict=True):
        if not np.array_equal(mine.corners, theirs.corners) or not np.array_equal(mine.classes, theirs.classes):
            raise ValueError(f"{both} were judged by other boxes on the image {item}: judge them anew on one source")
