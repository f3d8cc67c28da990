"""BYOL's two views, images per second: kogen's render against lightly's DataLoader with two workers, same cores.

`python benchmarks/views.py [--rounds 3] [--quick]`: 32 pixels from a uint8 array; 224 pixels from JPEG files of 256,
decoding included on both sides. The two take turns, so that what else the machine does falls on both; medians count.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from lightly.transforms import BYOLTransform
from lightly.transforms.byol_transform import BYOLView1Transform, BYOLView2Transform
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from kogen.augmentation.view_sets import view_set
from kogen.augmentation.views import StepRng, render_all

BATCH, WORKERS = 256, 2
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WANTED = {32: 8.0, 224: 1.5}  # times lightly's images per second


class Pictures(Dataset):
    """What lightly's loader reads: pictures from an array or from files, through BYOL's two transforms."""

    def __init__(self, source: np.ndarray | list[Path], size: int) -> None:
        self.source = source
        self.transform = BYOLTransform(BYOLView1Transform(input_size=size), BYOLView2Transform(input_size=size))

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        item = self.source[index]
        return self.transform(
            Image.fromarray(item) if isinstance(item, np.ndarray) else Image.open(item).convert("RGB")
        )


def by_lightly(source: np.ndarray | list[Path], size: int) -> Callable[[], None]:
    """An epoch of lightly's loader; its workers stay alive between epochs."""
    loader = DataLoader(Pictures(source, size), batch_size=BATCH, num_workers=WORKERS, persistent_workers=True)

    def epoch() -> None:
        for _ in loader:
            pass

    return epoch


def by_kogen(batches: Callable[[], Iterator[torch.Tensor]], size: int) -> Callable[[], None]:
    """Both of BYOL's views for an epoch, at every size with the probabilities and strengths of lightly's."""
    pair = [replace(view, size=size, mean=MEAN, std=STD) for view in view_set("natural", 224)]

    def epoch() -> None:
        for step, pixels in enumerate(batches()):
            render_all(pixels, pair, StepRng(0, step, len(pixels)), tags=("0", "1"))

    return epoch


def from_array(array: np.ndarray) -> Callable[[], Iterator[torch.Tensor]]:
    """Batches (B, 3, H, W) of an array (N, H, W, 3) that is stored as kogen stores it, channels first."""
    stored = np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    return lambda: (torch.from_numpy(stored[i : i + BATCH]) for i in range(0, len(stored), BATCH))


def from_files(files: list[Path], pool: ThreadPoolExecutor) -> Callable[[], Iterator[torch.Tensor]]:
    """Batches decoded by threads from files, one batch after the other."""

    def decode(path: Path) -> np.ndarray:
        return np.asarray(Image.open(path).convert("RGB"))  # (H, W, 3)

    def batches() -> Iterator[torch.Tensor]:
        for start in range(0, len(files), BATCH):
            yield torch.from_numpy(np.stack(list(pool.map(decode, files[start : start + BATCH])))).permute(0, 3, 1, 2)

    return batches


def pictures(count: int, side: int) -> np.ndarray:
    """Pictures (N, side, side, 3) uint8 with the smoothness of photographs, so that JPEG has its usual work."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.random((count, 3, 8, 8), dtype=np.float32))
    smooth = torch.nn.functional.interpolate(coarse, side, mode="bicubic")
    grain = torch.from_numpy(rng.normal(0, 0.05, (count, 3, side, side)).astype(np.float32))
    return ((smooth + grain).clamp(0, 1) * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def compare(size: int, count: int, rounds: int, ours: Callable[[], None], theirs: Callable[[], None]) -> float:
    """Print and return how many times as many images a second `ours` makes; each runs once before it counts."""
    seconds: dict[str, list[float]] = {"kogen": [], "lightly": []}
    for turn in range(rounds + 1):
        for name, epoch in (("kogen", ours), ("lightly", theirs)):
            start = time.perf_counter()
            epoch()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    rate = {name: count / statistics.median(times) for name, times in seconds.items()}
    ratios = [b / a for a, b in zip(seconds["kogen"], seconds["lightly"], strict=True)]
    ratio = rate["kogen"] / rate["lightly"]
    print(
        f"{size:4d} px   kogen {rate['kogen']:8.0f} images/s   lightly {rate['lightly']:7.0f} images/s   "
        f"ratio {ratio:5.1f} (rounds {min(ratios):.1f} to {max(ratios):.1f}; wanted {WANTED[size]:.1f})",
        flush=True,
    )
    return ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="fewer images, for a first look")
    asked = parser.parse_args()
    small, large = (2048, 256) if asked.quick else (8192, 768)
    load = os.getloadavg()[0]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, load before {load:.1f}, batches of {BATCH}")
    array = pictures(small, 32)
    ratios = {32: compare(32, small, asked.rounds, by_kogen(from_array(array), 32), by_lightly(array, 32))}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        files = [Path(folder) / f"{i:05d}.jpg" for i in range(large)]
        for path, picture in zip(files, pictures(large, 256), strict=True):
            Image.fromarray(picture).save(path, quality=90)
        ours, theirs = by_kogen(from_files(files, pool), 224), by_lightly(files, 224)
        ratios[224] = compare(224, large, asked.rounds, ours, theirs)
    return 0 if all(ratios[size] >= wanted for size, wanted in WANTED.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
