"""The checked predictions of one data set as a matrix of items by models, seeds averaged within the item."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import starmap
from typing import Any

import numpy as np
import pandas as pd

REQUIRED_COLUMNS = ("model", "dataset", "seed", "item", "correct")


@dataclass(frozen=True, eq=False)
class ItemMatrix:
    """The input of every statistic of one data set; models in order of their values, best first.

    A value is the mean of an item's contributions: 0 and 1 for accuracy; for another metric its influence on the value
    (`kogen.metrics`), of which more is better, in the metric's unit / 100.

    A run that repeats another run of its model item for item is the same training: it adds weight to the mean but no
    evidence about the variance of training, so that a copied seed cannot create significance.
    """

    dataset: str
    models: tuple[str, ...]  # k
    values: np.ndarray  # (n, k) share of seeds that were right, 0-1; of another metric: what the item adds to the mean
    cluster_codes: np.ndarray  # (n,) int, 0 .. G-1
    cluster_sums: np.ndarray  # (G, k) values summed over each cluster
    cluster_sizes: np.ndarray  # (G,) items in each cluster
    runs: np.ndarray  # (k,) distinct runs of each model
    seed_sd: np.ndarray  # (k,) sd of accuracy over runs, 0-1; nan for one run
    item_variance: np.ndarray  # (k,) the variance of accuracy over runs that the finite items explain; 0 for one run
    mean_factor: np.ndarray  # (k,) variance of the mean over runs / variance over runs: 1 / runs; 0 for one run
    run_means: Mapping[str, Mapping[Any, float]] = field(default_factory=dict)  # model -> seed -> accuracy, 0-1
    low: float = 0.0  # bounds of a value: those of a share, unless another metric than accuracy is judged
    high: float = 1.0
    support: np.ndarray | None = None  # (k,) as many independent items a value is worth at most; None: n
    step: float = 1.0  # how much one item moves n times a value: 1 where each is right or wrong
    withheld: str = ""  # why no interval is given: the metric's class has too few images
    whole: bool = True  # whether each item is right or wrong in each run, so that textbook formulas for counts hold

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def cluster_count(self) -> int:
        return len(self.cluster_sizes)

    @property
    def means(self) -> np.ndarray:
        """The value of each model, the mean of its contributions, (k,); accuracy: the share of items right, 0-1."""
        return self.values.mean(axis=0)

    @property
    def accuracy(self) -> np.ndarray:
        """`means`, under its older name."""
        return self.means

    @property
    def seed_variance(self) -> np.ndarray:
        """Variance of the mean over runs as observed, (k,); 0 for one run."""
        return np.nan_to_num(self.seed_sd) ** 2 * self.mean_factor

    @property
    def training_variance(self) -> np.ndarray:
        """`seed_variance` without the part that the finite items explain, never below 0, (k,)."""
        return np.maximum(np.nan_to_num(self.seed_sd) ** 2 - self.item_variance, 0) * self.mean_factor

    @cached_property
    def is_share(self) -> bool:
        """Whether all values are between 0 and 1, as shares of right answers are and pseudo-values are not."""
        return bool(self.values.min() >= 0 and self.values.max() <= 1)

    @cached_property
    def is_textbook(self) -> bool:
        """Whether each item is right or wrong, in one run and its own cluster, so that textbook formulas hold."""
        alone = self.cluster_count == self.n and bool((self.runs == 1).all())
        return self.whole and alone and bool(((self.values == 0) | (self.values == 1)).all())


Items = pd.DataFrame | Sequence[ItemMatrix]
"""Predictions of one protocol: a table of one row an image, or the item matrices that were made of it."""


def item_matrices(predictions: Items) -> Iterator[ItemMatrix]:
    """One item matrix per data set, sorted by name; making them is most of the work, so they may be made once.

    Raises ValueError for missing columns, no rows, empty cells, values other than 0 and 1, several protocols, repeated
    (model, dataset, seed, item) rows, items that some runs lack, an item in two clusters, a single cluster.
    """
    if not isinstance(predictions, pd.DataFrame):
        yield from predictions
        return
    check_predictions(predictions)
    columns = [name for name in (*REQUIRED_COLUMNS, "cluster") if name in predictions]
    yield from starmap(make_item_matrix, split_sets(predictions[columns]))


def split_sets(predictions: Any) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each data set, one set at a time, sorted by its name; categories in their order.

    As pandas' `groupby`, which holds a second copy of the whole table.
    """
    column: Any = predictions["dataset"]
    if isinstance(column.dtype, pd.CategoricalDtype):
        code, names = column.cat.codes.to_numpy(), column.cat.categories
    else:
        code, names = pd.factorize(column, sort=True)
    order = np.argsort(code, kind="stable").astype(np.min_scalar_type(len(code)))
    end = np.count_nonzero(code < 0)  # rows of no set
    for name, count in zip(names, np.bincount(code[code >= 0], minlength=len(names)), strict=True):
        start, end = end, end + count
        if count:
            yield str(name), predictions.iloc[order[start:end].astype(np.int64)]


