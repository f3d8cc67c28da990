"""Scores of any form as points where more is better; units and directions set by set, what is not sure is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.text import hint, join_names
from kogen.options.lottery import TableOptions
from kogen.results.column_kinds import Kind, is_unbounded_error, kind_of_name
from kogen.results.known_sets import fits_grid, known_size
from kogen.results.lottery_summary import Note
from kogen.results.questions import Questions, flag
from kogen.results.raw_table import read_numbers, refuse_wrong_cells

UNITS = ("auto", "percent", "fraction")
COLUMNS = ["model", "dataset", "score", "n", "seed"]


@dataclass(frozen=True)
class SetFacts:
    """What is known of one data set before its scores are points."""

    name: str
    top: float  # largest score, nan where all are empty
    more: bool  # more is better
    percent: float  # share of its cells that have percent signs
    own: bool = False  # an error that is no share: in its own unit, a score is minus the error
    unit: str = ""  # percent | fraction | own; "" where it is to be found
    asked: bool = False  # the unit was said
    digits: int = 0  # most decimals of a score


@dataclass(frozen=True)
class Scores:
    """Scores in long form: model, dataset, score, n, seed[, lo, hi]; in points, more is better."""

    table: pd.DataFrame
    unbounded: list[str] = field(default_factory=list)  # sets whose score is minus an error in its own unit
    notes: list[Note] = field(default_factory=list)


def long_scores(frame: pd.DataFrame, options: TableOptions, percent: Mapping[str, float], asked: Questions) -> Scores:
    """The scores of a long frame in points, of the data sets that are asked for; empty cells are left out.

    Input: model, dataset, score[, base, metric, n, seed, lo, hi]. `percent`: the share of a
    set's cells with percent signs.
    """
    long: Any = convert_columns(frame)
    counts = options.n or {}
    there = list(map(str, long["dataset"].unique()))
    for name in (*(options.sets or ()), *counts):
        if name not in there:
            raise ValueError(f"no scores of the data set {name!r}: {hint(name, there)}")
    direction = options.higher_is_better
    if isinstance(direction, Mapping) or "higher_is_better" in asked.answers:
        direction = {
            **(direction if isinstance(direction, Mapping) else {}),
            **asked.answers.get("higher_is_better", {}),
        }
    more = higher_better_rows(long, direction)
    if options.sets is not None:
        kept = long["dataset"].isin(list(options.sets)).to_numpy()
        long, more = long.loc[kept].reset_index(drop=True), more[kept]
    if long["score"].isna().all():
        raise ValueError("every score is empty: nothing was measured")
    facts, notes = choose_units(describe_sets(long, more, percent, options), options, asked)
    long = to_points(long, facts)
    long, said = add_counts(long, counts, [fact for fact in facts if fact.own])
    refuse_repeated_scores(long)
    ends = [name for name in ("lo", "hi") if name in long]
    table: Any = long.dropna(subset=["score"])[[*COLUMNS, *ends]].reset_index(drop=True)
    notes += said
    if turned := [fact.name for fact in facts if not fact.own and not fact.more]:
        notes.append(Note("read_turned", {"names": turned}))
    if own := [fact.name for fact in facts if fact.own]:
        notes.append(Note("read_unbounded", {"names": own}))
    if ends:
        notes.append(Note("read_intervals", {"names": sorted(set(table.loc[table["lo"].notna(), "dataset"]))}))
    return Scores(table, own, notes)


def convert_columns(long: Any) -> pd.DataFrame:
    """The columns as names and numbers; without seeds there is one run, and n is unknown where it is not given."""
    refuse_nameless(long, "dataset")
    seed = long["seed"].astype(object) if "seed" in long else pd.Series(0, index=long.index)
    names = long[["model", "dataset"]].astype(str)
    metric = long["metric"].astype(object).fillna("").astype(str) if "metric" in long else ""
    base = long["base"].astype(str) if "base" in long else names["dataset"]
    found = names.assign(score=long["score"], n=number_column(long, "n"), seed=seed.where(seed.notna(), 0))
    found = found.assign(metric=metric, base=base)
    if "metric" in long and found["metric"].nunique() > 1:
        refuse_nameless(long, "metric")
    for end in ("lo", "hi"):
        if end in long:
            found[end] = long[end]
    return found


def refuse_nameless(frame: pd.DataFrame, column: str) -> None:
    """Refuse rows without a name."""
    names: Any = frame[column]
    empty = np.count_nonzero(names.isna()) + np.count_nonzero(names == "")
    if empty:
        raise ValueError(f"the column {column!r} has empty cells ({empty}): fill them or leave the rows out")


def number_column(long: Any, name: str) -> Any:
    """A column of numbers, nan where it is missing."""
    if name not in long:
        return np.nan
    numbers = read_numbers(long[name], "")
    refuse_wrong_cells(name, numbers)
    return numbers.value


def higher_better_rows(long: Any, higher_is_better: bool | Mapping[str, bool]) -> np.ndarray:
    """Whether more is better, row by row; the mapping's names are metrics or data sets, others count as True."""
    if isinstance(higher_is_better, bool):
        return np.full(len(long), higher_is_better)
    sets = long.drop_duplicates(["dataset", "metric"])[["dataset", "base", "metric"]]
    known = [name for column in ("metric", "base", "dataset") for name in sets[column].unique() if name]
    for name in higher_is_better:
        if name not in known:
            raise ValueError(f"{flag('higher_is_better')} names {name!r}: {hint(name, list(dict.fromkeys(known)))}")
    found = {}
    for dataset, base, metric in sets.itertuples(index=False):
        said = [higher_is_better[name] for name in (metric, base, dataset) if name in higher_is_better]
        found[dataset, metric] = said[0] if said else True
    keys = pd.MultiIndex.from_frame(long[["dataset", "metric"]])
    return pd.Series(found).reindex(keys).to_numpy(dtype=bool)


