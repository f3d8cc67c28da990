"""Corruptions of series: what goes wrong between a machine and its recording, each kind in five strengths.

Kinds and strengths are kogen's own. Values are in units of a channel's std in the clean set; every step has the same
bits in any batch, so that a window comes out the same whoever it is read with.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kogen.augmentation.corruptions import (
    CORRUPTIONS,
    CPU_CHUNK,
    GPU_CHUNK,
    CorruptionKind,
    find_kind,
    own_words,
    parse_corruptions,
)
from kogen.augmentation.pixel_rng import ItemRng, item_rng, normal, uniform
from kogen.augmentation.wave_ops import sample_at
from kogen.common.devices import to_device
from kogen.common.plugins import find_plugin, plugin_records, refuse_taken
from kogen.common.text import hint

GAPS = 3  # that a dropout is divided into


def noise(x: Tensor, sigma: float, rng: ItemRng) -> Tensor:
    """Normal noise of std `sigma` on every value: electronics, cables."""
    return x + normal(rng.seeds, x[0].numel()).view_as(x) * sigma


def dropout(x: Tensor, share: float, rng: ItemRng) -> Tensor:
    """A logger that stands still: three stretches, each a third of `share` of the time, hold the mean of their channel.

    Each grows around a middle of its own, so that a stronger one covers a weaker one.
    """
    moments = (np.arange(x.shape[2]) + 0.5) / x.shape[2]
    far = np.abs(moments - rng.numbers[:, :GAPS, None])  # (B, 3, T), of the middles
    far = np.minimum(far, 1 - far)  # what reaches beyond an end goes on at the other, so that none is shorter
    lost = (far <= share / GAPS / 2).any(1)  # (B, T)
    return x.masked_fill(to_device(torch.from_numpy(lost), x.device)[:, None], 0)


def drift(x: Tensor, reach: float, rng: ItemRng) -> Tensor:
    """A sensor whose zero wanders: a straight line through the window is added, its ends up to `reach` std off."""
    ends = (2 * uniform(rng.seeds, 2 * x.shape[1]) - 1).view(len(x), x.shape[1], 2)  # (B, C, 2)
    moments = (torch.arange(x.shape[2], device=x.device) + 0.5) / x.shape[2]
    return x + (ends[..., :1] * (1 - moments) + ends[..., 1:] * moments) * reach


def resampling(x: Tensor, factor: float, rng: ItemRng) -> Tensor:
    """A logger so many times slower, without a filter, whose samples are joined by lines; it begins at any moment."""
    moments = torch.arange(x.shape[2], device=x.device).expand(len(x), -1)
    begin = to_device(torch.from_numpy((rng.numbers[:, 3] - 1).astype(np.float32)), x.device)[:, None] * factor
    before = ((moments - begin) / factor).floor() * factor + begin  # (B, T), the logger's last sample
    ends = [place.clamp(0, x.shape[2] - 1) for place in (before, before + factor)]
    first, second = (sample_at(x, place) for place in ends)
    share = (moments - ends[0]) / (ends[1] - ends[0]).clamp(min=1e-6)
    return first + (second - first) * share.clamp(0, 1)[:, None]


def saturation(x: Tensor, reach: float, rng: ItemRng) -> Tensor:
    """A range that is too small: what lies more than `reach` std from the mean is clipped."""
    return x.clamp(-reach, reach)


SERIES_CORRUPTIONS = {
    "noise": CorruptionKind("signal", noise, (0.1, 0.2, 0.4, 0.7, 1.2)),
    "drift": CorruptionKind("signal", drift, (0.25, 0.5, 1.0, 1.7, 3.0)),
    "saturation": CorruptionKind("signal", saturation, (1.4, 1.2, 1.0, 0.75, 0.5)),  # a sine reaches 1.41
    "dropout": CorruptionKind("time", dropout, (0.05, 0.1, 0.2, 0.35, 0.5)),
    "resampling": CorruptionKind("time", resampling, (1.5, 2.0, 3.0, 5.0, 8.0)),
}


@dataclass(frozen=True)
class SeriesCorruption:
    """One corruption at one severity; what happens to a window depends on these fields and its content id alone.

    `mean` and `std` are those of each channel in the clean set. Severities share their random numbers.
    """

    name: str
    severity: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seed: int = 0

    def __repr__(self) -> str:
        """All that a corrupted window depends on, of which the digest of a set is made: of a plug-in also its code."""
        code = "".join(plugin_records([("corruptions", self.name)]))
        facts = f"name={self.name!r}, severity={self.severity!r}, seed={self.seed!r}, mean={self.mean}, std={self.std}"
        return f"SeriesCorruption({facts}{', ' if code else ''}{code})"

    def __post_init__(self) -> None:
        find_series_kind(self.name)
        if self.severity not in range(1, 6):
            raise ValueError(f"the severity of {self.name} is {self.severity!r}, wanted a whole number from 1 to 5")

    def __call__(self, values: Tensor, ids: np.ndarray) -> Tensor:
        """Corrupt windows (B, C, T), float32, of content ids (B,), on their device; what is spared stays to the bit."""
        if not len(values):
            return values
        kind, rng = find_series_kind(self.name), item_rng(ids, self.seed, self.name, values.device)
        mean, std = (to_device(torch.tensor(one), values.device)[:, None] for one in (self.mean, self.std))
        out = torch.empty_like(values)
        step = max(1, (CPU_CHUNK if values.device.type == "cpu" else GPU_CHUNK) // values[0].numel())
        for start in range(0, len(values), step):
            part = slice(start, start + step)
            clean = (values[part] - mean) / std
            changed = kind.apply(clean, kind.strengths[self.severity - 1], rng.part(part))
            if changed.shape != clean.shape:
                got = f"made {tuple(changed.shape)} of windows {tuple(clean.shape)}"
                raise ValueError(f"the corruption {self.name!r} {got}: wanted the same shape")
            if self.name not in SERIES_CORRUPTIONS and not bool(changed.isfinite().all()):
                raise ValueError(f"the corruption {self.name!r} made NaN or infinity: wanted finite values")
            out[part] = torch.where(changed == clean, values[part], changed * std + mean)
        return out


def find_series_kind(name: str) -> CorruptionKind:
    """A corruption of series by its name. ValueError for an unknown one, and for one of images."""
    refuse_taken(find_plugin("corruptions", name), own_words(SERIES_CORRUPTIONS))
    if name in SERIES_CORRUPTIONS:
        return SERIES_CORRUPTIONS[name]
    if name in CORRUPTIONS or find_plugin("corruptions", name) is None:
        raise ValueError(f"no corruption {name!r} of series: {hint(name, list(SERIES_CORRUPTIONS))}")
    return find_kind(name)


def parse_corruptions_of(kind: str, text: str, channels: int = 3) -> list[tuple[str, int]]:
    """The corruptions that a text names, as `parse_corruptions` reads it, of data of a kind: `image` or `series`.

    ValueError also for a corruption of the other kind.
    """
    known, others, words = CORRUPTIONS, SERIES_CORRUPTIONS, ("images", "series")
    if kind == "series":
        known, others, words = others, known, words[::-1]
    for name in (part.partition(":")[0].strip() for part in text.split(",")):
        if name in own_words(others) and name not in own_words(known):
            got = f"the corruption {name!r} is one of {words[1]}, and the test set holds {words[0]}"
            raise ValueError(f"{got}: choose from {', '.join(own_words(known))}")
    return parse_corruptions(text, channels, known)
