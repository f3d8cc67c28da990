"""A study's verdict as Markdown tables, to be kept in docs/results.md.

Run: python benchmarks/summary.py work/cifar10 [work/elpv-study ...] [--against random]
With --against, only pairs with that model are shown.
"""

import json
import sys
from pathlib import Path

import pandas as pd

from kogen.common.contracts import from_plain
from kogen.common.metric_facts import MetricFacts
from kogen.common.tables import read_table
from kogen.options.lottery import LotteryOptions
from kogen.reporting.study.verdict import judge_items
from kogen.results.answers.metric_matrices import metric_matrices


def main(study: Path, against: str = "") -> None:
    verdict = json.loads((study / "verdict.json").read_text(encoding="utf-8"))
    predictions = read_table(study / "predictions.parquet")
    print(f"### {study.name}\n")
    print("> " + "\n> ".join(verdict["words"]) + "\n")
    options = LotteryOptions(margin=verdict["margin"])
    facts = from_plain(MetricFacts, verdict["metric"], str(study / "verdict.json"))
    tables = {
        protocol: judge_items(metric_matrices(rows, facts), options)
        for protocol, rows in predictions.groupby("protocol")
    }
    print("| model | " + " | ".join(f"{s}, {p}" for s in verdict["sets"] for p in tables) + " |")
    print("|---|" + "---|" * (len(verdict["sets"]) * len(tables)))
    for model in verdict["order"][verdict["reference"]]:
        cells = [cell(tables[p]["values"], model, s) for s in verdict["sets"] for p in tables]
        print(f"| {model} | " + " | ".join(cells) + " |")
    first = verdict["protocol"]
    print(f"\nPairs, {first} probe, family-wise 95 % intervals in points:\n")
    print("| set | first | second | difference | verdict | detectable |\n|---|---|---|---|---|---|")
    for row in tables[first]["pairs"].to_dict("records"):
        if against and against not in (row["first"], row["second"]):
            continue
        interval = f"{row['difference']:+.1f} ({row['family_lo']:+.1f} to {row['family_hi']:+.1f})"
        seen = f"{row['minimum_detectable']:.1f}"
        print(f"| {row['dataset']} | {row['first']} | {row['second']} | {interval} | {row['verdict']} | {seen} |")
    print("\n| model | minutes a run | images seen | images/s | alarms |\n|---|---|---|---|---|")
    for (model,), runs in summaries(study).groupby(["model"]):
        told = ", ".join(sorted({a["kind"] for alarms in runs.alarms for a in alarms})) or "none"
        speed = f"{runs.images_per_second.mean():.0f}" if runs.minutes.sum() else "-"
        print(f"| {model} | {runs.minutes.mean():.1f} | {runs.images_seen.iloc[0]:,} | {speed} | {told} |")
    print()


def cell(accuracy: pd.DataFrame, model: str, dataset: str) -> str:
    """Accuracy with its interval and the sd over seeds."""
    row = accuracy[(accuracy.model == model) & (accuracy.dataset == dataset)].iloc[0]
    spread = "" if pd.isna(row.seed_sd) else f", sd {row.seed_sd:.1f}"
    return f"{row.value:.1f} ({row.lo:.1f} to {row.hi:.1f}{spread})"


def summaries(study: Path) -> pd.DataFrame:
    """One row per run: its model and what its summary says."""
    rows = []
    for place in sorted((study / "runs").glob("*/summary.json")):
        plan = json.loads((place.parent / "plan.json").read_text())
        rows.append({"model": plan["model"]} | json.loads(place.read_text()))
    return pd.DataFrame(rows)


if __name__ == "__main__":
    asked, _, other = " ".join(sys.argv[1:]).partition(" --against ")
    for folder in asked.split():
        main(Path(folder), other)
