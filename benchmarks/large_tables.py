"""Tables of one row an image that are large: seconds, processor seconds and peak memory of a fresh process each.

`python benchmarks/large_tables.py [--case NAME]... [--rows N] [--rounds R] [--against CHECKOUT]`: the tables are made
once, from a seed, in work/large_tables/. With another checkout of kogen each case runs by that one too, one after the
other in each round, and every table and verdict.json must be the same in both, byte by byte.
"""

import argparse
import filecmp
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scale

from kogen.common.tables import CLASSES, SCHEMAS, to_arrow

WORK = Path(__file__).parents[1] / "work" / "large_tables"
MODELS, SEEDS = 20, 4
LOTTERY = ["-c", scale.LOTTERY, "lottery"]
ROW = "m{model:02d},0,i{item:06d},{right},val{set},xxxxxxxxxxxxxxxxxxxx\n"


def share_sets(rows: int) -> None:
    """Let the sets of `scale` have so many rows in all, with MODELS x SEEDS runs."""
    images = rows // (MODELS * SEEDS)
    parts = {"val": ("reference", 4), "foggy": ("shift", 3), "other-plant": ("transfer", 3)}
    scale.SETS = {name: (role, images * tenths // 10) for name, (role, tenths) in parts.items()}


def write_plain(place: Path, rows: int) -> None:
    """The predictions of a study by one probe: labels and answers."""
    share_sets(rows)
    scale.write_predictions(place, MODELS, SEEDS)


def write_answers(place: Path, rows: int) -> None:
    """The same by two probes, with all that kogen writes of two classes: probabilities, false alarms, paths, groups."""
    share_sets(rows // 2)
    schema, rng = SCHEMAS["predictions"].with_metadata({CLASSES: json.dumps(["bad", "good"])}), np.random.default_rng(0)
    with pq.ParquetWriter(place, schema) as writer:
        for protocol in ("knn", "linear"):
            for run in scale.runs(MODELS, SEEDS):
                bad, right = np.arange(len(run)) % 5 < 2, run["correct"].to_numpy()
                given = np.where(right, 1 + rng.random(len(run)), rng.random(len(run))) / 2  # to the label
                pair = np.where(bad[:, None], np.stack([given, 1 - given], 1), np.stack([1 - given, given], 1))
                lists = pa.FixedSizeListArray.from_arrays(pa.array(pair.astype(np.float32).ravel()), 2)
                lists, names = lists.cast(pa.list_(pa.float32())), run["dataset"] + "/" + run["item"] + ".png"
                said = {"label": np.where(bad, "bad", "good"), "predicted": np.where(bad == right, "bad", "good")}
                said |= {"score": given.astype(np.float32), "path": names, "group": "line " + run["cluster"].str[-1]}
                run = run.assign(**said, protocol=protocol, correct=right.astype(np.int8), soft=np.float32(np.nan))
                table = to_arrow(run, "predictions")
                for name in ("probabilities", "false_alarm"):
                    table = table.set_column(table.column_names.index(name), name, lists)
                writer.write_table(table.replace_schema_metadata(schema.metadata))


def write_csv(place: Path, rows: int) -> None:
    """A csv of 20 models on sets of 50,000 images: three times as many rows as `rows`, which for 8 million is 1 GB."""
    rng, sets = np.random.default_rng(0), max(1, 3 * rows // (MODELS * 50_000))
    hard = rng.standard_normal(50_000)
    with place.open("w") as file:
        file.write("model,seed,item,correct,dataset,note\n")
        for number in range(sets):
            for model in range(MODELS):
                right = rng.uniform(0.5, 1.5) + hard + rng.standard_normal(len(hard)) > 0
                lines = (ROW.format(model=model, item=k, right=int(one), set=number) for k, one in enumerate(right))
                file.write("".join(lines))


CASES: dict[str, tuple[str, str, Callable[[Path, int], None], list[str]]] = {  # title, file, maker, program
    "study": ("report of a study", "predictions.parquet", write_plain, ["-c", scale.REPORT]),
    "answers": ("the same, two probes, with probabilities", "predictions.parquet", write_answers, ["-c", scale.REPORT]),
    "lottery": ("lottery of the study's predictions", "predictions.parquet", write_plain, LOTTERY),
    "csv": ("lottery of a csv", "images.csv", write_csv, LOTTERY),
}


def make_case(name: str, rows: int) -> Path:
    """The file of a case, made where it is missing."""
    _, file, make, _ = CASES[name]
    place = WORK / f"{make.__name__}-{rows}" / file
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(".partial")
        make(part, rows)
        part.rename(place)
    return place


def run_case(name: str, source: Path, checkout: Path, out: Path) -> tuple[float, float, float]:
    """Seconds, processor seconds and peak GB of a case by the kogen of a checkout, whose files are then in `out`."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    program = [sys.executable, "-P", *CASES[name][3]]  # not what lies in the folder where it is started
    if CASES[name][3] is LOTTERY:
        first = "val0" if source.suffix == ".csv" else "val"
        program += [str(source), "--reference", first, "--out", str(out)]
    else:
        os.link(source, out / source.name)
        program.append(str(out))
    *numbers, code = scale.run_apart(["env", f"PYTHONPATH={checkout}", *program], 3600)
    if code:
        raise RuntimeError(f"{name} ended with {code}: {(scale.WORK / 'log.txt').read_text()[-2000:]}")
    return numbers[0], numbers[1], numbers[2]


def differing_files(one: Path, two: Path) -> list[str]:
    """Tables and verdicts that are not the same in two folders."""
    names = {path.name for folder in (one, two) for path in folder.iterdir() if path.suffix in (".parquet", ".json")}
    return sorted({*filecmp.cmpfiles(one, two, names, shallow=False)[1], *filecmp.cmpfiles(one, two, names)[2]})


def main() -> None:
    """Make the tables that are missing, run each case in fresh processes, print a row a case and checkout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=[*CASES], action="append", help="only these")
    parser.add_argument("--rows", type=int, default=8_000_000, help="of the predictions")
    parser.add_argument("--rounds", type=int, default=1, help="of which the medians are printed")
    parser.add_argument("--against", type=Path, help="another checkout of kogen")
    asked = parser.parse_args()
    scale.WORK.mkdir(parents=True, exist_ok=True)
    here = Path(__file__).resolve().parents[1]
    checkouts = {"here": here} | ({"there": asked.against.resolve()} if asked.against else {})
    print(
        "| case | checkout | seconds | processor seconds | peak GB | same results |\n|---|---|--:|--:|--:|---|",
        flush=True,
    )
    for name in asked.case or CASES:
        source, found = make_case(name, asked.rows), {each: [] for each in checkouts}
        outs = {each: WORK / each / name for each in checkouts}
        for _ in range(asked.rounds):
            for each, checkout in checkouts.items():
                found[each].append(run_case(name, source, checkout, outs[each]))
        odd = differing_files(*outs.values()) if len(outs) == 2 else []
        same = "-" if len(outs) < 2 else f"no: {', '.join(odd)}" if odd else "yes"
        for each, numbers in found.items():
            seconds, busy, memory = np.median(numbers, axis=0)
            print(f"| {CASES[name][0]} | {each} | {seconds:.1f} | {busy:.1f} | {memory:.2f} | {same} |", flush=True)


if __name__ == "__main__":
    main()
