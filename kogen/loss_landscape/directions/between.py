"""The line or plane between trained models (Goodfellow et al. 2015, 1412.6544; Garipov et al. 2018, 1802.10026)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from kogen.loss_landscape.directions._plane import Params, Plane, check_shapes, dot

__all__ = ["between"]

BATCH_NORM_BUFFERS = ("running_mean", "running_var")


@torch.no_grad()
def between(at: Params, others: Sequence[Mapping[str, Tensor]], *, batch_norm: str = "frozen") -> Plane:
    """From `at` to one other model (alpha = 1, a profile), or the plane through it and two others.

    `others` are whole states (parameters and buffers) of one architecture; everything in `at` moves. With two, beta
    is orthogonal to alpha and as long, so that angles are true (Garipov et al., appendix). Facts: `positions` of the
    models, and a `span` that holds them with a margin of a sixth (two of 9 places are the ends). A line with
    interpolated statistics has no margin, since beyond the models variances soon fall below 0.

    Half way between two models, batch norm has the statistics of neither: give the `batch_norm` of the objective,
    `batch` or `interpolated` (Izmailov et al. 2018, arXiv 1803.05407, section 3.2).
    Raises ValueError for `frozen` where the models have such statistics, for another architecture, for no model or more
    than two, and for models that lie on one line.
    """
    if not 1 <= len(others) <= 2:
        raise ValueError(f"got {len(others)} models beside the first: give one for a line, two for a plane")
    for number, end in enumerate(others):
        check_shapes(at, end, f"model {number + 2}")
        odd = [name for name in end if name.endswith(BATCH_NORM_BUFFERS) and name not in at]
        if odd and batch_norm != "batch":
            raise ValueError(
                f"model {number + 2} has statistics of batch norm ({len(odd)}, first {odd[0]!r}) that would stay those "
                "of the first model: give --batch-norm batch or interpolated (batch_norm, of the objective too)"
            )
    ways = [{name: end[name].to(tensor) - tensor for name, tensor in at.items()} for end in others]
    first, second, positions = ways[0], {}, [(0.0, 0.0), (1.0, 0.0)]
    square = dot(first, first)
    if square == 0:
        raise ValueError("two of the models are the same, so there is no line between them: give different ones")
    if len(ways) == 2:
        along = dot(ways[1], first) / square
        rest = {name: ways[1][name] - along * first[name] for name in at}
        up = (dot(rest, rest) / square) ** 0.5
        if up < 1e-6:
            raise ValueError("the three models lie on one line: give two of them for a profile")
        second = {name: tensor / up for name, tensor in rest.items()}
        positions.append((along, up))
    facts = {"kind": "between", "excluded": {}, "batch_norm": batch_norm, "positions": [list(p) for p in positions]}
    spare = 0.0 if batch_norm == "interpolated" and len(others) == 1 else 1 / 6
    ends = [(min(places), max(places)) for places in zip(*positions, strict=True)]
    span = [[low - (high - low) * spare, high + (high - low) * spare] for low, high in ends]
    return Plane(first, second, facts | {"span": span, "distance": square**0.5})
