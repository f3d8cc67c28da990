"""The kinds of items that kogen learns from: images, and windows of series."""

from typing import Literal

Kind = Literal["image", "series"]
UNITS = {"image": "pixels", "series": "samples"}  # of what a network sees


def input_shape(kind: Kind, channels: int, size: int) -> tuple[int, ...]:
    """Shape of what a network takes: (C, S, S) of an image, (C, T) of a window of a series."""
    return (channels, size) if kind == "series" else (channels, size, size)
