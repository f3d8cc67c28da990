"""Eigenpairs at both ends of the spectrum of a symmetric map, from its products alone, by Lanczos."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

RANDOM_START_LENGTH = 0.05  # of the random part of a warm start of length 1, which finds what the start lacks
VALUE_FLOOR = 1e-2  # of the largest |value|: smaller values need no finer residual than a value of this size
SETTLING_PRODUCTS = 12  # products after every start, the first too, before residuals are trusted


class NotFinite(ValueError):
    """A loss, its gradient or a product with its Hessian is not finite: there is no curvature to measure."""


class Operator(Protocol):
    """A symmetric map (P,) to (P,)."""

    size: int  # P
    dtype: torch.dtype
    device: torch.device

    def __call__(self, vector: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenpairs at the ends of a spectrum, values ascending: the wanted smallest first, the wanted largest last."""

    values: Tensor  # (K,) float64, on the CPU
    vectors: Tensor  # (K, P), orthonormal
    residuals: Tensor  # (K,) float64, |H v - value v|: an eigenvalue lies that near
    products: int  # how many products with the map this took
    converged: bool  # False: stopped at the limit; the residuals say how far it got


def lanczos(
    operator: Operator,
    generator: torch.Generator,
    *,
    smallest: int = 1,
    largest: int = 1,
    tolerance: float = 1e-3,
    limit: int = 300,
    memory: int = 64,
    start: Tensor | None = None,
) -> Eigenpairs:
    """The `smallest` and `largest` eigenpairs together, by thick-restart Lanczos with full re-orthogonalisation.

    Stops when each wanted residual is at most `tolerance` * max(|value|, VALUE_FLOOR * largest |value|), ARPACK's rule
    with a floor, or after `limit` products. Holds `memory` + 1 vectors. `start` (n, P): a warm start, eigenvectors of a
    neighbour; their sum is the first vector. A residual proves an eigenvalue, not that none lies beyond it: so none is
    trusted before SETTLING_PRODUCTS after a start, in which a random vector in many dimensions finds an outlier.
    Raises ValueError for more pairs than dimensions, NotFinite for a product that is not finite.
    Source: Wu and Simon 2000 (SIAM J. Matrix Anal. Appl. 22), section 2.
    """
    wanted, memory = smallest + largest, min(memory, operator.size)
    if wanted > operator.size:
        raise ValueError(f"{wanted} eigenpairs of {operator.size} dimensions do not exist: let more parameters move")
    basis = torch.empty(memory + 1, operator.size, dtype=operator.dtype, device=operator.device)  # (M + 1, P)
    inner = torch.zeros(memory, memory, dtype=torch.float64)  # basis H basis
    basis[0] = _first_vector(basis[0], generator, start)
    held, products, since = 0, 0, 0
    before = torch.full((wanted,), math.nan)  # values when the space last closed
    while True:
        image, products, held = apply_operator(operator, basis[held]), products + 1, held + 1
        inner[:held, held - 1], rest = orthogonalise(basis[:held], image)
        inner[held - 1, :held] = inner[:held, held - 1].clone()
        length, since = rest.norm().item(), since + 1
        values, turn = torch.linalg.eigh(inner[:held, :held])  # (held,), (held, held)
        ends = _end_indices(held, smallest, largest)
        scale = values.abs().max().item()
        whole = held == operator.size
        closed = whole or length <= 8 * torch.finfo(operator.dtype).eps * max(scale, image.norm().item())
        length = 0.0 if closed else length
        residuals = length * turn[-1, ends].abs()
        bound = tolerance * values[ends].abs().clamp_min(VALUE_FLOOR * scale)
        good = held >= wanted and bool((residuals <= bound).all())
        same = good and bool(((values[ends] - before).abs() <= bound).all())
        done = good and (whole or (same if closed else since > SETTLING_PRODUCTS))
        if done or (products >= limit and held >= wanted):
            vectors = turn[:, ends].T.to(basis) @ basis[:held]  # (K, P)
            return Eigenpairs(values[ends], vectors, residuals, products, good)
        if held == memory:
            held = _shrink(basis, inner, values, turn, smallest, largest)
        if closed:  # the space of this start is exhausted: take another one, orthogonal to it
            before, since = values[ends] if held >= wanted else before, 0
            _, rest = orthogonalise(basis[:held], draw_normal(rest, generator))
        basis[held] = rest / rest.norm()


def draw_normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """A standard normal vector like another one, (P,), drawn on the CPU so that every device gets the same."""
    return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)


def _first_vector(like: Tensor, generator: torch.Generator, start: Tensor | None) -> Tensor:
    """The first vector (P,), of length 1: random, or the sum of the start's vectors and a small random part."""
    drawn = draw_normal(like, generator)
    drawn = drawn / drawn.norm()
    if start is None:
        return drawn
    known = start.to(drawn).sum(0)
    first = known / known.norm().clamp_min(torch.finfo(drawn.dtype).tiny) + RANDOM_START_LENGTH * drawn
    return first / first.norm()


def apply_operator(operator: Operator, vector: Tensor) -> Tensor:
    """The product of a map with a vector (P,); NotFinite where it is not finite."""
    image = operator(vector)
    if not image.isfinite().all():
        raise NotFinite("a product with the map is not finite: its loss has no curvature here: move the point")
    return image


def orthogonalise(basis: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients (m,) float64 of a vector in an orthonormal basis (m, P), and the rest that lies outside it."""
    once = basis @ vector
    rest = vector - once @ basis
    again = basis @ rest  # a second pass: one alone leaves rounding errors where much cancels
    return (once + again).double().cpu(), rest - again @ basis


def _end_indices(held: int, smallest: int, largest: int) -> Tensor:
    """Indices of the wanted values among `held` ascending ones."""
    small = min(smallest, held)
    return torch.cat([torch.arange(small), torch.arange(max(held - largest, small), held)])


def _shrink(basis: Tensor, inner: Tensor, values: Tensor, turn: Tensor, smallest: int, largest: int) -> int:
    """Keep the outer half of the Ritz vectors in place of the whole basis; the number kept."""
    spare = (len(values) - smallest - largest) // 4
    kept = _end_indices(len(values), smallest + spare * (smallest > 0), largest + spare * (largest > 0))
    basis[: len(kept)] = turn[:, kept].T.to(basis) @ basis[: len(values)]
    inner.zero_()
    inner[range(len(kept)), range(len(kept))] = values[kept]
    return len(kept)