def describe_sets(long: Any, more: np.ndarray, percent: Mapping[str, float], options: TableOptions) -> list[SetFacts]:
    """The facts of each set, in order of appearance. ValueError for an error without a bound that is below 0."""
    groups = long.assign(more=more).groupby("dataset", sort=False)
    tops, lows, said = groups["score"].max(), groups["score"].min(), asked_units(options.unit, list(groups.groups))
    found = []
    for name, metric, up in zip(tops.index, groups["metric"].first(), groups["more"].all(), strict=True):
        top, unit = float(tops[name]), said.get(name, "")
        own = not up and not unit and (is_unbounded_error(name) or is_unbounded_error(metric))
        bounded_name = kind_of_name(name) is Kind.ERROR or kind_of_name(metric) is Kind.ERROR
        costs = kind_of_name(name) not in (Kind.ERROR, None)  # a latency that was asked for
        own = own or (not up and not unit and not bounded_name and (top > 100 or costs))
        if own and lows[name] < 0:
            raise ValueError(f"the errors of {name[:60]!r} go down to {lows[name]:g}: an error is 0 or more")
        found.append(SetFacts(name, top, bool(up), percent.get(name, 0.0), own, unit, bool(unit)))
    small = [fact.name for fact in found if fact.top <= 1]
    if small and len(small) < len(found):
        digits = {str(name): most_digits(part.to_numpy()) for name, part in groups["score"]}
        found = [replace(fact, digits=digits[fact.name]) for fact in found]
    return found


def asked_units(unit: str, names: list[str]) -> dict[str, str]:
    """Set -> the unit that is asked for, of all or by name. ValueError for an unknown unit or set."""
    parts = [part.rpartition("=") for part in unit.split(",")] if "=" in unit else [("", "", unit)]
    found: dict[str, str] = {}
    for name, _, kind in parts:
        if kind.strip() not in UNITS:
            raise ValueError(f"unknown unit {kind.strip()!r}: {hint(kind.strip(), list(UNITS))}")
        if name and name.strip() not in names:
            raise ValueError(f"{flag('unit')} names the data set {name.strip()!r}: {hint(name.strip(), names)}")
        if kind.strip() != "auto":
            found |= dict.fromkeys([name.strip()] if name else names, kind.strip())
    return found


def most_digits(values: np.ndarray) -> int:
    """How many decimals the numbers are written with at most, up to 6."""
    known = np.unique(values[~np.isnan(values)])[:1000]
    return max((len(f"{value:.6f}".rstrip("0").partition(".")[2]) for value in known), default=0)


def choose_units(facts: list[SetFacts], options: TableOptions, asked: Questions) -> tuple[list[SetFacts], list[Note]]:
    """Every set with its unit: a fraction where no score is above 1, else percent; both at once are said.

    A set up to 1 beside sets in percent is asked about where its numbers have no more digits than theirs: 0.7 beside
    76.1 may be 0.7 %.
    """
    shares = [fact for fact in facts if not fact.own]
    open_ = [fact for fact in shares if not fact.unit and not fact.percent]
    large = [fact for fact in shares if fact.unit == "percent" or fact.percent or fact.top > 1]
    small = [fact for fact in open_ if 0 < fact.top <= 1]
    digits = max((fact.digits for fact in large), default=0)
    unclear = [fact.name for fact in small if large and fact.digits <= digits]
    if unclear:
        asked.ask(
            f"percent and fractions may be mixed: {large[0].name[:60]!r} goes up to {large[0].top:g}, "
            f"{join_names(unclear)} not above 1: say {flag('unit')} for each, percent or fraction",
            unit=",".join(f"{name}=percent" for name in unclear),
        )
    notes = []
    clear = [fact.name for fact in small if fact.name not in unclear]
    if clear and large:
        notes.append(Note("read_units", {"names": clear, "others": [fact.name for fact in large]}))

    def unit_of(fact: SetFacts) -> str:
        if fact.own:
            return "own"
        if fact.unit or fact.percent:
            return fact.unit or "percent"
        if fact.name in clear or (fact.top <= 0 and not large):
            return "fraction"
        return "percent"

    return [replace(fact, unit=unit_of(fact)) for fact in facts], notes


