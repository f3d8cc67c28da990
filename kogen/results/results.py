"""Any table of results, one row an image or scores alone, in one checked form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.common.text import hint, join_names
from kogen.options.lottery import TableOptions
from kogen.results.answers.answer_columns import ANSWER_NAMES, LISTS
from kogen.results.answers.metric_choice import choose_metric
from kogen.results.answers.metric_matrices import metric_matrices
from kogen.results.bounds import check_table_size
from kogen.results.lottery_summary import Note
from kogen.results.model_names import plain_name
from kogen.results.questions import Questions, flag
from kogen.results.raw_table import read_numbers, refuse_wrong_cells
from kogen.results.read import ITEM_COLUMNS, ReadTable, Table, read_columns
from kogen.results.scores import long_scores, refuse_nameless
from kogen.statistics._item_matrix import ItemMatrix

REFERENCES = (  # names of sets that a choice is made on, most usual first
    ("imagenet", "imagenet1k", "imagenetval", "in1k", "imagenet1kval"),
    ("val", "validation", "reference", "clean", "cleanaccuracy", "検証"),
    ("test", "top1", "accuracy", "acc", "acc1", "cifar10"),
)


@dataclass(frozen=True)
class Results:
    """A table of results: `predictions`, one row an image, or `scores`, one row a model, set and seed, in points."""

    predictions: pd.DataFrame | None  # model, dataset, seed, item, correct[, cluster]
    scores: pd.DataFrame | None  # model, dataset, score, n, seed; more is better
    families: dict[str, str] | None  # model -> family
    reference: str
    datasets: tuple[str, ...]
    ignored: tuple[str, ...]  # columns that were not read
    excluded: dict[str, str] = field(default_factory=dict)  # column -> why it is no data set: a key of words.toml
    axes: dict[str, dict[str, float]] = field(default_factory=dict)  # cost or setting -> model -> value
    unbounded: tuple[str, ...] = ()  # sets whose score is minus an error in its own unit
    notes: tuple[Note, ...] = ()  # how the table was read
    metric: MetricFacts = ACCURACY  # that decides
    given: tuple[ItemMatrix, ...] | None = None  # of a metric that is made of more than these rows, as of boxes

    @cached_property
    def matrices(self) -> list[ItemMatrix] | None:
        """The item matrix of each set by the metric that decides, made once; None for scores alone."""
        if self.given is not None:
            return [*self.given]
        return None if self.predictions is None else metric_matrices(self.predictions, self.metric)

    @property
    def kind(self) -> str:
        """`predictions` or `scores`."""
        return "scores" if self.predictions is None else "predictions"


def read_results(table: Table, options: TableOptions) -> Results:
    """Read csv, markdown or parquet files, or take a frame: per image, scores in long form, or in wide form.

    Per image: model, dataset, item, correct; seed, cluster, family, protocol, role where there are some. Long: model,
    dataset, score; n, seed, family, metric. Wide: model, family, and one column of scores a data set; columns that are
    errors, costs, averages and the like are told by name and values (`column_kinds`). Several files: see `join_files`.
    `higher_is_better` (all, or by data set or metric) is False for errors, which are turned into 100 - error; those
    without a bound (mCE, a loss) into minus themselves. Empty cells of scores are cells that were not measured.
    Raises ValueError for what cannot be read or would be read wrongly; what only the owner of the table can say is
    asked for all at once, with the command that answers it.
    """
    asked = Questions(table, options)
    if options.sets is not None and not len(options.sets):
        raise ValueError(f"{flag('sets')} names no data set: name one or more, or leave it out")
    read = read_columns(table, options, asked)
    if not len(read.frame):
        raise ValueError("the table has no rows: give at least one model and one data set")
    refuse_nameless(read.frame, "model")
    if read.images:
        return results_of_images(read, options, asked)
    if options.metric is not None:
        got = f"{flag('metric')} {options.metric} is computed from one row an image, and this table holds scores alone"
        raise ValueError(f"{got}: leave it out, the scores are taken as they are")
    if options.cluster is not None:
        raise ValueError(
            f"{flag('cluster')} {options.cluster!r} is for images, and this table holds scores alone: leave it out"
        )
    scores = long_scores(read.frame, options, read.percent, asked)
    rows: Any = scores.table
    found = sorted(map(str, rows["dataset"].unique()))
    check_table_size(rows["model"].nunique(), len(found), images=False)
    reference = select_reference(read.frame, options.reference, found, asked, read.excluded)
    asked.check()
    extra: dict[str, Any] = {"excluded": read.excluded, "axes": read.axes, "unbounded": tuple(scores.unbounded)}
    notes = (*read.notes, *scores.notes)
    return Results(
        None, scores.table, families(read.frame), reference, tuple(found), read.ignored, **extra, notes=notes
    )


def results_of_images(read: ReadTable, options: TableOptions, asked: Questions) -> Results:
    """The results of a table with one row an image."""
    of_scores = {"n": options.n, "unit": options.unit != "auto"}
    of_scores["higher_is_better"] = options.higher_is_better is not True
    for name in filter(of_scores.get, of_scores):
        raise ValueError(f"{flag(name)} is for scores, and this table has one row an image: leave it out")
    images: Any = item_rows(read.frame, options.sets)
    refuse_no_labels(images)
    found = sorted(map(str, images["dataset"].unique()))
    check_table_size(images["model"].nunique(), len(found), images=True)
    reference = select_reference(read.frame, options.reference, found, asked, {})
    asked.check()
    metric = choose_metric(images, options.metric, reference)
    known: dict[str, Any] = {"metric": metric, "notes": read.notes}
    return Results(images, None, families(read.frame), reference, tuple(found), read.ignored, **known)


def refuse_no_labels(images: Any) -> None:
    """ValueError for a column of labels in which none stands, as of images with boxes."""
    if "label" in images and images["label"].isna().all():
        raise ValueError(
            "the column label is empty, so nothing says what is right: leave it out, and the column correct decides; "
            "what a study of boxes found is judged by average precision, with `kogen report STUDY`"
        )


def select_reference(
    frame: Any, reference: str | None, datasets: list[str], asked: Questions, excluded: Mapping[str, str]
) -> str:
    """The set the choice is made on: as asked, as the table's roles say, or the only one there is; else it is asked."""
    if reference is not None:
        if reference in excluded:
            raise ValueError(
                f"the column {reference!r} is not taken for a data set ({excluded[reference].removeprefix('excluded_')}"
                f"): choose on one of {join_names(datasets)}, or name the data sets with {flag('sets')}"
            )
        if reference not in datasets:
            raise ValueError(f"no data set {reference!r} to choose on: {hint(reference, datasets)}")
        return reference
    named = frame.loc[frame["role"] == "reference", "dataset"].unique() if "role" in frame else []
    known = [str(name) for name in named if str(name) in datasets] or (datasets if len(datasets) == 1 else [])
    if len(known) == 1:
        return known[0]
    guess = guess_reference(list(dict.fromkeys(map(str, frame["dataset"].unique()))), datasets)
    asked.ask(
        f"which data set is the choice made on? Name it with {flag('reference')}: {join_names(datasets)}",
        reference=guess,
    )
    return guess


def guess_reference(order: list[str], datasets: list[str]) -> str:
    """The set that a choice is most often made on: a validation set by its name, else the first of the table."""
    there = [name for name in order if name in datasets] or datasets
    for words in REFERENCES:
        for name in there:
            if plain_name(name) in words:
                return name
    return there[0]


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
        refuse_wrong_cells("correct", read_numbers(right, "."))
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
