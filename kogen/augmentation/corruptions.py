"""Corruptions: what goes wrong between a scene and its image, in batches, each kind in five strengths.

After the idea of Hendrycks & Dietterich 2019 (arXiv 1903.12261, section 3); definitions and strengths are kogen's, for
images of any size: lengths are shares of the shorter side, and the strength of what sits in single pixels (noise,
lines, the rounding of JPEG) falls with the square root of that side below 224 pixels. Values are in [0, 1]; results
may lie outside. Every step is exact to the last bit in any batch, because rounding to whole pixels would show it.
"""

import io
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from kogen.augmentation.pixel_rng import ItemRng, item_rng, normal, uniform
from kogen.common.devices import float64_device, to_device
from kogen.common.plugins import find_plugin, plugin_records, refuse_taken
from kogen.common.text import hint

REFERENCE_SIDE = 224  # pixels; strengths are those of an image with this shorter side
MOTION_DIRECTIONS = 16  # over half a turn


def gaussian(x: Tensor, sigma: float, rng: ItemRng) -> Tensor:
    """Normal noise of std `sigma` on every value: electronics, heat."""
    return x + normal(rng.seeds, x[0].numel()).view_as(x) * (sigma * noise_scale(x))


def shot(x: Tensor, photons: float, rng: ItemRng) -> Tensor:
    """Photon noise: white is `photons` counts, and a count has its own square root as std (normal limit of Poisson)."""
    return x + normal(rng.seeds, x[0].numel()).view_as(x) * (x * (noise_scale(x) ** 2 / photons)).sqrt_()


def impulse(x: Tensor, share: float, rng: ItemRng) -> Tensor:
    """A share of all values is dead (0) or saturated (1), one as often as the other."""
    field, half = uniform(rng.seeds, x[0].numel()).view_as(x), share * noise_scale(x) / 2
    return x.masked_fill(field < half, 0).masked_fill_(field > 1 - half, 1)


def defocus(x: Tensor, radius: float, rng: ItemRng) -> Tensor:
    """The mean over a disc with a soft edge, of `radius` shares of the side and half a pixel."""
    return convolve(x, disc_kernel(0.5 + radius * min(x.shape[2:])))


def motion(x: Tensor, length: float, rng: ItemRng) -> Tensor:
    """The mean along a line of `length` shares of the side and one pixel, in one of 16 directions."""
    directions = (rng.numbers[:, 0] * MOTION_DIRECTIONS).astype(int)  # (B,)
    out = torch.empty_like(x)
    for direction in np.unique(directions):
        which = to_device(torch.from_numpy(np.flatnonzero(directions == direction)), x.device)
        out[which] = convolve(x[which], line_kernel(1 + length * min(x.shape[2:]), int(direction)))
    return out


def exposure(x: Tensor, factor: float, rng: ItemRng) -> Tensor:
    """Too little or too much light: every value times `factor`; values above white are lost."""
    return x * factor


def gradient(x: Tensor, strength: float, rng: ItemRng) -> Tensor:
    """Light from one side: times a ramp from 1 - strength to 1 + strength, in any direction."""
    angle = 2 * math.pi * rng.numbers[:, 0, None, None]  # (B, 1, 1)
    down, across = np.linspace(-1, 1, x.shape[2])[:, None], np.linspace(-1, 1, x.shape[3])
    ramp = np.cos(angle) * across + np.sin(angle) * down  # (B, H, W), a corner is its end
    return x * per_image(1 + strength * ramp / (np.abs(np.cos(angle)) + np.abs(np.sin(angle))), x)[:, None]


def contrast(x: Tensor, factor: float, rng: ItemRng) -> Tensor:
    """The difference of each channel from its mean, times `factor`: haze, a dirty lens."""
    exact = x.to(float64_device(x.device)).double()  # a sum of doubles is exact here, in whatever order
    mean = exact.mean((2, 3), keepdim=True).float().to(x.device)
    return (x - mean) * factor + mean


