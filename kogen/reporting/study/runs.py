"""Runs of a study as the report needs them."""

from pathlib import Path
from typing import Any

from kogen.common.files import read_json


def read_runs(study: Path) -> list[dict[str, Any]]:
    """Plan and summary of each run, sorted by model and seed; an interrupted run has an empty summary."""
    runs = []
    for path in sorted((study / "runs").glob("*/plan.json")):
        summary = path.parent / "summary.json"
        plan = read_json(path)
        runs.append({**plan, "folder": path.parent, "summary": read_json(summary) if summary.exists() else {}})
    return sorted(runs, key=lambda run: (run["model"], run["seed"] or 0))
