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


def network_for(method: str) -> str:
    """A small backbone that the method can train."""
    return NETWORKS[registry.load("methods", method).needs or "resnet"]


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


def plan_for(images: Images, method: str = "byol", **changes: Any) -> Plan:
    """A plan that trains in a second or two."""
    small = {"backbone": network_for(method), "image_size": 16, "epochs": 2, "batch_size": 32, "precision": "32"}
    return with_data(Plan(method=method, **(small | changes)), images)
