"""The landscape: `surface(loss, at, directions)` evaluates a loss on a plane through weights, purely and resumably."""

import copy
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kogen.common.devices import exact_arithmetic
from kogen.common.text import hint
from kogen.common.threads import serial_threads
from kogen.loss_landscape.directions._plane import check_shapes
from kogen.loss_landscape.parameters import Params
from kogen.loss_landscape.point_log import ALONE, Coordinates, PointLog, Sharing
from kogen.surface_fit.interpolation import SQUARE, Span, next_points

Loss = Callable[[Params], Tensor]
"""Parameters to the losses of fixed units, (U,): images, or batches where a loss couples its images.

A loss with an attribute `metrics`, names, gives (U, 1 + M): a column for each of them after the losses.
"""

PARTS = 8  # of the units, each with its mean loss: error bars over images are made from them
TOLERANCE = 0.01  # share of the range of the losses that a halving may change the spline by without another one


class ShiftedParameters:
    """A point that moves along directions: one flat buffer, and the moving parameters as views of it.

    Unlike `parameters.unflatten` the views keep the memory layout (channels last), and with it speed and rounding.
    """

    def __init__(self, at: Params, directions: Sequence[Params]) -> None:
        names = list(dict.fromkeys(name for direction in directions for name in direction))
        check_directions(at, directions, names)
        self.origin = flatten_params([at[name] for name in names], names, at)
        whole = [[one.get(name, torch.zeros_like(at[name])) for name in names] for one in directions]
        self.steps = [flatten_params(tensors, names, at) for tensors in whole]
        self.flat = self.origin.clone()  # (P,)
        self.params = {**at, **parameter_views(self.flat, names, at)}

    def shift_to(self, place: Coordinates) -> Params:
        """The parameters at these coordinates, in the same memory as before; along a line beta is not read."""
        torch.add(self.origin, self.steps[0], alpha=place[0], out=self.flat)
        for step in self.steps[1:]:
            self.flat.add_(step, alpha=place[1])
        return self.params


def check_directions(at: Params, directions: Sequence[Params], names: list[str]) -> None:
    """ValueError unless there are one or two directions, each of tensors that `at` has, in their shapes."""
    if len(directions) not in (1, 2) or not names:
        raise ValueError(f"got {len(directions)} directions with {len(names)} tensors: give one or two that move some")
    for name in names:
        if name not in at:
            raise ValueError(f"a direction moves {name!r}, which is no parameter here: {hint(name, list(at))}")
    for direction in directions:
        check_shapes({name: at[name] for name in direction}, direction, "a direction")


def parameter_views(flat: Tensor, names: list[str], at: Params) -> Params:
    """Parts of a flat tensor as parameters, each with the shape and the memory layout of that in `at`."""
    parts, start = {}, 0
    for name in names:
        strides = torch.empty_like(at[name]).stride()  # dense, whatever the original is a part of
        parts[name] = flat.as_strided(at[name].shape, strides, start)
        start += at[name].numel()
    return parts


def flatten_params(tensors: list[Tensor], names: list[str], at: Params) -> Tensor:
    """The tensors in one flat buffer (P,), each in the layout of its parameter."""
    kinds = {(at[name].dtype, at[name].device) for name in names}
    if len(kinds) > 1:
        listed = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
        raise ValueError(f"got parameters of several kinds ({listed}): give them one type and one device")
    ((dtype, device),) = kinds
    flat = torch.zeros(sum(at[name].numel() for name in names), dtype=dtype, device=device)
    with torch.no_grad():
        for (_, place), tensor in zip(parameter_views(flat, names, at).items(), tensors, strict=True):
            place.copy_(tensor)
    return flat


