"""A plane through the weights of a model: two directions and facts about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from kogen.loss_landscape.parameters import Params
from kogen.surface_fit.interpolation import SQUARE, Span


@dataclass(frozen=True)
class Plane:
    """Two directions, each a tensor for each moving name, and facts: plain values that say how they were made.

    A plane without a second direction is a line.
    """

    first: Params  # along alpha
    second: Params  # along beta
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def directions(self) -> tuple[Params, ...]:
        """The one or two directions, as `grid.surface` takes them."""
        return (self.first, self.second) if self.second else (self.first,)

    @property
    def span(self) -> Span:
        """First and last place of alpha and of beta."""
        return self.facts.get("span") or SQUARE


def dot(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    """Inner product over the names both have, in float64."""
    return sum(float((first[name].double() * second[name].double()).sum()) for name in first if name in second)


def cosine(first: Params, second: Params) -> float:
    """Cosine of the angle between two directions; 0 where one has no length."""
    lengths = dot(first, first) * dot(second, second)
    return dot(first, second) / lengths**0.5 if lengths > 0 else 0.0


def check_shapes(at: Mapping[str, Tensor], other: Mapping[str, Tensor], what: str) -> None:
    """ValueError unless `other` has every tensor of `at`, in its shape."""
    if odd := [name for name in at if name not in other or other[name].shape != at[name].shape]:
        got = tuple(other[odd[0]].shape) if odd[0] in other else "nothing"
        raise ValueError(
            f"{what} does not fit in {len(odd)} of {len(at)} tensors, first {odd[0]!r}, wanted "
            f"{tuple(at[odd[0]].shape)}, got {got}: give weights of the same architecture"
        )
