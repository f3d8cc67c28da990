"""Do the intervals of transfer and tau cover, is the noise floor met where orders are identical? Simulated studies."""

import argparse
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kogen.statistics.agreement import agreement
from kogen.statistics.scores_of_sets.pair_counts import ordered_pairs
from kogen.statistics.transfer import transfer


@dataclass(frozen=True)
class World:
    """Models are drawn from a population; true scores on the target follow the source's, apart by `scatter` points."""

    models: int
    scatter: float  # sd in points of the target off the source's line: 0 is an identical true order
    items: int = 10_000
    gap: float = 100.0
    spread: float = 4.0  # sd of true source scores, points
    size: int = 1  # models in a family, which share their scatter and half of their level

    def scores(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Observed scores (k,) on the source and the target, and families (k,)."""
        family = np.arange(self.models) // self.size
        shared = rng.standard_normal((2, family[-1] + 1))[:, family]
        own = rng.standard_normal((2, self.models))
        mix = (shared + own) / 2**0.5 if self.size > 1 else own
        level = 70 + self.spread * mix[0]
        other = 0.9 * level - 10 + self.scatter * (shared[1] if self.size > 1 else own[1])
        seen = [rng.binomial(self.items, np.clip(true / 100, 0, 1)) * 100 / self.items for true in (level, other)]
        return seen[0], seen[1], family

    def table(self, rng: np.random.Generator) -> pd.DataFrame:
        one, two, family = self.scores(rng)
        names = [f"m{place:05d}" for place in range(self.models)]
        frames = [
            pd.DataFrame({"model": names, "dataset": name, "score": score, "n": self.items, "family": family})
            for name, score in (("source", one), ("target", two))
        ]
        table = pd.concat(frames, ignore_index=True)
        return table if self.size > 1 else table.drop(columns="family")

    def truth(self, rng: np.random.Generator, pairs: int = 4_000_000) -> tuple[float, float]:
        """Transfer at the gap, and tau, of the population, from pairs of different families."""
        some = World(400_000, self.scatter, self.items, self.gap, self.spread, 1).scores(rng)
        i, j = rng.integers(0, 400_000, (2, pairs))
        gap, other = np.round(some[0][i] - some[0][j], 9), np.round(some[1][i] - some[1][j], 9)
        near = (np.abs(gap) > 0) & (np.abs(gap) <= self.gap)
        agree = np.sign(gap) * np.sign(other)
        return float((0.5 + 0.5 * agree[near]).mean()), float(
            agree.sum() / np.sqrt((gap != 0).sum() * (other != 0).sum())
        )


def percentile(one: np.ndarray, two: np.ndarray, gap: float, rng: np.random.Generator, draws: int) -> list[float]:
    """Ends of the percentile bootstrap over models, of transfer and of tau: weights w give a pair weight w_i w_j."""
    i, j, near, other = ordered_pairs(one, two)
    held = 0.5 + 0.5 * np.sign(other)
    k, kept = len(one), (near > 0) & (near <= gap)
    weight = rng.multinomial(k, np.full(k, 1 / k), size=draws)
    both = weight[:, i] * weight[:, j]  # (draws, P)
    share = (both @ (held * kept)) / np.maximum(both @ kept, 1)
    sign = np.sign(other) * (near > 0)
    tau = (both @ sign) / np.sqrt(np.maximum((both @ (near > 0)) * (both @ (other != 0)), 1))
    return [*np.quantile(share, (0.025, 0.975)), *np.quantile(tau, (0.025, 0.975))]


def covers(world: World, studies: int, rng: np.random.Generator, draws: int = 400) -> list[float]:
    """Per cent of studies whose interval holds the truth: transfer and tau, ours and the percentile bootstrap's."""
    share, tau = world.truth(rng)
    prefix = "family_" if world.size > 1 else ""
    hits, asked, wide = np.zeros(4), 0, 0.0
    for _ in range(studies):
        table = world.table(rng)
        row = transfer(table.drop(columns="n"), source="source", gaps=[world.gap]).iloc[0]
        also = agreement(table, source="source").iloc[0]
        if np.isnan(row[f"{prefix}lo"]) or np.isnan(also[f"{prefix}lo"]):
            continue
        asked += 1
        wide += row[f"{prefix}hi"] - row[f"{prefix}lo"]
        hits[0] += row[f"{prefix}lo"] <= share <= row[f"{prefix}hi"]
        hits[1] += also[f"{prefix}lo"] <= tau <= also[f"{prefix}hi"]
        if world.models <= 100:
            half = table["score"].to_numpy().reshape(2, -1)
            ends = percentile(half[0], half[1], world.gap, rng, draws)
            hits[2:] += (ends[0] <= share <= ends[1], ends[2] <= tau <= ends[3])
    shares = 100 * hits / max(asked, 1)
    return [asked, share, shares[0], shares[2] if world.models <= 100 else np.nan, wide / max(asked, 1), tau, shares[1],
            shares[3] if world.models <= 100 else np.nan]  # fmt: skip


def floors(world: World, studies: int, rng: np.random.Generator) -> list[float]:
    """Identical true order: mean transfer observed and expected, and how often the interval of excess flips holds 0."""
    found = []
    for study in range(studies):
        row = transfer(world.table(rng), source="source", gaps=[world.gap], seed=study).iloc[0]
        if row["pairs"] and not np.isnan(row["lo"]):
            found.append((row["transfer"], row["noise_floor"], row["lo"] <= row["noise_floor"] <= row["hi"]))
    table = np.array(found, dtype=float)
    apart = table[:, 1] - table[:, 0]
    return [
        len(found),
        *table[:, :2].mean(axis=0),
        apart.mean(),
        apart.std() / len(found) ** 0.5,
        100 * table[:, 2].mean(),
    ]


COVER = [
    *(World(k, s) for k in (6, 10, 20, 50, 100, 400) for s in (1.0, 3.0)),
    *(World(k, 2.0, gap=1.0) for k in (20, 50, 100, 400)),
    *(World(k, 2.0, size=4) for k in (40, 80, 200)),
]
FLOOR = [
    *(World(k, 0.0, n, gap) for k in (10, 50, 200) for n in (1_000, 10_000) for gap in (0.5, 2.0, 100.0)),
    *(World(k, 0.0, 1_000, 100.0, spread=0.0) for k in (10, 50)),
    *(World(k, 0.0, 1_000, 1.0, spread=1.0) for k in (10, 50)),
]
HEADS = {
    "cover": "studies | transfer | covers | percentile covers | width | tau | covers | percentile covers",
    "floor": "studies | observed | floor | excess | +- | excess holds 0",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--table", choices=[*HEADS], action="append")
    parser.add_argument("--models", type=int, default=1_000, help="only studies up to this size")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for name in asked.table or HEADS:
        measure, worlds = (covers, COVER) if name == "cover" else (floors, FLOOR)
        heads = f"models | family of | items | gap | spread | scatter | {HEADS[name]} | seconds"
        print(f"\n### {name}\n\n| {heads} |\n|{'---|' * (heads.count('|') + 1)}", flush=True)
        for index, world in enumerate(worlds):
            if world.models > asked.models:
                continue
            start = time.perf_counter()
            numbers = measure(world, asked.studies, np.random.default_rng([asked.seed, index]))
            cells = f"{world.models} | {world.size} | {world.items:,} | {world.gap:g} | {world.spread:g}"
            cells += f" | {world.scatter:g}"
            cells += "".join(f" | {number:.3g}" for number in numbers)
            print(f"| {cells} | {time.perf_counter() - start:.0f} |", flush=True)


if __name__ == "__main__":
    main()
