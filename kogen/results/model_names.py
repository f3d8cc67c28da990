"""The names of the models of a table: which column holds them, and which others tell rows of one name apart."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.text import hint, join_names
from kogen.options.lottery import TableOptions
from kogen.results.column_kinds import Kind, kind_of_column
from kogen.results.lottery_summary import Note
from kogen.results.questions import Questions, flag
from kogen.results.raw_table import (
    NAMELESS,
    RawTable,
    category_texts,
    fill_missing_names,
    is_number_column,
    text_column,
)

TIERS = (  # what the column may be called, without signs and spaces; the first that is there counts
    ("model", "models", "modelname", "modelid", "modell", "モデル", "モデル名"),
    ("name", "method", "methods", "methodname", "algorithm", "approach", "手法", "手法名", "名前", "名称"),
    ("architecture", "arch", "network", "net", "backbone", "encoder", "checkpoint", "アーキテクチャ", "ネットワーク"),
)
JOINT = " / "  # between the parts of a name that several columns make
MOST_KEYS = 30  # columns that are tried for telling rows apart


def plain_name(name: str) -> str:
    """The letters of a column's name, in lower case."""
    return "".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", name))).casefold()


def choose_model_columns(raw: RawTable, options: TableOptions, asked: Questions) -> list[str]:
    """The columns that hold the names of the models; what is not sure is asked."""
    if options.model_column is not None:
        return [known_column(raw, name, "model_column") for name in options.model_column]
    if "model" in raw.columns:
        return ["model"]
    for tier in TIERS:
        found = [name for name in raw.columns if plain_name(name) in tier and not holds_numbers(raw, name)]
        if len(found) > 1:
            both = join_names(found)
            asked.ask(f"which column names the models, {both}? Say {flag('model_column')}", model_column=(found[0],))
        if found:
            if plain_name(found[0]) != "model":
                raw.notes.append(Note("read_model_column", {"name": found[0]}))
            return found[:1]
    texts = [name for name in raw.columns if not holds_numbers(raw, name)]
    if not texts:
        raise ValueError(f"a table of results needs a column 'model', got {join_names(list(raw.columns))}")
    if texts[0] != NAMELESS.format(1):
        unique = [name for name in texts if raw.texts(name).is_unique] or texts
        got = f"a table of results needs a column 'model', got {join_names(list(raw.columns))}"
        asked.ask(f"{got}: name the one that holds the models with {flag('model_column')}", model_column=(unique[0],))
        return unique[:1]
    raw.notes.append(Note("read_model_column", {"name": texts[0]}))
    return texts[:1]


def holds_numbers(raw: RawTable, name: str) -> bool:
    """Whether a column holds numbers, or nothing."""
    return not raw.numbers(name).is_text


def known_column(raw: RawTable, name: str, option: str) -> str:
    """The column of this name, letters' case and signs aside. ValueError names the nearest."""
    if name in raw.columns:
        return name
    same = [each for each in raw.columns if plain_name(each) == plain_name(name) != ""]
    if len(same) != 1:
        raise ValueError(f"{flag(option)} names {name!r}, which is no column: {hint(name, list(raw.columns))}")
    return same[0]


def name_models(raw: RawTable, columns: Sequence[str]) -> Any:
    """The name of the model of each row, (N,) categories of text; parts from several columns are joined."""
    texts = [strip_names(raw.texts(name)) for name in columns]
    if len(texts) == 1:
        return texts[0]
    parts = [fill_missing_names(text).astype(object).where(lambda part: part.notna(), "") for text in texts]
    joined = [JOINT.join(filter(None, row)) for row in zip(*parts, strict=True)]
    return pd.Series(joined, dtype=object).astype("category")


def strip_names(names: Any) -> Any:
    """Names without spaces around them; what is empty then is no name."""
    known = category_texts(names)
    texts = [text.strip() for text in known]
    if texts == known and "" not in texts:
        return names
    codes, unique = pd.factorize(pd.Series(texts, dtype=object))
    codes = np.where(np.array(texts, dtype=object) == "", -1, codes)
    whole = np.append(codes, -1)[names.cat.codes.to_numpy()]
    found = pd.Series(pd.Categorical.from_codes(whole, list(unique)), index=names.index)
    return found.cat.remove_unused_categories()


def drop_copies(raw: RawTable) -> RawTable:
    """The table without rows in which nothing is written, and without rows that repeat another in every cell."""
    codes = pd.DataFrame({name: pd.factorize(column)[0] for name, column in raw.columns.items()})
    written = ~np.all([is_blank(column) for column in raw.columns.values()], axis=0)
    copies = codes.duplicated().to_numpy() & written
    if copies.any():
        raw.notes.append(Note("read_copies", {"n": int(copies.sum())}))
    kept = written & ~copies
    return raw if kept.all() else raw.keep(kept)


def is_blank(column: Any) -> np.ndarray:
    """Where nothing is written, (N,) bool."""
    empty = column.isna().to_numpy()
    if not is_number_column(column):
        column = text_column(column)
        blank = np.array([isinstance(text, str) and not text.strip() for text in category_texts(column)], dtype=bool)
        empty = empty | np.append(blank, True)[column.cat.codes.to_numpy()]
    return empty


def tell_apart(raw: RawTable, columns: list[str], names: Any, asked: Questions) -> Any:
    """The names of the models where each has one row; else what tells rows of one name apart is asked for."""
    seed = [raw.texts("seed").cat.codes] if "seed" in raw.columns else []
    if not is_repeated([names.cat.codes, *seed]):
        return names
    more = find_keys(raw, columns, [names.cat.codes, *seed])
    if not more:
        return names  # refused later, with the row
    counts = names.value_counts()
    first, count = str(counts.index[0]), int(counts.iloc[0])
    asked.ask(
        f"names of models that stand in several rows: {int((counts > 1).sum())}, first {first[:60]!r} in {count}: "
        f"the column {join_names(more)} tells them apart: join them with {flag('model_column')}",
        model_column=(*columns, *more),
    )
    return name_models(raw, [*columns, *more])


def is_repeated(codes: Sequence[Any]) -> bool:
    """Whether two rows have the same in all of these columns."""
    return bool(pd.DataFrame(dict(enumerate(codes))).duplicated().any())


def find_keys(raw: RawTable, known: Sequence[str], codes: list[Any]) -> list[str]:
    """One or two columns which, beside those that are `known`, tell all rows apart; none where there are none."""
    tried = [name for name in raw.columns if name not in known and name != "seed" and may_tell_apart(raw, name)]
    tried = sorted(tried, key=lambda name: holds_numbers(raw, name))[:MOST_KEYS]  # text first, then settings
    of = {name: raw.texts(name).cat.codes for name in tried}
    for size in (1, 2):
        for keys in combinations(tried, size):
            if not is_repeated([*codes, *(of[key] for key in keys)]):
                return list(keys)
    return []


def may_tell_apart(raw: RawTable, name: str) -> bool:
    """Whether a column describes a model and is no result of it."""
    numbers = raw.numbers(name)
    kind = kind_of_column(name, None if numbers.is_text else numbers.value)
    return kind in (Kind.TEXT, Kind.SETTING, Kind.COST)
