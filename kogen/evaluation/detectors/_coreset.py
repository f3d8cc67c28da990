"""A coreset: the few rows of many that leave no other row far away, chosen greedily as by Gonzalez 1985."""

import torch
from torch import Tensor

from kogen.common.rng import generator_from_text

LEAST_AT_ONCE, MOST_AT_ONCE = 8, 128  # rows whose distances to all others are computed together


def choose_coreset(rows: Tensor, count: int, *, projected: int, seed: int) -> Tensor:
    """Places (count,) or fewer of the rows (n, D) to keep, in the order in which they were chosen.

    They are chosen after a random projection to `projected` dimensions, if they have more (Johnson and Lindenstrauss).
    """
    if rows.shape[1] > projected:
        drawn = torch.randn(rows.shape[1], projected, generator=generator_from_text(f"{seed}/coreset")) / projected**0.5
        rows = (rows - rows.mean(dim=0)) @ drawn.to(rows.device)
    return farthest_rows(rows, count)


def farthest_rows(rows: Tensor, count: int) -> Tensor:
    """Places of `count` rows of (n, D): first the one farthest from the mean, then each time the one farthest from all
    that were chosen (the greedy 2-approximation of k centres); fewer where all others are equal to chosen ones.

    The distances of the rows that are farthest now are computed together, as one product of matrices; most of them are
    chosen next, and the result is that of one at a time.
    """
    points = rows - rows.mean(dim=0)
    square = points.square().sum(dim=1)  # (n,)
    first = int(square.argmax())
    least = distances_of(points, square, torch.tensor([first], device=rows.device))[0]  # (n,) squared, to the chosen
    least[first] = -1.0  # it is never chosen again
    chosen, ready, width, used = [first], dict[int, Tensor](), LEAST_AT_ONCE, 0
    while len(chosen) < min(count, len(rows)):
        best = int(least.argmax())
        if least[best] <= 0:
            break
        if best not in ready:
            width = min(max(2 * used, LEAST_AT_ONCE), MOST_AT_ONCE, len(rows)) if used else min(width, len(rows))
            wanted = least.topk(width).indices
            wanted = torch.cat([wanted.new_tensor([best]), wanted[wanted != best]])
            ready, used = dict(zip(wanted.tolist(), distances_of(points, square, wanted), strict=True)), 0
        torch.minimum(least, ready.pop(best), out=least)
        least[best] = -1.0
        chosen.append(best)
        used += 1
    return torch.tensor(chosen, device=rows.device)


def distances_of(points: Tensor, square: Tensor, places: Tensor) -> Tensor:
    """Squared distances (m, n) of the rows at `places` (m,) to all rows (n, D), whose squares (n,) are known."""
    found = torch.addmm(square, points[places], points.T, alpha=-2)
    return found.add_(square[places, None]).clamp_(min=0)
