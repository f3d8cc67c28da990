"""Do the intervals cover, do false winners stay rare? Simulated studies; prints the tables of docs/coverage.md."""

import argparse
import time
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from kogen.statistics._intervals import pair_differences
from kogen.statistics._item_matrix import ItemMatrix, matrix_from_runs
from kogen.statistics.resampling.bootstrap import beats, bootstrap_deviations, max_t_criterion
from kogen.statistics.values import rows as value_rows


@dataclass(frozen=True)
class World:
    """A run is right on an item when skill + luck + lot + item + taste + chance > 0; all but skill are normal draws."""

    n: int
    size: int = 1  # items in a cluster
    seeds: int = 1
    luck: float = 0.0  # sd of a training's skill; 0.05 is 1 to 2 points of accuracy
    lot: float = 0.0  # sd of a cluster, 0.7 unless items stand alone
    item: float = 1.0  # sd of an item: how alike the models are
    taste: float = 0.5  # sd of an item for one model, in all its trainings
    spread: str = "equal"  # sizes of clusters: equal, lognormal (drawn anew for each study), half (one holds half)
    lot_taste: float = 0.0  # sd of a cluster for one model: how much the difference of two models varies by cluster

    @property
    def total(self) -> float:
        return (1 + self.luck**2 + self.lot**2 + self.item**2 + self.taste**2 + self.lot_taste**2) ** 0.5

    def clusters(self, rng: np.random.Generator) -> np.ndarray:
        """The cluster (n,) of each item, n // size of them."""
        if self.spread == "equal":
            return np.arange(self.n) // self.size
        groups = self.n // self.size
        weight = rng.lognormal(size=groups) if self.spread == "lognormal" else np.r_[groups - 1.0, np.ones(groups - 1)]
        sizes = 1 + np.floor((self.n - groups) * weight / weight.sum()).astype(int)
        sizes[np.argmax(sizes)] += self.n - sizes.sum()
        return np.repeat(np.arange(groups), sizes)

    def study(self, truths: np.ndarray, rng: np.random.Generator) -> tuple[ItemMatrix, np.ndarray]:
        """One study of models with the true accuracies (k,): its sheet and the runs (k * seeds, n)."""
        cluster = self.clusters(rng)
        hard = self.item * rng.standard_normal(self.n, dtype=np.float32)
        hard += self.lot * rng.standard_normal(cluster[-1] + 1, dtype=np.float32)[cluster]
        skill = np.repeat(norm.ppf(truths) * self.total, self.seeds)  # (k * seeds,)
        skill = (skill + self.luck * rng.standard_normal(len(skill))).astype(np.float32)
        own = self.taste * rng.standard_normal((len(truths), self.n), dtype=np.float32)
        if self.lot_taste:
            own += self.lot_taste * rng.standard_normal((len(truths), cluster[-1] + 1), dtype=np.float32)[:, cluster]
        own = np.repeat(own, self.seeds, axis=0) + skill[:, None] + hard  # (k * seeds, n)
        runs = (rng.standard_normal(own.shape, dtype=np.float32) + own > 0).astype(float)
        names = [f"m{i}" for i in range(len(truths)) for _ in range(self.seeds)]
        return matrix_from_runs("simulated", names, runs, cluster), runs

    def __str__(self) -> str:
        lots = f"{self.n // self.size} clusters of {self.size}" if self.size > 1 else "independent"
        if self.spread != "equal":
            lots = (
                f"{self.n // self.size} {'lognormal clusters' if self.spread == 'lognormal' else 'clusters, one half'}"
            )
        if self.lot_taste:
            lots += ", own taste"
        return f"{self.n:,} | {lots} | {self.seeds} | {self.luck if self.seeds > 1 else '-'}"


def percentile(
    runs: np.ndarray, cluster: np.ndarray, rng: np.random.Generator, draws: int = 1000
) -> tuple[float, float]:
    """The plain two-way percentile bootstrap of clusters and seeds, for comparison; points."""
    seeds = len(runs)
    sums = np.stack([np.bincount(cluster), *(np.bincount(cluster, weights=run) for run in runs)], axis=1)  # (G, 1 + S)
    rows, count = np.unique(sums, axis=0, return_counts=True)
    total = rng.multinomial(len(sums), count / len(sums), size=draws) @ rows
    means = total[:, 1:] / total[:, :1]  # (draws, seeds)
    pick = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds
    lo, hi = np.quantile((means * pick).sum(axis=1), (0.025, 0.975))
    return 100 * lo, 100 * hi


