"""The plane of a training: principal directions of its checkpoints (Li et al. 2018, section 7)."""

from collections.abc import Sequence

import numpy as np
import torch

from kogen.loss_landscape.directions._plane import Plane, check_shapes
from kogen.loss_landscape.parameters import Params, flatten, unflatten

__all__ = ["trajectory"]

SPAN_FACTOR = 1.1  # the plane reaches this much farther than the farthest checkpoint


@torch.no_grad()
def trajectory(at: Params, checkpoints: Sequence[Params]) -> Plane:
    """The two directions through `at`, the end of a training, that come closest to its checkpoints, in their order.

    Each is as long as the plane needs to hold them: the farthest lies at 1 / 1.1. Everything in `at` moves. The facts
    have the checkpoints' positions (n, 2), the share of their squared distances that each direction shows (2,), and for
    each checkpoint the share of its distance that lies outside the plane, its residual (n,). Not centred, unlike Li et
    al.'s PCA, since the plane has to go through `at`. Random walks show high shares too (Antognini and Sohl-Dickstein
    2018, arXiv 1806.08805): a share says how well the plane shows the training, not that it went straight.
    Raises ValueError for checkpoints of another architecture and for fewer than two that lie in different directions.
    """
    for number, checkpoint in enumerate(checkpoints):
        check_shapes(at, checkpoint, f"checkpoint {number}")
    inner = np.zeros((len(checkpoints), len(checkpoints)))  # products of the steps from `at`, (n, n)
    for name in at:
        steps = [displacement(at, checkpoint, name) for checkpoint in checkpoints]
        inner += np.array([[float(one @ other) for other in steps] for one in steps]).reshape(inner.shape)
    squares, turn = np.linalg.eigh(inner)
    squares, turn = np.maximum(squares[::-1], 0), turn[:, ::-1]  # largest first
    if len(squares) < 2 or squares[1] <= 1e-12 * squares[0]:
        raise ValueError(
            f"{len(checkpoints)} checkpoints lie in less than two directions from the last weights: give two or more "
            "that differ, from different times of one training"
        )
    positions = turn[:, :2] * np.sqrt(squares[:2])  # (n, 2) in units of the weights
    lengths = SPAN_FACTOR * np.abs(positions).max(axis=0)  # (2,)
    weights = torch.from_numpy(turn[:, :2] / np.sqrt(squares[:2]) * lengths)  # (n, 2) of the steps in a direction
    directions: tuple[Params, Params] = ({}, {})
    for name in at:
        steps = torch.stack([displacement(at, checkpoint, name) for checkpoint in checkpoints])  # (n, p)
        for direction, weight in zip(directions, weights.T, strict=True):
            direction |= unflatten((weight @ steps).to(at[name].device), {name: at[name]})
    distances = np.sqrt(np.diag(inner))
    outside = np.sqrt(np.maximum(distances**2 - (positions**2).sum(axis=1), 0))
    residual = np.divide(outside, distances, out=np.zeros_like(outside), where=distances > 0)
    facts = {"kind": "trajectory", "excluded": {}, "positions": (positions / lengths).tolist()}
    shares = (squares[:2] / squares.sum()).tolist()
    return Plane(*directions, facts | {"share": shares, "residual": residual.tolist(), "lengths": lengths.tolist()})


def displacement(at: Params, checkpoint: Params, name: str) -> torch.Tensor:
    """The vector from `at` to a checkpoint in one tensor, (p,), float64, on the CPU."""
    one, other = (flatten(params, [name]).cpu().double() for params in (checkpoint, at))
    return one - other
