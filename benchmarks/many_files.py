"""200,000 images in 10,000 class folders: seconds and peak memory of a fresh process for each way to use them.

`python benchmarks/many_files.py [--files N] [--classes K]`: the images are made once, from a seed, in work/many_files/.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

WORK = Path(__file__).parents[1] / "work" / "many_files"
SIDE = 8  # pixels
OPEN = """
import sys
from kogen.data.open import open_images
images = open_images(sys.argv[1], labels=sys.argv[2] or None)
assert len(images) == int(sys.argv[3]) and len(images.classes) == int(sys.argv[4]), (len(images), len(images.classes))
"""
PILOT = """
import sys
from kogen.config.study import Study
from kogen.study.splits import data_quality, open_splits
sets = open_splits(Study(source=sys.argv[1], labels=sys.argv[2] or None, methods=["byol"]))
quality = data_quality(sets)
assert quality["sets"][0]["images"] == int(sys.argv[3]), quality["sets"][0]["images"]
"""
WHOLE = """
import shutil, sys
import kogen
out = sys.argv[5]
shutil.rmtree(out, ignore_errors=True)
kogen.pilot(sys.argv[1], methods=("random",), seeds=1, backbone="tiny?width=8", image_size=16, probes=("knn",), out=out)
"""
CASES = {  # title: program, with a table of labels, with a new cache
    "imports alone": ("import sys, kogen.study.splits", False, False),
    "first open (decodes)": (OPEN, False, True),
    "second open (cached)": (OPEN, False, False),
    "open with a labels csv": (OPEN, True, False),
    "what a pilot does before it trains": (PILOT, False, False),
    "the same with a labels csv": (PILOT, True, False),
    "a whole pilot: random, k-NN, features of 64": (WHOLE, False, False),
}


def make_images(folder: Path, count: int, classes: int) -> None:
    """Write `count` PNGs of noise into `classes` folders, and a table of their labels beside them."""
    rng = np.random.default_rng(0)
    part = folder.with_suffix(".partial")
    shutil.rmtree(part, ignore_errors=True)
    names = [f"class-{number % classes:05d}/part-{number:07d}.png" for number in range(count)]
    for number in range(classes):
        (part / f"class-{number:05d}").mkdir(parents=True)
    for name in names:
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(part / name, compress_level=1)
    rows = "".join(f"{name},{name.partition('/')[0]},lot-{place // 10}\n" for place, name in enumerate(names))
    folder.with_suffix(".csv").write_text("path,label,cluster\n" + rows)
    part.rename(folder)


def run_apart(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in GB of a command in a process of its own."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, "KOGEN_CACHE": str(WORK / "cache")})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[3:]} ended with {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1e6


def main() -> None:
    """Make the images where they are missing, run each case in a fresh process, print a row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--classes", type=int, default=10_000)
    asked = parser.parse_args()
    folder = WORK / f"{asked.files}-{asked.classes}"
    if not folder.exists():
        make_images(folder, asked.files, asked.classes)
    print("| case | seconds | peak GB |\n|---|--:|--:|", flush=True)
    for title, (program, labelled, anew) in CASES.items():
        if anew:
            shutil.rmtree(WORK / "cache", ignore_errors=True)
        table = str(folder.with_suffix(".csv")) if labelled else ""
        arguments = [str(folder), table, str(asked.files), str(asked.classes), str(WORK / "study")]
        seconds, memory = run_apart([sys.executable, "-c", program, *arguments])
        print(f"| {title} | {seconds:.1f} | {memory:.2f} |", flush=True)


if __name__ == "__main__":
    main()
