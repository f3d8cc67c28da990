"""Corruptions: a set of images as a worse camera would have taken it; a view of the set, nothing is stored."""

from dataclasses import replace

from kogen.augmentation.corruptions import DEFAULT_SEVERITY, Corruption
from kogen.data.images import Images


def corrupt_images(images: Images, name: str, severity: int = DEFAULT_SEVERITY, seed: int = 0) -> Images:
    """The same images, corrupted whenever they are read; ids, labels and clusters stay, the name gains `~name3`.

    Raises ValueError for images that are corrupted already.
    """
    if images.transform is not None:
        raise ValueError(f"{images.name or 'the set'} is corrupted already: derive from the clean set")
    corruption = Corruption(name, severity, seed)
    return replace(images, transform=corruption, name=f"{images.name}~{name}{severity}", digest="")
