"""Whether the records of a study agree: its question, data and runs, and the answers of the runs with one another."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.files import explain_unreadable, json_digest, read_json, read_sealed_json
from kogen.common.protocols import protocol_keys
from kogen.common.records import RETRAIN, SEEN, read_plan_record
from kogen.common.running_costs import RUNNING_COSTS
from kogen.common.tables import read_arrow
from kogen.options.study import CONTINUED, STARTS, UNTRAINED, resolve_pools, resolve_starts
from kogen.reporting.audit.remarks import Remark, error_as_remark, remark
from kogen.results.asked import FIRST, RECORD
from kogen.results.gather import REJUDGE, TABLE, stored_digests

DATA = "data.json"
SEALED = (DATA, RECORD, RUNNING_COSTS, "runs/*/summary.json")
WRITTEN = ("verdict.json", DATA, TABLE)  # by every study that was judged
# Options that are in the plan of a run as they were asked; of methods that learn from labels the second may differ.
SAME, SAME_WITHOUT_LABELS = ("backbone", "image_size", "views"), ("epochs", "batch_size")


def folders_of_runs(study: Path) -> list[Path]:
    """The folders of the runs of a study, by name."""
    return sorted(path for path in study.glob("runs/*") if path.is_dir())


def read_records(study: Path) -> dict[str, dict[str, Any]]:
    """The plan of each run whose plan can be read, by the name of its folder."""
    found: dict[str, dict[str, Any]] = {}
    for folder in folders_of_runs(study):
        with error_as_remark([]):  # `check_runs` says it
            found[folder.name] = read_plan_record(folder)
    return found


def check_files(study: Path) -> Iterator[Remark]:
    """Files that are absent, and records whose checksum does not fit or is not there."""
    for name in WRITTEN:
        if not (study / name).exists():
            yield remark("audit_absent", file=name)
    for place in sorted(path for pattern in SEALED for path in study.glob(pattern)):
        problems: list[Remark] = []
        with error_as_remark(problems):
            read_sealed_json(place, "")
            if "checksum" not in read_json(place):
                problems.append(remark("audit_unsealed", file=str(place.relative_to(study))))
        yield from problems


def check_question(study: Path) -> Iterator[Remark]:
    """Whether study.toml is the one that was asked first."""
    if (study / RECORD).exists():
        known = read_sealed_json(study / RECORD).get("study")
        if known != hashlib.sha256((study / FIRST).read_bytes()).hexdigest():
            yield remark("audit_edited_question", file=FIRST, record=RECORD)


def check_runs(study: Path, asked: Mapping[str, Any] | None) -> Iterator[Remark]:
    """Whether each run lies in the folder of its id, and the runs are those that were asked for, as they were asked.

    `asked`: the whole question of a pilot with its extensions; None where there is none, as for `kogen evaluate`.
    """
    for folder in folders_of_runs(study):
        problems: list[Remark] = []
        with error_as_remark(problems):
            if (name := read_plan_record(folder)["id"]) != folder.name:
                problems.append(remark("audit_renamed", folder=folder.name, run=name))
        yield from problems
    if asked:
        yield from check_plans(read_records(study), asked)


def check_plans(records: Mapping[str, Mapping[str, Any]], asked: Mapping[str, Any]) -> Iterator[Remark]:
    """Whether runs are those of a question, no more and no fewer, and their plans say what was asked."""
    wanted = runs_asked(asked)
    if asked["init"]:  # the weights that others go on from compete too, under a name that only their file says
        wanted |= {(r["model"], 0, "") for r in records.values() if r["method"] == "stock" and r.get("init")}
    there = {(record["model"], record["seed"], record.get("pool", "")) for record in records.values()}
    for model, seed, pool in sorted(wanted - there):
        yield remark("audit_not_run", model=title_of(model, pool), seed=seed)
    for run, record in records.items():
        model, seed, pool = record["model"], record["seed"], record.get("pool", "")
        if (model, seed, pool) not in wanted:
            yield remark("audit_not_asked", run=run, model=title_of(model, pool), seed=seed)
        elif (method := record["method"]) in asked["methods"] and not record.get("init"):
            variant = record.get("variant")
            known = {**asked, "views": asked["compare_views"][variant]} if variant else asked
            for option in odd_options(record, known):
                yield remark("audit_other_plan", run=run, option=option, was=record[option], now=known[option])
            if record["settings"] != (settings := asked["settings"].get(method, {})):
                yield remark("audit_other_plan", run=run, option="settings", was=record["settings"], now=settings)


def runs_asked(asked: Mapping[str, Any]) -> set[tuple[str, int, str]]:
    """Model, seed and part of the images of every run of a question, but for weights that others go on from."""
    found = {(name, 0, "") for name in asked["candidates"]}
    for method in asked["methods"]:
        starts = STARTS[:1] if method in UNTRAINED else resolve_starts(asked["init"], asked["starts"])
        others = asked["compare_views"] if method not in UNTRAINED else {}
        for model in [method if start == STARTS[0] else f"{method}{CONTINUED}" for start in starts]:
            pools = ("", *resolve_pools(method, asked["pools"]))
            found |= {(model, seed, pool) for seed in range(asked["seeds"]) for pool in pools}
            found |= {(f"{model} {views}", seed, "") for seed in range(asked["seeds"]) for views in others}
    return found


def title_of(model: str, pool: str) -> str:
    """A model, with the part of the images that it is pre-trained on."""
    return f"{model} on {pool}" if pool else model


def odd_options(record: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """The options whose value in the plan of a run is not the one that was asked."""
    recipe = record["recipe"]
    exact = recipe["trains"] and not recipe["labels"]
    names = [*SAME, *(name for name in SAME_WITHOUT_LABELS if exact and isinstance(asked[name], int))]
    names = [name for name in names if not (name == "epochs" and record.get("pool"))]  # as many images are seen
    return [name for name in names if record[name] != asked[name]]


def check_answers(study: Path) -> Iterator[Remark]:
    """Whether runs answered the same items with the same labels, on the sets that data.json describes."""
    first: dict[str, tuple[str, pd.Series]] = {}
    data: dict[str, Any] = read_sealed_json(study / DATA) if (study / DATA).exists() else {"sets": []}
    images = {row["name"]: row["images"] for row in data["sets"]}
    digests, unknown = data.get("digests"), []
    for place in sorted(study.glob(f"runs/*/{TABLE}")):
        run = place.parent.name
        problems: list[Remark] = []
        with error_as_remark(problems):
            names = ["run", "dataset", "protocol", "budget", "draw", "item", "label"]
            table = read_arrow(place, REJUDGE, columns=names)
            rows = table.to_pandas()
            if others := set(rows.run) - {run}:
                problems.append(remark("audit_foreign_rows", run=run, other=min(others)))
            problems += compare_items(run, rows, first)
            stored = stored_digests(table)
            if not (stored and digests):
                unknown.append(run)
            odd = [name for name in stored if digests and stored[name] != digests.get(name)]
            problems += [remark("audit_other_data", run=run, dataset=name, data=DATA) for name in odd]
        yield from problems
    for name, (_, labels) in first.items():
        if name in images and images[name] != len(labels):
            yield remark("audit_other_count", dataset=name, n=len(labels), data=DATA, images=images[name])
    if unknown:
        yield remark("audit_no_digests", n=len(unknown))


def compare_items(run: str, rows: pd.DataFrame, first: dict[str, tuple[str, pd.Series]]) -> list[Remark]:
    """Where a run's items or labels are not those of the first run that was judged on the set; that may be this one."""
    found = []
    parts: Any = rows.groupby([rows["dataset"], protocol_keys(rows)], sort=True)
    for (name, protocol), part in parts:
        labels: pd.Series = part.set_index("item")["label"].sort_index().fillna("")  # of images with boxes none
        other, known = first.setdefault(str(name), (run, labels))
        values = {"run": run, "other": other, "dataset": str(name), "protocol": str(protocol)}
        if not labels.index.equals(known.index):
            n = len(labels.index.symmetric_difference(known.index)) or abs(len(labels) - len(known))
            found.append(remark("audit_other_items", **values, n=n))
        elif (odd := labels.to_numpy() != known.to_numpy()).any():
            item = str(labels.index[int(odd.argmax())])
            found.append(remark("audit_other_labels", **values, n=int(odd.sum()), item=item))
    return found


