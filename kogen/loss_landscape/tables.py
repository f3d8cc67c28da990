"""Atlas: what a landscape keeps in a study's folder: surface and geometry tables, readings, and facts about them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.files import read_json, write_json
from kogen.common.registry import load
from kogen.common.tables import read_table, write_table
from kogen.statistics import _curvature_metrics, _near_convex

KEYS = ("run", "objective", "direction", "plane")


def upsert_rows(out: Path, identity: dict[str, Any], rows: pd.DataFrame, kind: str = "surface") -> None:
    """Put a plane's points into the table OUT/<kind>.parquet, in the place of those it had."""
    path, new = out / f"{kind}.parquet", rows.assign(**identity)
    there: Any = read_table(path) if path.exists() else None
    if there is not None:
        same = pd.concat([there[key] == identity[key] for key in KEYS], axis=1).all(axis=1)
        new = pd.concat([there[~same], new], ignore_index=True)
    write_table(path, new, kind)


def has_curvature_metrics(out: Path, identity: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Whether a run's readings are there. ValueError where they are of other images."""
    path = record_file(out, "readings", identity)
    if not path.exists():
        return False
    was = read_json(path)["facts"]
    if was != facts:
        odd = sorted(key for key in was.keys() | facts.keys() if was.get(key) != facts.get(key))
        raise ValueError(f"{path} has readings that differ in {', '.join(odd)}: choose another --out, or delete it")
    return True


def write_curvature_metrics(
    out: Path, identity: dict[str, Any], facts: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    """Write a run's readings."""
    plain = [
        {**row, "values": [json_number(value) for value in row["values"]], "error": json_number(row["error"])}
        for row in rows
    ]
    write_json(record_file(out, "readings", identity), {"facts": facts, "identity": identity, "rows": plain})


def write_facts(out: Path, identity: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write down how a run was looked at in one kind of direction."""
    write_json(record_file(out, f"{identity['direction']}.facts", identity), {**identity, **facts})


def record_file(out: Path, kind: str, identity: dict[str, Any]) -> Path:
    """The file of one kind of a run."""
    return out / "landscape" / identity["objective"] / f"{identity['run']}.{kind}.json"


def json_number(value: float) -> float | None:
    """A number as JSON has it: missing is null."""
    return value if abs(value) < float("inf") else None


def write_summary(out: Path) -> dict[str, Any]:
    """Write OUT/geometry.parquet and OUT/landscape.json from all that the folder holds, and return the latter.

    landscape.json: runs (how each was looked at), pairs (paired differences), flatness (rank correlations with the
    study's scores, where it has some). Raises ValueError as the statistics do.
    """
    found = list(summary_tables(out))
    geometry, pairs = (stack_frames([one[number] for one in found]) for number in (0, 1))
    if len(geometry):
        write_table(out / "geometry.parquet", geometry, "geometry")
    scores = read_scores(out)
    flat = load("statistics", "flatness")(geometry, scores) if len(scores) and len(geometry) else pd.DataFrame()
    about = [read_json(file) for file in sorted((out / "landscape").glob("*/*.facts.json"))]
    told = {"runs": about, "pairs": records(pairs), "flatness": records(flat)}
    write_json(out / "landscape.json", told)
    return told


def summary_tables(out: Path) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Numbers of models and their paired differences: of random planes, of maps of the curvature, of readings."""
    surface = read_table(out / "surface.parquet")
    if "random" in set(surface["direction"]):
        yield load("statistics", "geometry")(surface), load("statistics", "geometry_pairs")(surface)
    if (out / "eigenmap.parquet").exists():
        yield _near_convex.tables(read_table(out / "eigenmap.parquet"))
    if files := sorted((out / "landscape").glob("*/*.readings.json")):
        read = [read_json(file) for file in files]
        yield _curvature_metrics.tables(
            pd.DataFrame([{**one["identity"], **row} for one in read for row in one["rows"]])
        )


def stack_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """The frames that have rows, one under the other."""
    filled = [frame.astype(object) for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data, missing = None."""
    return json.loads(frame.to_json(orient="records", double_precision=15) or "[]")


def read_scores(out: Path) -> pd.DataFrame:
    """What a study says of its models: accuracy on each set, effective robustness on each; no rows without a study."""
    found = [pd.DataFrame(columns=["model", "score", "value"])]
    for name, value, title in (("accuracy", "value", "dataset"), ("robustness", "effective", "target")):
        path = out / f"{name}.parquet"
        if path.exists():
            table = read_table(path)
            called = [f"{name}: {of}" for of in table[title]]
            found.append(pd.DataFrame({"model": table["model"], "score": called, "value": table[value]}))
    return pd.concat(found, ignore_index=True).dropna(subset=["value"])
