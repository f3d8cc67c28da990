"""The whole spectrum of a Hessian by stochastic Lanczos quadrature, and the curvature of parts of a network."""

import re
from typing import Any

import torch
from torch import Tensor

from kogen.loss_landscape.hessian import Hessian
from kogen.loss_landscape.lanczos import NotFinite, Operator, apply_operator, draw_normal, lanczos, orthogonalise
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.sharpness import trace

QUADRATURE_STEPS = 64  # products for each random vector, and vectors that are held
BLOCK_DRAWS, BLOCK_LIMIT = 16, 60  # of a part of the network: draws of its trace, products for its eigenvalues
NUMBERED = re.compile(r"^(.*?(?:^|\.)\d+)\.")  # up to the first number: the blocks of a list of blocks


def spectral_density(loss: Objective, draws: int, seed: int) -> list[dict[str, Any]]:
    """Rows draw, value, weight: for each random vector places in the spectrum and the share of it that lies there.

    The weights of a draw add up to 1; the mean over draws of the sum of weight * f(value) estimates trace(f(H)) / P,
    over all P moving parameters. Source: Ghorbani et al. 2019 (arXiv 1901.10159), section 2; Golub and Welsch 1969.
    No rows where the loss has no curvature (NotFinite).
    """
    generator = torch.Generator().manual_seed(seed)
    try:
        hessian = Hessian(loss.weighted_losses(), loss.at)
        found = [lanczos_quadrature(hessian, generator) for _ in range(draws)]
    except NotFinite:
        return []
    rows = []
    for draw, (values, weights) in enumerate(found):
        pairs = zip(values.tolist(), weights.tolist(), strict=True)
        rows += [{"draw": draw, "value": value, "weight": weight} for value, weight in pairs]
    return rows


def lanczos_quadrature(
    operator: Operator, generator: torch.Generator, steps: int = QUADRATURE_STEPS
) -> tuple[Tensor, Tensor]:
    """Places (M,) and weights (M,) of the quadrature that a random vector gives, float64; M <= steps.

    Plain Lanczos with full re-orthogonalisation, ended early where the space of the start is exhausted.
    """
    steps = min(steps, operator.size)
    basis = torch.empty(steps, operator.size, dtype=operator.dtype, device=operator.device)  # (M, P)
    inner = torch.zeros(steps, steps, dtype=torch.float64)
    drawn = draw_normal(basis[0], generator)
    basis[0], held = drawn / drawn.norm(), 0
    for held in range(1, steps + 1):
        image = apply_operator(operator, basis[held - 1])
        along, rest = orthogonalise(basis[:held], image)
        inner[held - 1, held - 1], length = along[-1], rest.norm().item()
        if held == steps or length <= 8 * torch.finfo(operator.dtype).eps * image.norm().item():
            break
        inner[held, held - 1] = inner[held - 1, held] = length
        basis[held] = rest / length
    values, turn = torch.linalg.eigh(inner[:held, :held])
    return values, turn[0].square()


def block_curvature(loss: Objective, by: str, seed: int) -> list[dict[str, Any]]:
    """Rows block, parameters, metric, value, error: the Hessian of each part of the network alone, the others fixed.

    `by`: layers (what owns parameters) or blocks (`block_name`). Metrics: lambda_max and lambda_min with the residual
    of Lanczos, trace with its standard error over draws. nan where a loss or a gradient is not finite.
    """
    rows = []
    for block, names in parts_of_network(loss, by).items():
        at = {name: loss.at[name] for name in names}
        about = {"block": block, "parameters": sum(tensor.numel() for tensor in at.values())}
        rows += [about | row for row in measure_block(loss, at, seed)]
    return rows


def parts_of_network(loss: Objective, by: str) -> dict[str, list[str]]:
    """The names of what moves, by the block or the layer that they belong to; `by` as of `block_curvature`."""
    parts: dict[str, list[str]] = {}
    for name in loss.decayed:
        parts.setdefault(block_name(name) if by == "blocks" else name.rpartition(".")[0] or name, []).append(name)
    return parts


def measure_block(loss: Objective, at: dict[str, Tensor], seed: int) -> list[dict[str, Any]]:
    """Rows metric, value, error of the parameters `at`; all others stay where they are."""
    still = {name: tensor for name, tensor in loss.at.items() if name not in at}
    weighted = [
        (size, lambda params, each=each: each(still | params))  # bound by the default
        for size, each in loss.weighted_losses()
    ]
    nothing = float("nan")
    try:
        hessian = Hessian(weighted, at)
        found = trace(hessian, torch.Generator().manual_seed(seed), BLOCK_DRAWS)
        if hessian.size > 1:
            pairs = lanczos(hessian, torch.Generator().manual_seed(seed), tolerance=1e-2, limit=BLOCK_LIMIT)
            ends, residuals = pairs.values.tolist(), pairs.residuals.tolist()
        else:  # of one number the Hessian is its trace
            ends, residuals = [found.value] * 2, [0.0, 0.0]
        numbers = [(ends[1], residuals[1]), (ends[0], residuals[0]), (found.value, found.error)]
    except NotFinite:
        numbers = [(nothing, nothing)] * 3
    named = zip(("lambda_max", "lambda_min", "trace"), numbers, strict=True)
    return [{"metric": metric, "value": value, "error": error} for metric, (value, error) in named]


def block_name(name: str) -> str:
    """The block that a parameter belongs to: its name up to the first number, such as layer1.0; or else its layer."""
    numbered = NUMBERED.match(name)
    return numbered.group(1) if numbered else name.rpartition(".")[0] or name
