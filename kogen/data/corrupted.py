"""Corruptions: a set as a worse camera or sensor would have taken it; a view of the set, nothing is stored."""

from dataclasses import replace

import numpy as np

from kogen.augmentation.corruptions import DEFAULT_SEVERITY, Corruption
from kogen.augmentation.series_corruptions import SeriesCorruption
from kogen.data.images import Images
from kogen.data.series.channel_scale import channel_scale

SCALED_BY = 4096  # windows, spread evenly, that the scale of a set of series is taken from


def corrupt_images(images: Images, name: str, severity: int = DEFAULT_SEVERITY, seed: int = 0) -> Images:
    """The same images or series, corrupted whenever they are read; ids, labels, clusters stay; named `...~name3`.

    Raises ValueError for images that are corrupted already.
    """
    if images.transform is not None:
        raise ValueError(f"{images.name or 'the set'} is corrupted already: derive from the clean set")
    if images.kind == "series":
        index = np.unique(np.linspace(0, len(images) - 1, min(SCALED_BY, len(images))).astype(np.int64))
        mean, std = channel_scale(images.read(index))
        corruption = SeriesCorruption(name, severity, mean, std, seed)
    else:
        corruption = Corruption(name, severity, seed)
    return replace(images, transform=corruption, name=f"{images.name}~{name}{severity}", digest="")