def check_predictions(predictions: pd.DataFrame) -> None:
    """ValueError for a table from which no statistic can be made."""
    if missing := [name for name in REQUIRED_COLUMNS if name not in predictions]:
        raise ValueError(f"predictions need the columns {', '.join(REQUIRED_COLUMNS)}; missing: {', '.join(missing)}")
    if not len(predictions):
        raise ValueError("the predictions have no rows: evaluate at least one model on at least one image first")
    for name in REQUIRED_COLUMNS:
        if empty := np.count_nonzero(predictions[name].isna()):
            raise ValueError(f"the column {name!r} has empty cells ({empty}): fill them or leave the rows out")
    odd = np.asarray(predictions["correct"][~np.isin(predictions["correct"], (0, 1))])
    if len(odd):
        raise ValueError(f"'correct' must be 0 or 1, got {odd[0]} and {len(odd) - 1} more: map it to 0 and 1")
    protocols = sorted(map(str, np.unique(predictions["protocol"]))) if "protocol" in predictions else []
    if len(protocols) > 1:
        raise ValueError(f"predictions mix the protocols {', '.join(protocols)}: choose the rows of one protocol first")


def make_item_matrix(dataset: str, part: pd.DataFrame) -> ItemMatrix:
    """The item matrix of one data set from its rows."""
    runs, rows, cluster = arrange_rows(dataset, part)
    return matrix_of_runs(dataset, runs, part["correct"].to_numpy(dtype=np.float64)[rows], cluster)