def to_points(long: Any, facts: list[SetFacts]) -> Any:
    """Scores in points, more is better; an error of at most 100 becomes 100 - error, one without a bound minus itself.

    ValueError for scores out of range and for percent mixed with fractions on one set.
    """
    by_name = {fact.name: fact for fact in facts}
    groups = dict(tuple(long.groupby("dataset", sort=False)["score"]))
    for name, values in groups.items():
        fact = by_name[name]
        if fact.unit == "percent" and fact.percent < 1 and not fact.asked:
            refuse_mixed_units(str(name), values.dropna().to_numpy())
    factor = long["dataset"].map({name: 100.0 if fact.unit == "fraction" else 1.0 for name, fact in by_name.items()})
    own = long["dataset"].map({name: fact.own for name, fact in by_name.items()}).to_numpy(dtype=bool)
    more = long["dataset"].map({name: fact.more for name, fact in by_name.items()}).to_numpy(dtype=bool)
    scale = factor.to_numpy(dtype=np.float64)
    score = long["score"].to_numpy(dtype=np.float64)
    odd = ~own & ((score < 0) | (score * scale > 100 + 1e-9))
    if odd.any():
        first = long[odd].iloc[0]
        fact = by_name[first["dataset"]]
        raise ValueError(
            f"scores outside 0 to {100 if fact.unit == 'percent' else 1} ({fact.unit}): {int(odd.sum())}, first "
            f"{first['score']:g} of {first['model'][:60]!r} on {first['dataset'][:60]!r}: mend them, or leave columns "
            f"that are no scores out with {flag('sets')}"
        )

    def turn(values: np.ndarray) -> np.ndarray:
        scaled = np.where(own, values, np.clip(values * scale, 0, 100))
        return np.where(own, -values, np.where(more, scaled, 100 - scaled))

    ends = {}
    if "lo" in long:
        one, two = turn(long["lo"].to_numpy()), turn(long["hi"].to_numpy())
        ends = {"lo": np.fmin(one, two), "hi": np.fmax(one, two)}
    return long.assign(score=turn(score), **ends)


def refuse_mixed_units(name: str, score: np.ndarray) -> None:
    """Refuse a set where most scores are percent and some look like fractions: far below all others and at most 1."""
    small, large = score[(score > 0) & (score <= 1)], score[score > 1]
    if not len(small) or not len(large) or large.min() <= 10 * small.max():
        return
    raise ValueError(
        f"percent and fractions seem mixed on {name!r}: {small.max():g} beside {large.min():g}; write all in one "
        f"unit, or say {flag('unit')} percent if it is right"
    )


def add_counts(long: Any, counts: Mapping[str, int], own: list[SetFacts]) -> tuple[Any, list[Note]]:
    """The scores with their numbers of images: as asked, as the table says, or of well-known sets, which is said.

    Errors that are no shares have none: nothing follows from it.
    """
    long, notes, known = long.copy(), [], {}
    for name, items in counts.items():
        long.loc[long["dataset"] == name, "n"] = items
    odd = long[(long["n"] < 1) | (long["n"] % 1 > 0)]
    if len(odd):
        name, items = odd["dataset"].iloc[0][:60], odd["n"].iloc[0]
        wanted = "a score wants a whole number of 1 or more, or none at all"
        raise ValueError(f"the number of items of {name!r} is {items:g}: {wanted}")
    endless = [fact.name for fact in own]
    if endless:
        rows = long["dataset"].isin(endless)
        if long.loc[rows, "n"].notna().any():
            notes.append(Note("read_n_unused", {"names": endless}))
        long.loc[rows, "n"] = np.nan
    for name, part in long.groupby("dataset", sort=False):
        size = known_size(str(name)) if name not in endless and part["n"].isna().all() else None
        if size and fits_grid(part["score"].to_numpy(), size):
            known[str(name)] = size
    if known:
        long["n"] = long["n"].fillna(long["dataset"].map(known))
        notes.append(Note("read_known_n", {"names": [f"{name} {size:,}" for name, size in known.items()]}))
    return long, notes


def refuse_repeated_scores(long: Any) -> None:
    """Refuse two scores for one model, set and seed."""
    twice = long[long.duplicated(["model", "dataset", "seed"], keep=False)]
    if len(twice):
        first = twice.iloc[0]
        raise ValueError(
            f"rows that repeat (model, dataset, seed): {len(twice)}, first ({first['model'][:60]}, "
            f"{first['dataset'][:60]}, {first['seed']}): keep one row for each, "
            "or tell repeated trainings apart by a column 'seed'"
        )
