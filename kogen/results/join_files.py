"""Several files of scores as one wide table: each file a data set where all have the same column of scores."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.options.lottery import TableOptions
from kogen.results.column_kinds import Kind, find_mirrors, kind_of_column, second_metrics
from kogen.results.lottery_summary import Note
from kogen.results.model_names import choose_model_columns, drop_copies, find_keys, is_repeated, name_models
from kogen.results.questions import Questions
from kogen.results.raw_table import RawTable

LEFT_OUT = (Kind.MIRROR, Kind.SECOND, Kind.DIFFERENCE, Kind.ORDER, Kind.SPREAD)


def join_tables(paths: Sequence[Path], tables: Sequence[RawTable], options: TableOptions, asked: Questions) -> RawTable:
    """One wide table of the files: a row a model, its scores in each file beside one another.

    Where all files have one column of scores in common, each is a data set, named by its file. Models that have several
    rows in a file are told apart by the columns that do so in all. Raises ValueError for files that are no wide tables.
    """
    if all("dataset" in raw.columns for raw in tables):
        return stack_tables(tables)
    parts = [Part(path, drop_copies(raw), options, asked) for path, raw in zip(paths, tables, strict=True)]
    keys = common_keys(parts)
    names = [part.names if not keys else name_models(part.raw, [*part.columns, *keys]) for part in parts]
    if keys:
        names = shorten_names(parts, names)
    models = list(dict.fromkeys(name for each in names for name in each.dropna()))
    labels = file_labels(paths)
    counts = Counter(name for part in parts for name in part.scores)
    common = [name for name in parts[0].scores if counts[name] == len(parts)]
    found = RawTable("the tables", {"model": pd.Series(models, dtype=object).astype("category")})
    for part, label, own in zip(parts, labels, names, strict=True):
        for name in part.scores:
            alone = len(common) == 1 and name == common[0] and name not in part.errors
            title = label if alone else name if counts[name] == 1 else f"{label} {name}"
            add_column(found, title, part.raw, name, own, models)
    for part, own in zip(parts, names, strict=True):
        for name in part.others:
            if name not in found.columns:
                add_column(found, name, part.raw, name, own, models)
    seen = Counter(name for each in names for name in set(each.dropna()))
    in_all = sum(count == len(parts) for count in seen.values())
    found.notes += [note for part in parts for note in part.raw.notes]
    found.notes.append(Note("read_files", {"files": len(parts), "models": len(models), "all": in_all}))
    if keys:
        found.notes.append(Note("read_keys", {"names": keys}))
    return found


class Part:
    """One of the files: its models, its columns of scores, and what else describes a model."""

    def __init__(self, path: Path, raw: RawTable, options: TableOptions, asked: Questions) -> None:
        if not raw.rows:
            raise ValueError(f"{path} has no rows: leave it out")
        self.path, self.raw = path, raw
        self.columns = choose_model_columns(raw, options, asked)
        self.names = name_models(raw, self.columns)
        kinds: dict[str, Kind] = {}
        for name in raw.columns:
            numbers = raw.numbers(name)
            if name not in self.columns:
                kinds[name] = kind_of_column(name, None if numbers.is_text else numbers.value)
        scores = [name for name, kind in kinds.items() if kind is Kind.SCORE]
        errors = {name: raw.numbers(name).value for name, kind in kinds.items() if kind is Kind.ERROR}
        mirrors = find_mirrors(errors, {name: raw.numbers(name).value for name in scores})
        seconds = second_metrics([*scores, *mirrors])
        kinds |= dict.fromkeys(mirrors, Kind.MIRROR) | dict.fromkeys(seconds, Kind.SECOND)
        self.scores = [name for name, kind in kinds.items() if kind in (Kind.SCORE, Kind.ERROR)]
        self.errors = {name for name in self.scores if kinds[name] is Kind.ERROR}  # their name must say so
        self.others = [name for name, kind in kinds.items() if kind not in (*LEFT_OUT, Kind.SCORE, Kind.ERROR)]
        if not self.scores:
            raise ValueError(f"{path} has no column of scores: leave the file out")


def common_keys(parts: Sequence[Part]) -> list[str]:
    """Columns that tell rows of one model apart in every file; none where every model has one row in each."""
    torn = [part for part in parts if is_repeated([part.names.cat.codes])]
    if not torn:
        return []
    for part in torn:
        keys = find_keys(part.raw, part.columns, [part.names.cat.codes])
        shared = keys and all(set(keys) <= set(other.raw.columns) for other in parts)
        if shared and not any(is_repeated([name_models(p.raw, [*p.columns, *keys]).cat.codes]) for p in parts):
            return keys
    name = str(torn[0].names.value_counts().index[0])
    raise ValueError(
        f"{torn[0].path} has several rows of {name[:60]!r}, and no column that is in all files tells them apart: keep "
        "one row for each model"
    )


def shorten_names(parts: Sequence[Part], names: Sequence[Any]) -> list[Any]:
    """Names with the columns that tell models apart only where a model needs them."""
    whole = pd.concat(
        [pd.DataFrame({"base": p.names.astype(str), "name": n.astype(str)}) for p, n in zip(parts, names, strict=True)]
    )
    variants: Any = whole.drop_duplicates().groupby("base")["name"].nunique()
    alone = set(variants.index[variants == 1])
    return [
        pd.Series(
            [
                base if base in alone else name
                for base, name in zip(part.names.astype(str), own.astype(str), strict=True)
            ],
            dtype=object,
        ).astype("category")
        for part, own in zip(parts, names, strict=True)
    ]


def file_labels(paths: Sequence[Path]) -> list[str]:
    """A name for each file: its own without its ending and without the words that all begin or end with."""
    stems = [path.stem for path in paths]
    if len(set(stems)) < len(stems):
        stems = [f"{path.parent.name} {path.stem}" for path in paths]
    if len(set(stems)) < len(stems):
        raise ValueError("two files have the same name: rename one, since a file names its data set")
    words = [stem.replace("_", "-").split("-") for stem in stems]
    shared = 0
    while all(len(word) > shared + 1 for word in words) and len({word[shared] for word in words}) == 1:
        shared += 1
    return [stem.replace("_", "-").split("-", shared)[-1] if shared else stem for stem in stems]


def add_column(found: RawTable, title: str, raw: RawTable, name: str, names: Any, models: Sequence[str]) -> None:
    """Put a column of a file beside the others as it is written there, in the order of the models."""
    places = pd.Index(names).get_indexer(pd.Index(models))
    column = raw.columns[name].take(np.maximum(places, 0)).reset_index(drop=True)
    found.columns[title] = column.where(places >= 0)
    found.decimals[title] = raw.decimal_of(name)


def stack_tables(tables: Sequence[RawTable]) -> RawTable:
    """Long tables below one another."""
    marks = {raw.decimal for raw in tables if raw.decimal}
    if len(marks) > 1:
        raise ValueError("some files write decimals with a comma and some with a point: write all with a point")
    names = list(dict.fromkeys(name for raw in tables for name in raw.columns))
    columns: dict[str, Any] = {}
    for name in names:
        pieces = [
            raw.texts(name).astype(object) if name in raw.columns else pd.Series([None] * raw.rows, dtype=object)
            for raw in tables
        ]
        columns[name] = pd.concat(pieces, ignore_index=True).astype("category")
    return RawTable("the tables", columns, "".join(marks), [note for raw in tables for note in raw.notes])
