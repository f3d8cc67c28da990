"""The files of a landscape in a study's folder: surface, eigenmap and geometry tables, curvature metrics, facts."""

from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import read_sealed_json, write_json, write_sealed_json
from kogen.common.tables import read_table, write_table
from kogen.loss_landscape.point_log import differing_keys
from kogen.results.landscape_facts import RunFacts
from kogen.results.landscape_summary import EMPTY_READINGS, summarise_landscape

NEWEST_METRIC = "fall"
CURVATURE_KINDS = ("readings", "blocks", "spectrum")  # metrics of the whole, of parts of the network, the spectrum
KEYS = ("run", "objective", "direction", "plane")


def upsert_rows(out: Path, identity: dict[str, Any], rows: pd.DataFrame, kind: str = "surface") -> None:
    """Write a plane's points to the table OUT/<kind>.parquet; they replace the points that it had."""
    path, new = out / f"{kind}.parquet", rows.assign(**identity)
    there: Any = read_table(path) if path.exists() else None
    if there is not None:
        same = pd.concat([there[key] == identity[key] for key in KEYS], axis=1).all(axis=1)
        new = pd.concat([there[~same], new], ignore_index=True)
    write_table(path, new, kind)


def write_plane(out: Path, identity: dict[str, Any], rows: pd.DataFrame) -> None:
    """Write a plane's points to OUT/surface.parquet, and what was measured beside the loss to OUT/metrics.parquet."""
    if "metrics" in rows:
        upsert_rows(out, identity, unfold_metrics(rows), "metrics")
    upsert_rows(out, identity, rows.drop(columns="metrics", errors="ignore"))


def unfold_metrics(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each point and metric."""
    kept = ["alpha", "beta", "level", "images", "units"]
    parts = []
    for name in rows["metrics"].iloc[0]:
        value, error = zip(*(found[name] for found in rows["metrics"]), strict=True)
        parts.append(rows[kept].assign(metric=name, value=value, value_se=error))
    return pd.concat(parts, ignore_index=True)


def has_curvature(out: Path, kind: str, identity: dict[str, Any], facts: dict[str, Any]) -> bool:
    """Whether a run's rows of a kind of CURVATURE_KINDS are on disk; older versions did not measure NEWEST_METRIC.

    ValueError where they were measured with other settings.
    """
    if not (path := record_file(out, kind, identity)).exists():
        return False
    found = read_sealed_json(path)
    if odd := differing_keys(found["facts"], facts):
        raise ValueError(f"{path} has curvature metrics that differ in {odd}: choose another --out, or delete it")
    return kind != "readings" or NEWEST_METRIC in {row["metric"] for row in found["rows"]}


def write_curvature(
    out: Path, kind: str, identity: dict[str, Any], facts: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    """Write a run's rows of a kind of CURVATURE_KINDS; what is not finite becomes null."""
    plain = [{name: finite_or_null(value) for name, value in row.items()} for row in rows]
    write_sealed_json(record_file(out, kind, identity), {"facts": facts, "identity": identity, "rows": plain})


def finite_or_null(value: Any) -> Any:
    """A value, or a list of them, with None for numbers that are not finite."""
    if isinstance(value, list):
        return [finite_or_null(one) for one in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def write_facts(out: Path, facts: RunFacts) -> None:
    """Write how a run was measured in one kind of direction."""
    plain = plain_run(facts)
    write_sealed_json(record_file(out, f"{facts.direction}.facts", plain), plain)


def plain_run(facts: RunFacts) -> dict[str, Any]:
    """What JSON holds of a run: of each plane the facts of its kind alone."""
    planes = [{key: value for key, value in to_plain(plane).items() if value is not None} for plane in facts.planes]
    return to_plain(facts) | {"planes": planes}


def record_file(out: Path, kind: str, identity: dict[str, Any]) -> Path:
    """The JSON file of one kind for a run."""
    return out / "landscape" / identity["objective"] / f"{identity['run']}.{kind}.json"


def write_summary(out: Path) -> dict[str, Any]:
    """Write OUT/geometry.parquet and OUT/landscape.json (`LandscapeFacts`) from all that the folder holds.

    Returns the content of the latter. ValueError as of the statistics, and for facts that are not complete.
    """
    surface, path = read_table(out / "surface.parquet"), out / "eigenmap.parquet"
    eigenmap = read_table(path) if path.exists() else pd.DataFrame()
    files = sorted((out / "landscape").glob("*/*.facts.json"))
    runs = [from_plain(RunFacts, read_sealed_json(file), str(file)) for file in files]
    readings = read_curvature(out, "readings")
    readings = readings if len(readings) else EMPTY_READINGS
    geometry, facts = summarise_landscape(surface, eigenmap, readings, runs, read_scores(out))
    if len(geometry):
        write_table(out / "geometry.parquet", geometry, "geometry")
    for kind in ("blocks", "spectrum"):
        if len(rows := read_curvature(out, kind)):
            write_table(out / f"{kind}.parquet", rows, kind)
    summary = to_plain(facts) | {"runs": [plain_run(run) for run in runs]}
    write_json(out / "landscape.json", summary)
    return summary


def read_curvature(out: Path, kind: str) -> pd.DataFrame:
    """The rows of a kind of CURVATURE_KINDS of all runs; no rows, and no columns, where there are none."""
    files = sorted((out / "landscape").glob(f"*/*.{kind}.json"))
    return pd.DataFrame([one["identity"] | row for one in map(read_sealed_json, files) for row in one["rows"]])


def read_scores(out: Path) -> pd.DataFrame:
    """Accuracy and effective robustness of a study's models on each set; no rows without a study."""
    found = [pd.DataFrame(columns=["model", "score", "value"])]
    for name, word, value, title in (
        ("values", "accuracy", "value", "dataset"),
        ("robustness", "robustness", "effective", "target"),
    ):
        path = out / f"{name}.parquet"
        if path.exists():
            table = read_table(path)
            called = [f"{word}: {of}" for of in table[title]]
            found.append(pd.DataFrame({"model": table["model"], "score": called, "value": table[value]}))
    return pd.concat(found, ignore_index=True).dropna(subset=["value"])
