"""Losses on a plane: dyadic grids, a spline through their points, and how far it may be off."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import RectBivariateSpline, make_interp_spline
from scipy.ndimage import distance_transform_edt

Span = tuple[tuple[float, float], tuple[float, float]]
MIN_DECAY = 1 / 8  # no halving is trusted to leave less of the surplus
SQUARE: Span = ((-1.0, 1.0), (-1.0, 1.0))


def axis(count: int, span: tuple[float, float]) -> np.ndarray:
    """`count` equidistant places over a span, both ends included, (count,); the middle of the span for one."""
    low, high = span
    return low + (high - low) * np.arange(count) / (count - 1) if count > 1 else np.array([(low + high) / 2])


def refine_axis(places: np.ndarray) -> np.ndarray:
    """The axis with one more place between each two, (2 n - 1,); the old ones keep their bits."""
    finer = np.repeat(places, 2)[:-1]
    finer[1::2] = (places[:-1] + places[1:]) / 2
    return finer


class Spline2D:
    """A spline, cubic along each axis, through values on a grid; nan in the cells around an unknown value.

    Beside these cells it is a little less exact. An axis of one place is constant, one of two or three has a spline of
    lower degree.
    """

    def __init__(self, alpha: np.ndarray, beta: np.ndarray, values: np.ndarray) -> None:
        self.alpha, self.beta, self.values = alpha, beta, values  # (A,), (B,), (A, B), nan where unknown
        self.known = np.isfinite(values)
        # the spline needs a number everywhere; cells that use a filled one give nan
        self.spline = make_spline(alpha, beta, fill_nearest(values)) if self.known.any() else None

    def __call__(self, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
        """Losses at pairs of places, each of any one shape, to the same shape; nan where they are not known."""
        shape = np.broadcast_shapes(alpha.shape, beta.shape)
        x, y = (np.broadcast_to(a, shape).ravel() for a in (alpha, beta))
        if self.spline is None:
            return np.full(shape, np.nan)
        found = self.spline.ev(x, y) if isinstance(self.spline, RectBivariateSpline) else self.spline(x, y)
        if not self.known.all():
            found = np.where(in_known_cell(self.known, self.alpha, self.beta, x, y), found, np.nan)
        return found.reshape(shape)

    def on_grid(self, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
        """Losses on a grid, (A,) and (B,), both rising, to (A, B)."""
        if self.known.all() and isinstance(self.spline, RectBivariateSpline):
            return self.spline(alpha, beta)  # ten times as fast as point by point
        return self(alpha[:, None], beta[None, :])


def fill_nearest(values: np.ndarray) -> np.ndarray:
    """Values with unknown ones replaced by the nearest known, (A, B); unchanged where none is known."""
    known = np.isfinite(values)
    if known.all() or not known.any():
        return values
    nearest: Any = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return values[tuple(nearest)]


def make_spline(alpha: np.ndarray, beta: np.ndarray, values: np.ndarray) -> Any:
    """The interpolating spline: scipy's where both axes have 2 places or more, else a function (P,), (P,) to (P,)."""
    degrees = min(3, len(alpha) - 1), min(3, len(beta) - 1)
    if min(degrees) > 0:
        return RectBivariateSpline(alpha, beta, values, kx=degrees[0], ky=degrees[1], s=0)
    if max(degrees) == 0:
        return lambda x, y: np.full(x.shape, values[0, 0])
    along = 0 if degrees[0] else 1
    one = make_interp_spline((alpha, beta)[along], values.ravel(), k=degrees[along])
    return lambda x, y: one((x, y)[along])


