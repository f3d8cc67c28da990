"""A lottery's tables as Markdown, to be kept in docs/lottery.md.

Run: kogen lottery work/timm.csv --reference val --out work/timm ... ; python benchmarks/lottery_tables.py work/timm
"""

import json
import sys
from pathlib import Path

import pandas as pd


def main(study: Path) -> None:
    summary = json.loads((study / "verdict.json").read_text(encoding="utf-8"))["lottery"]
    tables = {name: pd.read_parquet(study / f"{name}.parquet") for name in ("transfer", "agreement", "robustness")}
    if summary.get("real"):
        told(summary["real"])
    transfers(tables["transfer"], summary["families"])
    agreements(tables["agreement"])
    robust(tables["robustness"])
    unified(summary["unified"])
    bets(summary)


def told(pair: dict) -> None:
    """The two leaders on the reference."""
    interval = f"{pair['difference']:+.1f} ({pair['family_lo']:+.1f} to {pair['family_hi']:+.1f})"
    print(f"{pair['first']} against {pair['second']}: {interval} points, {pair['verdict']}.\n")


def transfers(table: pd.DataFrame, families: int | None) -> None:
    """How often the winner on the source wins on the target, by the size of its lead."""
    other = " | by families" if families else ""
    print(
        f"| target | lead of at most | pairs | the winner wins again | by models{other} | chance alone | mean regret |"
    )
    print("|---|---|---|---|---|---|---|" + ("---|" if families else ""))
    for row in table[table.band == "within"].to_dict("records"):
        gap = "any" if row["gap"] == 100 else f"{row['gap']:.3g}"
        cells = [row["target"], gap, f"{row['pairs']:,.0f}", percent(row["transfer"]), span(row, "lo", "hi")]
        cells += [span(row, "family_lo", "family_hi")] if families else []
        print("| " + " | ".join([*cells, percent(row["noise_floor"]), f"{row['mean_regret']:.2f}"]) + " |")
    print()


def agreements(table: pd.DataFrame) -> None:
    """Kendall's tau-b of each target with the source."""
    print("| target | models | tau-b | by models | by families |\n|---|---|---|---|---|")
    for row in table.to_dict("records"):
        cells = [row["target"], f"{row['subset']} ({row['n']:,})", f"{row['tau']:.2f}"]
        ends = [tuple(row.get(name) for name in pair) for pair in (("lo", "hi"), ("family_lo", "family_hi"))]
        cells += ["-" if any(pd.isna(e) for e in two) else f"{two[0]:.2f} to {two[1]:.2f}" for two in ends]
        print("| " + " | ".join(cells) + " |")
    print()


def robust(table: pd.DataFrame) -> None:
    """Who is more robust than its accuracy lets expect, and who less."""
    if not len(table):
        return
    print("| source to target | most above the line | most below it |\n|---|---|---|")
    for (source, target), rows in table.dropna(subset=["effective"]).groupby(["source", "target"], sort=False):
        ends = rows.sort_values("effective")
        names = [", ".join(f"{r.model} {r.effective:+.1f}" for r in part.itertuples()) for part in
                 (ends.tail(3).iloc[::-1], ends.head(3))]  # fmt: skip
        print(f"| {source} to {target} | {names[0]} | {names[1]} |")
    print()


def unified(found: dict) -> None:
    """Winners by each unified metric and its agreement with the primary one."""
    print("| metric | winner | tau to the primary |\n|---|---|---|")
    for metric, winners in found["winners"].items():
        tau = found["agreement"].get(metric)
        print(f"| {metric} | {', '.join(winners)} | {'-' if tau is None else f'{tau:.2f}'} |")
    print()


def bets(summary: dict) -> None:
    """The three picks."""
    print("| pick | model | mean | largest regret | on | within the margin everywhere |\n|---|---|---|---|---|---|")
    for row in summary["bet"]["picks"]:
        near = "-" if row["near_best"] is None else percent(row["near_best"])
        numbers = f"{row['expected']:.1f} | {row['max_regret']:.2f} | {row['worst_set']} | {near}"
        print(f"| {row['pick']} | {row['model']} | {numbers} |")
    alike = summary["similarity"]
    sets = "not known" if alike["n_eff"] is None else f"{alike['n_eff']:.1f}"  # of few models or sets
    print(f"\nEffective number of sets: {sets}; groups with one vote: {alike['groups']}")


def percent(share: float | None) -> str:
    return "-" if share is None or pd.isna(share) else f"{100 * share:.1f} %"


def span(row: dict, low: str, high: str) -> str:
    return "-" if pd.isna(row[low]) else f"{100 * row[low]:.1f} to {100 * row[high]:.1f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
