"""What a file of weights that kogen wrote says of its network, in its metadata: all that reading it back takes."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kogen.backbones._networks_in_files import FRAMEWORKS
from kogen.common import registry
from kogen.common.text import parse_spec

FACT = "network"  # the key of the metadata, beside others of `common/tensors.py`
RESIZE = "whole image to a square, bicubic"  # as data/pixel_format.py and augmentation/crop.py do
WHOLE_WINDOW = "none: windows of a series are seen whole"
LARGEST = {"input_size": 65_536, "channels": 1000}  # as of a Plan
LARGEST_VALUE = 1e12  # of series, whose values are of any unit
KINDS = {"architecture": str, "input_size": int, "channels": int, "resize": str, "framework": str}


@dataclass(frozen=True)
class NetworkFacts:
    """A network, and how the images are made that it is fed."""

    architecture: str  # as `--backbone` takes it, with every setting: it is made at any image size
    input_size: int  # pixels of a side
    channels: int
    mean: tuple[float, ...]  # of pixels in [0, 1], one value or one a channel
    std: tuple[float, ...]
    framework: str  # that trained it
    classes: tuple[str, ...]  # of the images that it was trained on, as far as these had labels
    resize: str = RESIZE

    def to_metadata(self) -> dict[str, str]:
        """The entry of a safetensors file's metadata: JSON."""
        return {FACT: json.dumps(asdict(self), sort_keys=True)}


def read_network_facts(metadata: Mapping[str, Any], place: Path) -> NetworkFacts | None:
    """The facts in a file's metadata; None where there are none. ValueError for some that kogen does not write."""
    if FACT not in metadata:
        return None
    try:
        facts: dict[str, Any] = json.loads(metadata[FACT])
        lists: dict[str, Any] = {key: tuple(facts.pop(key)) for key in ("mean", "std", "classes")}
        odd = [key for key, kind in KINDS.items() if type(facts[key]) is not kind]
        odd += [key for key in ("mean", "std") if not usable_numbers(lists[key], facts["channels"], key == "std")]
        odd += [key for key, most in LARGEST.items() if type(facts[key]) is int and not 1 <= facts[key] <= most]
        if odd or not all(isinstance(name, str) for name in lists["classes"]):
            raise ValueError(f"odd values of {', '.join(odd) or 'classes'}")
        found = NetworkFacts(**{**facts, **lists})
        parse_spec(found.architecture)
        if found.framework not in {*FRAMEWORKS, *registry.names("methods")}:
            raise ValueError(f"an unknown framework, {found.framework[:60]!r}")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{place} describes its network in a way that this version of kogen does not write ({error}): export the "
            "run again"
        ) from error
    if found.resize not in (RESIZE, WHOLE_WINDOW):
        raise ValueError(
            f"{place} wants its images resized as {found.resize[:100]!r}, and this version of kogen resizes the "
            f"{RESIZE}: use the version that wrote it"
        )
    return found


def usable_numbers(values: Any, channels: int, positive: bool) -> bool:
    """Whether these are finite numbers, one or one a channel, above 0 where they must be `positive`."""
    fits = isinstance(values, tuple) and len(values) in (1, channels)
    numbers = fits and all(type(x) in (int, float) and math.isfinite(x) and abs(x) <= LARGEST_VALUE for x in values)
    return numbers and (not positive or min(values) > 0)
