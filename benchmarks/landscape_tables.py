"""A landscape's numbers as Markdown, to be kept in docs/landscape.md, and how soon the losses of its runs fell.

Run: kogen landscape work/study/runs/* --data ... --out work/landscape
     python benchmarks/landscape_tables.py work/landscape [--metrics width,basin] [--runs work/study/runs]
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--metrics", help="comma-separated; all unless given")
    parser.add_argument("--scores", default="", help="beginning of the scores that flatness is held against")
    parser.add_argument("--runs", type=Path, help="folder of runs, for the loss of each by images seen")
    parser.add_argument("--term", default="loss", help="of the loss, for --runs")
    asked = parser.parse_args()
    geometry = pd.read_parquet(asked.out / "geometry.parquet")
    told = json.loads((asked.out / "landscape.json").read_text(encoding="utf-8"))
    metrics = asked.metrics.split(",") if asked.metrics else list(dict.fromkeys(geometry["metric"]))
    for objective, rows in geometry.groupby("objective"):
        print(f"Objective: {objective}\n")
        numbers(rows, metrics)
        pairs([pair for pair in told["pairs"] if pair["objective"] == objective and pair["metric"] in metrics])
    flatness([row for row in told["flatness"] if row["metric"] in metrics and row["score"].startswith(asked.scores)])
    if asked.runs:
        convergence(asked.runs, asked.term)


def numbers(rows: pd.DataFrame, metrics: list[str]) -> None:
    """A row a model, a column a metric."""
    metrics = [metric for metric in metrics if metric in set(rows["metric"])]
    print("| model | " + " | ".join(metrics) + " |\n|" + "---|" * (1 + len(metrics)))
    for model, own in rows.groupby("model", sort=False):
        found = {row["metric"]: row for row in own.to_dict("records")}
        print(f"| {model} | " + " | ".join(cell(found.get(metric)) for metric in metrics) + " |")
    print()


def cell(row: dict[str, Any] | None) -> str:
    """`value (lo to hi)`, each with three figures."""
    if row is None or missing(row["value"]):
        return "-"
    ends = "" if missing(row["lo"]) else f" ({figures(row['lo'])} to {figures(row['hi'])})"
    return f"{figures(row['value'])}{ends}"


def figures(value: float) -> str:
    """A number with three figures or all before its point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def missing(value: Any) -> bool:
    """Whether a number is not known."""
    return value is None or math.isnan(value)


def pairs(rows: list[dict]) -> None:
    """Every pair of models that was found to differ, and how many were not."""
    differ = [row for row in rows if row["verdict"] == "larger"]
    print("| metric | larger | than | by |\n|---|---|---|---|")
    for row in differ:
        by = f"{row['difference']:+.3g} ({row['lo']:+.3g} to {row['hi']:+.3g})"
        print(f"| {row['metric']} | {row['first']} | {row['second']} | {by} |")
    print(f"\nUndecided: {len(rows) - len(differ)} of {len(rows)} pairs.\n")


def flatness(rows: list[dict]) -> None:
    """The rank correlation of each metric with each score."""
    rows = [row for row in rows if not missing(row["spearman"])]
    if not rows:
        return
    print("| objective | metric | with | models | Spearman | tau-b | verdict |\n|---|---|---|---|---|---|---|")
    for row in rows:
        both = [f"{row[a]:+.2f} ({row[b]:+.2f} to {row[c]:+.2f})" for a, b, c in ENDS]
        start = f"| {row['objective']} | {row['metric']} | {row['score']} | {row['n']} | "
        print(start + " | ".join(both) + f" | {row['verdict']} |")
    print()


ROWS = 10  # of convergence, at most
ENDS = (("spearman", "lo", "hi"), ("tau", "tau_lo", "tau_hi"))


def convergence(folder: Path, term: str) -> None:
    """The mean of a term of the loss in each pass, the smallest and the largest over runs of one method."""
    found = []
    for file in sorted(folder.glob("*/training.parquet")):
        plan = json.loads((file.parent / "plan.json").read_text(encoding="utf-8"))
        table = pd.read_parquet(file)
        seen = table["epoch"] * (plan["images"] // plan["batch_size"]) * plan["batch_size"]
        found.append(table.assign(model=plan["model"], seen=seen)[lambda rows, name=term: rows["term"] == name])
    table = pd.concat(found).groupby(["model", "seen"])["value"].agg(["min", "max", "count"]).reset_index()
    models = list(dict.fromkeys(table["model"]))
    print("| images seen | " + " | ".join(models) + " |\n|" + "---|" * (1 + len(models)))
    times = sorted(set(table["seen"]))
    few = [times[round(place)] for place in np.linspace(0, len(times) - 1, min(ROWS, len(times)))]
    for seen, rows in pd.DataFrame(table[table["seen"].isin(few)]).groupby("seen"):
        own = {
            row["model"]: f"{row['min']:.3f} to {row['max']:.3f} ({row['count']})" for row in rows.to_dict("records")
        }
        print(f"| {seen:,} | " + " | ".join(own.get(model, "-") for model in models) + " |")
    print()


if __name__ == "__main__":
    main()
