"""Reading a table of results: rows of images or scores, from files of any layout or a frame."""

import difflib
import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.text import hint, join_names
from kogen.options.lottery import TableOptions
from kogen.results.answers.answer_columns import (
    ANSWER_NAMES,
    LISTS,
    PREFIX,
    PROBABILITIES,
    join_probabilities,
    probability_columns,
    with_stored_probabilities,
)
from kogen.results.answers.part_rows import PARTS, choose_rows, leave_out_parts, part_columns
from kogen.results.bounds import check_column_count
from kogen.results.file_layout import Layout, find_layout
from kogen.results.join_files import join_tables
from kogen.results.long_table import find_score_column, read_long
from kogen.results.lottery_summary import Note
from kogen.results.model_names import (
    choose_model_columns,
    drop_copies,
    known_column,
    name_models,
    plain_name,
    tell_apart,
)
from kogen.results.questions import Questions, flag, table_paths
from kogen.results.raw_table import RawTable, is_number_column, refuse_repeated_columns, table_from_frame
from kogen.results.table_file import read_file, read_header, read_parquet_columns
from kogen.results.text_grid import read_text_table
from kogen.results.wide_table import read_axes, read_wide

Table = Any
"""A path to a csv, markdown or parquet file, several of them, or a frame."""

NAME_COLUMNS = ("model", "dataset", "item", "cluster", "family", "protocol", "role", "metric")
NUMBER_COLUMNS = ("seed", "correct", "score", "n")
ITEM_COLUMNS = ("model", "dataset", "item", "correct")  # a table that has these holds one row an image
RESERVED_COLUMNS = (*ITEM_COLUMNS, "seed", "score", "n", "metric", "protocol", "role")  # no clusters, no families
UNUSED_COLUMNS = ("run", "method", "label", "predicted")  # known, not needed
IMAGE_COLUMNS = ("soft", "path", *ANSWER_NAMES, *LISTS, *PARTS)  # known of single images


@dataclass(frozen=True)
class ReadTable:
    """A table that was read: one row an image, or one row a score, and what is to be said of it."""

    frame: pd.DataFrame
    images: bool
    ignored: tuple[str, ...] = ()  # columns that were not read
    excluded: dict[str, str] = field(default_factory=dict)  # column -> why: a key of words.toml
    axes: dict[str, dict[str, float]] = field(default_factory=dict)
    percent: dict[str, float] = field(default_factory=dict)  # data set -> share of its cells that have percent signs
    notes: tuple[Note, ...] = ()


def read_columns(table: Table, options: TableOptions, asked: Questions) -> ReadTable:
    """The rows of a table, of images or of scores. What only its owner knows is asked for in the end."""
    paths = table_paths(table)
    if paths is None:
        refuse_repeated_columns(list(table.columns))
        names = canonical_names(list(table.columns))
        if set(ITEM_COLUMNS) <= set(names.values()):
            return read_items(table.rename(columns=names), list(names.values()), options, lambda frame, wanted: frame)
        return read_scores(table_from_frame(table), options, asked)
    if not paths:
        raise ValueError("no table is given: give a csv, markdown or parquet file")
    tables = []
    for path in paths:
        layout = find_layout(path, options.encoding)
        heads = read_header(path) if layout.kind == "parquet" else list(layout.heads)
        names = canonical_names(heads)
        if layout.kind != "markdown" and set(ITEM_COLUMNS) <= set(names.values()):
            if len(paths) > 1:
                raise ValueError(f"{path} has one row an image, and files of scores alone are joined: give it alone")
            return read_item_file(layout, heads, names, options)
        is_binary = layout.kind == "parquet"
        raw = read_parquet_columns(path) if is_binary else read_text_table(layout, options.table_number, asked)
        tables.append(raw)
    title = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    try:
        raw = tables[0] if len(tables) == 1 else join_tables(paths, list(map(rename_known, tables)), options, asked)
        return read_scores(raw, options, asked)
    except ValueError as error:
        raise ValueError(f"{title}: {error}") from error


def canonical_names(heads: Sequence[Any]) -> dict[Any, Any]:
    """Column -> the name that kogen knows it by, letters' case and spaces aside; other columns keep their own."""
    known = {plain_name(name): name for name in (*NAME_COLUMNS, *NUMBER_COLUMNS)}
    names: dict[Any, Any] = {}
    for head in heads:
        meant = known.get(plain_name(str(head)))
        taken = meant is None or meant in heads or meant in names.values()
        names[head] = head if taken else meant
    return names


def rename_known(raw: RawTable) -> RawTable:
    """The table with kogen's names for the columns that it knows."""
    return raw.rename(canonical_names(list(raw.columns)))


