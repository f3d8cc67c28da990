"""Training beside busy processes: images a second, and of the fair share of the cores.

Run: python benchmarks/busy_machine.py [--busy 0,1,2] [--epochs 4] [--out work/busy_machine]

BYOL on the default network at 32 px is trained, beside as many processes that only count, by as many threads as torch
takes and as kogen chooses by what is free. The fair share of c cores beside b processes is c - b, or c / (b + 1) where
that is more, and so much of what is trained alone. On an idle machine: what else is at work counts as nothing.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pandas as pd

WANTED = 0.6  # of the fair share
COUNT = "while True: pass"
TRAIN = """
import sys, torch, kogen
if sys.argv[2] == "fixed":
    import os
    os.environ["OMP_NUM_THREADS"] = str(torch.get_num_threads())
how = {"method": "byol", "image_size": 32, "precision": "32", "epochs": int(sys.argv[3])}
kogen.pretrain("surfaces?n=1024", out=sys.argv[1], **how)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", default="0,1,2")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("work/busy_machine"))
    asked = parser.parse_args()
    shutil.rmtree(asked.out, ignore_errors=True)
    cores, alone, worst = len(os.sched_getaffinity(0)), 0.0, 1.0
    print(f"{cores} cores; images/s, the median of all passes but the first")
    print("| busy processes | all threads | as free | threads | fair share | as free / fair share |")
    print("|--:|--:|--:|--:|--:|--:|")
    for busy in map(int, asked.busy.split(",")):
        speeds = [
            images_per_second(kind, busy, asked.epochs, asked.out / f"{busy}-{kind}") for kind in ("fixed", "free")
        ]
        alone = alone or speeds[0][0]
        fair = alone * max(cores - busy, cores / (busy + 1)) / cores
        share = speeds[1][0] / fair
        worst = min(worst, share)
        print(
            f"| {busy} | {speeds[0][0]:.0f} | {speeds[1][0]:.0f} | {speeds[1][1]} | {fair:.0f} | {share:.2f} |",
            flush=True,
        )
    print(f"worst: {worst:.2f} of the fair share, wanted {WANTED}")
    return int(worst < WANTED)


def images_per_second(kind: str, busy: int, epochs: int, out: Path) -> tuple[float, str]:
    """Images a second of a training beside busy processes, and the threads that it had."""
    others = [subprocess.Popen([sys.executable, "-c", COUNT]) for _ in range(busy)]
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    try:
        subprocess.run([sys.executable, "-c", TRAIN, str(out), kind, str(epochs)], check=True, env=env)
    finally:
        for other in others:
            other.kill()
            other.wait()
    passes = pd.read_parquet(out / "training.parquet").drop_duplicates("epoch").query("epoch > 1")
    return statistics.median(passes["images_per_second"]), ", ".join(map(str, sorted(set(passes["threads"]))))


if __name__ == "__main__":
    raise SystemExit(main())
