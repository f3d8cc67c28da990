"""The table of predictions of a study: the rows of each run, once and under the name of its model."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from kogen.augmentation.views import evaluation_view
from kogen.common import devices
from kogen.common.files import read_json, write_atomically
from kogen.common.tables import append_table, read_table
from kogen.config.plan import Plan, json_digest
from kogen.evaluation.predict import evaluate_backbone
from kogen.study.splits import Splits
from kogen.training.run import load_run, record_of


def refuse_foreign_rows(folder: Path, plans: list[Plan]) -> None:
    """ValueError where a study already holds rows of runs with other images, versions, device or options."""
    place = folder / "predictions.parquet"
    records = {record["id"]: record for record in map(record_of, plans)}
    for run in sorted(set(read_table(place).run) - set(records)) if place.exists() else []:
        was = read_json(folder / "runs" / run / "plan.json")
        alike = [r for r in records.values() if (r["model"], r["seed"]) == (was["model"], was["seed"])]
        odd = [key for key in alike[0] if key != "id" and alike[0][key] != was.get(key)] if alike else ["method"]
        got = f"{folder} holds predictions of a run of {was['model']} (seed {was['seed']}) that differs in"
        want = f"from the one asked for; both would be counted: choose another --out, or delete {folder}"
        raise ValueError(f"{got} {', '.join(odd)} {want}")


def append_predictions(run: Path, sets: Splits, probes: Sequence[str], folder: Path, model: str = "") -> None:
    """Add a run's predictions to the study's table, under `model` or its method's name, unless they are there."""
    place = folder / "predictions.parquet"
    record, plan, backbone = load_run(run)
    if place.exists():
        rows = read_table(place)
        rows = rows[rows.run == record["id"]]
        wanted = {(name, probe) for name in sets.tests for probe in probes}
        if wanted <= set(zip(rows.dataset, rows.protocol, strict=True)):
            return
        if len(rows):
            raise ValueError(f"{place} holds other sets or probes of the run {record['id']}: choose another --out")
    train = sets.train.with_channels(plan.channels)
    tests = {name: images.with_channels(plan.channels) for name, images in sets.tests.items()}
    identity = {"run": record["id"], "model": model or record["model"], "seed": plan.seed}
    identity |= {"method": plan.framework or plan.method}
    view = evaluation_view(plan.image_size, mean=plan.mean, std=plan.std)
    backbone.to(devices.default_device())
    found = evaluate_backbone(backbone, view, train, tests, sets.roles(), probes, identity)
    append_table(place, found, "predictions")


def names_of_runs(runs: Sequence[Path]) -> list[str]:
    """A name per run: its model's, or its folder's where runs of that model differ in more than the seed."""
    records = [read_json(run / "plan.json") for run in runs]
    variants: dict[str, set[str]] = {}
    for record in records:
        rest = {key: value for key, value in record.items() if key not in ("id", "seed")}
        variants.setdefault(record["model"], set()).add(json_digest(rest))
    return [r["model"] if len(variants[r["model"]]) == 1 else run.name for r, run in zip(records, runs, strict=True)]


def copy_record(run: Path, folder: Path) -> None:
    """Copy a run's plan, training and summary into the study, whose report is drawn from them."""
    target = folder / "runs" / read_json(run / "plan.json")["id"]
    for name in ("plan.json", "summary.json", "training.parquet"):
        if (run / name).exists():
            write_atomically(target / name, lambda place, name=name: shutil.copyfile(run / name, place))
