"""Corruptions: a set of images as a worse camera would have taken it; a view of the set, nothing is stored."""

import re
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kogen.damage import KINDS
from kogen.fields import draws
from kogen.images import Images
from kogen.shelf import hint

DEFAULT = 3  # severity
CACHE, MEMORY = 2**18, 2**26  # values worked on at once, on a CPU and on a GPU
SEVERITIES = range(1, 6)


@dataclass(frozen=True)
class Corruption:
    """One corruption at one severity; what happens to an image depends on (seed, name, content id) and nothing else.

    Severities share their luck, so that the same image gets the same noise or rectangle, only more of it.
    """

    name: str
    severity: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise ValueError(f"no corruption {self.name!r}: {hint(self.name, list(KINDS))}")
        if self.severity not in SEVERITIES:
            raise ValueError(f"the severity of {self.name} is {self.severity!r}, wanted a whole number from 1 to 5")

    def __call__(self, pixels: Tensor, ids: np.ndarray) -> Tensor:
        """Corrupt pixels (B, C, H, W), uint8 or uint16, with content ids (B,), on their device."""
        if not len(pixels):
            return pixels
        top, out = torch.iinfo(pixels.dtype).max, torch.empty_like(pixels)
        kind, luck = KINDS[self.name], draws(ids, self.seed, self.name, pixels.device)
        step = max(1, (CACHE if pixels.device.type == "cpu" else MEMORY) // pixels[0].numel())
        for start in range(0, len(pixels), step):
            part = slice(start, start + step)
            values = pixels[part].float().mul_(1 / top)
            changed = kind.change(values, kind.strengths[self.severity - 1], luck.part(part))
            out[part] = changed.clamp_(0, 1).mul_(top).add_(0.5).to(pixels.dtype)
        return out


def corrupted(images: Images, name: str, severity: int = DEFAULT, seed: int = 0) -> Images:
    """The same images, corrupted whenever they are read; ids, labels and clusters stay, the name gains `~name3`.

    Raises ValueError for an unknown name or severity, and for images that are corrupted already.
    """
    if images.change is not None:
        raise ValueError(f"{images.name or 'the set'} is corrupted already: derive from the clean set")
    change = Corruption(name, severity, seed)
    return replace(images, change=change, name=f"{images.name}~{name}{severity}", digest="")


def asked(text: str, channels: int = 3) -> list[tuple[str, int]]:
    """What `all`, `all:1-5`, `blur:5,jpeg:2` ask for: corruptions with severities, each once, in the order asked.

    A name is a corruption, a group of them or `all`; the severity is 3 unless said. A colour cast is left out of `all`
    for images that are gray. Raises ValueError for an unknown name, a severity out of 1 to 5, and nothing asked.
    """
    groups = {kind.group for kind in KINDS.values()}
    found: dict[tuple[str, int], None] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, levels = (piece.strip() for piece in part.partition(":"))
        names = [key for key, kind in KINDS.items() if name in ("all", kind.group, key)]
        if not names:
            raise ValueError(f"no corruption {name!r}: {hint(name, ['all', *sorted(groups | set(KINDS))])}")
        if channels == 1 and name == "cast":
            raise ValueError("a colour cast needs colour, and these images are gray: leave 'cast' out")
        names = [key for key in names if channels > 1 or key != "cast"]
        found |= dict.fromkeys((key, level) for key in names for level in severities(levels if colon else str(DEFAULT)))
    if not found:
        raise ValueError(f"no corruption named in {text!r}: write 'all', 'all:1-5', or names such as 'blur:5,jpeg:2'")
    return list(found)


def severities(text: str) -> range:
    """The severities that `3` or `1-5` stands for. ValueError for anything else."""
    match = re.fullmatch(r"([1-5])(?:-([1-5]))?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise ValueError(f"the severity of a corruption is {text!r}, wanted 1 to 5, or a range such as 1-5")
    return range(first, last + 1)
