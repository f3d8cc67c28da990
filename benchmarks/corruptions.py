"""Corruptions, images per second: each kind at 32 and 224 pixels, and a test set of 10,000 with all of them embedded.

`python benchmarks/corruptions.py [--quick] [--device cpu]`: one thread unless OMP_NUM_THREADS says otherwise.
"""

import argparse
import time

import numpy as np
import torch

from kogen.augmentation.corruptions import CORRUPTIONS, Corruption, parse_corruptions
from kogen.augmentation.views import evaluation_view
from kogen.config.plan import Plan
from kogen.data.corrupted import corrupt_images
from kogen.data.images import Images, from_array
from kogen.evaluation.features import embed

BATCH = {32: 256, 224: 32}


def pictures(count: int, side: int) -> Images:
    """Smooth colour pictures (N, 3, side, side) uint8 with a little grain."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.random((count, 3, 8, 8), dtype=np.float32))
    smooth = torch.nn.functional.interpolate(coarse, side, mode="bicubic").numpy()
    grain = rng.normal(0, 0.02, smooth.shape).astype(np.float32)
    return from_array(((smooth + grain).clip(0, 1) * 255).astype(np.uint8), name="pictures")


def rate(images: Images, name: str, severity: int, device: torch.device, seconds: float) -> float:
    """Images a second of one corruption, batch after batch for about `seconds`."""
    change, size = Corruption(name, severity), BATCH[images.pixels.shape[2]]
    index = np.arange(size)
    pixels, ids = images.read(index).to(device), images.ids[index]
    change(pixels, ids)  # tables are made once
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        change(pixels, ids).cpu()
        done += size
    return done / (time.perf_counter() - start)


def whole(images: Images, device: torch.device) -> tuple[float, float]:
    """Seconds to embed the clean set by the house's small backbone, and to embed it under every corruption."""
    from kogen.training.build import build_backbone

    backbone = build_backbone(Plan(method="random", backbone="tiny", image_size=32)).eval().to(device)
    view = evaluation_view(32, mean=(0.5,) * 3, std=(0.25,) * 3)
    start = time.perf_counter()
    embed(backbone, images, view)
    clean = time.perf_counter() - start
    for name, severity in parse_corruptions("all"):
        embed(backbone, corrupt_images(images, name, severity), view)
    return clean, time.perf_counter() - start - clean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the time and of the images")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    device, seconds = torch.device(given.device), 0.1 if given.quick else 1.0
    print(
        f"torch {torch.__version__}, {given.device}, {torch.get_num_threads()} threads; images/s at severities 1, 3, 5"
    )
    sets = {side: pictures(size, side) for side, size in BATCH.items()}
    print(f"{'':12s}" + "".join(f"{f'{side} px':>27s}" for side in sets))
    for name in CORRUPTIONS:
        rates = [rate(images, name, severity, device, seconds) for images in sets.values() for severity in (1, 3, 5)]
        print(f"{name:12s}" + "".join(f"{value:9.0f}" for value in rates), flush=True)
    images = pictures(1_000 if given.quick else 10_000, 32)
    clean, more = whole(images, device)
    print(
        f"{len(images)} images of 32 px: embedded in {clean:.1f} s, "
        f"under {len(CORRUPTIONS)} corruptions in {more:.1f} s more"
    )


if __name__ == "__main__":
    main()
