"""The sharpest directions: eigenvectors of the Hessian with the largest eigenvalues (Yao et al. 2020, 1912.07145)."""

import torch

from kogen.loss_landscape.directions._plane import Params, Plane, dot
from kogen.loss_landscape.hessian import Hessian, Losses
from kogen.loss_landscape.lanczos import lanczos

__all__ = ["sharpest"]


def sharpest(
    loss: Losses, at: Params, *, seed: int = 0, length: float = 0.1, tolerance: float = 1e-2, limit: int = 300
) -> Plane:
    """The two directions of largest curvature, each `length` times as long as the weights that move.

    `loss` gives the mean loss, or is (weight, loss) of each frozen batch (`Objective.weighted_losses`). Facts:
    `eigenvalues`, their `residuals`, and `converged`, False where Lanczos stopped at `limit` products. An eigenvector
    has no sign: its largest entry is made positive.
    Raises ValueError as Hessian and lanczos do.
    """
    hessian, rng = Hessian(loss, at), torch.Generator().manual_seed(seed)
    pairs = lanczos(hessian, rng, smallest=0, largest=2, tolerance=tolerance, limit=limit)
    moving = hessian.unflatten(hessian.objective.origin)
    reach = length * dot(moving, moving) ** 0.5
    made: list[Params] = []
    for vector in pairs.vectors.flip(0):  # the largest eigenvalue first
        sign = torch.sign(vector[vector.abs().argmax()])
        made.append(hessian.unflatten(vector * (sign * reach / vector.norm())))
    facts = {"kind": "sharpest", "seed": seed, "length": length, "products": pairs.products}
    facts |= {"converged": pairs.converged, "excluded": {}}
    facts |= {"eigenvalues": pairs.values.flip(0).tolist(), "residuals": pairs.residuals.flip(0).tolist()}
    return Plane(made[0], made[1], facts)
