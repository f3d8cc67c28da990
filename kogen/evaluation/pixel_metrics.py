"""Metrics of heat maps against masks: pixel AUROC and PRO, each with an interval over images."""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage

LIMIT = 0.3  # false-positive rate up to which PRO is integrated (Bergmann et al. 2021)
BINS = 1000  # of the curves that are drawn again for intervals
DRAWS = 500
TOUCHING = np.ones((3, 3), int)  # pixels that meet at a corner are one region, as in the code of MVTec AD


class PixelValue(NamedTuple):
    """A metric in [0, 1] and its 95 % interval over clusters of images; NaN where there is none."""

    value: float
    lo: float
    hi: float


class PixelWeights(NamedTuple):
    """What each pixel of some maps counts, (N, H, W) each."""

    good: np.ndarray  # bool: outside every region
    region: np.ndarray  # float: 1 / pixels of its region, 0 outside
    regions: np.ndarray  # (N,) how many each image has


def weigh_pixels(masks: np.ndarray) -> PixelWeights:
    """What the pixels of masks (N, H, W) bool count; regions are pixels that touch, at a corner too."""
    region, counts = np.zeros(masks.shape, np.float64), np.zeros(len(masks), np.int64)
    for place, mask in enumerate(masks):
        if mask.any():
            found: Any = ndimage.label(mask, structure=TOUCHING)
            numbers, counts[place] = found
            region[place] = np.append(0, 1 / np.bincount(numbers.ravel())[1:])[numbers]
    return PixelWeights(~masks, region, counts)


def pixel_auroc(maps: np.ndarray, masks: np.ndarray) -> float:
    """How often a pixel inside a mask is hotter than one outside, of all images (N, H, W); equals count half.

    NaN where all pixels are inside, or all outside.
    """
    rates = curve(maps.ravel(), (~masks).ravel().astype(np.float64), masks.ravel().astype(np.float64))
    return np.nan if rates is None else float(np.trapezoid(rates[1], rates[0]))


def pro_score(maps: np.ndarray, masks: np.ndarray, limit: float = LIMIT) -> float:
    """Per-region overlap: the share of a region that is hotter than a threshold, the mean over regions, integrated over
    the share of pixels outside every region that are, up to `limit`, and divided by it. Maps and masks (N, H, W).

    NaN where no mask has a pixel, or none is left outside. Source: Bergmann et al. 2021 (IJCV 129), section 6.3.
    """
    weights = weigh_pixels(masks)
    rates = curve(maps.ravel(), weights.good.ravel().astype(np.float64), weights.region.ravel())
    return np.nan if rates is None else area_up_to(*rates, limit)


def curve(scores: np.ndarray, good: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Shares (T + 1,) of two weights (n,) that lie at or above each distinct score, the highest first, from 0 to 1.

    None where one of the weights is 0 everywhere.
    """
    total = good.sum(), found.sum()
    if not all(total):
        return None
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)  # of each run of equal scores
    rates = [
        np.append(0, np.cumsum(each[order])[last] / all_of) for each, all_of in zip((good, found), total, strict=True)
    ]
    return rates[0], rates[1]


def area_up_to(x: np.ndarray, y: np.ndarray, limit: float) -> float:
    """The area below a rising curve (T,) up to `limit`, over that."""
    inside = x <= limit
    end = float(np.interp(limit, x, y))
    return float(np.trapezoid(np.append(y[inside], end), np.append(x[inside], limit)) / limit)


def measure_pixels(maps: np.ndarray, masks: np.ndarray, clusters: np.ndarray, seed: int = 0) -> dict[str, PixelValue]:
    """`pixel_auroc` and `pro` of maps and masks (N, H, W), with intervals over clusters (N,) of images.

    Intervals are those of a percentile bootstrap of clusters, of curves of 1,000 points, moved to the exact value;
    draws come from `seed`. No interval where fewer than 5 images have a mask.
    """
    exact = {"pixel_auroc": pixel_auroc(maps, masks), "pro": pro_score(maps, masks)}
    if masks.any(axis=(1, 2)).sum() < 5 or np.isnan(list(exact.values())).any():
        return {name: PixelValue(value, np.nan, np.nan) for name, value in exact.items()}
    drawn = redraw_curves(maps, masks, clusters, seed)
    found = {}
    for name, value in exact.items():
        whole, *others = drawn[name]
        lo, hi = np.nanpercentile(others, (2.5, 97.5)) - whole + value
        found[name] = PixelValue(value, float(np.clip(lo, 0, value)), float(np.clip(hi, value, 1)))
    return found


def redraw_curves(maps: np.ndarray, masks: np.ndarray, clusters: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Both metrics of binned curves (1 + DRAWS,): of all images, then of clusters drawn with replacement."""
    weights = weigh_pixels(masks)
    edges = np.unique(np.quantile(maps, np.linspace(0, 1, BINS + 1)[1:-1]))
    counts = {name: np.zeros((len(maps), len(edges) + 1)) for name in ("good", "bad", "region")}
    for place, heat in enumerate(maps):
        bins = np.searchsorted(edges, heat.ravel(), side="right")
        parts = {"good": weights.good[place], "bad": masks[place], "region": weights.region[place]}
        for name, part in parts.items():
            counts[name][place] = np.bincount(bins, weights=part.ravel(), minlength=len(edges) + 1)[::-1]
    _, of = np.unique(clusters, return_inverse=True)
    groups = int(of.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = np.stack([np.bincount(rng.integers(0, groups, groups), minlength=groups) for _ in range(DRAWS)])
    times = np.concatenate([np.ones((1, groups)), drawn])[:, of]  # (1 + DRAWS, N)
    good, bad, region = (np.cumsum(times @ counts[name], axis=1) for name in ("good", "bad", "region"))
    found: dict[str, list[float]] = {"pixel_auroc": [], "pro": []}
    for row in range(len(times)):
        if not (good[row, -1] and bad[row, -1]):
            for values in found.values():
                values.append(np.nan)
            continue
        x = np.append(0, good[row] / good[row, -1])
        found["pixel_auroc"].append(float(np.trapezoid(np.append(0, bad[row] / bad[row, -1]), x)))
        found["pro"].append(area_up_to(x, np.append(0, region[row] / region[row, -1]), LIMIT))
    return {name: np.array(values) for name, values in found.items()}
