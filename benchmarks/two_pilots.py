"""Two pilots at work on one study, killed at random instants: nothing is lost, all ends as if nobody had disturbed.

Run: python benchmarks/two_pilots.py [--kills 30] [--seed 0] [--out work/two_pilots]

Each trial starts two processes of the same command on a new folder. One of them, drawn at random, is killed (SIGKILL)
after a drawn time, and started again; a trial has six kills, then both are let run. Its tables and weights are compared
with those of one process that nobody disturbed: every row and every bit.
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

ASKED = ("surfaces?n=240", "--methods", "byol,simclr,random", "--seeds", "2", "--epochs", "6", "--batch-size", "32")
ASKED += ("--backbone", "tiny?width=8", "--image-size", "32", "--views", "inspection", "--precision", "32")
KILLS_A_TRIAL = 6
KEY = ["run", "dataset", "protocol", "item"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("work/two_pilots"))
    asked = parser.parse_args()
    shutil.rmtree(asked.out, ignore_errors=True)
    asked.out.mkdir(parents=True)
    began = time.perf_counter()
    if start(asked.out / "calm", asked.out / "calm.log").wait():
        sys.exit(f"the undisturbed pilot failed: see {asked.out / 'calm.log'}")
    alone = time.perf_counter() - began
    wanted = content(asked.out / "calm")
    print(f"undisturbed: {len(wanted)} files and tables, {alone:.0f} s", flush=True)
    rng, killed, lost, trial = random.Random(asked.seed), 0, 0, 0
    while killed < asked.kills:
        folder = asked.out / f"trial-{trial}"
        count = disturb(folder, rng, min(KILLS_A_TRIAL, asked.kills - killed), alone)
        found = content(folder)
        odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        killed, lost, trial = killed + count, lost + bool(odd), trial + 1
        print(f"trial {trial}: {count} kills, {f'differs in {odd}' if odd else 'the same'}", flush=True)
    print(f"{killed} kills in {trial} trials, {lost} studies lost or different")
    return int(lost > 0)


def start(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """A pilot as a process of its own."""
    command = [sys.executable, "-m", "kogen", "pilot", *ASKED, "--out", str(folder)]
    with log.open("ab") as file:
        # One thread: by default their number follows what other processes leave free, and last bits follow it.
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, stdout=file, stderr=file, env=env)


def disturb(folder: Path, rng: random.Random, kills: int, alone: float) -> int:
    """Two pilots on one folder, of which one at a time is killed and started again; returns how often one was."""
    logs = [folder.with_suffix(f".{name}.log") for name in ("a", "b")]
    processes, done = [start(folder, log) for log in logs], 0
    while done < kills:
        time.sleep(rng.uniform(0.5, alone / 2))
        which = rng.randrange(2)
        if processes[which].poll() is None:
            processes[which].kill()
            done += 1
        processes[which].wait()
        if all(process.poll() == 0 for process in processes):
            break  # both were through before the last kill
        processes[which] = start(folder, logs[which])
    codes = [process.wait() for process in processes]
    if any(code not in (0, -9) for code in codes):
        print(f"exit codes {codes}: see {', '.join(map(str, logs))}")
    if -9 in codes and start(folder, logs[0]).wait():
        print(f"the last pilot failed: see {logs[0]}")
    return done


def content(folder: Path) -> dict[str, str]:
    """A hash of every table and of every weight of a study, of what does not depend on the clock."""
    if not (folder / "predictions.parquet").exists():
        return {}
    found = {"predictions": hash_rows(pd.read_parquet(folder / "predictions.parquet").sort_values(KEY))}
    for run in sorted((folder / "runs").iterdir()):
        found[f"{run.name}/predictions"] = hash_rows(pd.read_parquet(run / "predictions.parquet"))
        found[f"{run.name}/weights"] = hashlib.sha256((run / "weights.safetensors").read_bytes()).hexdigest()
        found[f"{run.name}/left"] = ", ".join(path.name for path in run.rglob("*.tmp"))
        if (run / "training.parquet").exists():
            table = pd.read_parquet(run / "training.parquet")
            found[f"{run.name}/training"] = hash_rows(table.drop(columns=["seconds", "images_per_second"]))
    for name in ("values", "pairs", "ranks", "transfer"):
        found[name] = hash_rows(pd.read_parquet(folder / f"{name}.parquet"))
    return found


def hash_rows(table: pd.DataFrame) -> str:
    """A hash of the content of a table."""
    return hashlib.sha256(table.reset_index(drop=True).to_csv(float_format="%.17g").encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
