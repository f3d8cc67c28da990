"""What a study of anomalies answers beside its judgement: values of heat maps, images that are worth a look."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.files import json_digest
from kogen.common.protocols import ANOMALY, GOOD
from kogen.common.tables import read_table

PIXELS, HEAT = "pixels.parquet", "heat"  # of a run: the table of its heat maps, the folder of pictures of some
SHOWN_EACH = 4  # images of a kind and set
FALSE_ALARM, MISSED, FOUND = "highest_good", "lowest_bad", "highest_bad"


def heat_name(dataset: str, protocol: str, item: str) -> str:
    """The file of the picture of an image's heat map; the same image may stand in several sets."""
    return f"{json_digest([dataset, protocol, item])[:24]}.jpg"


def pixel_values(study: Path) -> pd.DataFrame:
    """The pixel metrics of the runs of a study, a row a model, set, protocol and metric: the mean over runs.

    Columns model, dataset, protocol, metric, value, lo, hi, images, runs; values in points, ends are the means of those
    of the runs (over images alone). No rows where no set has masks.
    """
    tables = [read_table(place) for place in sorted(study.glob(f"runs/*/{PIXELS}"))]
    columns = ["model", "dataset", "protocol", "metric", "value", "lo", "hi", "images", "runs"]
    if not tables:
        return pd.DataFrame(columns=columns)
    every: Any = pd.concat(tables, ignore_index=True)
    whole = every[every["budget"].isna()]
    grouped = whole.groupby(columns[:4], sort=True)
    found = grouped.agg(
        value=("value", "mean"),
        lo=("lo", "mean"),
        hi=("hi", "mean"),
        images=("images", "first"),
        runs=("run", "nunique"),
    )
    found = found.reset_index()
    found[["value", "lo", "hi"]] *= 100
    return found[columns]


def telling_images(predictions: pd.DataFrame) -> pd.DataFrame:
    """The images of one run and protocol that are worth a look, at most four of each kind and set.

    Input: predictions of one run and protocol with the columns dataset, item, label and score (the probability of the
    label). Output: dataset, kind, item, chance (the probability of anomaly, 0-1), and path. highest_good: good images
    with the highest scores, that is the next false alarms; lowest_bad: defects with the lowest ones, the next that are
    missed; highest_bad: those with the highest ones. Equals by item.
    """
    rows = []
    for dataset in dict.fromkeys(predictions["dataset"]):
        part = predictions[predictions["dataset"] == dataset]
        chance = np.where(part["label"] == ANOMALY, part["score"], 1 - part["score"])
        part = part.assign(chance=chance).sort_values(["chance", "item"])
        good, bad = part[part["label"] == GOOD], part[part["label"] == ANOMALY]
        kinds: dict[str, Any] = {FALSE_ALARM: good[::-1], MISSED: bad, FOUND: bad[::-1]}
        taken: set[str] = set()
        for kind, among in kinds.items():
            chosen = among[~among["item"].isin(taken)][:SHOWN_EACH]
            taken |= {*chosen["item"]}
            paths = chosen["path"] if "path" in chosen else [None] * len(chosen)
            rows += [
                {"dataset": dataset, "kind": kind, "item": item, "chance": float(chance), "path": path}
                for item, chance, path in zip(chosen["item"], chosen["chance"], paths, strict=True)
            ]
    return pd.DataFrame(rows, columns=["dataset", "kind", "item", "chance", "path"])