def jpeg(x: Tensor, quality: float, rng: ItemRng) -> Tensor:
    """Packed as JPEG and unpacked, in 8 bits; on the CPU. Channels are packed one by one unless there are 3."""
    rounding = (5000 / quality if quality < 50 else 200 - 2 * quality) * noise_scale(x)  # libjpeg's scale of its tables
    chosen = round(5000 / rounding if rounding > 100 else (200 - rounding) / 2)
    pixels = (x * 255 + 0.5).to(torch.uint8).cpu().numpy()
    planes = pixels.transpose(0, 2, 3, 1) if x.shape[1] == 3 else pixels.reshape(-1, *x.shape[2:])
    packed = np.stack([jpeg_round_trip(plane, chosen) for plane in planes])
    back = packed.transpose(0, 3, 1, 2) if x.shape[1] == 3 else packed.reshape(pixels.shape)
    return to_device(torch.from_numpy(back.astype(np.float32)), x.device).mul_(1 / 255)


def occlusion(x: Tensor, area: float, rng: ItemRng) -> Tensor:
    """A rectangle of one gray value covers the share `area` of the image, including the rectangle of a smaller area."""
    stretch = np.exp2(rng.numbers[:, 0] - 0.5)  # (B,), height / width is its square: from a half to 2
    inside = []
    for size, share, place in ((x.shape[2], stretch, 1), (x.shape[3], 1 / stretch, 2)):
        length = size * math.sqrt(area) * share
        start = rng.numbers[:, place] * (size - length)
        stop = np.ceil(start + length)[:, None]
        inside.append((np.arange(size) >= np.floor(start)[:, None]) & (np.arange(size) < stop))  # (B, size)
    covered = to_device(torch.from_numpy(inside[0][:, None, :, None] & inside[1][:, None, None, :]), x.device)
    return torch.where(covered, per_image(rng.numbers[:, 3, None, None, None], x), x)


def cast(x: Tensor, strength: float, rng: ItemRng) -> Tensor:
    """Coloured light: channel c times 1 + strength * cos(angle + c / C of a turn), any angle."""
    turns = rng.numbers[:, :1] + np.arange(x.shape[1]) / x.shape[1]  # (B, C)
    return x * per_image(1 + strength * np.cos(2 * math.pi * turns), x)[:, :, None, None]


def lines(x: Tensor, sigma: float, rng: ItemRng) -> Tensor:
    """A line sensor that drifts: every row (or every column) has an offset of its own, normal, of std `sigma`."""
    height, width = x.shape[2:]
    offsets = normal(rng.seeds, max(height, width)) * (sigma * noise_scale(x))  # (B, longer side)
    rows = to_device(torch.from_numpy(rng.numbers[:, 0] < 0.5), x.device)[:, None, None, None]
    return x + torch.where(rows, offsets[:, None, :height, None], offsets[:, None, None, :width])


class CorruptionKind(NamedTuple):
    """A corruption: the group it belongs to, what it does, and how strongly at severity 1 to 5."""

    group: str
    apply: Callable[[Tensor, float, ItemRng], Tensor]
    strengths: tuple[float, float, float, float, float]


