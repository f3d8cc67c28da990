"""What the checksums of a pixel cache cost at the start: 60,000 images opened and read once by a fresh process.

`python benchmarks/cache_start.py [--side N]...`: caches are made once, of noise, in work/cache_start/.
"""

import argparse
import subprocess
import sys
from pathlib import Path

WORK = Path(__file__).parents[1] / "work" / "cache_start"
COUNT = 60_000
PROGRAM = """
import sys, time
from pathlib import Path
import numpy as np
from kogen.data.cache_settings import CacheRequest, CacheSettings
from kogen.data.listing import PixelStack
from kogen.data.pixel_cache import load_or_build

side, count, work = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])

class Noise:
    def __getitem__(self, item):
        return np.random.default_rng(item).integers(0, 256, (side, side, 3), dtype=np.uint8)

request = CacheRequest(PixelStack("noise", (f"noise {side}",), Noise, count), CacheSettings(cache=work))
start = time.perf_counter()
kept = load_or_build(request.items, request.settings)
opened = time.perf_counter()
if sys.argv[4] == "checked":
    pixels = kept.pixels
else:
    pixels = np.load(request.place() / "pixels.npy", mmap_mode="r")
for first in range(0, count, 256):
    pixels[np.arange(first, min(first + 256, count))]
print(opened - start, time.perf_counter() - opened)
"""


def measure(side: int, reading: str) -> tuple[float, float]:
    """Seconds to open the cache and to read all of it, in a fresh process."""
    command = [sys.executable, "-c", PROGRAM, str(side), str(COUNT), str(WORK), reading]
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    opened, read = map(float, out.split())
    return opened, read


def main() -> None:
    """Print a row for each size: the best of three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, action="append", help="pixels (default: 32 and 128)")
    print("| side | open, s | first read, s | first read without checksums, s |\n|--:|--:|--:|--:|", flush=True)
    for side in parser.parse_args().side or [32, 128]:
        measure(side, "plain")  # makes it, and brings it into memory
        checked, plain = ([measure(side, reading) for _ in range(3)] for reading in ("checked", "plain"))
        opened, read = min(each[0] for each in checked), min(each[1] for each in checked)
        print(f"| {side} | {opened:.2f} | {read:.2f} | {min(each[1] for each in plain):.2f} |", flush=True)


if __name__ == "__main__":
    main()
