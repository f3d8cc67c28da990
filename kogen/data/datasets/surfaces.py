"""Surfaces: drawn inspection images, printed textures that are clean, scratched, pitted, stained or lack some print."""

from typing import Any

import numpy as np

from kogen.data.datasets import _surface_drawing as drawing
from kogen.data.datasets._drawn_settings import check_fits_in_memory, parse_number
from kogen.data.datasets._surface_drawing import ProductionLine
from kogen.data.images import Images, from_array

__all__ = ["surfaces"]

PRODUCTION_LINES = {
    "": ProductionLine(),
    "line2": ProductionLine("cast,fabric", light=0.5, slope=0.3, direction=200.0, grain=1.2, blur=0.6, noise=0.022),
    "night": ProductionLine(light=0.42, slope=0.3, noise=0.026),
}
SPLIT_SIZES = {"train": 2000, "test": 600}  # images of each split where `n` is not given
CHUNK = 250  # images drawn at once
BYTES_BESIDE_PIXELS = 1000  # of an image: its names, about
LIMITS = dict(light=(0.01, 1), slope=(0, 1), direction=(-360, 360), grain=(0.25, 8), blur=(0, 8), noise=(0, 0.5))
Knob = float | str | None
WHAT = "surfaces"


def surfaces(
    variant: str = "",
    *,
    n: int | str | None = None,
    size: int | str = 64,
    seed: int | str = 0,
    split: str = "train",
    visible: float | str = 1.0,
    labelled: int | str | None = None,
    material: str | None = None,
    light: Knob = None,
    slope: Knob = None,
    direction: Knob = None,
    grain: Knob = None,
    blur: Knob = None,
    noise: Knob = None,
) -> Images:
    """Draw `n` surfaces (N, 1, size, size), uint8, in five classes of equal size; the cluster is the production lot.

    Variants: "" is line 1, "line2" makes other things under another light, "night" is line 1 in dim light. `visible` is
    the strength of every defect, up to 4: at 0 an image is what it would be without one, to the last pixel. `labelled`
    images of the split train have a label, lot after lot in an order drawn by `seed`; by default all have. `material`
    is one of brushed, cast, fabric, board, or several with commas, one of them drawn for each lot; `ProductionLine` has
    the units of the other settings (None: those of the variant). Image i depends on (variant, seed, split, i) and the
    settings, not on `n`; splits share no random numbers.

    Raises ValueError for an unknown variant, split or material, and for settings that are no numbers or out of range.
    Source: drawn by kogen; no data of anyone's.
    """
    if variant not in PRODUCTION_LINES:
        raise ValueError(f"there are no surfaces {variant!r}; choose one of {', '.join(map(repr, PRODUCTION_LINES))}")
    if split not in SPLIT_SIZES:
        raise ValueError(f"surfaces have no split {split!r}; choose one of {', '.join(SPLIT_SIZES)}")
    base = PRODUCTION_LINES[variant]
    given = {"light": light, "slope": slope, "direction": direction, "grain": grain, "blur": blur, "noise": noise}
    numbers = {
        key: parse_number(float, key, said, getattr(base, key), LIMITS[key], WHAT) for key, said in given.items()
    }
    line = ProductionLine(parse_materials(base.material if material is None else material), **numbers)
    count = parse_number(int, "n", n, SPLIT_SIZES[split], (1, 10_000_000), WHAT)
    side = parse_number(int, "size", size, 64, (16, 1024), WHAT)
    places = list(SPLIT_SIZES).index(split), list(PRODUCTION_LINES).index(variant)
    seeds = (parse_number(int, "seed", seed, 0, (0, 2**63 - 1), WHAT), *places)
    strength = parse_number(float, "visible", visible, 1, (0, 4), WHAT)
    check_fits_in_memory(count * (side * side + BYTES_BESIDE_PIXELS), f"{count:,} surfaces of {side} pixels")
    labels, pixels = np.empty(count, np.int64), np.empty((count, 1, side, side), np.uint8)
    for start in range(0, count, CHUNK):
        index = np.arange(start, min(start + CHUNK, count))
        drawn = drawing.sample_surfaces(seeds, index, side)
        labels[index], pixels[index, 0] = drawn.labels, drawing.draw_surfaces(line, drawn, strength)
    if labelled is not None and split == "train":
        labels = keep_labels(labels, parse_number(int, "labelled", labelled, count, (1, count), WHAT), seeds)
    title = f"surfaces:{variant}" if variant else "surfaces"
    return from_array(
        pixels,
        labels,
        drawing.CLASSES,
        sources=[f"{title}/{split}/{i:06d}" for i in range(count)],
        clusters=np.array([f"{title}/{split}/lot{i // drawing.LOT_SIZE:05d}" for i in range(count)]),
        name=title,
    )


def keep_labels(labels: np.ndarray, wanted: int, seeds: tuple[int, ...]) -> np.ndarray:
    """Labels (N,) of which all but those of so many images are -1, unknown: people label lot after lot."""
    lots = np.arange(len(labels)) // drawing.LOT_SIZE
    order = np.random.default_rng([*seeds, 1]).permutation(lots.max() + 1)
    place = np.argsort(order)[lots]  # of the lot of each image among those that are labelled in turn
    rows = np.argsort(place, kind="stable")[:wanted]
    found = np.full_like(labels, -1)
    found[rows] = labels[rows]
    return found


def parse_materials(wanted: Any) -> str:
    """The names in a list with commas, tidied. ValueError for a material that cannot be drawn."""
    names = [name.strip() for name in str(wanted).split(",")]
    if unknown := [name for name in names if name not in drawing.MATERIALS]:
        raise ValueError(f"surfaces have no material {unknown[0]!r}; choose from {', '.join(drawing.MATERIALS)}")
    return ",".join(names)