def check_seen(study: Path, trained_in: Path | None = None) -> Iterator[Remark]:
    """Whether more items of a test set are among the images that a run was trained on than data.json says.

    Pixel for pixel the same images are found so, near copies are not. `trained_in`: the study that trained the runs.
    """
    if not (study / DATA).exists() or not (study / TABLE).exists():
        return  # `check_files` says it
    said = {row["name"]: row["twins_in_train"] for row in read_sealed_json(study / DATA)["sets"]}
    trained: dict[str, np.ndarray] = {}
    unknown = 0
    for folder in folders_of_runs(trained_in or study):
        problems: list[Remark] = []
        with error_as_remark(problems):
            if (folder / SEEN).exists():
                ids = read_seen(folder / SEEN)
                trained[json_digest(ids.tolist())] = ids
            else:
                unknown += bool(read_plan_record(folder).get("recipe", {}).get("trains"))
        yield from problems
    items = read_arrow(study / TABLE, columns=["dataset", "item"]).to_pandas().drop_duplicates()
    for name, part in items.groupby("dataset"):
        if said.get(str(name)) is None:
            continue
        numbers = [int(item.partition("#")[0], 16) for item in part["item"] if is_content_id(item)]
        seen = [int(np.isin(np.array(numbers, np.uint64), ids).sum()) for ids in trained.values()]
        if max(seen, default=0) > said[str(name)]:
            yield remark("audit_seen", dataset=str(name), n=max(seen), data=DATA, said=said[str(name)])
    if unknown:
        yield remark("audit_unseen", n=unknown, file=SEEN)


def read_seen(place: Path) -> np.ndarray:
    """The content ids of the images that a run was trained on, as whole numbers."""
    with explain_unreadable(str(place), RETRAIN):
        return np.load(place, allow_pickle=False)


def is_content_id(item: str) -> bool:
    """Whether an item is a content id, with the number of its copy or without: 16 digits of base 16."""
    digits = item.partition("#")[0]
    return len(digits) == 16 and set(digits) <= set("0123456789abcdef")