def one(world: World, studies: int, rng: np.random.Generator) -> list[float]:
    """Coverage of the accuracy: ours and the percentile bootstrap's; per cent of studies; our mean width in points."""
    hits, width = np.zeros(2), 0.0
    for _ in range(studies):
        truth = rng.uniform(0.5, 0.97)
        sheet, runs = world.study(np.array([truth]), rng)
        row = value_rows(sheet).iloc[0]
        lo, hi = percentile(runs, sheet.cluster_codes, rng)
        hits += (row["lo"] <= 100 * truth <= row["hi"], lo <= 100 * truth <= hi)
        width += row["hi"] - row["lo"]
    return [*(100 * hits / studies), width / studies]


def two(world: World, studies: int, rng: np.random.Generator) -> list[float]:
    """Coverage of a difference: the 95 % and the 90 % interval; per cent of studies, and the mean width in points."""
    hits, width = np.zeros(2), 0.0
    for _ in range(studies):
        truths = rng.uniform(0.6, 0.92) + rng.uniform(-0.04, 0.04) * np.array([1, -1])
        sheet, _ = world.study(truths, rng)
        pairs, i = pair_differences(sheet), sheet.models.index("m0")
        off = abs(pairs.adjusted[i, 1 - i] - (truths[0] - truths[1]))
        half, ninety = pairs.half_width(0.025)[0, 1], pairs.half_width(0.05)[0, 1]
        hits += (off <= half, off <= ninety)
        width += 200 * half
    return [*(100 * hits / studies), width / studies]


def many(world: World, studies: int, rng: np.random.Generator, k: int = 6, draws: int = 500) -> list[float]:
    """Share of studies of k equal models that call a pair better: by the family's rule, and by each pair alone."""
    false = np.zeros(2)
    for study in range(studies):
        sheet, _ = world.study(np.full(k, rng.uniform(0.6, 0.92)), rng)
        pairs, moved = pair_differences(sheet), bootstrap_deviations(sheet, draws, study)
        alone = pairs.adjusted > pairs.half_width(0.025)
        false += (beats(pairs, max_t_criterion(pairs, moved, study)).any(), alone.any())
    return [*(100 * false / studies), float(k * (k - 1) // 2)]


WORLDS = [
    *(World(n) for n in (50, 200, 1_000, 10_000, 50_000)),
    *(World(n, size=s, lot=0.7) for n, s in ((50, 5), (200, 5), (1_000, 10), (50_000, 50))),
    *(World(n, seeds=s, luck=u) for s in (3, 5) for n in (50, 500, 5_000) for u in (0.02, 0.05)),
    *(World(50_000, seeds=s, luck=0.05) for s in (3, 5)),
    *(World(n, size=5, lot=0.7, seeds=3, luck=0.05) for n in (200, 5_000)),
    *(World(n, seeds=2, luck=0.05) for n in (500, 5_000)),
]
SPREADS = ("equal", "lognormal", "half")
UNEQUAL = [World(g * 20, size=20, lot=0.7, spread=spread, lot_taste=0.3) for spread in SPREADS for g in (8, 15, 25, 50)]
UNEQUAL += [World(g * 20, size=20, lot=0.7, spread=spread) for spread in SPREADS for g in (8, 25)]
TABLES = {
    "accuracy": (one, "covers | percentile covers | width"),
    "difference": (two, "95 % covers | 90 % covers | width"),
    "family": (many, "false better | by each pair alone | pairs"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 studies a row, sets up to 1,000 items")
    parser.add_argument("--items", type=int, default=50_000, help="only sets up to this size")
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--table", choices=[*TABLES], action="append", help="only these tables")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unequal", action="store_true", help="clusters of equal and of unequal sizes instead")
    asked = parser.parse_args()
    if asked.quick:
        asked.studies, asked.items = 200, 1_000
    worlds = UNEQUAL if asked.unequal else WORLDS
    for name in asked.table or TABLES:
        measure, heads = TABLES[name]
        print(
            f"\n### {name}\n\n| items | items are | seeds | luck | studies | {heads} | seconds |\n|{'---|' * 9}",
            flush=True,
        )
        for index, world in enumerate(world for world in worlds if world.n <= asked.items):
            start = time.perf_counter()
            if measure is many and world.n * world.seeds > 100_000:
                continue  # seconds a study: hours a row
            numbers = measure(world, asked.studies, np.random.default_rng([asked.seed, index]))
            cells = " | ".join(f"{number:.1f}" for number in numbers)
            print(f"| {world} | {asked.studies:,} | {cells} | {time.perf_counter() - start:.0f} |", flush=True)


if __name__ == "__main__":
    main()
