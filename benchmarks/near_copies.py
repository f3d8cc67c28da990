"""Near copies: how many are found, how many pictures that only look alike are taken for copies, and how long it takes.

Run: python benchmarks/near_copies.py [--shared ../shared/data] [--images 100000] [--look pairs.png]

Found: 300 drawn surfaces and 300 test images of CIFAR-10 are changed in one way each and joined to 2,000 others; and
of the published near duplicates of CIFAR-10's test images in its training images the pairs that are in one group.
False alarms: images of sets without any copy. ELPV has copies that nobody has listed, so its count is no error rate:
--look writes a picture of 24 of its pairs, drawn by chance, to be judged by eye.
Time: drawn noise of 32 x 32 pixels, every tenth image a copy. Each process may use all cores.
"""

import argparse
import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from kogen.data.datasets.surfaces import surfaces
from kogen.data.images import Images, from_array
from kogen.data.near_copies import find_copies, merged_ids, twins
from kogen.data.open import open_images

SEED = 0
CHANGED = 300


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """A gray picture (H, W) as a JPEG file gives it back."""
    file = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32)


def enlarged(pixels: np.ndarray) -> np.ndarray:
    """Pictures without the outermost fortieth on each side, brought back to their size."""
    side, edge = pixels.shape[1], max(1, pixels.shape[1] // 40)
    cut = [Image.fromarray(image.astype(np.uint8)).crop((edge, edge, side - edge, side - edge)) for image in pixels]
    return np.stack([np.asarray(image.resize((side, side), Image.Resampling.BILINEAR), np.float32) for image in cut])


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exposure 0.6, offset 20": lambda x: x * 0.6 + 20,
    "overexposed by 1.3": lambda x: x * 1.3,
    "gamma 0.6": lambda x: 255 * (x / 255) ** 0.6,
    "light from the side, 0.6 to 1.4": lambda x: x * np.linspace(0.6, 1.4, x.shape[2]),
    "noise of 8 gray levels": lambda x: x + np.random.default_rng(SEED).normal(0, 8, x.shape),
    "JPEG quality 30": lambda x: np.stack([jpeg(image, 30) for image in x]),
    "mirrored": lambda x: x[:, :, ::-1],
    "cut by a fortieth and enlarged": enlarged,
    "moved by a fiftieth": lambda x: np.roll(x, max(1, x.shape[2] // 50), 2),
    "turned by 2 degrees": lambda x: np.stack(
        [np.asarray(Image.fromarray(im.astype(np.uint8)).rotate(2, Image.Resampling.BILINEAR), np.float32) for im in x]
    ),
}


def gray(pixels: np.ndarray) -> Images:
    """Images of gray pictures (N, H, W)."""
    return from_array(np.clip(pixels, 0, 255).astype(np.uint8)[:, None])


def share_found(pixels: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> float:
    """The share of changed pictures that are in a group with the one that they were made from."""
    images, others = gray(pixels), gray(change(pixels[:CHANGED]))
    copies = find_copies([images, others])
    return float(np.mean(merged_ids(others, copies) == merged_ids(images, copies)[:CHANGED]))


def alarms(images: Images) -> str:
    """How many images of a set are taken for copies."""
    found = find_copies([images])
    flagged = int(np.isin(images.ids, list(found)).sum())
    return f"{flagged} of {len(images):,}"


def write_pairs(images: Images, path: Path) -> None:
    """Write a picture of 24 pairs of gray images that are taken for copies, six pairs a row, drawn by chance."""
    copies = find_copies([images])
    place = {name: number for number, name in enumerate(images.ids.tolist())}
    pairs = [(place[name], place[other]) for name, other in copies.items() if name != other]
    drawn = np.random.default_rng(SEED).permutation(len(pairs))[:24]
    shown = [np.hstack([images.pixels[end][0] for end in pairs[number]]) for number in drawn]
    Image.fromarray(np.vstack([np.hstack(shown[row : row + 6]) for row in range(0, 24, 6)])).save(path)


def timed(count: int) -> str:
    """Seconds for images of noise, of which every tenth is a brighter copy of the one before."""
    pixels = np.random.default_rng(SEED).integers(0, 160, (count, 1, 32, 32), dtype=np.uint8)
    pixels[1::10] = pixels[::10] + 30
    images = from_array(pixels)
    start = time.perf_counter()
    found = find_copies([images])
    return (
        f"{time.perf_counter() - start:.0f} s on {os.cpu_count()} cores, {len(found):,} of {2 * (count // 10):,} found"
    )


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"))
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--look", type=Path)
    asked = parser.parse_args()
    drawn = surfaces(n=2000).pixels[:][:, 0].astype(np.float32)
    cifar = asked.shared / "cifar10" / "cifar10_jpeg_test.npz"
    test = open_images(cifar) if cifar.exists() else None
    photos = None if test is None else test.pixels[:2000].mean(1).astype(np.float32)
    row("copies found", "surfaces, 64 px", "CIFAR-10, 32 px")
    row("---", "--:", "--:")
    for name, change in CHANGES.items():
        row(name, f"{share_found(drawn, change):.0%}", "-" if photos is None else f"{share_found(photos, change):.0%}")
    print()
    row("taken for copies where there are none, or none are known", "")
    row("---", "--:")
    for variant in ("", "line2", "night"):
        row(f"surfaces:{variant}".rstrip(":"), alarms(surfaces(variant, n=2000)))
    for material in ("brushed", "cast", "fabric", "board"):
        row(f"surfaces of {material}, faint defects", alarms(surfaces(n=2000, material=material, visible=0.3)))
    archive = asked.shared / "factory" / "factory_elpv128.zip"
    if archive.exists():
        with zipfile.ZipFile(archive) as file:
            names = sorted(name for name in file.namelist() if name.endswith(".jpg"))
            cells = np.stack([np.asarray(Image.open(io.BytesIO(file.read(name))).convert("L")) for name in names])
        row("ELPV", alarms(gray(cells)))
        if asked.look:
            write_pairs(gray(cells), asked.look)
    if test is not None:
        train = open_images(asked.shared / "cifar10" / "cifar10_jpeg_train.npz")
        copies = find_copies([train, test])
        pairs = json.loads((asked.shared / "cifar10" / "cifar10_test_train_near_duplicates.json").read_text("utf-8"))
        ids, others = merged_ids(test, copies), merged_ids(train, copies)
        hits = sum(ids[pair["test_index"]] == others[pair["train_index"]] for pair in pairs)
        row("CIFAR-10: published pairs found", f"{hits} of {len(pairs)}")
        row("CIFAR-10: test images with a twin in train", len(twins(test, train, copies)))
        row("CIFAR-10: images in a group, of 60,000", len(copies))
    row(f"{asked.images:,} images", timed(asked.images))


if __name__ == "__main__":
    main()
