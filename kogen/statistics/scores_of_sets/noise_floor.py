"""The noise floor of transfer: how finite test sets alone would change pairs whose true order is the same."""

import math

import numpy as np

PAIRS, SIMULATIONS, MODELS = 1_000_000, 1_000, 300  # the work of one floor: pairs in all, repetitions, models in each
ALL_PAIRS = 300_000_000  # of all floors of a table: more than 300 sets share them


def noise_floor(
    source: np.ndarray,
    target: np.ndarray,
    noise: tuple[np.ndarray, np.ndarray],
    steps: tuple[float, float],
    edges: np.ndarray,
    rng: np.random.Generator,
    floors: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Simulated pairs (bins,) and transfers among them (bins,; ties count half) by the observed gap on the source.

    source, target (k,) in points; noise: draws (R, k) of each set's error; steps: the grid of scores, 0 if none;
    floors: how many are made for the same table.
    The true scores of each set are the observed ones, shrunk to the spread without noise (Louis 1984, JASA 79); those
    of the target are assigned in the order of the source's; then each set gets noise of its own.
    """
    true = np.sort(shrink_scores(target, noise[1]))
    order = np.argsort(source, kind="stable")
    same = np.empty(len(source))
    same[order] = true
    mine, k = shrink_scores(source, noise[0]), len(source)
    size = min(k, MODELS)
    i, j = np.triu_indices(size, 1)
    count, won = np.zeros((2, len(edges) - 1))
    for _ in range(min(SIMULATIONS, math.ceil(min(PAIRS, ALL_PAIRS // floors) / len(i)))):
        some = rng.choice(k, size, replace=False) if size < k else np.arange(k)
        first = draw_scores(mine, noise[0], steps[0], some, rng)
        second = draw_scores(same, noise[1], steps[1], some, rng)
        gap, other = first[i] - first[j], second[i] - second[j]
        kept = gap != 0
        gap, other = gap[kept], np.sign(other[kept])
        bins = np.searchsorted(edges, np.abs(gap)) - 1
        won += np.bincount(bins, weights=0.5 + 0.5 * other * np.sign(gap), minlength=len(won))
        count += np.bincount(bins, minlength=len(won))
    return count, won


def shrink_scores(values: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Scores (k,) shrunk towards their mean, so that with noise added they have the observed spread."""
    middle, spread = values.mean(), values.var(ddof=1)
    own = noise.var(axis=1, ddof=1).mean()  # an error that all models share changes no difference
    return middle + np.sqrt(max(1 - own / spread, 0.0) if spread > 0 else 0.0) * (values - middle)


def draw_scores(
    true: np.ndarray, noise: np.ndarray, step: float, some: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """One draw of the scores of some models, on the grid that a finite number of items allows."""
    score = np.clip(true[some] + noise[rng.integers(len(noise)), some], 0, 100)
    return np.round(np.round(score / step) * step if step > 0 else score, 9)
