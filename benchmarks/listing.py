"""Listing a folder of many tiny files, seconds and memory: `python benchmarks/listing.py [--files N] [--at DIR]`."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDERS = 100
LIST = """
import resource, sys, time
from kogen.data.listing import ImageFiles, scan_folder
start = time.perf_counter()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
files = ImageFiles(sys.argv[1], scan_folder(sys.argv[1]))
listed = time.perf_counter() - start
key = files.key()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(files), listed, time.perf_counter() - start, before / 2**20, peak / 2**20)
"""


def make(root: Path, count: int) -> float:
    """Write `count` one-byte files into 100 folders; returns the seconds it took."""
    start = time.perf_counter()
    for folder in range(FOLDERS):
        place = root / f"lot-{folder:03d}"
        place.mkdir()
        for number in range(folder, count, FOLDERS):
            with open(f"{place}/part-{number:07d}.png", "wb") as file:
                file.write(b".")
    return time.perf_counter() - start


def main() -> None:
    """Make the files, list them in a fresh process, print, clean up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--at", default=None, help="folder to make them in (default: the system's temporary one)")
    asked = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="kogen-listing-", dir=asked.at))
    try:
        print(f"made {asked.files} files in {make(root, asked.files):.0f} s")
        out = subprocess.run([sys.executable, "-c", LIST, str(root)], capture_output=True, text=True, check=True).stdout
        count, listed, hashed, before, peak = map(float, out.split())
        assert count == asked.files
        print(f"listed {count:.0f} files in {listed:.1f} s (with the hash that names the store: {hashed:.1f} s)")
        print(f"peak memory {peak:.2f} GiB, of which {before:.2f} GiB before it began")
        print(f"against the bounds: {hashed / 60:.3f} of 60 s, {peak * 2**30 / 1e9:.3f} of 1 GB")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
