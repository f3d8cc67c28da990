"""The predictions of a study's runs: each run is judged once, into a table of its own."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common import devices, registry
from kogen.common.files import json_digest, write_atomically
from kogen.common.plugins import find_plugin
from kogen.common.protocols import layers_tuned, protocol_keys, split_protocol
from kogen.common.records import read_plan_record
from kogen.common.tables import CLASSES, read_arrow, write_table
from kogen.config.plan import Plan
from kogen.evaluation.anomalies import detect_anomalies
from kogen.evaluation.predict import evaluate_backbone
from kogen.results.gather import CODE, JUDGED, REJUDGE, TABLE, runs_in, stored_code, stored_digests
from kogen.study.map_writer import MapWriter
from kogen.study.splits import Splits
from kogen.training.run import load_run, record_of

OF_A_PART = ("images", "data", "epochs")  # of the plan of a run on a part of the images, which its seed draws


def refuse_foreign_rows(folder: Path, plans: Sequence[Plan], *, extended: bool = False) -> None:
    """ValueError where a study already holds rows of runs with other images, versions, device or options.

    `extended`: the plans are of a study to which something is added, which may be why they differ.
    """
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
        alike = [r for r in records.values() if run_names(r) == run_names(was)]
        odd = [key for key in alike[0] if key != "id" and alike[0][key] != was.get(key)] if alike else ["method"]
        if extended and {"data", "images"} & set(odd):
            got = f"with what is added, {folder} would train on other images than its runs of {was['model']} did"
            why = "near copies join images of a set that is added with images of train, or --twins drop leaves some out"
            raise ValueError(f"{got} ({why}; or files of train changed): ask it all with another --out")
        got = f"{folder} holds predictions of a run of {was['model']} (seed {was['seed']}) that differs in"
        want = f"from the one asked for; both would be counted: choose another --out, or delete {folder}"
        raise ValueError(f"{got} {', '.join(odd)} {want}")


def run_names(record: Mapping[str, Any]) -> tuple[str, int, str]:
    """What a run is called: its model, its seed, and the part of the images that it is of."""
    return record["model"], record["seed"], record.get("pool", "")


def judge_run(run: Path, sets: Splits, protocols: Sequence[str], target: Path, model: str = "") -> None:
    """Write TARGET/predictions.parquet of a finished run by all probes of its frozen features, see `add_answers`.

    Answers that are there are not computed again. ValueError as `missing_answers`.
    """
    was = read_plan_record(run)
    asked = [name for name in protocols if not layers_tuned(split_protocol(name).probe)]
    missing = missing_answers(target / TABLE, sets, protocols_of_run(asked, was["method"], was.get("pool", "")))
    if not missing:
        return
    record, plan, backbone = load_run(run)
    train = sets.train.with_channels(plan.channels)
    view = plan.evaluation_view
    backbone.to(devices.default_device())
    tables, identity = [], identity_of(record, plan, model)
    for names, probes in group_probes(missing):
        tests = {name: sets.tests[name].with_channels(plan.channels) for name in names}
        if split_protocol(probes[0]).probe in registry.names("detectors"):
            watch = MapWriter(target, identity, private=sets.private)
            tables.append(detect_anomalies(backbone, view, train, tests, sets.roles(), probes, identity, watch))
            watch.save()
        else:
            tables.append(evaluate_backbone(backbone, view, train, tests, sets.roles(), probes, identity))
    add_answers(target / TABLE, tables, sets, protocols)


def identity_of(record: Mapping[str, Any], plan: Plan, model: str) -> dict[str, Any]:
    """The columns that say of which run an answer is; `model`: its name in the study, if it is another."""
    identity = {"run": record["id"], "model": model or record["model"], "seed": plan.seed}
    identity |= {"method": plan.framework or plan.method}
    return identity | ({"pool": plan.pool or None} if identity["model"] == record["model"] else {})


def add_answers(place: Path, tables: Sequence[pd.DataFrame], sets: Splits, protocols: Sequence[str]) -> None:
    """Add rows to a run's table, which is replaced by the whole one at once."""
    digests, tables = sets.digests(), list(tables)
    if place.exists():
        before = read_arrow(place, REJUDGE, kind="predictions")
        digests = stored_digests(before) | digests
        tables.insert(0, with_present_clusters(before.to_pandas(), sets))
    found = order_rows(pd.concat(tables, ignore_index=True), sets, protocols)
    facts = {JUDGED: digests, CODE: code_of_probes(protocols), CLASSES: sets.train.classes}
    facts = {key: json.dumps(value) for key, value in facts.items()}
    write_table(place, found, "predictions", facts)


def protocols_of_run(protocols: Sequence[str], method: str, pool: str = "") -> list[str]:
    """The protocols that a run of a method is judged by; `pool`: the part of the images that it was trained on.

    A network that was trained on all labels cannot say what fewer of them give: it is judged with all labels alone.
    So is one of a part of the images, and none of its layers is fine-tuned: what few labels buy, and which layers learn
    from them, is asked of the best that there is.
    """
    all_labels = bool(pool) or registry.load("methods", method).recipe.labels
    asked = [(name, split_protocol(name)) for name in protocols]
    return [name for name, one in asked if not (all_labels and one.budget) and not (pool and layers_tuned(one.probe))]


