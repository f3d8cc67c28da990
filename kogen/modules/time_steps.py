"""Features along time: which backbones give them, how many samples a step is, and stretches of a window in steps."""

from typing import Protocol, cast

import torch
from torch import Tensor

from kogen.modules.base import Backbone


class StepBackbone(Protocol):
    """A backbone of series that gives features along time."""

    def steps(self, series: Tensor) -> Tensor:
        """Windows (B, C, T) to (B, D, T')."""
        ...


def steps_of(backbone: Backbone, series: Tensor) -> Tensor:
    """Features along time (B, D, T') of windows (B, C, T)."""
    return cast(StepBackbone, backbone).steps(series)


def count_steps(backbone: Backbone, method: str, length: int | None = None) -> int:
    """Steps T' that a backbone makes of a window, or of one of `length` samples; tried on zeros, the mode is restored.

    ValueError for a backbone without features along time, or that does not take windows of this length.
    """
    wanted = "one of series with features along time, such as dilated1d, tiny1d or inception1d"
    if not callable(getattr(backbone, "steps", None)):
        raise ValueError(f"{method} trains networks of series that have `steps`, got {backbone.spec}: use {wanted}")
    size, was = length or backbone.image_size, backbone.training
    place = next(backbone.parameters()).device
    try:
        with torch.no_grad():
            made = steps_of(backbone.eval(), torch.zeros(1, backbone.channels, size, device=place))
    except (RuntimeError, AssertionError) as error:  # a network that was built for one length
        got = f"{backbone.spec} does not take stretches of {size} samples, as {method} has them"
        raise ValueError(f"{got} ({error}): use {wanted}") from error
    finally:
        backbone.train(was)
    return made.shape[2]