def read_item_file(layout: Layout, heads: list[str], names: dict[str, str], options: TableOptions) -> ReadTable:
    """A file with one row an image: only the columns that are needed are read."""
    refuse_repeated_columns([str(name).strip() for name in heads])
    known = [names[head] for head in heads]
    back = {names[head]: head for head in heads}

    def read(_: Any, wanted: list[str]) -> pd.DataFrame:
        plain = [name for name in wanted if name not in LISTS]
        texts = [name for name in plain if name not in NUMBER_COLUMNS and not name.startswith(PREFIX)]
        frame = read_file(layout.path, [back[name] for name in plain], [back[name] for name in texts], layout)
        frame = frame.rename(columns=names)
        return with_stored_probabilities(frame, layout.path) if len(plain) < len(wanted) else frame

    return read_items(None, known, options, read)


def read_items(table: Any, heads: list[str], options: TableOptions, read: Any) -> ReadTable:
    """One row an image: the columns that are needed; `read`: from the table and these names to a frame."""
    check_column_count(len(heads))
    extra = [name for name in (options.cluster, options.family, *options.where) if name is not None]
    known = [*NAME_COLUMNS, *NUMBER_COLUMNS, *extra]
    refuse_misspelt(set(heads) - set(known) - set(UNUSED_COLUMNS) - set(IMAGE_COLUMNS))
    answers = {*ANSWER_NAMES, *LISTS, *probability_columns(heads)}  # for metrics other than accuracy
    parts = part_columns(heads)
    used = [name for name in heads if name in known or name in answers or name in parts]
    wanted = [name for name in used if name not in ("n", "metric") or name in extra]
    frame = read(table, wanted)
    frame = frame[[name for name in wanted if name in frame]].reset_index(drop=True)
    frame = frame if PROBABILITIES in frame else join_probabilities(frame)
    frame = rename_columns(frame, options.cluster, options.family)
    kept = np.ones(len(frame), dtype=bool)
    for column, value in options.where.items():
        if column not in frame:
            raise ValueError(
                f"{flag('where')} names {column!r}, which is no column: {hint(column, list(map(str, heads)))}"
            )
        kept &= matching_rows(frame[column], column, value)
    frame, whole, notes, foreign = leave_out_parts(frame, parts, options.where, extra)
    kept, used = kept & whole, [name for name in used if name not in foreign]
    if options.where:
        texts = [f"{name}={value}" for name, value in options.where.items()]
        notes += [Note("read_where", {"names": texts, "n": int(kept.sum()), "of": len(frame)})]
    frame = choose_rows(frame, kept).reset_index(drop=True)
    frame = pd.DataFrame(select_protocol(frame, options.protocol))
    return ReadTable(frame, True, tuple(str(name) for name in heads if name not in used), notes=tuple(notes))


def read_scores(raw: RawTable, options: TableOptions, asked: Questions) -> ReadTable:
    """One row a score, from a long table or a wide one."""
    raw = drop_copies(rename_known(raw))
    if not raw.rows:
        raise ValueError("the table has no rows: give at least one model and one data set")
    raw = select_rows(raw, options)
    columns = choose_model_columns(raw, options, asked)
    names, score = name_models(raw, columns), find_score_column(raw)
    if score is None:
        names = tell_apart(raw, columns, names, asked)
        long, found, percent = read_wide(raw, names, columns, options, asked)
        axes = read_axes(raw, names, found.axes)
    else:
        used = {*NAME_COLUMNS, *NUMBER_COLUMNS, *columns, score, options.family}
        others = [name for name in raw.columns if name not in used and name not in UNUSED_COLUMNS]
        refuse_misspelt(set(others))
        long, found, percent = read_long(raw, names, score, options, asked)
        numeric = [name for name in others if not raw.numbers(name).is_text]
        axes = read_axes(raw, names, numeric)
        found.excluded.update({name: "excluded_text" for name in others if name not in numeric})
        found.excluded.update({name: "excluded_cost" for name in numeric})
        found.excluded.update({name: "excluded_unused" for name in raw.columns if name in UNUSED_COLUMNS})
    long = add_family(long, raw, names, options)
    notes, excluded = tuple(raw.notes), found.excluded
    return ReadTable(long, False, (), excluded, axes, percent, notes)