def missing_answers(place: Path, sets: Splits, probes: Sequence[str]) -> list[tuple[str, str]]:
    """Set and probe of the answers that a run's table lacks. ValueError where it is of other images or labels."""
    wanted = [(name, probe) for probe in probes for name in sets.tests]
    if not place.exists():
        return wanted
    table = read_arrow(place, REJUDGE, kind="predictions", columns=["dataset", "protocol", "budget", "draw"])
    was = stored_digests(table)
    rows = table.to_pandas().drop_duplicates()
    there = set(zip(rows.dataset, protocol_keys(rows), strict=True))
    missing = [pair for pair in wanted if pair not in there]
    if odd := changed_sets(was, sets, rows.dataset):
        got = f"{place} was judged on other images or labels of {odd} than are there now (masks count, too)"
        raise ValueError(f"{got}: choose another --out, or delete the file to judge the run again")
    now = code_of_probes(probe for _, probe in there)
    then = stored_code(table)
    if changed := [name for name, digest in now.items() if then.get(name, digest) != digest]:
        got = f"{place} has answers of the {changed[0]}, whose code was another one then ({then[changed[0]]})"
        raise ValueError(f"{got}: give the file as it was, or choose another --out")
    if missing and not was:  # older versions wrote no digests
        got = f"{place} does not say on which images and labels it was judged, so none can be added to it"
        raise ValueError(f"{got}: delete it, and the run is judged again on all sets")
    return missing


def code_of_probes(protocols: Iterable[str]) -> dict[str, str]:
    """The digests of the code of those probes that are plug-ins, `probe NAME`."""
    found = {name: find_plugin("probes", name) for name in {split_protocol(one).probe for one in protocols}}
    return {f"probe {name}": plugin.digest for name, plugin in found.items() if plugin}


def changed_sets(was: Mapping[str, str], sets: Splits, judged: Iterable[str]) -> str:
    """The names of train, and of sets that were judged, whose images or labels are no more those of a run's table.

    `was`: the digests in the table; an older one, without them, says nothing.
    """
    now, told = sets.digests(), {"train", *judged}
    return ", ".join(sorted(name for name in now if was and name in told and was.get(name) != now[name]))


def refuse_other_images(run: Path, sets: Splits) -> None:
    """ValueError where the images of a judged run's study are no more those that it was judged on.

    For who makes something of a finished study: its tables stay as they are.
    """
    table = read_arrow(run / TABLE, REJUDGE, kind="predictions", columns=["dataset"])
    if odd := changed_sets(stored_digests(table), sets, table.to_pandas().dataset.unique()):
        got = f"images or labels of {odd} are others than {run} was judged on ({run / TABLE} has their digests)"
        raise ValueError(f"{got}: put them back, or run the study again at another --out of `kogen pilot`")


def refuse_other_answers(place: Path, sets: Splits, probes: Sequence[str]) -> None:
    """ValueError where a run's predictions are of other sets, images, labels or probes."""
    was = read_plan_record(place.parent)
    asked = protocols_of_run(probes, was["method"], was.get("pool", ""))
    if missing_answers(place, sets, asked):
        raise ValueError(f"{place} holds other sets or probes of this run: choose another --out")


def group_probes(missing: Sequence[tuple[str, str]]) -> list[tuple[list[str], list[str]]]:
    """Missing answers as sets and the probes that are to be judged on all of these."""
    by_probe: dict[str, list[str]] = {}
    for name, probe in missing:
        by_probe.setdefault(probe, []).append(name)
    groups: dict[tuple[str, ...], list[str]] = {}
    for probe, names in by_probe.items():
        groups.setdefault(tuple(names), []).append(probe)
    return [(list(names), probes) for names, probes in groups.items()]


def with_present_clusters(rows: pd.DataFrame, sets: Splits) -> pd.DataFrame:
    """Rows of a run with the clusters that their sets have by now: a set that was added can join near copies."""
    rows, protocols = rows.copy(), protocol_keys(rows)
    for name, images in sets.tests.items():
        for probe in set(protocols):
            mine = (rows.dataset == name) & (protocols == probe)
            if mine.any():  # in the order of the images, as the digest of the set says
                rows.loc[mine, "cluster"] = images.clusters.astype(str)
    return rows


def order_rows(rows: pd.DataFrame, sets: Splits, probes: Sequence[str]) -> pd.DataFrame:
    """Rows in the order of probes, and of sets in each, as if all had been judged at once."""
    places = {name: place for place, name in enumerate(sets.tests)}
    keys = protocol_keys(rows).map({probe: place for place, probe in enumerate(probes)}), rows.dataset.map(places)
    order = np.lexsort((np.arange(len(rows)), keys[1].fillna(len(places)), keys[0].fillna(len(probes))))
    return rows.iloc[order].reset_index(drop=True)


def names_of_runs(runs: Sequence[Path], *, with_parts: bool = False) -> list[str]:
    """A name per run: its model's, or its folder's where runs of that model differ in more than the seed.

    Runs on a part of the images are of the same model, and each seed has images of its own. `with_parts` gives them
    names of their own; so have those of a model without a run on all images, which are judged as models of their own.
    """
    records = [read_plan_record(run) for run in runs]
    variants: dict[str, dict[str, set[str]]] = {}
    for record in records:
        own = ("id", "seed", *(OF_A_PART if record.get("pool") else ()))
        rest = {key: value for key, value in record.items() if key not in own}
        variants.setdefault(record["model"], {}).setdefault(record.get("pool", ""), set()).add(json_digest(rest))
    alone = {model for model, pools in variants.items() if all(len(digests) == 1 for digests in pools.values())}
    apart = {model for model, pools in variants.items() if with_parts or "" not in pools}
    parts = [f" on {r['pool']}" if r["model"] in apart and r.get("pool") else "" for r in records]
    named = zip(records, runs, parts, strict=True)
    return [record["model"] + part if record["model"] in alone else run.name for record, run, part in named]


def copy_record(run: Path, target: Path) -> None:
    """Copy a run's plan, training and summary into the study, whose report is drawn from them."""
    for name in ("plan.json", "summary.json", "training.parquet"):
        if (run / name).exists():
            write_atomically(target / name, lambda place, name=name: shutil.copyfile(run / name, place))