def arrange_rows(dataset: str, part: pd.DataFrame) -> tuple[list[tuple[str, Any]], np.ndarray, np.ndarray]:
    """The runs (model, seed) of one data set, the row of each run and item (runs, n), and the items' clusters (n,)."""
    (model, models), (seed, seeds), (item, items) = (code_names(part[name]) for name in ("model", "seed", "item"))
    models, rank = np.unique([str(name) for name in models], return_inverse=True)
    run, pair = pd.factorize(rank[model] * len(seeds) + seed, sort=True)  # runs by model, then by seed
    runs = [(str(models[each // len(seeds)]), seeds[each % len(seeds)]) for each in pair]
    check_complete(dataset, run, runs, item, items)
    rows = np.zeros((len(runs), len(items)), dtype=np.int64)
    rows[run, item] = np.arange(len(part))
    return runs, rows, cluster_codes(dataset, part, item, items)


def matrix_of_runs(dataset: str, runs: Sequence[tuple[str, Any]], right: np.ndarray, cluster: np.ndarray) -> ItemMatrix:
    """The item matrix of runs (model, seed), each with what its items (n,) add, and the cluster (n,) of each item."""
    matrix = matrix_from_runs(dataset, [name for name, _ in runs], right, cluster)
    means: dict[str, dict[Any, float]] = {name: {} for name in matrix.models}
    for (name, number), mean in zip(runs, right.mean(axis=1), strict=True):
        means[name][number] = float(mean)
    return replace(matrix, run_means=means)


def code_names(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """A column without gaps as codes 0 .. D-1 (rows,), and what they stand for (D,), sorted; categories in their order.

    The same as pandas' sorted `factorize`, without sorting categories that are known already.
    """
    if not isinstance(column.dtype, pd.CategoricalDtype):
        code, labels = pd.factorize(column, sort=True)
        return code, np.asarray(labels, dtype=object)
    code = column.cat.codes.to_numpy()
    used = np.flatnonzero(np.bincount(code, minlength=len(column.cat.categories)))
    place = np.zeros(len(column.cat.categories), dtype=np.int64)
    place[used] = np.arange(len(used))
    return place[code], np.asarray(column.cat.categories[used], dtype=object)


def matrix_from_runs(dataset: str, models: list[str], right: np.ndarray, cluster: np.ndarray) -> ItemMatrix:
    """The item matrix of runs (runs, n) of 0 and 1 with their models, and the cluster (n,) of each item, 0 .. G-1."""
    sizes, of = np.bincount(cluster), np.array(models)
    found = [(name, *average_runs(right[of == name], cluster, sizes)) for name in dict.fromkeys(of)]
    found.sort(key=lambda each: (-round(each[1].mean(), 12), each[0]))  # best first; equals by name
    names, means, distinct, *parts = zip(*found, strict=True)
    values = np.stack(means, axis=1)  # (n, k)
    sums = np.stack([np.bincount(cluster, weights=column) for column in means], axis=1)  # (G, k)
    sd, noise, share = (np.array(part, dtype=np.float64) for part in parts)
    return ItemMatrix(dataset, names, values, cluster, sums, sizes, np.array(distinct), sd, noise, share)


def check_complete(dataset: str, run: np.ndarray, runs: list[Any], item: np.ndarray, items: np.ndarray) -> None:
    """ValueError unless every run has every item once."""
    seen = np.bincount(run * len(items) + item, minlength=len(runs) * len(items)).reshape(len(runs), -1)
    if (seen > 1).any():
        where = np.argwhere(seen > 1)
        (model, seed), name = runs[where[0, 0]], items[where[0, 1]]
        raise ValueError(
            f"rows that repeat (model, dataset, seed, item): {len(where)}, first ({model}, {dataset}, {seed}, {name}): "
            "keep one row for each"
        )
    if (seen == 0).any():
        lost = np.flatnonzero((seen == 0).any(axis=0))
        model, seed = runs[int((seen == 0).any(axis=1).argmax())]
        examples = ", ".join(str(name) for name in items[lost[:3]])
        raise ValueError(
            f"items do not match on {dataset!r}: some run lacks {len(lost)} of {len(items)}, as {examples} "
            f"(model {model}, seed {seed}): compare models on the same images, or evaluate the missing ones"
        )


def cluster_codes(dataset: str, part: pd.DataFrame, item: np.ndarray, items: np.ndarray) -> np.ndarray:
    """The cluster of each item as a code, (n,) int; an item without one is a cluster of its own."""
    if "cluster" not in part:
        return np.arange(len(items))
    code, labels = code_clusters(part["cluster"], part["item"])
    cluster = np.zeros(len(items), dtype=np.int64)
    cluster[item] = code
    torn = np.unique(item[cluster[item] != code])
    if len(torn):
        raise ValueError(
            f"items of {dataset!r} in two clusters: {len(torn)}, e.g. {items[torn[0]]}: give each one cluster"
        )
    if len(labels) == 1 < len(items):
        raise ValueError(
            f"all {len(items)} items of {dataset!r} are in the one cluster {labels[0]!r}: nothing says how clusters "
            "differ; give at least 2, or leave the column 'cluster' out"
        )
    return cluster


def code_clusters(cluster: Any, item: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes (rows,) of clusters in the order of their names, the item's own name where there is none, and the names."""
    known = cluster.notna()
    code, labels = code_names(cluster if known.all() else cluster.astype(object).where(known, item.astype(object)))
    rank, names = pd.factorize(labels, sort=True)
    return rank[code], np.asarray(names)


def average_runs(
    right: np.ndarray, cluster: np.ndarray, sizes: np.ndarray
) -> tuple[np.ndarray, int, float, float, float]:
    """Of the runs (S, n) of a model: mean (n,), distinct runs, sd over runs, item variance, mean factor.

    Crossed random effects: accuracy of run s on item i = overall + run + item + rest. The variance between run means
    holds run and rest / n; the rest is measured inside the table (clusters summed first) and subtracted.
    """
    found: dict[bytes, list[int]] = {}
    for row, one in enumerate(right):
        found.setdefault(one.tobytes(), []).append(row)
    runs = right[[rows[0] for rows in found.values()]]  # (D, n)
    weight = np.array([len(rows) for rows in found.values()]) / len(right)  # (D,)
    mean = weight @ runs
    if len(runs) == 1:
        return mean, 1, np.nan, 0.0, 0.0
    spread = len(runs) / (len(runs) - 1)
    each = runs.mean(axis=1)  # (D,)
    variance = spread * float(weight @ (each - mean.mean()) ** 2)
    rest = runs - mean - (each - mean.mean())[:, None]  # (D, n)
    sums = np.stack([np.bincount(cluster, weights=row) for row in rest])  # (D, G)
    noise = spread * len(sizes) / max(len(sizes) - 1, 1) * float(weight @ (sums**2).sum(axis=1)) / len(mean) ** 2
    return mean, len(runs), variance**0.5, noise, float((weight**2).sum())
