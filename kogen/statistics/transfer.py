"""Transfer: how often the better of two models on one set is also better on another."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pandas as pd

from kogen.statistics.scores_of_sets.noise_floor import noise_floor
from kogen.statistics.scores_of_sets.pair_counts import (
    PairCounts,
    SourcePairs,
    count_by_family,
    count_pairs,
    jackknife_interval,
    sample_models,
    source_pairs,
)
from kogen.statistics.scores_of_sets.score_matrix import ScoreMatrix, make_score_matrix
from kogen.statistics.scores_of_sets.score_noise import Noise, dataset_noise

__all__ = ["transfer"]

GAPS = (0.1, 0.3, 0.5, 1.0)  # points: how often does a lead of at most this much hold
CURVE_EDGES = (0.0, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 100.0)  # points: bins of the gap curve
COLUMNS = [
    *("source", "target", "band", "gap_lo", "gap", "pairs", "win", "tie", "flip", "transfer", "lo", "hi"),
    *("family_lo", "family_hi", "noise_floor", "excess_flip", "mean_regret"),
]


def transfer(
    scores: pd.DataFrame,
    *,
    source: str,
    targets: Sequence[str] | None = None,
    gaps: Sequence[float] = GAPS,
    noise: Noise | None = None,
    seed: int = 0,
    on_step: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """How often a lead on the source is a lead on each target, by the size of the lead.

    Input: scores (model, dataset, score[, n][, family]) in points; `gaps` in points; `noise`, draws of the error of the
    scores where the items are known; `on_step`, called after each target.
    Output: source, target, band, gap_lo, gap, pairs, win, tie, flip, transfer, lo, hi, family_lo, family_hi,
    noise_floor, excess_flip, mean_regret. `band` is `within` (all pairs with 0 < gap on the source <= `gap`; the last
    one is all pairs, 100) or `bin` (gap_lo < gap <= `gap`: the gap curve). pairs is a number, mean_regret points, the
    others shares in 0-1; null where there are no pairs.
    Definition: over unordered pairs of models measured on both sets, win: the source's better one is better on the
    target; tie; flip; transfer = win + tie / 2; regret max(0, what the source's choice loses on the target).
    lo, hi: 95 %, for other models of the same kind (jackknife over models; family_lo, family_hi: over families), see
    `jackknife_interval`. Of more than 1,600 models a random 1,000 are compared, drawn from `seed`.
    noise_floor: the transfer expected, at the same *observed* gaps, if the true order on both sets were identical and
    only the finite samples were noisy: each set keeps its own scores, shrunk to their spread without noise, the
    target's assigned in the source's order; then noise is added again. excess_flip = noise_floor - transfer: flips that
    noise does not explain. Assumes independent errors of the two sets; from a number of items alone also of two models
    on one set, which is the largest possible noise, so that floor and excess_flip are too low. Null where n is unknown.
    Source: pair transfer as in Kornblith et al. (2019) and Recht et al. (2019), made a U-statistic (Hoeffding 1948);
    jackknife: Arvesen (1969, Ann. Math. Stat. 40).
    Raises ValueError for incomplete scores, unknown sets, and gaps outside 0 to 100.
    """
    table = make_score_matrix(scores)
    if bad := [gap for gap in gaps if not 0 < gap <= 100]:
        raise ValueError(f"a gap is a difference in points above 0 and up to 100, got {bad[0]}: try 0.5")
    ends = sorted({*gaps, 100.0})
    names, edges = table.choose_targets(source, targets), np.array(sorted({*CURVE_EDGES, *ends}))
    floors, found = Floors(table, source, edges, noise, seed, len(names)), []

    @lru_cache(maxsize=1)  # most tables have the same models on every target
    def pairs_among(models: bytes) -> tuple[SourcePairs, np.ndarray]:
        pairs = source_pairs(table.values[np.frombuffer(models, dtype=np.intp), table.column(source)])
        pairs = pairs.part(pairs.gap > 0)
        return pairs, np.searchsorted(edges, pairs.gap) - 1  # edges[b] < gap <= edges[b + 1]

    for target in names:
        some = table.common_models(source, target)
        some = some[sample_models(len(some), seed)]
        counts = count_outcomes(table, target, some, *pairs_among(some.tobytes()))
        found += rows(counts, floors.simulate(target, some) if counts else None, edges, ends, (source, target))
        on_step()
    return pd.DataFrame(found, columns=COLUMNS)


def count_outcomes(
    table: ScoreMatrix, target: str, some: np.ndarray, pairs: SourcePairs, bins: np.ndarray
) -> list[PairCounts]:
    """Pairs, wins, ties and regrets of some models on a target, by model and, where they are known, by family."""
    if not len(bins):
        return []
    other = pairs.gap_on(table.values[some, table.column(target)])
    columns = [np.ones(len(bins)), other > 0.0, other == 0.0, np.maximum(-other, 0)]
    counts = [count_pairs(pairs, bins, columns)]
    if table.families is not None:
        counts.append(count_by_family(counts[0], table.families[some], pairs, bins, columns))
    return counts


def rows(
    counts: list[PairCounts],
    floors: tuple[np.ndarray, np.ndarray] | None,
    edges: np.ndarray,
    ends: list[float],
    sets: tuple[str, str],
) -> list[dict[str, object]]:
    """The rows of one target: the cumulative gaps, then the bins of the gap curve; `sets`: source and target."""
    (source, target), found = sets, []
    for band, lo, hi in [*(("within", 0.0, end) for end in ends), *(("bin", *ends) for ends in pairwise(CURVE_EDGES))]:
        part = slice(*np.searchsorted(edges, (lo, hi)))
        row = {"source": source, "target": target, "band": band, "gap_lo": lo, "gap": hi}
        found.append(row | band_metrics(counts, part, floors))
    return found


def band_metrics(
    counts: list[PairCounts], part: slice, floors: tuple[np.ndarray, np.ndarray] | None
) -> dict[str, float | int]:
    """Shares, intervals and the floor of one range of bins."""
    total = counts[0].total[part].sum(axis=0) if counts else np.zeros(4)
    pairs = int(total[0])
    if not pairs:
        return {"pairs": 0}
    win, tie, regret = total[1:] / pairs
    held = win + tie / 2
    row = {"pairs": pairs, "win": win, "tie": tie, "flip": 1 - win - tie, "transfer": held, "mean_regret": regret}
    for name, each in zip(("", "family_"), counts, strict=False):
        without = each.leave_one_out(part)[1]
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = (without[:, 1] + without[:, 2] / 2) / without[:, 0]
        row[f"{name}lo"], row[f"{name}hi"] = jackknife_interval(held, shares, pairs)
    if floors is not None and floors[0][part].sum():
        row["noise_floor"] = floors[1][part].sum() / floors[0][part].sum()
        row["excess_flip"] = row["noise_floor"] - held
    return row


@dataclass(frozen=True)
class Floors:
    """How the noise floors of all targets are simulated."""

    table: ScoreMatrix
    source: str
    edges: np.ndarray  # of the bins of the gap
    noise: Noise | None
    seed: int
    count: int

    def simulate(self, target: str, some: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Simulated pairs and transfers in each bin, of some models; None where the size of a set is unknown."""
        rng = np.random.default_rng([self.seed, *(zlib.crc32(name.encode()) for name in (self.source, target))])
        sets = (self.source, target)
        one, two = (dataset_noise(self.table, name, some, self.noise, rng) for name in sets)
        if one is None or two is None:
            return None
        source, other = (self.table.values[some, self.table.column(name)] for name in sets)
        steps = score_step(self.table, self.source, some), score_step(self.table, target, some)
        return noise_floor(source, other, (one, two), steps, self.edges, rng, self.count)


def score_step(table: ScoreMatrix, dataset: str, some: np.ndarray) -> float:
    """The grid of scores on a set in points, 100 / n; 0 where the scores do not lie on it (several seeds, rounding)."""
    n = table.n[some, table.column(dataset)]
    right = table.values[some, table.column(dataset)] / 100 * n
    same = len(n) > 0 and not np.isnan(n).any() and bool((n == n[0]).all())
    return 100 / float(n[0]) if same and bool((np.abs(right - np.rint(right)) < 1e-6).all()) else 0.0