def add_family(long: pd.DataFrame, raw: RawTable, names: Any, options: TableOptions) -> pd.DataFrame:
    """The scores with the family of each model: of its own column, or of the one that is named for it."""
    asked = options.family
    if asked is None or asked == "family":
        if asked is not None and asked not in raw.columns:
            raise ValueError(f"no column {asked!r} for the family: {hint(asked, list(raw.columns))}")
        return long
    if asked in RESERVED_COLUMNS:
        raise ValueError(f"the column {asked!r} cannot be the family too: name one that says what belongs together")
    if asked not in raw.columns and plain_name(asked) not in map(plain_name, raw.columns):
        raise ValueError(f"no column {asked!r} for the family: {hint(asked, list(raw.columns))}")
    family: Any = raw.texts(known_column(raw, asked, "family"))
    pairs: Any = pd.DataFrame({"model": names, "family": family}).dropna().drop_duplicates().astype(str)
    twice = pairs[pairs["model"].duplicated()]
    if len(twice):
        raise ValueError(f"the model {twice['model'].iloc[0]!r} is in two families: give each model one")
    known = dict(zip(pairs["model"], pairs["family"], strict=True))
    models: Any = long["model"].astype(object)
    return long.assign(family=models.map(known))


def select_rows(raw: RawTable, options: TableOptions) -> RawTable:
    """The rows of the protocol and the values that are asked for."""
    if "protocol" in raw.columns or options.protocol is not None:
        there = raw.texts("protocol") if "protocol" in raw.columns else None
        frame = pd.DataFrame({"row": np.arange(raw.rows)} | ({} if there is None else {"protocol": there}))
        kept = np.zeros(raw.rows, dtype=bool)
        kept[select_protocol(frame, options.protocol)["row"].to_numpy()] = True
        raw = raw.keep(kept)
    asked = [(known_column(raw, column, "where"), value) for column, value in options.where.items()]
    if not asked:
        return raw
    kept = np.logical_and.reduce([matching_rows(raw.columns[name], name, value) for name, value in asked])
    written = [f"{name}={value}" for name, value in options.where.items()]
    if not kept.any():
        raise ValueError(f"no row has {' and '.join(written)} at once: leave one out")
    notes = [*raw.notes, Note("read_where", {"names": written, "n": int(kept.sum()), "of": raw.rows})]
    return replace(raw.keep(kept), notes=notes)


def matching_rows(column: Any, name: str, value: str) -> np.ndarray:
    """The rows whose cell is the value (or like it, with *), (N,) bool. ValueError, with what there is, for none."""
    if is_number_column(column):
        try:
            found = column.to_numpy(dtype=np.float64, na_value=np.nan) == float(value)
        except ValueError:
            found = np.zeros(len(column), dtype=bool)
        there = sorted(column.dropna().unique())[:8]
    else:
        texts = column.astype("category")
        wanted = value.strip().casefold()
        fits = [fnmatch.fnmatchcase(str(text).strip().casefold(), wanted) for text in texts.cat.categories]
        found = np.append(np.array(fits, dtype=bool), False)[texts.cat.codes.to_numpy()]
        there = list(texts.cat.categories)
    if not found.any():
        raise ValueError(
            f"{flag('where')} {name}={value}: no row has it; there are {join_names(there)} (* is any text)"
        )
    return found


def refuse_misspelt(unknown: set[Any]) -> None:
    """Refuse a column whose name is nearly one that would change every number."""
    for name in sorted(map(str, unknown)):
        near = difflib.get_close_matches(name.lower(), [*NAME_COLUMNS, *NUMBER_COLUMNS], n=1, cutoff=0.75)
        if near:
            raise ValueError(f"unknown column {name!r}: did you mean {near[0]!r}? Rename it, or leave it out")


def rename_columns(frame: pd.DataFrame, cluster: str | None, family: str | None) -> pd.DataFrame:
    """The frame with the columns that were named for clusters and families under these names."""
    for new, old in (("cluster", cluster), ("family", family)):
        if old in RESERVED_COLUMNS:
            raise ValueError(f"the column {old!r} cannot be the {new} too: name one that says what belongs together")
        if old is not None and old not in frame:
            raise ValueError(f"no column {old!r} for the {new}: {hint(old, [str(name) for name in frame])}")
        if old is not None and old != new:
            frame = frame.drop(columns=[new], errors="ignore").rename(columns={old: new})
    return frame


def select_protocol(frame: Any, protocol: str | None) -> pd.DataFrame:
    """The rows of one protocol. ValueError where there are several and none is asked for."""
    there = sorted(map(str, frame["protocol"].dropna().unique())) if "protocol" in frame else []
    if protocol is None:
        if len(there) > 1:
            raise ValueError(f"the table mixes the protocols {join_names(there)}: choose one with {flag('protocol')}")
        return frame
    if protocol not in there:
        raise ValueError(f"no rows with the protocol {protocol!r}; there are {join_names(there) if there else 'none'}")
    return choose_rows(frame, frame["protocol"] == protocol)
