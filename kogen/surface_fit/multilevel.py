"""Multilevel surfaces: few images on a fine grid, more on coarser ones, for a hundredth of all passes."""

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd

from kogen.surface_fit.interpolation import Spline2D, fill_nearest, fit_grid, loss_range, place_on_grid

Correction = tuple[int, int]
"""Number of images, and their stride on the coarsest grid of the few images: 1 all places, 2 every other."""

# Coarse grids may add this share of the error of drawing images. Models are compared on the same images, which takes
# most of that error out of their difference, but not the error of a grid, which has the same sign in every plane.
ERROR_SHARE = 0.25
RANGE_SHARE = 0.0025  # of the range of the loss, which they may always add, as a root mean square
PEAK_FACTOR = 3.0  # largest error of a grid over its root mean square (measured: 2 to 6)


def multilevel_spline(points: pd.DataFrame) -> Spline2D:
    """The surface of all images of one plane: a control variate, or the spline alone where all points have one number.

    `points` have the columns of `fit_grid` and images. The spline of the fewest images is corrected by what more images
    add to the loss, which is smoother than the loss, so that a coarser grid suffices. An unknown correction is replaced
    by the nearest known one, so that a hole is no larger than on the fine grid. ValueError where more images have a
    point that fewer do not have.
    """
    parts = split_by_images(points)
    found = fit_grid(parts[0]).spline
    for fewer, more in pairwise(parts):
        added = fit_grid(loss_difference(fewer, more)).spline
        correction = Spline2D(added.alpha, added.beta, fill_nearest(added.values))
        values = found.values + correction.on_grid(found.alpha, found.beta)
        holes = more[~np.isfinite(more["loss"])]
        values[np.searchsorted(found.alpha, holes["alpha"]), np.searchsorted(found.beta, holes["beta"])] = np.nan
        found = Spline2D(found.alpha, found.beta, values)
    return found


