"""Runs of a study at once: wall time beside the best possible split of the cores, and the same tables.

Run: python benchmarks/at_once.py [--jobs 2] [--engines jobs,ray] [--epochs 10] [--images 1024] [--out work/at_once]

A study of 4 methods with 3 seeds in one process of one thread, then the same in N processes (`--jobs N`) and on Ray
with N cores. The best possible split is the time of the one process over N. Starting counts for all of them. Weights
and tables are compared, every bit.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from two_pilots import content

WANTED = 1.15  # of the best possible split


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--engines", default="jobs,ray")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--out", type=Path, default=Path("work/at_once"))
    asked = parser.parse_args()
    shutil.rmtree(asked.out, ignore_errors=True)
    asked.out.mkdir(parents=True)
    words = [f"surfaces?n={asked.images}", "--methods", "byol,simclr,supervised,random", "--seeds", "3"]
    words += ["--epochs", str(asked.epochs), "--batch-size", "128", "--image-size", "32", "--costs", "none"]
    more = {"jobs": ["--jobs", str(asked.jobs)], "ray": ["--engine", "ray", "--cpus-per-run", "1"]}
    alone = seconds_of(words, asked.out / "alone")
    best, wanted, worst, odd = alone / asked.jobs, content(asked.out / "alone"), 0.0, 0
    print(f"one process of one thread: {alone:.1f} s; the best split over {asked.jobs} cores: {best:.1f} s", flush=True)
    for engine in asked.engines.split(","):
        spent = seconds_of([*words, *more[engine]], asked.out / engine)
        differing = [name for name, value in content(asked.out / engine).items() if wanted.get(name) != value]
        worst, odd = max(worst, spent / best), odd + len(differing)
        print(
            f"{engine}: {spent:.1f} s, {spent / best:.2f} of the best split; differing: {differing or 'nothing'}",
            flush=True,
        )
    print(f"worst: {worst:.2f}, wanted at most {WANTED}")
    return int(worst > WANTED or odd > 0)


def seconds_of(words: list[str], out: Path) -> float:
    """Seconds of a whole pilot, with one thread a process."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "kogen", "--quiet", "pilot", *words, "--out", str(out)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
