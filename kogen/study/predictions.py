"""The predictions of a study's runs: each run is judged once, into a table of its own."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from kogen.augmentation.views import evaluation_view
from kogen.common import devices
from kogen.common.files import json_digest, write_atomically
from kogen.common.records import read_plan_record
from kogen.common.tables import CLASSES, read_arrow, write_table
from kogen.config.plan import Plan
from kogen.evaluation.predict import evaluate_backbone
from kogen.results.gather import REJUDGE, TABLE, runs_in
from kogen.study.splits import Splits
from kogen.training.run import load_run, record_of

JUDGED = "judged"  # key of a table's facts: a digest of every set


def refuse_foreign_rows(folder: Path, plans: list[Plan]) -> None:
    """ValueError where a study already holds rows of runs with other images, versions, device or options."""
    place = folder / TABLE
    records = {record["id"]: record for record in map(record_of, plans)}
    there = {file.parent.name for file in folder.glob(f"runs/*/{TABLE}")} | (
        runs_in(place) if place.exists() else set()
    )
    for run in sorted(there - set(records)):
        if not (folder / "runs" / run / "plan.json").exists():
            got = f"{folder} holds predictions of a run {run} that has no folder there"
            raise ValueError(f"{got} and is none of those asked for: choose another --out, or delete {place}")
        was = read_plan_record(folder / "runs" / run)
        alike = [r for r in records.values() if (r["model"], r["seed"]) == (was["model"], was["seed"])]
        odd = [key for key in alike[0] if key != "id" and alike[0][key] != was.get(key)] if alike else ["method"]
        got = f"{folder} holds predictions of a run of {was['model']} (seed {was['seed']}) that differs in"
        want = f"from the one asked for; both would be counted: choose another --out, or delete {folder}"
        raise ValueError(f"{got} {', '.join(odd)} {want}")


def judge_run(run: Path, sets: Splits, probes: Sequence[str], target: Path, model: str = "") -> None:
    """Write TARGET/predictions.parquet of a finished run, under `model` or its method's name, unless it is there.

    ValueError as `is_judged`.
    """
    place = target / TABLE
    record, plan, backbone = load_run(run)
    if is_judged(place, sets, probes):
        return
    train = sets.train.with_channels(plan.channels)
    tests = {name: images.with_channels(plan.channels) for name, images in sets.tests.items()}
    identity = {"run": record["id"], "model": model or record["model"], "seed": plan.seed}
    identity |= {"method": plan.framework or plan.method}
    view = evaluation_view(plan.image_size, mean=plan.mean, std=plan.std)
    backbone.to(devices.default_device())
    found = evaluate_backbone(backbone, view, train, tests, sets.roles(), probes, identity)
    write_table(
        place, found, "predictions", {JUDGED: json.dumps(digests_of(sets)), CLASSES: json.dumps(sets.train.classes)}
    )


def is_judged(place: Path, sets: Splits, probes: Sequence[str]) -> bool:
    """Whether a run's predictions are there. ValueError where they are of other sets, images, labels or probes."""
    if not place.exists():
        return False
    table = read_arrow(place, REJUDGE, kind="predictions", columns=["dataset", "protocol"])
    was, now = json.loads((table.schema.metadata or {}).get(JUDGED.encode(), b"null")), digests_of(sets)
    rows = table.to_pandas()
    wanted = {(name, probe) for name in sets.tests for probe in probes}
    if not wanted <= set(zip(rows.dataset, rows.protocol, strict=True)):
        raise ValueError(f"{place} holds other sets or probes of this run: choose another --out")
    if was and (odd := sorted(name for name in now if was.get(name) != now[name])):  # older versions wrote none
        got = f"{place} was judged on other images or labels of {', '.join(odd)} than are there now"
        raise ValueError(f"{got}: choose another --out, or delete the file to judge the run again")
    return True


def digests_of(sets: Splits) -> dict[str, str]:
    """What predictions depend on beside the run: a digest of the images and labels of each set."""
    return {"train": sets.train.digest} | {name: images.digest for name, images in sets.tests.items()}


def names_of_runs(runs: Sequence[Path]) -> list[str]:
    """A name per run: its model's, or its folder's where runs of that model differ in more than the seed."""
    records = [read_plan_record(run) for run in runs]
    variants: dict[str, set[str]] = {}
    for record in records:
        rest = {key: value for key, value in record.items() if key not in ("id", "seed")}
        variants.setdefault(record["model"], set()).add(json_digest(rest))
    return [r["model"] if len(variants[r["model"]]) == 1 else run.name for r, run in zip(records, runs, strict=True)]


def copy_record(run: Path, target: Path) -> None:
    """Copy a run's plan, training and summary into the study, whose report is drawn from them."""
    for name in ("plan.json", "summary.json", "training.parquet"):
        if (run / name).exists():
            write_atomically(target / name, lambda place, name=name: shutil.copyfile(run / name, place))