def in_known_cell(known: np.ndarray, alpha: np.ndarray, beta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether every corner with a weight of the cell around each point is known, (P,)."""
    corners = []
    for places, wanted in ((alpha, x), (beta, y)):
        low = np.clip(np.searchsorted(places, wanted, side="right") - 1, 0, len(places) - 1)
        exact = (places[low] == wanted) | (low == len(places) - 1)
        corners.append((low, np.where(exact, low, low + 1)))
    (left, right), (below, above) = corners
    return known[left, below] & known[left, above] & known[right, below] & known[right, above]


@dataclass(frozen=True)
class RefinedGrid:
    """The losses of a plane from all levels of its grid."""

    spline: Spline2D  # through all that is known, on the finest grid
    surplus: list[np.ndarray]  # of each halving, on its grid; nan: not new; see `nested_surpluses`
    unrefined_surplus: float  # the largest surplus of an earlier level where the grid was not halved again
    decay: float  # factor of the surplus from one halving to the next; see `surplus_decay`

    @property
    def error(self) -> float:
        """How far the spline may be off anywhere, in units of the loss; nan without a halving.

        A surplus is what a halving changed at its new points: the error of the grid before. The next halving, which is
        not computed, would change that times the decay: the error of this grid. Where the grid was not halved again
        the surplus was small, in part by chance: there only the third root of the decay counts.
        """
        if not self.surplus or not np.isfinite(self.surplus[-1]).any():
            return np.nan
        last = float(np.nanmax(np.abs(self.surplus[-1])))
        return max(self.decay * last, self.decay ** (1 / 3) * self.unrefined_surplus)


def nested_surpluses(alpha: np.ndarray, beta: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    """The surplus of each halving inside a whole grid (A, B), from every other place to all; coarse ones first."""
    if not (len(alpha) % 2 and len(beta) % 2 and max(values.shape) >= 5):
        return []
    coarse = alpha[::2], beta[::2], values[::2, ::2]
    old = refine_marks(np.ones(coarse[2].shape, bool))
    return [*nested_surpluses(*coarse), np.where(old, np.nan, values - Spline2D(*coarse).on_grid(alpha, beta))]


def surplus_decay(surplus: list[np.ndarray]) -> float:
    """The largest last surplus over the largest one before, 1/8 to 1 (noise, and where there are not two).

    A cubic spline's error falls by 16 per halving once its grid resolves the surface, and once by more when a halving
    has just resolved it. The largest and not the mean, since a surface may be rough in one place alone: where ReLUs
    crease it, the error only halves, long after it has vanished elsewhere.
    """
    sizes = [float(np.nanmax(np.abs(one))) for one in surplus if np.isfinite(one).any()]
    return float(np.clip(sizes[-1] / sizes[-2], MIN_DECAY, 1)) if len(sizes) > 1 and sizes[-2] > 0 else 1.0


def fit_grid(points: pd.DataFrame) -> RefinedGrid:
    """The spline through the points of one plane: alpha, beta, level, loss (P rows).

    Level 0 is a whole grid, every further level lies on the halved grid; where it was not computed, the spline of the
    level before stands in. Raises ValueError where level 0 is not a whole grid.
    """
    place = {name: points[name].to_numpy(np.float64) for name in ("alpha", "beta", "loss")}
    levels = points["level"].to_numpy()
    alpha, beta = (np.unique(place[name][levels == 0]) for name in ("alpha", "beta"))
    if not 0 < len(alpha) * len(beta) == (levels == 0).sum():
        raise ValueError(
            f"{(levels == 0).sum()} points of level 0 do not fill a grid of {len(alpha)} x {len(beta)}: the surface is "
            "not finished; run the same command again"
        )
    values, left = place_on_grid(place, levels == 0, alpha, beta)[0], 0.0
    surplus = nested_surpluses(alpha, beta, values)
    for level in range(1, int(levels.max()) + 1):
        before = Spline2D(alpha, beta, values)
        alpha, beta = refine_axis(alpha), refine_axis(beta)
        found, there = place_on_grid(place, levels <= level, alpha, beta)
        if level > 1:  # level 1 is a whole grid: no surplus is left unrefined
            kept = dilate(~there, 1)[::2, ::2] & np.isfinite(surplus[-1])
            left = max(left, float(np.abs(surplus[-1][kept]).max(initial=0)))
        guess = before.on_grid(alpha, beta)
        values = np.where(there, found, guess)
        new = place_on_grid(place, levels == level, alpha, beta)[1]
        surplus.append(np.where(new, found - guess, np.nan))
    return RefinedGrid(Spline2D(alpha, beta, values), surplus, left, surplus_decay(surplus))


def place_on_grid(
    place: dict[str, np.ndarray], chosen: np.ndarray, alpha: np.ndarray, beta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Chosen losses on the grid (A, B), nan elsewhere, and where a point was computed (A, B), finite or not."""
    rows, columns = np.searchsorted(alpha, place["alpha"][chosen]), np.searchsorted(beta, place["beta"][chosen])
    values, there = np.full((len(alpha), len(beta)), np.nan), np.zeros((len(alpha), len(beta)), bool)
    losses = place["loss"][chosen]
    values[rows, columns] = np.where(np.isfinite(losses), losses, np.nan)
    there[rows, columns] = True
    return values, there


def next_points(points: pd.DataFrame, counts: tuple[int, int], level: int, span: Span, tolerance: float) -> np.ndarray:
    """The points (P, 2) that a level adds: the whole grid for levels 0 and 1, then where the last surplus is large.

    Large is above `tolerance` times the range of the losses; points within a step of such a place are added.
    """
    alpha, beta = (axis(count, one) for count, one in zip(counts, span, strict=True))
    old = np.zeros((len(alpha), len(beta)), bool)
    for _ in range(level):
        alpha, beta, old = refine_axis(alpha), refine_axis(beta), refine_marks(old | True)
    near = np.ones(old.shape, bool)
    if level > 1:
        found = fit_grid(points)
        least = max(tolerance * loss_range(found.spline), rounding_error(found.spline))
        rough = np.abs(found.surplus[-1]) > least  # nan is not
        near = dilate(refine_marks(rough), 2)
    rows, columns = np.nonzero(near & ~old)
    return np.stack([alpha[rows], beta[columns]], axis=1)


def refine_marks(marks: np.ndarray) -> np.ndarray:
    """Marks of a grid at their places on the halved grid, (A, B) to (2 A - 1, 2 B - 1)."""
    finer = np.zeros((2 * marks.shape[0] - 1, 2 * marks.shape[1] - 1), bool)
    finer[::2, ::2] = marks
    return finer


def dilate(marks: np.ndarray, steps: int) -> np.ndarray:
    """Marks and all places within so many steps of one, diagonally too."""
    padded = np.pad(marks, steps)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * steps + 1, 2 * steps + 1))
    return np.asarray(windows.any(axis=(2, 3)))


def loss_range(spline: Spline2D) -> float:
    """Largest minus smallest known value on the grid, 0 where that is rounding alone; nan where none is known."""
    height = float(np.nanmax(spline.values) - np.nanmin(spline.values)) if spline.known.any() else np.nan
    return 0.0 if height <= rounding_error(spline) else height


def rounding_error(spline: Spline2D) -> float:
    """The rounding error of the losses, which are in single precision."""
    return float(np.finfo(np.float32).eps) * float(np.abs(spline.values[spline.known]).max(initial=0))