def surface(
    loss: Loss,
    at: Params,
    directions: Sequence[Params],
    steps: int | tuple[int, int] = 9,
    *,
    levels: int = 3,
    span: Span = SQUARE,
    sharing: Sharing = ALONE,
) -> pd.DataFrame:
    """The loss on a grid around `at`: alpha, beta, level, loss, loss_se, units, parts; one row a point, in order.

    With metrics a further column `metrics`: name to [mean, standard error].

    `loss` is called under inference mode with all of `at`, moved, and returns the losses of its units, (U,); where
    their mean is not finite, loss is nan. `steps` (odd): points along alpha and beta over `span` at level 0; level 1
    halves the grid, each further level halves it where the level before changed the spline by more than TOLERANCE
    times the range (9 -> 17 -> 33). One direction gives a profile. Nothing of a model, its gradients, its mode or any
    random state changes. `parts` are the mean losses of eighths of the units, see statistics/geometry. ValueError for
    a folder of another surface, directions that do not fit, and a loss that is not of units.
    """
    counts = (steps, steps) if isinstance(steps, int) else steps
    if len(directions) == 1:
        counts, span = (counts[0], 1), (span[0], (0.0, 0.0))
    if levels < 1 or max(counts) < 3 or any(count < 1 or count % 2 == 0 for count in counts):
        raise ValueError(
            f"got steps={steps}, levels={levels}: give an odd number of steps, 3 or more, so that the weights "
            "themselves are a point, and 1 level or more"
        )
    if sharing.process[1] > 1 and sharing.folder is None:
        raise ValueError("several processes share points through a folder: give one that all of them see")
    losses = [copy.deepcopy(loss) if number else loss for number in range(sharing.workers)]
    if any(twin is loss for twin in losses[1:]):
        raise ValueError(
            f"got workers={sharing.workers} and a loss that cannot be copied, as a function cannot: the threads would "
            "share its network; give an Objective, or workers=1"
        )
    log, rows = PointLog(sharing), pd.DataFrame()
    walkers = [(ShiftedParameters(at, directions), one) for one in losses]
    for level in range(levels):
        places = [(a, b) for a, b in next_points(rows, counts, level, span, TOLERANCE).tolist()]
        if not places:
            break
        evaluate_points(walkers, places, log)
        table = [{"alpha": a, "beta": b, "level": level, **log.known[a, b]} for a, b in places]
        rows = pd.concat([rows, pd.DataFrame(table)], ignore_index=True)
    return rows


def evaluate_points(walkers: list[tuple[ShiftedParameters, Loss]], places: list[Coordinates], log: PointLog) -> None:
    """Compute this process's share of the places, then those that other processes do not deliver in time."""
    lock = threading.Lock()

    def work(walker: tuple[ShiftedParameters, Loss], mine: Iterator[Coordinates]) -> None:
        walk, loss = walker
        while True:
            with lock:
                place = next(mine, None)
            if place is None:
                return
            found = evaluate_point(loss, walk.shift_to(place))
            with lock:
                log.add(place, found)

    due = log.pending(places)
    while due:
        mine = iter(due)
        with serial_threads(len(walkers)) as pool:  # one worker too: one thread sums in the same order everywhere
            try:
                list(pool.map(work, walkers, [mine] * len(walkers)))
            except BaseException:  # the other workers begin no further point
                with lock:
                    list(mine)
                raise
        due = log.wait_for(places)


@torch.inference_mode()
def evaluate_point(loss: Loss, params: Params) -> dict[str, Any]:
    """A point's record: mean and standard error over units, their number, the means of parts of them, and metrics."""
    names = getattr(loss, "metrics", ())
    with exact_arithmetic():
        found: Any = loss(params)
    if not isinstance(found, Tensor) or found.ndim != (2 if names else 1) or not len(found):
        got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(f"the loss gave {got}, wanted the losses of its units, (U,): reduction='none', or reshape(1)")
    table = found.double().cpu().numpy().reshape(len(found), -1)  # (U, 1 + M)
    units = table[:, 0]
    with np.errstate(invalid="ignore", over="ignore"):  # checked below
        parts = [part.mean() for part in np.array_split(units, min(PARTS, len(units)))]
        error = units.std(ddof=1) / math.sqrt(len(units)) if len(units) > 1 else math.nan
        mean = float(units.mean())
    if not math.isfinite(mean):
        mean, error, parts = math.nan, math.nan, [math.nan] * len(parts)
    record = {"loss": mean, "loss_se": float(error), "units": len(units), "parts": [float(part) for part in parts]}
    return record | ({"metrics": measure_metrics(names, table[:, 1:])} if names else {})


def measure_metrics(names: Sequence[str], values: np.ndarray) -> dict[str, list[float]]:
    """Mean and standard error over units of each metric, (U, M); nan where they are not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        errors = values.std(axis=0, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else values[0] * math.nan
        means = values.mean(axis=0)
    found = zip(names, means.tolist(), errors.tolist(), strict=True)
    return {name: [mean, error] if math.isfinite(mean) else [math.nan, math.nan] for name, mean, error in found}
