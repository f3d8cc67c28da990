"""Numbers for the shape of a plane: its range, the width of its basin, the areas of basin and convexity."""

from collections.abc import Callable

import numpy as np

from kogen.surface_fit.interpolation import Spline2D, axis, loss_range, rounding_error

DENSE = 8  # places to a step when convexity is measured
FINE = 201  # evaluations along an axis when the basin is measured
RAYS = 64  # directions in which a width is measured
STRIDE = 0.005  # along a ray
SCALE = 0.125  # of the second differences
SHARE = 0.1  # of the range of the loss, by which it rises inside the basin


def surface_metrics(spline: Spline2D, *, tolerance: float = 0.01) -> dict[str, float]:
    """Range, width, basin and convexity of a plane; nan where the loss at its centre is not known.

    range: largest minus smallest loss. width: mean distance from the centre, over all directions, at which the loss has
    risen by SHARE of the range, at most 1. basin: share of the plane whose loss lies at most that much above the
    centre's. convex: share of the plane (SCALE inside its edges) where the 2x2 matrix of second differences over
    SCALE has no eigenvalue below -`tolerance` times the range, so that small dents do not count. Where the loss is
    unknown, a place is neither basin nor convex.
    """
    origin = float(spline(np.zeros(1), np.zeros(1))[0])
    if not np.isfinite(origin):
        return dict.fromkeys(("range", "width", "basin", "convex"), np.nan)
    height = loss_range(spline)
    noise = rounding_error(spline)  # a constant surface is flat, whatever it is rounded to
    level = origin + SHARE * height + noise
    span = [(float(places[0]), float(places[-1])) for places in (spline.alpha, spline.beta)]
    alpha, beta = (axis(FINE if high > low else 1, (low, high)) for low, high in span)
    with np.errstate(invalid="ignore"):
        basin = float((spline.on_grid(alpha, beta) <= level).mean())
        least = -tolerance * height - 4 * noise / SCALE**2  # a second difference has four roundings
        convex = convex_share(spline, span, least)
    return {"range": height, "width": basin_width(spline, span, level), "basin": basin, "convex": convex}


def basin_width(spline: Spline2D, span: list[tuple[float, float]], level: float) -> float:
    """Mean distance from the centre, over rays, to where the loss first passes a level; at most 1 and the edge."""
    flat = [high == low for low, high in span]
    turns = np.arange(RAYS) * 2 * np.pi / RAYS if not any(flat) else np.array([0, np.pi]) + (np.pi / 2) * flat[0]
    ray = np.stack([np.cos(turns), np.sin(turns)]) * ~np.array(flat)[:, None]  # (2, R)
    steps = np.arange(0, 1 + STRIDE / 2, STRIDE)  # (T,)
    places = steps[:, None] * ray[:, None, :]  # (2, T, R)
    edges = np.array(span)[:, :, None, None]  # (2, 2, 1, 1)
    inside = np.all((places >= edges[:, 0] - 1e-9) & (places <= edges[:, 1] + 1e-9), axis=0)  # (T, R)
    losses = spline(places[0], places[1])  # (T, R)
    low = np.asarray(inside & (losses <= level))
    last = np.where(low.all(axis=0), len(steps), np.argmin(low, axis=0)) - 1  # (R,) the last step below the level
    after, rays = np.minimum(last + 1, len(steps) - 1), np.arange(low.shape[1])
    here, there = losses[last, rays], losses[after, rays]
    crossed = (after > last) & inside[after, rays] & np.isfinite(there)
    part = np.divide(level - here, there - here, out=np.zeros_like(here), where=crossed & (there > here))
    return float((steps[last] + STRIDE * part).mean())


def convex_share(spline: Spline2D, span: list[tuple[float, float]], least: float) -> float:
    """Share of the plane, SCALE inside its edges, where no second difference bends down by more than `least`."""
    if any(0 < high - low < 2 * SCALE for low, high in span):
        return np.nan
    counts = [int((high - low) / SCALE * DENSE + 1e-9) + 1 for low, high in span]
    x, y = (low + np.arange(count) * SCALE / DENSE for (low, _), count in zip(span, counts, strict=True))
    losses = spline.on_grid(x, y)  # so dense that a step of SCALE is a whole number of places
    if counts[0] == 1 or counts[1] == 1:  # a profile bends along its one axis
        line = losses.ravel()
        smallest = line[2 * DENSE :] - 2 * line[DENSE:-DENSE] + line[: -2 * DENSE]
    else:
        part = {-1: slice(None, -2 * DENSE), 0: slice(DENSE, -DENSE), 1: slice(2 * DENSE, None)}
        smallest = smaller_eigenvalue(lambda i, j: losses[part[i], part[j]])
    return float((smallest / SCALE**2 >= least).mean())


def smallest_curvature(spline: Spline2D, alpha: np.ndarray, beta: np.ndarray, scale: float = SCALE) -> np.ndarray:
    """The smaller eigenvalue of the second differences over `scale` around each place of a grid, (A, B)."""
    at = lambda i, j: spline.on_grid(alpha + i * scale, beta + j * scale)  # noqa: E731
    return smaller_eigenvalue(at) / scale**2


def smaller_eigenvalue(at: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """The smaller eigenvalue of the 2x2 matrix of second differences; `at(i, j)`: losses i and j steps away."""
    middle = at(0, 0)
    xx, yy = at(1, 0) - 2 * middle + at(-1, 0), at(0, 1) - 2 * middle + at(0, -1)
    xy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    return (xx + yy) / 2 - np.hypot((xx - yy) / 2, xy)
