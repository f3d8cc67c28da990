"""Any table of results, one row an image or scores alone, in one checked form."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.common.text import hint, join_names
from kogen.options.lottery import TableOptions
from kogen.results.answer_columns import ANSWER_NAMES, LISTS
from kogen.results.bounds import check_table_size
from kogen.results.metric_choice import choose_metric
from kogen.results.metric_matrices import metric_matrices
from kogen.results.read import ITEM_COLUMNS, Table, read_columns, refuse_nameless, rename_columns, to_numbers
from kogen.results.scores import long_scores
from kogen.statistics._item_matrix import ItemMatrix


@dataclass(frozen=True)
class Results:
    """A table of results: `predictions`, one row an image, or `scores`, one row a model, set and seed, in points."""

    predictions: pd.DataFrame | None  # model, dataset, seed, item, correct[, cluster]
    scores: pd.DataFrame | None  # model, dataset, score, n, seed; more is better
    families: dict[str, str] | None  # model -> family
    reference: str
    datasets: tuple[str, ...]
    ignored: tuple[str, ...]  # columns that were not read
    metric: MetricFacts = ACCURACY  # that decides

    @cached_property
    def matrices(self) -> list[ItemMatrix] | None:
        """The item matrix of each set by the metric that decides, made once; None for scores alone."""
        return None if self.predictions is None else metric_matrices(self.predictions, self.metric)

    @property
    def kind(self) -> str:
        """`predictions` or `scores`."""
        return "scores" if self.predictions is None else "predictions"


def read_results(table: Table, options: TableOptions) -> Results:
    """Read a csv or parquet file, or take a frame: per image, scores in long form, or in wide form.

    Per image: model, dataset, item, correct; seed, cluster, family, protocol, role where there are some. Long: model,
    dataset, score; n, seed, family, metric. Wide: model, family, and one column of scores a data set.
    `higher_is_better` (all, or by data set or metric) is False for errors, which are turned into 100 - error.
    Empty cells of scores are cells that were not measured.
    Raises ValueError for what cannot be read or would be read wrongly: see the messages.
    """
    cluster, sets, images, scores = options.cluster, options.sets, None, None
    frame, ignored = read_columns(table, options)
    frame = rename_columns(frame, cluster, options.family)
    if not len(frame):
        raise ValueError("the table has no rows: give at least one model and one data set")
    rows = select_protocol(frame, options.protocol)
    refuse_nameless(rows, "model")
    if sets is not None and not len(sets):
        raise ValueError("sets= names no data set: name one or more, or leave it out")
    if set(ITEM_COLUMNS) <= set(frame):
        of_scores = {"n": options.n, "unit": options.unit != "auto"}
        of_scores["higher_is_better"] = options.higher_is_better is not True
        for name in filter(of_scores.get, of_scores):
            raise ValueError(f"{name}= is for scores, and this table has one row an image: leave it out")
        images = item_rows(rows, sets)
    else:
        if options.metric is not None:
            got = f"metric={options.metric} is computed from one row an image, and this table holds scores alone"
            raise ValueError(f"{got}: leave it out, the scores are taken as they are")
        if cluster is not None:
            raise ValueError(f"cluster={cluster!r} is for images, and this table holds scores alone: leave it out")
        scores = long_scores(rows, options)
    named: Any = scores if images is None else images
    found = sorted(map(str, named["dataset"].unique()))
    check_table_size(named["model"].nunique(), len(found), images=images is not None)
    reference = select_reference(rows, options.reference, found)
    metric = ACCURACY if images is None else choose_metric(images, options.metric, reference)
    return Results(images, scores, families(rows), reference, tuple(found), ignored, metric)


def select_protocol(frame: Any, protocol: str | None) -> pd.DataFrame:
    """The rows of one protocol. ValueError where there are several and none is asked for."""
    there = sorted(map(str, frame["protocol"].dropna().unique())) if "protocol" in frame else []
    if protocol is None:
        if len(there) > 1:
            raise ValueError(f"the table mixes the protocols {join_names(there)}: choose one with protocol=")
        return frame
    if protocol not in there:
        raise ValueError(f"no rows with the protocol {protocol!r}; there are {join_names(there) if there else 'none'}")
    return frame[frame["protocol"] == protocol]


def select_reference(frame: Any, reference: str | None, datasets: list[str]) -> str:
    """The set the choice is made on: as asked, as the table's roles say, or the only one there is."""
    if reference is not None:
        if reference not in datasets:
            raise ValueError(f"no data set {reference!r} to choose on: {hint(reference, datasets)}")
        return reference
    named = frame.loc[frame["role"] == "reference", "dataset"].unique() if "role" in frame else []
    known = [str(name) for name in named if str(name) in datasets] or (datasets if len(datasets) == 1 else [])
    if len(known) != 1:
        raise ValueError(f"which data set is the choice made on? Name it with reference=: {join_names(datasets)}")
    return known[0]


def item_rows(frame: Any, sets: Sequence[str] | None) -> pd.DataFrame:
    """The columns and rows that statistics of items want; without seeds there is one run."""
    refuse_nameless(frame, "dataset")
    refuse_nameless(frame, "item")
    frame = frame[
        [name for name in (*ITEM_COLUMNS, "seed", "cluster", "score", *ANSWER_NAMES, *LISTS) if name in frame]
    ]
    if sets is not None:
        lost = [name for name in sets if not (frame["dataset"] == name).any()]
        if lost:
            raise ValueError(
                f"no rows of the data set {lost[0]!r}: {hint(lost[0], list(map(str, set(frame.dataset))))}"
            )
        frame = frame[frame["dataset"].isin(list(sets))]
    if "seed" not in frame or frame["seed"].isna().all():
        frame = frame.assign(seed=0)
    right = frame["correct"]
    if not pd.api.types.is_numeric_dtype(right) and not pd.api.types.is_bool_dtype(right):
        to_numbers(right, "correct")
    return frame.assign(correct=right.astype(np.float64)) if right.dtype == bool else frame


def families(frame: Any) -> dict[str, str] | None:
    """The family of each model that has one. ValueError for a model in two."""
    if "family" not in frame or frame["family"].isna().all():
        return None
    pairs = frame[["model", "family"]].dropna().drop_duplicates().astype(str)
    twice = pairs[pairs["model"].duplicated()]
    if len(twice):
        raise ValueError(f"the model {twice['model'].iloc[0]!r} is in two families: give each model one")
    return dict(zip(pairs["model"], pairs["family"], strict=True))
