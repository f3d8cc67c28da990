"""Coded tables: the rows of a study under its codes, in an order that tells nothing."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from kogen.common.tables import CLASSES
from kogen.results.sharing.bundle_format import (
    CONTINUED_START,
    PREDICTIONS,
    PUBLISHED,
    RUN_COLUMNS,
    RUNS,
    SCHEMAS,
    SCRATCH,
    TRAINING,
)
from kogen.results.sharing.naming import PUBLISHED_METHOD, Naming, is_own, told_settings, told_spec
from kogen.results.sharing.study_facts import RunFacts, StudyFacts

pc: Any = pyarrow.compute  # its functions are made at run time: type checkers do not know them

ORDER = ("run", "dataset", "protocol", "budget", "draw", "item")
LISTS = ("probabilities", "false_alarm")


def coded_predictions(study: StudyFacts, naming: Naming) -> tuple[Any, dict[str, str]]:
    """The predictions without paths, and the classes in the order of their lists, a file's fact."""
    rows = study.rows
    known = json.loads((rows.schema.metadata or {}).get(CLASSES.encode(), b"[]")) or []
    classes = naming.ids.shuffle(known)
    columns = {name: rows[name] for name in SCHEMAS[PREDICTIONS].names}
    maps = {"run": naming.runs, "model": naming.models, "method": naming.methods, "dataset": naming.sets}
    maps |= {"label": naming.classes, "predicted": naming.classes, "group": naming.groups, "protocol": naming.probes}
    columns |= {name: replace_texts(rows[name], known) for name, known in maps.items()}
    columns |= {name: replace_texts(rows[name], hash_ids(rows[name], naming)) for name in ("item", "cluster")}
    places = [known.index(name) for name in classes]
    columns |= {name: reorder_lists(rows[name], places) for name in LISTS}
    table = pa.table(columns).cast(SCHEMAS[PREDICTIONS]).sort_by([(name, "ascending") for name in ORDER])
    return table, {CLASSES: json.dumps([naming.classes[name] for name in classes])} if classes else {}


def hash_ids(column: Any, naming: Naming) -> dict[str, str]:
    """The code of each id of a column."""
    return {text: naming.ids.identity(text) for text in column.unique().to_pylist() if text is not None}


def replace_texts(column: Any, known: Mapping[str, str]) -> Any:
    """A column of text with each text replaced; null stays. KeyError for a text that has no code."""
    coded = column.combine_chunks().dictionary_encode()
    texts = pa.array([known[text] for text in coded.dictionary.to_pylist()], pa.string())
    return pc.take(texts, coded.indices)


def reorder_lists(column: Any, places: list[int]) -> Any:
    """A column of a number a class in another order of the classes; all null where a list is not of that length."""
    lists = column.combine_chunks()
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    if not places or not np.isin(lengths, (0, len(places))).all():
        return pa.nulls(len(lists), column.type)
    values = lists.flatten()
    order = np.arange(0, len(values), len(places))[:, None] + np.array(places)  # (rows, K)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    return pa.ListArray.from_arrays(
        offsets, values.take(pa.array(order.ravel())), type=column.type, mask=lists.is_null()
    )


def coded_training(study: StudyFacts, naming: Naming) -> Any:
    """What the trainings were like; terms of a method of the team's own are `term 1`."""
    parts = []
    for run, facts in study.runs.items():
        if facts.training is None:
            continue
        part = facts.training.select(SCHEMAS[TRAINING].names[1:])
        if not is_own(facts.plan["method"]):
            part = part.set_column(
                part.column_names.index("term"), "term", replace_texts(part["term"], own_terms(part))
            )
        parts.append(part.add_column(0, "run", pa.array([naming.runs[run]] * len(part), pa.string())))
    if not parts:
        return SCHEMAS[TRAINING].empty_table()
    whole = pa.concat_tables([part.cast(SCHEMAS[TRAINING]) for part in parts])
    return whole.sort_by([(name, "ascending") for name in ("run", "epoch", "term")])


def own_terms(part: Any) -> dict[str, str]:
    """Codes of the terms of a loss that is not kogen's; their sum and the pass without a step are kogen's words."""
    terms = [text for text in part["term"].unique().to_pylist() if text not in ("loss", "none")]
    return {"loss": "loss", "none": "none"} | {text: f"term {place + 1}" for place, text in enumerate(terms)}


def coded_runs(study: StudyFacts, naming: Naming) -> Any:
    """One row a training."""
    rows = [run_row(facts, naming) for facts in study.runs.values()]
    found = {name: pa.array([row[name] for row in rows], kind) for name, kind in RUN_COLUMNS.items()}
    return pa.table(found, SCHEMAS[RUNS]).sort_by("run")


def run_row(facts: RunFacts, naming: Naming) -> dict[str, Any]:
    """What is told of a training: what changes its numbers, and nothing that a machine or a person is called."""
    plan, summary, recipe = facts.plan, facts.summary, facts.plan.get("recipe", {})
    published = PUBLISHED if plan["method"] == PUBLISHED_METHOD else SCRATCH
    row = {name: plan.get(name) for name in ("seed", "image_size", "channels", "epochs", "batch_size", "images")}
    row |= {"run": naming.runs[plan["id"]], "model": naming.models[plan["model"]], "parameters": facts.parameters}
    row |= {"method": naming.methods[plan["method"]], "start": CONTINUED_START if plan.get("init") else published}
    row |= {"backbone": told_spec(plan, "backbone", "backbones"), "views": told_spec(plan, "views", "views")}
    row |= {"pool": plan.get("pool") or None, "precision": plan.get("precision", ""), "settings": told_settings(plan)}
    row |= {"optimiser": str(recipe.get("optimiser", "")) if is_own(plan["method"]) else ""}
    row |= {name: float(recipe[name]) if name in recipe else None for name in ("rate", "weight_decay")}
    row |= {"device": str(plan.get("device", "")).split(":")[0]}
    row |= {name: str(plan.get("versions", {}).get(name, "")) for name in ("kogen", "torch", "timm")}
    alarms = sorted({alarm["kind"] for alarm in summary.get("alarms", ())})
    row |= {"status": summary["status"], "alarms": ",".join(alarms)}
    return row | {name: summary.get(name) for name in ("minutes", "kwh", "images_seen")}
