"""Scores of any form as points from 0 to 100 where more is better; what is not sure is refused."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.text import hint
from kogen.options.lottery import TableOptions
from kogen.results.read import NAME_COLUMNS, refuse_nameless, to_numbers


def long_scores(frame: pd.DataFrame, options: TableOptions) -> pd.DataFrame:
    """Scores in long form (model, dataset, score, n, seed), in points, more is better; empty cells are left out."""
    sets, counts = options.sets, options.n or {}
    long = convert_columns(frame if {"dataset", "score"} <= set(frame) else melt_table(frame, known=sets is not None))
    more = higher_better_rows(long, options.higher_is_better)
    if long["metric"].nunique() > 1:
        refuse_nameless(long, "metric")
        long["dataset"] = long["dataset"] + " " + long["metric"]
    there = list(long["dataset"].unique())
    for name in (*(sets or ()), *counts):
        if name not in there:
            raise ValueError(f"no scores of the data set {name!r}: {hint(name, there)}")
    for name, items in counts.items():
        long.loc[long["dataset"] == name, "n"] = items
    odd = long[(long["n"] < 1) | (long["n"] % 1 > 0)]
    if len(odd):
        name, items = odd["dataset"].iloc[0][:60], odd["n"].iloc[0]
        wanted = "a score wants a whole number of 1 or more, or none at all"
        raise ValueError(f"the number of items of {name!r} is {items:g}: {wanted}")
    if sets is not None:
        kept = long["dataset"].isin(list(sets)).to_numpy()
        long, more = long.loc[kept], more[kept]
    score = to_points(long, options.unit)
    long = long.assign(score=np.where(more, score, 100 - score))
    refuse_repeated_scores(long)
    return long.dropna(subset=["score"]).drop(columns="metric").reset_index(drop=True)


def convert_columns(long: Any) -> Any:
    """The columns as names and numbers; without seeds there is one run, and n is unknown where it is not given."""
    refuse_nameless(long, "dataset")
    seed = long["seed"].astype(object) if "seed" in long else pd.Series(0, index=long.index)
    names, score = long[["model", "dataset"]].astype(str), to_numbers(long["score"], "score")
    n = to_numbers(long["n"], "n") if "n" in long else np.nan
    metric = long["metric"].astype(object).fillna("").astype(str) if "metric" in long else ""
    return names.assign(score=score, n=n, seed=seed.where(seed.notna(), 0), metric=metric)


def higher_better_rows(long: Any, higher_is_better: bool | Mapping[str, bool]) -> np.ndarray:
    """Whether more is better, row by row; the mapping's names are metrics or data sets, others count as True."""
    if isinstance(higher_is_better, bool):
        return np.full(len(long), higher_is_better)
    known = [name for name in (*long["metric"].unique(), *long["dataset"].unique()) if name]
    for name in higher_is_better:
        if name not in known:
            raise ValueError(f"higher_is_better names {name!r}: {hint(name, known)}")
    names = zip(long["metric"], long["dataset"], strict=True)
    return np.array([higher_is_better.get(metric, higher_is_better.get(name, True)) for metric, name in names])


def melt_table(frame: Any, *, known: bool) -> Any:
    """A wide table in long form; `known`: each column was asked for as a data set."""
    kept = [name for name in ("model", "seed") if name in frame]
    sets = [name for name in frame if name not in NAME_COLUMNS and name != "seed"]
    for name in sets:
        values = to_numbers(frame[name], str(name))
        if not known and len(values) > 2 and values[0] in (0, 1) and (np.diff(values) == 1).all():
            column = str(name)[:60]
            raise ValueError(f"the column {column!r} counts the rows: leave it out, or name the data sets with sets=")
    return frame.melt(id_vars=kept, value_vars=sets, var_name="dataset", value_name="score")


def to_points(long: Any, unit: str) -> np.ndarray:
    """Scores in points (0 to 100). ValueError for scores out of range and for percent mixed with fractions."""
    if unit not in ("auto", "percent", "fraction"):
        raise ValueError(f"unknown unit {unit!r}: {hint(unit, ['auto', 'percent', 'fraction'])}")
    score = long["score"].to_numpy(dtype=np.float64)
    if np.isnan(score).all():
        raise ValueError("every score is empty: nothing was measured")
    if unit == "auto":
        whole = long.groupby("dataset", sort=True)["score"].max().dropna()
        small, large = whole[(whole <= 1) & (whole > 0)], whole[whole > 1]
        if len(small) and len(large):
            raise ValueError(
                f"percent and fractions are mixed: {large.index[0]!r} goes up to {large.iloc[0]:g}, {small.index[0]!r} "
                f"up to {small.iloc[0]:g}; write all in one unit, or say unit='percent'"
            )
        unit = "percent" if len(large) else "fraction"
        if unit == "percent":
            for name, part in long.groupby("dataset", sort=True)["score"]:
                refuse_mixed_units(str(name), part.dropna().to_numpy())
    top = 100.0 if unit == "percent" else 1.0
    odd = long[(score < 0) | (score > top)]
    if len(odd):
        first = odd.iloc[0]
        raise ValueError(
            f"{len(odd)} scores are outside 0 to {top:g} ({unit}), first {first['score']:g} of {first['model'][:60]!r} "
            f"on {first['dataset'][:60]!r}: mend them, or leave columns that are no scores out with sets="
        )
    return score * (100.0 / top)


def refuse_mixed_units(name: str, score: np.ndarray) -> None:
    """Refuse a set where most scores are percent and some look like fractions: far below all others and at most 1."""
    small, large = score[(score > 0) & (score <= 1)], score[score > 1]
    if len(small) and len(large) and large.min() > 10 * small.max():
        raise ValueError(
            f"percent and fractions seem mixed on {name!r}: {small.max():g} beside {large.min():g}; write all in one "
            "unit, or say unit='percent' if it is right"
        )


def refuse_repeated_scores(long: Any) -> None:
    """Refuse two scores for one model, set and seed."""
    twice = long[long.duplicated(["model", "dataset", "seed"], keep=False)]
    if len(twice):
        first = twice.iloc[0]
        raise ValueError(
            f"{len(twice)} rows repeat (model, dataset, seed), first ({first['model'][:60]}, {first['dataset'][:60]}, "
            f"{first['seed']}): keep one row for each, or tell repeated trainings apart by a column 'seed'"
        )
