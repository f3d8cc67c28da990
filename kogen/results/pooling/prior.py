"""The prior that a pool gives a new team: what to try first, and how many labels, images and seeds it will take."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.contracts import from_plain
from kogen.common.files import explain_unreadable, read_json
from kogen.results.pooling.pool import RECORD
from kogen.results.pooling.pooled_judgement import PooledJudgement
from kogen.statistics.required_images import POWER_FACTOR
from kogen.statistics.studies.new_site import expect_new_site
from kogen.statistics.studies.random_effects import LEAST_SITES

FORMAT = 1
UNTRAINED = "random"  # a yardstick, nothing to bet on


@dataclass(frozen=True)
class RankedMethod:
    """A method's place at a new site; distances in the metric's unit, probabilities in 0-1."""

    model: str
    sites: int  # that measured it
    behind: float  # expected distance to the first
    best: float  # probability of being the best
    near: float  # probability of being within the margin of the best


@dataclass(frozen=True)
class NeededImages:
    """Labelled test images that tell two methods apart that are the margin apart, in 80 % of studies."""

    seeds: int
    images: int | None  # at the site in the middle; None: no number would do, the training varies too much
    most: int | None  # at the site where it takes most; None: no number would do there
    possible: int  # sites at which some number would do
    sites: int  # that trained with two seeds or more, without which nothing is known of training


@dataclass(frozen=True)
class NeededLabels:
    """Labels to learn from with which a method loses no more than the margin against all labels, at a site."""

    site: str
    model: str  # the first of the ranking that tried parts of the labels
    labels: float | None  # None: with all labels alone, of those that were tried
    all_labels: float


@dataclass(frozen=True)
class Prior:
    """What prior.json holds."""

    format: int
    metric: str
    unit: str
    protocol: str
    margin: float
    sites: tuple[str, ...]
    seeds_behind: int  # fewest seeds of a trained method at any site
    tau: float  # sd between sites of a method's own deviation
    ranking: tuple[RankedMethod, ...]
    beats_untrained: bool | None  # whether the first is better than the network before training; None: not measured
    images: tuple[NeededImages, ...]
    labels: tuple[NeededLabels, ...]


def read_pool(folder: Path) -> PooledJudgement:
    """The judgement of a pool. ValueError for a folder that holds none."""
    place = folder / RECORD
    if not place.exists():
        raise ValueError(f"{folder} holds no pool (no {RECORD}): run `kogen pool A.zip B.zip ... --out {folder}` first")
    return from_plain(PooledJudgement, read_json(place), str(place))


def make_prior(folder: Path, *, margin: float, seeds: Sequence[int], seed: int) -> Prior:
    """What the pool in a folder says to a new team. ValueError for a pool of fewer than 3 sites or 2 methods."""
    pool = read_pool(folder)
    names = tuple(site.name for site in pool.sites)
    if not pool.generalises:
        got = f"{folder} has {len(names)} site{'s' * (len(names) > 1)}"
        raise ValueError(f"{got}, which say nothing of another one: pool {LEAST_SITES} or more")
    values, effects, losses = (read_pooled(folder, name) for name in ("values", "effects", "label_losses"))
    ranking, tau = rank_methods(values, effects, margin, seed)
    trained = effects[(effects["first"] != UNTRAINED) & (effects["second"] != UNTRAINED)]
    return Prior(
        format=FORMAT,
        metric=pool.metric.name,
        unit=pool.metric.unit,
        protocol=pool.protocol,
        margin=margin,
        sites=names,
        seeds_behind=min(site.seeds for site in pool.sites),
        tau=tau,
        ranking=tuple(ranking),
        beats_untrained=beats_untrained(pool, ranking[0].model),
        images=tuple(needed_images(trained[trained["seeds"] > 1], margin, count) for count in seeds),
        labels=tuple(needed_labels(losses, [row.model for row in ranking], margin)),
    )


def read_pooled(folder: Path, name: str) -> Any:
    """A table of a pool. ValueError for one that is gone or damaged."""
    place = folder / f"{name}.parquet"
    with explain_unreadable(f"the table {place}", "pool the bundles again"):
        return pd.read_parquet(place)


def rank_methods(values: Any, effects: Any, margin: float, seed: int) -> tuple[list[RankedMethod], float]:
    """Methods by the probability of being the best at a new site; those of fewer than 2 sites are left out."""
    counts = values.groupby("model")["site"].nunique()
    models = tuple(sorted(map(str, counts.index[(counts >= 2) & (counts.index != UNTRAINED)])))
    table = values[values["model"].isin(models)].pivot(index="site", columns="model", values="value")[list(models)]
    numbers = table.to_numpy(dtype=np.float64)
    error = own_variances(effects, [str(site) for site in table.index], models)
    found = expect_new_site(models, numbers, error, margin=margin, seed=seed)
    rows = [
        RankedMethod(model, int(counts[model]), float(found.behind[at]), float(found.best[at]), float(found.near[at]))
        for at, model in enumerate(models)
    ]
    return sorted(rows, key=lambda row: (-row.best, row.behind, row.model)), found.tau


def own_variances(effects: Any, sites: Sequence[str], models: Sequence[str]) -> np.ndarray:
    """The variance (k, m) of each method's value around its site's average, of those of its differences.

    The squared errors of a method's differences to the others, less half their mean, are its own: exact where errors
    are independent, as those around the average of models on the same images nearly are.
    """
    found = np.full((len(sites), len(models)), np.nan)
    for row, site in enumerate(sites):
        part: Any = effects[(effects["site"] == site) & effects["first"].isin(models) & effects["second"].isin(models)]
        square = part["error"].to_numpy() ** 2
        for place, model in enumerate(models):
            mine = ((part["first"] == model) | (part["second"] == model)).to_numpy()
            if mine.sum() > 1 and (~mine).any():
                others = len({*part["first"], *part["second"]})
                whole = square.sum() / (others - 1)  # sum of all own variances
                own = (square[mine].sum() - whole) / (others - 2)
                found[row, place] = max(own, 0.05 * square[mine].mean())
            elif mine.any():
                found[row, place] = square[mine].mean() / 2
    return np.where(np.isnan(found), np.nanmax(found), found)


def beats_untrained(pool: PooledJudgement, model: str) -> bool | None:
    """Whether a method is better than the network before any training, over the sites; None where no 3 have both."""
    for pair in pool.pairs:
        if {pair.first, pair.second} == {model, UNTRAINED}:
            return pair.verdict == "better" and pair.first == model
    return None


def needed_images(effects: Any, margin: float, seeds: int) -> NeededImages:
    """The images that a pair of methods `margin` apart would take with so many seeds, over the sites of two or more.

    At each site the mean variance over pairs counts, as few seeds tell little of a single one: that of items falls
    with images, that of training with seeds.
    """
    found: list[float] = []
    for _, part in effects.groupby("site", sort=True):
        items = float((part["item_error"] ** 2 * part["n"]).mean())  # variance of one image
        training = float((part["seed_error"] ** 2 * part["seeds"]).mean()) / seeds
        room = (margin / POWER_FACTOR) ** 2 - training
        found.append(items / room if room > 0 else np.inf)
    if not found:
        return NeededImages(seeds, None, None, 0, 0)
    middle, most = (None if np.isinf(one) else ceil(one) for one in (float(np.median(found)), max(found)))
    return NeededImages(seeds, middle, most, int(np.isfinite(found).sum()), len(found))


def needed_labels(losses: Any, ranking: Sequence[str], margin: float) -> list[NeededLabels]:
    """The fewest labels tried from which on a method loses no more than the margin, at each site that tried some.

    Of the ranking's first method that any site tried with part of its labels: supervised training has no such curve.
    """
    tried = [model for model in ranking if (losses["model"] == model).any()]
    found = []
    for site, part in losses[losses["model"] == tried[0]].groupby("site", sort=True) if tried else ():
        rows = part.sort_values("labels")
        bad = rows["labels"][rows["loss"] > margin]
        enough = rows["labels"][rows["labels"] > (bad.max() if len(bad) else -1)]
        whole = float(rows["all_labels"].iloc[0])
        fewest = float(enough.min()) if len(enough) else whole
        found.append(NeededLabels(str(site), tried[0], None if fewest >= whole else fewest, whole))
    return found
