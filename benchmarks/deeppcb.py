"""Boxes on DeepPCB: detectors from several starts, few and many boards, known and unseen groups: docs/transfer.md."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from kogen.data.boxes.open_boxes import open_boxes
from kogen.data.cache_settings import CacheSettings
from kogen.detection.box_gallery import write_box_gallery
from kogen.detection.box_study import join_rows, run_detector
from kogen.detection.detectors import DetectorStart, scratch, start_from
from kogen.results.boxes.box_runs import BoxRun, read_runs
from kogen.results.boxes.box_values import box_pairs, box_values, false_alarm_curve, measure_run

SHOWN = ("ap", "ap50")


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="factory_deeppcb.zip, or a folder of it")
    parser.add_argument("--start", action="append", default=[], help="NAME=WEIGHTS; scratch=BACKBONE for none")
    parser.add_argument("--share", type=float, action="append", default=[])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--detector", default="fcos")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("deeppcb"))
    return parser.parse_args()


def read_start(asked: str) -> DetectorStart:
    """`scratch=BACKBONE` or `NAME=WEIGHTS`."""
    name, _, what = asked.partition("=")
    return scratch(what) if name == "scratch" else start_from(name, what)


def parts_of(run: BoxRun, known: set[str]) -> dict[str, BoxRun]:
    """The run on all test boards, on those of groups that were trained on, and on those of other groups."""
    assert run.groups is not None
    seen = np.isin(run.groups.astype(str), sorted(known))
    return {"all": run, "known groups": run.subset(seen), "unseen groups": run.subset(~seen)}


def main() -> None:
    """Train what is not trained yet, and print the tables."""
    asked, began = parse(), time.perf_counter()
    torch.set_num_threads(1)
    boxes = open_boxes(asked.source, CacheSettings(stored_side=asked.size))
    print("; ".join(boxes.images.notes))
    train, test = boxes.part("train"), boxes.part("test")
    assert train.images.groups is not None
    known = set(train.images.groups.astype(str))
    settings = {"detector": asked.detector, "width": asked.width}
    common = {"size": asked.size, "epochs": asked.epochs, "settings": settings}
    for share in asked.share or [1.0]:
        epochs = round(asked.epochs / share)  # as many steps whatever the share
        tables = []
        for seed in range(asked.seeds):
            for start in map(read_start, asked.start):
                chosen = common | {"epochs": epochs, "share": share, "seed": seed}
                tables.append(run_detector(start, (train, test), asked.out, **chosen))
                print(f"{start.name}, {share:.0%}, seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)
        found = read_runs(join_rows(tables), test.classes)
        for run in found:
            write_box_gallery(test, run, asked.out / "gallery" / f"{run.model}-{share:g}-{run.seed}")
        runs = [parts_of(run, known) for run in found]
        for part in runs[0]:
            measured = [measure_run(run[part]) for run in runs]
            values = box_values(measured)
            print(f"\n{share:.0%} of the training boards; {part}: {len(measured[0].run.items)} test boards")
            print(values[values["number"].isin(SHOWN)][["number", "model", "value", "lo", "hi"]].to_string(index=False))
            pairs = box_pairs(measured)
            if len(pairs):
                columns = ["number", "first", "second", "difference", "lo", "hi", "verdict"]
                print(pairs[pairs["number"].isin(SHOWN)][columns].to_string(index=False))
            for run in runs:
                curve = false_alarm_curve(run[part], draws=500)
                points = [f"{r.value:.0f} ({r.lo:.0f}-{r.hi:.0f})" for r in curve.itertuples()]
                print(f"found at 1/8 .. 8 false alarms an image, {run[part].model}: {', '.join(points)}")


if __name__ == "__main__":
    main()
