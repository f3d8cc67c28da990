"""An update compared with what it replaces: the same images, one verdict, and the classes that became worse."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pandas as pd

from kogen.common.text import join_names
from kogen.statistics import paired, recall, values
from kogen.statistics.recall import MIN_IMAGES

OLD, NEW = "old", "new"  # values of the column `model`


class Update(StrEnum):
    """What may be said of an update."""

    BETTER = "better"
    NOT_WORSE = "not worse within the margin"
    WORSE = "worse"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True)
class Change:
    """Right answers of both models in percent with 95 % intervals, and new minus old; null: too few images for one."""

    name: str  # of a class; "" for all images
    images: int
    old: float
    old_lo: float | None
    old_hi: float | None
    new: float
    new_lo: float | None
    new_hi: float | None
    difference: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True)
class Comparison:
    """Whether an update is safe."""

    verdict: Update
    sentence: str
    margin: float
    least: float  # of new minus old, one-sided 95 %: above -margin is not worse within the margin
    overall: Change
    classes: tuple[Change, ...]
    fell: tuple[str, ...]  # classes whose interval of the difference lies below 0, each judged alone
    newly_failing: int  # images
    newly_right: int


def compare_models(rows: pd.DataFrame, margin: float, same: str = "") -> Comparison:
    """The comparison of the models `old` and `new` on the same images.

    `rows`: model, dataset, seed, item, cluster, label, correct. Differences are those of `statistics.paired`, values of
    `values`, those of classes of `recall`. Better: the 95 % interval lies above 0. Worse: it lies below, and the loss
    may exceed the margin. Not worse: the lower end of the 90 % interval is above -margin. ValueError for one cluster.
    `same`: why the two cannot differ, in words; the difference is then 0 without a doubt, and that is not worse.
    """
    pair: Any = paired.paired(rows, margin=margin).iloc[0]
    overall = change("", values.values(rows), pair)
    sign = 1 if pair["first"] == NEW else -1
    least = float(pair.lo90 if sign == 1 else -pair.hi90)
    right: Any = rows.pivot(index="item", columns="model", values="correct").astype(bool)
    failing, gained = int((right[OLD] & ~right[NEW]).sum()), int((right[NEW] & ~right[OLD]).sum())
    classes = tuple(class_changes(rows, margin))
    fell = tuple(each.name for each in classes if each.hi is not None and each.hi < 0)
    if same:
        overall, least, classes = without_doubt(overall), 0.0, tuple(map(without_doubt, classes))
        fell, verdict, said = (), Update.NOT_WORSE, [same_sentence(same, overall)]
    else:
        verdict = decide(overall, least, margin)
        said = [sentence_of(verdict, overall, margin), f"Images that newly fail: {failing:,}, newly right: {gained:,}."]
    if fell:
        said.append(f"Clearly fewer right, each class judged alone: {join_names(fell)}.")
    return Comparison(verdict, " ".join(said), margin, least, overall, classes, fell, failing, gained)


def without_doubt(change: Change) -> Change:
    """The change of a model that is compared with itself: the difference of 0 has no error."""
    return replace(change, lo=0.0, hi=0.0)


def same_sentence(same: str, overall: Change) -> str:
    """The verdict on two models that cannot differ."""
    return f"Not worse: {same}, so nothing changes. Both are right on {overall.new:.1f} % of {overall.images:,} images."


def decide(overall: Change, least: float, margin: float) -> Update:
    """What may be said, from the interval of the difference."""
    assert overall.lo is not None
    assert overall.hi is not None
    if overall.lo > 0:
        return Update.BETTER
    if least > -margin:
        return Update.NOT_WORSE
    return Update.WORSE if overall.hi < 0 else Update.UNKNOWN


def change(name: str, table: pd.DataFrame, pair: Any) -> Change:
    """A change from the rows of both models, and their pair."""
    sides = {row["model"]: row for row in table.to_dict("records")}
    old, new = sides[OLD], sides[NEW]
    ends = (None, None) if pair is None else (pair.lo, pair.hi) if pair["first"] == NEW else (-pair.hi, -pair.lo)
    numbers = {f"{key}{end}": optional(side[end.strip('_') or "value"])
               for key, side in ((OLD, old), (NEW, new)) for end in ("", "_lo", "_hi")}  # fmt: skip
    lo, hi = map(optional, ends)
    return Change(name, int(old["n"]), difference=new["value"] - old["value"], lo=lo, hi=hi, **numbers)  # type: ignore[arg-type]


def optional(value: float | None) -> float | None:
    """A plain number; None for NaN."""
    return None if value is None or value != value else float(value)


def class_changes(rows: pd.DataFrame, margin: float) -> list[Change]:
    """The change of each class; without an interval where it has under 5 images, or one cluster."""
    table: Any = recall.recall(rows.drop(columns="group", errors="ignore"))
    found = []
    for name, part in table[table.by == "class"].groupby("name", sort=True):
        mine: Any = rows[rows.label.astype(str) == name]
        enough = len(mine) >= 2 * MIN_IMAGES and mine.cluster.nunique() > 1
        found.append(change(str(name), part, paired.paired(mine, margin=margin).iloc[0] if enough else None))
    return found


def sentence_of(verdict: Update, overall: Change, margin: float) -> str:
    """The verdict in a sentence."""
    unit = f"point{'s' if margin != 1 else ''}"
    begins = {
        Update.BETTER: "Better",
        Update.NOT_WORSE: f"Not worse by more than {margin:g} {unit}",
        Update.WORSE: "Worse",
        Update.UNKNOWN: f"It cannot be told whether the new model is worse by more than {margin:g} {unit}",
    }
    return (
        f"{begins[verdict]}: on {overall.images:,} images the new model is right on {overall.new:.1f} %, the old one "
        f"on {overall.old:.1f} %, a difference of {overall.difference:+.1f} points ({overall.lo:+.1f} to "
        f"{overall.hi:+.1f}, 95 % sure)."
    )
