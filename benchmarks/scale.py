"""Large tables of results through `kogen lottery` and a study's report, seconds and peak memory of a fresh process.

`python benchmarks/scale.py [--case NAME]...`: tables are made once, from a seed, in work/scale/ (which git ignores).
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from lottery import wide_scores

from kogen.common.tables import SCHEMAS, to_arrow

WORK = Path(__file__).parents[1] / "work" / "scale"
SETS = {"val": ("reference", 66_667), "foggy": ("shift", 50_000), "other-plant": ("transfer", 50_000)}
PHOTOS = 10  # images of one part: a cluster
LOTTERY = """
import sys
from kogen.cli import main
main(sys.argv[1:])
"""
REPORT = """
import sys
from pathlib import Path
from kogen.reporting.study import page, verdict
verdict.build(Path(sys.argv[1]), margin=0.5)
page.write(Path(sys.argv[1]))
"""


def item_names(name: str, count: int) -> list[str]:
    """Content ids as kogen writes them: 16 hexadecimal digits."""
    return [hashlib.blake2b(f"{name} {place}".encode(), digest_size=8).hexdigest() for place in range(count)]


def runs(models: int, seeds: int) -> Iterator[pd.DataFrame]:
    """The predictions of each run on each set, one frame at a time, as a study has them."""
    rng = np.random.default_rng([models, seeds])
    skill, sets = rng.uniform(0.5, 1.5, models), {}
    for name, (_, count) in SETS.items():
        hard = rng.standard_normal(count) + 0.7 * np.repeat(rng.standard_normal(-(-count // PHOTOS)), PHOTOS)[:count]
        sets[name] = item_names(name, count), np.arange(count) // PHOTOS, hard
    for model in range(models):
        for seed in range(seeds):
            luck = 0.03 * rng.standard_normal()
            for place, (name, (items, cluster, hard)) in enumerate(sets.items()):
                right = skill[model] - 0.3 * place + luck + hard + rng.standard_normal(len(items)) > 0
                frame = {"run": f"r{model:02d}{seed}", "model": f"model-{model:02d}", "method": "byol", "seed": seed}
                frame |= {"dataset": name, "role": SETS[name][0], "protocol": "linear", "item": items}
                frame |= {"cluster": [f"{name}-part-{each:05d}" for each in cluster]}
                frame |= {"label": "good", "predicted": np.where(right, "good", "bad"), "correct": right}
                yield pd.DataFrame(frame | {"score": rng.random(len(items)), "soft": np.nan})


def write_predictions(place: Path, models: int, seeds: int) -> None:
    """Write the predictions of a study, a row group for each run and set."""
    with pq.ParquetWriter(place, SCHEMAS["predictions"]) as writer:
        for frame in runs(models, seeds):
            frame = frame.astype({"correct": np.int8, "score": np.float32, "soft": np.float32})
            writer.write_table(to_arrow(frame, "predictions"))


def write_wide(models: int, sets: int) -> Callable[[Path], None]:
    """A maker of a wide table of scores."""
    return lambda place: wide_scores(models, sets).to_csv(place, index=False)


def write_long(models: int, sets: int) -> Callable[[Path], None]:
    """A maker of the same in long form, with the number of images."""

    def write(place: Path) -> None:
        long = wide_scores(models, sets).melt("model", var_name="dataset", value_name="score")
        long.assign(n=10_000).to_csv(place, index=False)

    return write


def write_images(models: int, items: int, sets: int = 1) -> Callable[[Path], None]:
    """A maker of a table with one row an image."""

    def write(place: Path) -> None:
        rng, names = np.random.default_rng([models, items]), [f"i{each:06d}" for each in range(items)]
        schema = pa.schema({"model": pa.string(), "dataset": pa.string(), "item": pa.string(), "correct": pa.int8()})
        with pq.ParquetWriter(place, schema) as writer:
            for name in (f"s{each:04d}" for each in range(sets)):
                hard = rng.standard_normal(items)
                for model in range(models):
                    right = rng.normal(0.8, 0.2) + hard + rng.standard_normal(items) > 0
                    frame = pd.DataFrame({"model": f"m{model:06d}", "dataset": name, "item": names, "correct": right})
                    writer.write_table(pa.Table.from_pandas(frame.astype({"correct": np.int8}), schema=schema))

    return write


CASES: dict[str, tuple[str, str, Callable[[Path], None], str]] = {  # title, file, maker, reference ("": a study)
    "study": ("report of a study, 10 million rows", "study/predictions.parquet",
              lambda place: write_predictions(place, 12, 5), ""),
    "lottery": ("lottery, 10 million rows of images", "study/predictions.parquet",
                lambda place: write_predictions(place, 12, 5), "val"),
    "sets": ("lottery, 50 models x 3,000 sets, wide", "sets.csv", write_wide(50, 3000), "s00000"),
    "long-sets": ("lottery, 50 models x 3,000 sets, long with n", "long-sets.csv", write_long(50, 3000), "s00000"),
    "models": ("lottery, 100,000 models x 3 sets, wide", "models.csv", write_wide(100_000, 3), "s00000"),
    "long-models": ("lottery, 100,000 models x 3 sets, long with n", "long-models.csv", write_long(100_000, 3),
                    "s00000"),
    "many": ("lottery, 10,000 models x 100 sets, wide", "many.csv", write_wide(10_000, 100), "s00000"),
    "bound-sets": ("lottery at its bounds, 340 models x 5,000 sets, long with n", "bound-sets.csv",
                   write_long(340, 5000), "s00000"),
    "bound-pairs": ("lottery at its bounds, 1,600 models x 234 sets, long with n", "bound-pairs.csv",
                    write_long(1600, 234), "s00000"),
    "bound-models": ("lottery at its bounds, 200,000 models x 10 sets, long with n", "bound-models.csv",
                     write_long(200_000, 10), "s00000"),
    "bound-images": ("lottery at its bounds, 1,500 models x 1,000 images", "bound-images.parquet",
                     write_images(1500, 1000), "s0000"),
    "bound-image-sets": ("lottery at its bounds, 49 models x 500 images x 500 sets", "bound-image-sets.parquet",
                         write_images(49, 500, 500), "s0000"),
    "image-models": ("lottery, 1,000 models x 1,000 images", "image-models.parquet", write_images(1000, 1000), "s0000"),
    "image-sets": ("lottery, 5 models x 1,000 images x 300 sets", "image-sets.parquet", write_images(5, 1000, 300),
                   "s0000"),
}  # fmt: skip


def run_apart(command: list[str], limit: float) -> tuple[float, float, float, int]:
    """Seconds by the clock and of the processor, peak memory in GB and exit code of a command, stopped at `limit`."""
    start = time.perf_counter()
    with (WORK / "log.txt").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        while not (found := os.wait4(process.pid, os.WNOHANG))[0]:
            time.sleep(0.1)
            if time.perf_counter() - start > limit:
                process.kill()
                limit = np.inf
        process.returncode = os.waitstatus_to_exitcode(found[1])
    busy = found[2].ru_utime + found[2].ru_stime
    return time.perf_counter() - start, busy, found[2].ru_maxrss / 1e6, process.returncode


def main() -> None:
    """Make the tables that are missing, judge each in a fresh process, print a row a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=[*CASES], action="append", help="only these")
    parser.add_argument("--limit", type=float, default=300, help="seconds after which a case is stopped")
    asked = parser.parse_args()
    print("| case | seconds | processor seconds | peak GB | exit | page, MB |\n|---|--:|--:|--:|--:|--:|", flush=True)
    for name in asked.case or CASES:
        title, file, make, reference = CASES[name]
        place, out = WORK / file, WORK / "out" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            make(place)
        command = [sys.executable, "-c", LOTTERY, "lottery", str(place), "--reference", reference, "--out", str(out)]
        command = command if reference else [sys.executable, "-c", REPORT, str(place.parent)]
        seconds, busy, memory, code = run_apart(command, asked.limit)
        page = (out if reference else place.parent) / "report.html"
        size = f"{page.stat().st_size / 1e6:.1f}" if page.exists() else "-"
        print(f"| {title} | {seconds:.1f} | {busy:.1f} | {memory:.2f} | {code} | {size} |", flush=True)


if __name__ == "__main__":
    main()
