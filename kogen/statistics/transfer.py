"""Transfer: how often the better of two models on one set is also better on another."""

import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from kogen.statistics import _pair_counts
from kogen.statistics._noise_floor import noise_floor
from kogen.statistics._score_matrix import ScoreMatrix, make_score_matrix
from kogen.statistics._score_noise import Noise, dataset_noise

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
) -> pd.DataFrame:
    """How often a lead on the source is a lead on each target, by the size of the lead.

    Input: scores (model, dataset, score[, n][, family]) in points; `gaps` in points; `noise`, draws of the error of the
    scores where the items are known.
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
    found = [rows(table, source, target, ends, noise, seed) for target in table.choose_targets(source, targets)]
    return pd.DataFrame([row for part in found for row in part], columns=COLUMNS)


def rows(
    table: ScoreMatrix, source: str, target: str, ends: list[float], noise: Noise | None, seed: int
) -> list[dict[str, object]]:
    """The rows of one target: the cumulative gaps, then the bins of the gap curve."""
    some = table.common_models(source, target)
    some = some[_pair_counts.sample_models(len(some), seed)]
    edges = np.array(sorted({*CURVE_EDGES, *ends}))
    one, two = (table.values[some, table.column(name)] for name in (source, target))
    i, j, gap, other = _pair_counts.ordered_pairs(one, two)
    kept = gap > 0
    i, j, gap, other = i[kept], j[kept], gap[kept], other[kept]
    bins = np.searchsorted(edges, gap) - 1  # edges[b] < gap <= edges[b + 1]
    columns = [np.ones(len(gap)), other > 0.0, other == 0.0, np.maximum(-other, 0)]
    counts = [_pair_counts.count_pairs(i, j, len(some), bins, columns)] if len(gap) else []
    if counts and table.families is not None:
        counts.append(_pair_counts.count_by_family(counts[0], table.families[some], i, j, bins, columns))
    floors = noise_floors(table, source, target, some, edges, noise, seed) if len(gap) else None
    found = []
    for band, lo, hi in [*(("within", 0.0, end) for end in ends), *(("bin", *ends) for ends in pairwise(CURVE_EDGES))]:
        part = slice(*np.searchsorted(edges, (lo, hi)))
        row = {"source": source, "target": target, "band": band, "gap_lo": lo, "gap": hi}
        found.append(row | band_metrics(counts, part, floors))
    return found


def band_metrics(
    counts: list[_pair_counts.PairCounts], part: slice, floors: tuple[np.ndarray, np.ndarray] | None
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
        row[f"{name}lo"], row[f"{name}hi"] = _pair_counts.jackknife_interval(held, shares, pairs)
    if floors is not None and floors[0][part].sum():
        row["noise_floor"] = floors[1][part].sum() / floors[0][part].sum()
        row["excess_flip"] = row["noise_floor"] - held
    return row


def noise_floors(
    table: ScoreMatrix, source: str, target: str, some: np.ndarray, edges: np.ndarray, noise: Noise | None, seed: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Simulated pairs and transfers in each bin; None where the size of a set is unknown."""
    rng = np.random.default_rng([seed, zlib.crc32(source.encode()), zlib.crc32(target.encode())])
    errors = dataset_noise(table, source, some, noise, rng), dataset_noise(table, target, some, noise, rng)
    if np.isnan(errors[0]).any() or np.isnan(errors[1]).any():
        return None
    one, two = (table.values[some, table.column(name)] for name in (source, target))
    steps = score_step(table, source, some), score_step(table, target, some)
    return noise_floor(one, two, errors, steps, edges, rng)


def score_step(table: ScoreMatrix, dataset: str, some: np.ndarray) -> float:
    """The grid of scores on a set in points, 100 / n; 0 where the scores do not lie on it (several seeds, rounding)."""
    n = table.n[some, table.column(dataset)]
    right = table.values[some, table.column(dataset)] / 100 * n
    same = len(n) > 0 and not np.isnan(n).any() and bool((n == n[0]).all())
    return 100 / float(n[0]) if same and bool((np.abs(right - np.rint(right)) < 1e-6).all()) else 0.0
