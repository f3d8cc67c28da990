"""Judging: a run's rows in a study's table of predictions, once, under its model's name, and none of another study."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kogen.augmentation.views import evaluation_view
from kogen.common import devices
from kogen.common.files import read_json, write_atomically
from kogen.common.tables import append_table, read_table
from kogen.config.plan import Plan, json_digest
from kogen.data.images import Images
from kogen.evaluation.predict import evaluate_backbone
from kogen.training.run import load_run, record_of


def refuse_foreign_rows(folder: Path, plans: list[Plan]) -> None:
    """ValueError where a study already holds rows of other runs: other images, versions or device, or other code."""
    place = folder / "predictions.parquet"
    records = {record["id"]: record for record in map(record_of, plans)}
    for run in sorted(set(read_table(place).run) - set(records)) if place.exists() else []:
        was = read_json(folder / "runs" / run / "plan.json")
        alike = [r for r in records.values() if (r["model"], r["seed"]) == (was["model"], was["seed"])]
        odd = [key for key in alike[0] if key != "id" and alike[0][key] != was.get(key)] if alike else ["method"]
        raise ValueError(
            f"{folder} holds predictions of a run of {was['model']} (seed {was['seed']}) that differs in "
            f"{', '.join(odd)} from the one asked for; both would be counted: choose another --out, or delete {folder}"
        )


def append_predictions(
    run: Path,
    train: Images,
    tests: Mapping[str, Images],
    roles: Mapping[str, str],
    probes: Sequence[str],
    folder: Path,
    model: str = "",
) -> None:
    """Add a run's predictions to the study's table, under its method's name or `model`, unless they are there."""
    place = folder / "predictions.parquet"
    record, plan, backbone = load_run(run)
    if place.exists():
        there = read_table(place)
        there = there[there.run == record["id"]]
        wanted = {(name, probe) for name in tests for probe in probes}
        if wanted <= set(zip(there.dataset, there.protocol, strict=True)):
            return
        if len(there):
            raise ValueError(f"{place} holds other sets or probes of the run {record['id']}: choose another --out")
    train, tests = train.with_channels(plan.channels), {n: t.with_channels(plan.channels) for n, t in tests.items()}
    identity = {"run": record["id"], "model": model or record["model"], "method": plan.framework or plan.method}
    identity |= {"seed": plan.seed}
    view = evaluation_view(plan.image_size, mean=plan.mean, std=plan.std)
    backbone.to(devices.default_device())
    append_table(place, evaluate_backbone(backbone, view, train, tests, roles, probes, identity), "predictions")


def names_of_runs(runs: list[Path]) -> list[str]:
    """What competes, a name per run: the method's; the folder's where runs of a method differ in more than the seed."""
    records = [read_json(run / "plan.json") for run in runs]
    alike: dict[str, set[str]] = {}
    for record in records:
        rest = {key: value for key, value in record.items() if key not in ("id", "seed")}
        alike.setdefault(record["model"], set()).add(json_digest(rest))
    return [r["model"] if len(alike[r["model"]]) == 1 else run.name for r, run in zip(records, runs, strict=True)]


def copy_record(run: Path, folder: Path) -> None:
    """Put a run's plan, training and summary beside the study's tables, so that the report can be drawn from them."""
    record = read_json(run / "plan.json")
    for name in ("plan.json", "summary.json", "training.parquet"):
        if (run / name).exists():
            write_atomically(
                folder / "runs" / record["id"] / name, lambda p, n=name: p.write_bytes((run / n).read_bytes())
            )
