"""Pool curves of a study: how good each model is by the images that it was pre-trained on; is it still rising?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.metric_facts import MetricFacts
from kogen.results.answers.label_curves import contributions, difference_ends, value_ends
from kogen.statistics._label_curves import crossed_mean

Sizes = Mapping[tuple[str, str], float]
"""Model and pool, "" for all images -> the number of images, the mean over its runs."""


class Growth(StrEnum):
    """What the most images bring over the part before them."""

    RISING = "rising"  # the interval lies above zero
    FLAT = "flat"  # the two differ by less than the margin
    FALLING = "falling"  # the interval lies below zero
    UNKNOWN = "unknown"  # the data cannot tell


@dataclass(frozen=True)
class PoolValue:
    """The metric of a model that was pre-trained on some images, with a 95 % interval over images and seeds."""

    dataset: str
    model: str
    pool: str  # `10%`; "" for all images
    images: float
    seeds: int
    gain: float  # in points; larger is better
    value: float
    lo: float
    hi: float
    alarmed: int = 0  # runs with an alarm, such as a collapse


@dataclass(frozen=True)
class PoolGain:
    """What a model gains from a part of the images to more of them: paired over images and seeds, with its interval."""

    dataset: str
    model: str
    less: str
    more: str
    less_images: float
    more_images: float
    seeds: int
    gain: float
    lo: float
    hi: float
    growth: Growth


@dataclass(frozen=True)
class PoolCurves:
    """The values of each model by the number of images, and what the most images brought."""

    values: list[PoolValue]
    gains: list[PoolGain]

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables `pools` and `pool_gains`."""
        return {"pools": pd.DataFrame(self.values), "pool_gains": pd.DataFrame(self.gains)}


def pool_curves(
    rows: pd.DataFrame,
    facts: MetricFacts,
    sizes: Sizes,
    margin: float,
    alarmed: Mapping[tuple[str, str], int] | None = None,
) -> PoolCurves:
    """The pool curves of one protocol's predictions with all labels, which have a column `pool`.

    `margin`: the smallest difference that matters, in points or the metric's unit. `alarmed`: runs with an alarm by
    model and pool. Of a model only the seeds count that it has with every number of images: differences are paired.
    A model with one number of images has no row, nor has one whose runs are gone (not in `sizes`).
    """
    values, gains = list[PoolValue](), list[PoolGain]()
    for name, part in rows.groupby("dataset", sort=True, observed=True):
        found, clusters = contributions(as_budgets(shared_seeds(part)), facts)
        for model, pools in found.items():
            order = sorted((pool for pool in pools if (model, pool) in sizes), key=lambda pool: sizes[model, pool])
            if len(order) < 2:
                continue
            for pool in order:
                gain, *ends = (100 * end for end in crossed_mean(pools[pool], clusters))
                lo, hi = value_ends(ends, facts)
                about = (str(name), model, pool, sizes[model, pool], len(pools[pool]))
                known = (alarmed or {}).get((model, pool), 0)
                values.append(PoolValue(*about, gain, facts.sign * gain, lo, hi, known))
            gains.append(last_gain((str(name), model), pools, order, clusters, facts, sizes, margin))
    return PoolCurves(values, gains)


def last_gain(
    of: tuple[str, str],
    pools: Mapping[str, np.ndarray],
    order: Sequence[str],
    clusters: np.ndarray,
    facts: MetricFacts,
    sizes: Sizes,
    margin: float,
) -> PoolGain:
    """What the most images bring over the part before them; `of`: the data set and the model."""
    (less, more), model = order[-2:], of[1]
    difference = pools[more] - pools[less]  # (S, 1, n)
    gain, lo, hi = (100 * end for end in crossed_mean(difference, clusters))
    inner = [100 * end for end in crossed_mean(difference, clusters, 0.1)[1:]]
    growth = read_growth((lo, hi), (inner[0], inner[1]), margin)
    about = (sizes[model, less], sizes[model, more], len(difference))
    return PoolGain(*of, less, more, *about, gain, *difference_ends((lo, hi), facts), growth)


def read_growth(ends: tuple[float, float], inner: tuple[float, float], margin: float) -> Growth:
    """The answer of a difference from its intervals of 95 % and, `inner`, 90 %: two one-sided tests of the margin.

    A difference that is real and too small to matter is flat, as in every comparison of two models.
    """
    if -margin < inner[0] and inner[1] < margin:
        return Growth.FLAT
    return Growth.RISING if ends[0] > 0 else Growth.FALLING if ends[1] < 0 else Growth.UNKNOWN


def shared_seeds(part: pd.DataFrame) -> pd.DataFrame:
    """Of each model the rows of the seeds that it has with every pool."""
    models, blank = part["model"].astype(str), part["pool"].isna()
    runs: Any = pd.DataFrame(
        {"model": models, "seed": part["seed"], "pool": part["pool"].astype(object).mask(blank, "")}
    )
    runs = runs.drop_duplicates()
    pools = runs.groupby("model")["pool"].nunique()
    counts = runs.groupby(["model", "seed"]).size()
    whole = counts[counts.to_numpy() == pools[counts.index.get_level_values("model")].to_numpy()].index
    return pd.DataFrame(part[pd.MultiIndex.from_arrays([models, part["seed"]]).isin(whole)])


def as_budgets(part: pd.DataFrame) -> pd.DataFrame:
    """The rows as those of label budgets with one draw, whose statistics are the same."""
    return part.drop(columns="pool").assign(budget=part["pool"], draw=0)
