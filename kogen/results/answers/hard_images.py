"""Hard images: the most surely wrong ones, those about which the leaders disagree, and those that nobody gets."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kogen.statistics._item_matrix import split_sets

SURE, DISAGREE, NOBODY = "surely_wrong", "disagree", "nobody"
COLUMNS = ["dataset", "kind", "item", "path", "label", "leader", "leader_says", "other", "other_says", "sureness"]
GALLERY = "gallery"  # folder of a study with their pictures
SHOWN = 4  # images of a kind and set
NEEDED = ("model", "item", "label", "predicted", "correct", "score", "path")  # columns, the last where there is one


def hard_images(predictions: pd.DataFrame, leaders: Sequence[str]) -> pd.DataFrame:
    """The images of each set that are worth a look, by rule and not by hand.

    Input: predictions of one protocol with the columns label, predicted and score; `leaders`, the leader and, if there
    is one, the runner-up; both on every set. Output: dataset, kind, item, path (null where the source has no files, or
    is private), label, leader and what it says, the other and what it says (null without one), sureness (0-1).
    surely_wrong: the leader is wrong in most of its runs, the lowest probability of the label first. disagree: one of
    the two is right in most runs and the other is not, the largest difference of their probabilities first. nobody: no
    run of any model is right, the lowest mean probability first. Four each, equals by item; an image is in one kind.
    """
    found: list[dict[str, Any]] = []
    needed: list[str] = [name for name in NEEDED if name in predictions]
    if not {*NEEDED} - {"path"} <= {*needed}:
        return pd.DataFrame(columns=COLUMNS)
    for dataset, part in split_sets(predictions[["dataset", *needed]]):
        there = set(map(str, part["model"].unique()))
        mine = [name for name in leaders if name in there]
        if mine and not pd.isna(part["score"].to_numpy()).any():
            found += set_rows(dataset, part, mine)
    return pd.DataFrame(found, columns=COLUMNS)


def set_rows(dataset: str, part: pd.DataFrame, leaders: list[str]) -> list[dict[str, Any]]:
    """The rows of one set."""
    part = part.assign(**{name: sort_categories(part[name]) for name in ("model", "item")})
    cells: Any = part[["item", "model", "correct", "score"]].groupby(["item", "model"], observed=True)
    right, score = (cells[name].mean().unstack() for name in ("correct", "score"))  # items x models
    items = np.asarray(right.index, dtype=object)
    first, second = leaders[0], leaders[1] if len(leaders) > 1 else None
    chosen: list[tuple[str, str, float]] = []

    def choose(kind: str, among: Any, order: Any) -> None:
        taken = {item for _, item, _ in chosen}
        places = np.flatnonzero(among.to_numpy() & ~np.isin(items, list(taken)))
        most = order.to_numpy(dtype=np.float64)[places]
        if len(most) > SHOWN:  # those that rounding makes equal stay
            kept = ~(most < np.partition(most, -SHOWN)[-SHOWN] - 1e-8)
            places, most = places[kept], most[kept]
        listed = sorted((round(-float(value), 9), str(item)) for value, item in zip(most, items[places], strict=True))
        chosen.extend((kind, item, -value) for value, item in listed[:SHOWN])

    choose(NOBODY, right.max(axis=1) == 0, 1 - score.mean(axis=1))
    choose(SURE, right[first] < 0.5, 1 - score[first])
    if second is not None:
        apart = (right[first] > 0.5) != (right[second] > 0.5)
        choose(DISAGREE, apart, (score[first] - score[second]).abs())
    shown: Any = part[part["item"].isin([item for _, item, _ in chosen])]
    said, once = most_said(shown), shown.drop_duplicates("item")
    facts = once.set_index(once["item"].astype(str))
    rows = []
    for kind, item, sureness in chosen:
        row = {"dataset": dataset, "kind": kind, "item": item, "sureness": sureness, "leader": first, "other": second}
        path = facts["path"].get(item) if "path" in facts else None
        row |= {"path": path if isinstance(path, str) else None, "label": str(facts["label"][item])}
        row["leader_says"] = said[item, first]
        row["other_says"] = None if second is None else said[item, second]
        rows.append(row)
    order = {SURE: 0, DISAGREE: 1, NOBODY: 2}
    return sorted(rows, key=lambda row: order[row["kind"]])


def sort_categories(column: Any) -> Any:
    """A column without gaps as categories of text, in the order of their names."""
    codes, known = pd.factorize(column)
    names, place = np.unique(np.array(list(map(str, known)), dtype=object), return_inverse=True)
    return pd.Series(pd.Categorical.from_codes(place[codes], list(names)), index=column.index)


def most_said(part: pd.DataFrame) -> dict[tuple[str, str], str]:
    """What most runs of a model answer to an image, by item and model; the first class by name among equals."""
    texts = part.astype({"model": str, "item": str, "predicted": str})
    grouped: Any = texts.groupby(["item", "model", "predicted"], observed=True)
    counts = grouped.size().reset_index(name="n")
    counts = counts.sort_values(["n", "predicted"], ascending=[False, True]).drop_duplicates(["item", "model"])
    return dict(zip(zip(counts["item"], counts["model"], strict=True), counts["predicted"], strict=True))


def read_leaders(values: pd.DataFrame, reference: str) -> list[str]:
    """The two best models of the reference by the table of values, equals by name: those that one would use."""
    rows = values[values["dataset"] == reference].assign(value=lambda rows: rows["value"].round(9))
    return list(rows.sort_values(["value", "model"], ascending=[False, True])["model"].astype(str))[:2]


def picture_name(item: str) -> str:
    """The file of an image's picture, by the image's content id."""
    return f"{item.replace('#', '-')}.jpg"