CORRUPTIONS = {
    "gaussian": CorruptionKind("noise", gaussian, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot": CorruptionKind("noise", shot, (60, 25, 12, 6, 3)),
    "impulse": CorruptionKind("noise", impulse, (0.03, 0.06, 0.09, 0.17, 0.27)),
    "defocus": CorruptionKind("blur", defocus, (0.005, 0.01, 0.017, 0.027, 0.042)),
    "motion": CorruptionKind("blur", motion, (0.03, 0.05, 0.075, 0.11, 0.15)),
    "dark": CorruptionKind("light", exposure, (0.75, 0.6, 0.45, 0.32, 0.2)),
    "bright": CorruptionKind("light", exposure, (1.25, 1.5, 1.9, 2.4, 3.0)),
    "gradient": CorruptionKind("light", gradient, (0.25, 0.4, 0.55, 0.7, 0.85)),
    "contrast": CorruptionKind("contrast", contrast, (0.6, 0.45, 0.32, 0.2, 0.1)),
    "jpeg": CorruptionKind("jpeg", jpeg, (25, 18, 13, 9, 6)),
    "occlusion": CorruptionKind("occlusion", occlusion, (0.03, 0.07, 0.13, 0.2, 0.3)),
    "cast": CorruptionKind("cast", cast, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "lines": CorruptionKind("lines", lines, (0.06, 0.1, 0.15, 0.21, 0.28)),
}


def noise_scale(x: Tensor) -> float:
    """What the strength of a disturbance of single pixels is multiplied by: 1 from 224 pixels on, .38 at 32."""
    return math.sqrt(min(min(x.shape[2:]) / REFERENCE_SIDE, 1))


def per_image(values: np.ndarray, x: Tensor) -> Tensor:
    """Numbers as float32 on the device of the images."""
    return to_device(torch.from_numpy(values.astype(np.float32)), x.device)


def convolve(x: Tensor, kernel: np.ndarray) -> Tensor:
    """Images filtered with one kernel (K, K), K odd, edges repeated.

    A sum of shifted copies, product and sum apart, has the same bits in any batch; a convolution has not.
    """
    reach, (height, width) = len(kernel) // 2, x.shape[2:]
    wide = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    out = torch.zeros_like(x)
    for weight in np.unique(kernel[kernel > 0]):  # symmetric kernels have few: copies are summed, then weighed
        group = torch.zeros_like(x)
        for down, across in zip(*(found.tolist() for found in np.nonzero(kernel == weight)), strict=True):
            group.add_(wide[:, :, down : down + height, across : across + width])
        out.add_(group.mul_(float(weight)))
    return out


@cache
def disc_kernel(radius: float) -> np.ndarray:
    """A disc with an edge one pixel wide, (K, K), of sum 1."""
    reach = math.ceil(radius + 0.5)
    steps = np.arange(-reach, reach + 1)
    kernel = np.clip(radius + 0.5 - np.hypot(steps, steps[:, None]), 0, 1)
    return kernel / kernel.sum()


@cache
def line_kernel(length: float, direction: int) -> np.ndarray:
    """A line through the centre, each of its points shared by the four pixels around it, (K, K), of sum 1."""
    reach, angle = math.ceil(length / 2) + 1, math.pi * direction / MOTION_DIRECTIONS
    along = np.linspace(-length / 2, length / 2, 8 * math.ceil(length) + 1)
    down, across = reach - along * math.sin(angle), reach + along * math.cos(angle)
    places = np.arange(2 * reach + 1)
    near = [np.clip(1 - np.abs(place[:, None] - places), 0, 1) for place in (down, across)]  # (P, K) each
    kernel = np.einsum("pi,pj->ij", *near)
    kernel[kernel < 1e-6 * kernel.sum()] = 0  # what rounding left
    return kernel / kernel.sum()


def jpeg_round_trip(plane: np.ndarray, quality: int) -> np.ndarray:
    """Pixels (H, W) or (H, W, 3) uint8 after a way through JPEG."""
    file = io.BytesIO()
    Image.fromarray(plane).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


Known = Mapping[str, CorruptionKind]
DEFAULT_SEVERITY = 3
CPU_CHUNK, GPU_CHUNK = 2**18, 2**26  # values worked on at once, on a CPU and on a GPU


def find_kind(name: str) -> CorruptionKind:
    """A corruption by its name. ValueError for an unknown one, and for a user's own that is none."""
    plugin = find_plugin("corruptions", name)
    refuse_taken(plugin, own_words())
    if name in CORRUPTIONS:
        return CORRUPTIONS[name]
    if plugin is None:
        raise ValueError(f"no corruption {name!r}: {hint(name, list(CORRUPTIONS))}")
    kind = plugin.thing
    if not isinstance(kind, CorruptionKind) or len(kind.strengths) != 5 or not callable(kind.apply):
        wanted = "kogen.extend.CorruptionKind(group, apply, strengths) with five strengths"
        raise ValueError(f"the corruption {name!r} is a {type(kind).__name__}: wanted {wanted}")
    return kind


def own_words(known: Known = CORRUPTIONS) -> list[str]:
    """What may be named: all corruptions, a group of them, or one."""
    return ["all", *sorted({kind.group for kind in known.values()} | set(known))]


@dataclass(frozen=True)
class Corruption:
    """One corruption at one severity; what happens to an image depends on (seed, name, content id) and nothing else.

    Severities share their random numbers: the same image gets the same noise or rectangle, only more of it.
    """

    name: str
    severity: int
    seed: int = 0

    def __repr__(self) -> str:
        """All that a corrupted image depends on, of which the digest of a set is made: of a plug-in also its code."""
        code = "".join(plugin_records([("corruptions", self.name)]))
        facts = f"name={self.name!r}, severity={self.severity!r}, seed={self.seed!r}"
        return f"Corruption({facts}{', ' if code else ''}{code})"

    def __post_init__(self) -> None:
        find_kind(self.name)
        if self.severity not in range(1, 6):
            raise ValueError(f"the severity of {self.name} is {self.severity!r}, wanted a whole number from 1 to 5")

    def __call__(self, pixels: Tensor, ids: np.ndarray) -> Tensor:
        """Corrupt pixels (B, C, H, W), uint8 or uint16, with content ids (B,), on their device."""
        if not len(pixels):
            return pixels
        top, out = torch.iinfo(pixels.dtype).max, torch.empty_like(pixels)
        kind, rng = find_kind(self.name), item_rng(ids, self.seed, self.name, pixels.device)
        step = max(1, (CPU_CHUNK if pixels.device.type == "cpu" else GPU_CHUNK) // pixels[0].numel())
        for start in range(0, len(pixels), step):
            part = slice(start, start + step)
            values = pixels[part].float().mul_(1 / top)
            changed = kind.apply(values, kind.strengths[self.severity - 1], rng.part(part))
            if changed.shape != values.shape:
                got = f"made {tuple(changed.shape)} of images {tuple(values.shape)}"
                raise ValueError(f"the corruption {self.name!r} {got}: wanted the same shape")
            if self.name not in CORRUPTIONS and not bool(changed.isfinite().all()):
                raise ValueError(f"the corruption {self.name!r} made NaN or infinity: wanted values in [0, 1]")
            out[part] = changed.clamp_(0, 1).mul_(top).add_(0.5).to(pixels.dtype)
        return out


def parse_corruptions(text: str, channels: int = 3, known: Known = CORRUPTIONS) -> list[tuple[str, int]]:
    """The corruptions that `all`, `all:1-5`, `blur:5,jpeg:2` name, with severities, each once, in the order named.

    A name is a corruption, a group of them or `all`; the severity is 3 unless said. A colour cast is left out of `all`
    for images that are gray. Raises ValueError for an unknown name, a severity out of 1 to 5, and a text without names.
    """
    found: dict[tuple[str, int], None] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, levels = (piece.strip() for piece in part.partition(":"))
        names = [key for key, kind in known.items() if name in ("all", kind.group, key)]
        if find_plugin("corruptions", name):
            find_kind(name)
            names = [name]
        if not names:
            raise ValueError(f"no corruption {name!r}: {hint(name, own_words(known))}")
        if channels == 1 and name == "cast":
            raise ValueError("a colour cast needs colour, and these images are gray: leave 'cast' out")
        names = [key for key in names if channels > 1 or key != "cast"]
        severities = parse_severities(levels if colon else str(DEFAULT_SEVERITY))
        found |= dict.fromkeys((key, level) for key in names for level in severities)
    if not found:
        raise ValueError(f"no corruption named in {text!r}: write 'all', 'all:1-5', or names such as 'blur:5,jpeg:2'")
    return list(found)


def parse_severities(text: str) -> range:
    """The severities that `3` or `1-5` stands for. ValueError for anything else."""
    match = re.fullmatch(r"([1-5])(?:-([1-5]))?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise ValueError(f"the severity of a corruption is {text!r}, wanted 1 to 5, or a range such as 1-5")
    return range(first, last + 1)