def multilevel_error(points: pd.DataFrame) -> float:
    """How far `multilevel_spline` may be off anywhere, in units of the loss: its spline, or what coarser grids miss.

    nan where the spline has no estimate; the grids do not count where the images have one part only.
    """
    few, *others = split_by_images(points)
    places, *coarser = (part.loc[part["level"] == 0, "alpha"].nunique() - 1 for part in (few, *others))
    sizes = [int(part["images"].iloc[0]) for part in (few, *others)]
    chain = [(size, places // count) for size, count in zip(sizes[1:], coarser, strict=True)]
    coarse = PEAK_FACTOR * grid_error(sizes[0], chain, image_deviations(few, [stride for _, stride in chain])[0])
    spline = fit_grid(few).error
    return spline if np.isnan(coarse) else max(spline, coarse)


def split_by_images(points: pd.DataFrame) -> list[pd.DataFrame]:
    """The points of each number of images, the fewest first."""
    return [part for _, part in points.groupby("images", sort=True)]


def grid_error(images: int, chain: list[Correction], missed: dict[int, float]) -> float:
    """The expected error of the grids of a chain, the root mean square over the plane."""
    sizes = [images, *(size for size, _ in chain)]
    parts = [1 / less - 1 / more for less, more in pairwise(sizes)]
    return sum(missed[stride] ** 2 * part for (_, stride), part in zip(chain, parts, strict=True)) ** 0.5


def loss_difference(fewer: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """What more images add to the loss of fewer, at the points of the more."""
    both = more.merge(fewer[["alpha", "beta", "loss"]], on=["alpha", "beta"], suffixes=("", "_fewer"))
    if len(both) < len(more):
        lost = f"{len(more) - len(both)} of {len(more)} points"
        raise ValueError(f"{lost} of more images are missing for fewer images: give both the same coarse grid")
    return both.assign(loss=both["loss"] - both["loss_fewer"])


def choose_corrections(few: pd.DataFrame, count: int) -> list[Correction]:
    """The cheapest grids that correct the points of a plane, drawn for a few images, for all `count` images.

    `few`: the table of `surface`, and images. Parts of the few images differ from one another as more images differ
    from them: so what a coarse grid misses of these differences estimates, before a point of more images is computed,
    what it will miss of the correction. Allowed are ERROR_SHARE of the standard error that a draw of `count` images
    leaves in the rise of the loss above the centre, or RANGE_SHARE of the range (root mean squares over the plane),
    divided over corrections as over the levels of multilevel Monte Carlo (Giles 2008, section 3). Where no grid is fine
    enough, or there is one part only, all images take the whole coarsest grid of the few.
    """
    images = int(few["images"].iloc[0])
    if count <= images:
        return []
    alpha, beta = (np.unique(few[name][few["level"] == 0]) for name in ("alpha", "beta"))
    strides = possible_strides(len(alpha), len(beta))
    missed, drawn = image_deviations(few, strides)
    allowed = max(ERROR_SHARE * drawn / count**0.5, RANGE_SHARE * loss_range(fit_grid(few).spline))

    passes = lambda chain: sum(size * len(alpha[::s]) * len(beta[::s]) for size, s in chain)  # noqa: E731
    chains = correction_chains(images, count, strides)
    enough = [chain for chain in chains if grid_error(images, chain, missed) <= allowed]
    return min(enough, key=passes, default=[(count, 1)])


def possible_strides(*places: int) -> list[int]:
    """1, 2, 4 ... as long as each axis of `places` keeps an odd number of 3 or more, or is one place."""
    strides = [1]
    while all(one == 1 or (one - 1) % (4 * strides[-1]) == 0 for one in places):
        strides.append(2 * strides[-1])
    return strides


def correction_chains(images: int, count: int, strides: list[int]) -> Iterator[list[Correction]]:
    """All ways from `images` to `count`: sizes that double, each on a coarser grid than the one before."""
    between = [images << power for power in range(1, count.bit_length()) if images << power < count]
    for number in range(1, len(strides) + 1):
        for chosen in combinations(strides, number):
            for sizes in combinations(between, number - 1):
                yield list(zip((*sizes, count), chosen, strict=True))


def image_deviations(few: pd.DataFrame, strides: list[int]) -> tuple[dict[int, float], float]:
    """What the grid of each stride misses of one image's loss, and the rise of that loss above the centre.

    Both are standard deviations over images, root mean squares over the plane, from the parts of the few; nan for one
    part only. Grids are judged on level 1, the finest whole grid, or on level 0 where it is the finest.
    """
    whole: Any = few[few["level"] <= 1]
    alpha, beta = (np.unique(whole[name]) for name in ("alpha", "beta"))
    place = {name: whole[name].to_numpy(np.float64) for name in ("alpha", "beta")}
    parts = np.stack([np.asarray(row, np.float64) for row in whole["parts"]]).T  # (G, N)
    every = np.ones(len(whole), bool)
    losses = np.stack([place_on_grid(place | {"loss": part}, every, alpha, beta)[0] for part in parts])  # (G, A, B)
    apart = losses - losses.mean(axis=0)
    unit = (int(few["images"].iloc[0]) / (len(parts) - 1)) ** 0.5 if len(parts) > 1 else np.nan
    step = 2 if whole["level"].max() == 1 else 1
    missed = {}
    for stride in strides:
        along, across = slice(None, None, stride * step), slice(None, None, stride * step if len(beta) > 1 else 1)
        splines = (Spline2D(alpha[along], beta[across], fill_nearest(one[along, across])) for one in apart)
        missed[stride] = unit * root_mean_square(apart - np.stack([one.on_grid(alpha, beta) for one in splines]))
    centre = apart[:, len(alpha) // 2, len(beta) // 2]
    return missed, unit * root_mean_square(apart - centre[:, None, None])


def root_mean_square(values: np.ndarray) -> float:
    """The root mean square of the finite values; nan where there is none."""
    known = values[np.isfinite(values)]
    return float(np.sqrt((known**2).mean())) if known.size else np.nan
