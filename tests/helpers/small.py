"""Small things tests share: a set of images in memory and a plan that trains in seconds."""

from pathlib import Path
from typing import Any

import numpy as np

from kogen.common import registry
from kogen.config.plan import Plan
from kogen.data.images import Images, from_array
from kogen.study.plans import with_data

SHARED = Path(__file__).parents[3] / "shared" / "data"

# Heads wide enough for a test; a width of thousands costs more than all the rest.
NARROW: dict[str, dict[str, Any]] = {
    "barlow_twins": {"dim": 16},
    "deepcluster_v2": {"hidden": 64, "dim": 32, "prototypes": 16},
    "dino": {"hidden": 64, "bottleneck": 32, "outputs": 64},
    "mae": {"width": 32, "depth": 1},
    "lejepa": {"hidden": 64, "dim": 32, "directions": 64},
    "moco_v3": {"hidden": 64, "dim": 32},
    "obow": {"words": 64},
    "pcl": {"hidden": 64, "dim": 32, "prototypes": 4, "queue": 64},
    "rc_mae": {"width": 32, "depth": 1},
    "sela_v2": {"hidden": 64, "dim": 32, "prototypes": 16},
    "simsiam": {"dim": 64, "bottleneck": 32},
    "swav": {"hidden": 64, "dim": 32, "prototypes": 16},
    "vicreg": {"dim": 64},
}

# Small networks of each family; the first is what a test takes unless its method can train only another.
NETWORKS = {"resnet": "tiny?width=8", "vit": "vit_tiny_patch16_224?embed_dim=48&depth=2&num_heads=3"}


SERIES_NETWORKS = {"steps": "dilated1d?width=8&out=16&depth=3"}  # of methods that learn from series alone
BROUGHT = {"kernels1d": "kernels1d"}  # networks that a method of series brings


def network_for(method: str) -> str:
    """A small backbone that the method can train."""
    return (NETWORKS | SERIES_NETWORKS | BROUGHT)[registry.load("methods", method).needs or "resnet"]


def items_for(method: str, count: int = 64) -> Images:
    """What the method can learn from: blobs, or tones where it learns from series alone."""
    return tones(count) if registry.load("methods", method).needs in SERIES_NETWORKS | BROUGHT else blobs(count)


def blobs(count: int = 96, size: int = 16, channels: int = 3, seed: int = 0, labels: bool = True) -> Images:
    """Noise with stripes: none, rows, columns or both is the class, which no flip or crop hides; quickly learnt."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, count)
    pixels = rng.integers(0, 100, (count, channels, size, size)).astype(np.uint8)
    stripes = (np.arange(size) // 2 % 2 * 75).astype(np.uint8)
    pixels += (
        (truth & 1)[:, None, None, None] * stripes[:, None] + (truth >> 1)[:, None, None, None] * stripes
    ).astype(np.uint8)
    known = truth if labels else np.full(count, -1)
    return from_array(pixels, known, ("a", "b", "c", "d") if labels else (), name=f"blobs{seed}")


def tones(count: int = 96, channels: int = 3, length: int = 64, seed: int = 0, labels: bool = True) -> Images:
    """Sines of 2, 4, 7 or 11 turns, the class, of any phase and some noise, on channels of different scales."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, count)
    turns, phase = np.array([2, 4, 7, 11])[truth, None, None], rng.uniform(0, 1, (count, channels, 1))
    values = np.sin(2 * np.pi * (turns * np.arange(length) / length + phase))
    values += rng.normal(0, 0.3, values.shape)
    values = (10 + 10.0 ** np.arange(channels)[:, None] * values).astype(np.float32)
    names = np.array([f"{seed:04d}{number:012d}" for number in range(count)], dtype="<U16")
    known = truth if labels else np.full(count, -1)
    classes = ("2", "4", "7", "11") if labels else ()
    return Images(values, names, names, known, classes, names, np.ones(count, np.float32), f"tones{seed}")


def plan_for(images: Images, method: str = "byol", **changes: Any) -> Plan:
    """A plan that trains in a second or two."""
    small = {"backbone": network_for(method), "image_size": 16, "epochs": 2, "batch_size": 32, "precision": "32"}
    if images.kind == "series":
        small |= {"kind": "series", "views": "motion", "image_size": images.pixels.shape[2]}
    return with_data(Plan(method=method, **(small | changes)), images)
