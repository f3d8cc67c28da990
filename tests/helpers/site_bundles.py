"""Bundles of drawn sites, written by the code that writes real ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kogen.results.sharing.bundle_file import manifest_bytes, table_bytes, zip_bytes
from kogen.results.sharing.bundle_format import FORMAT, PREDICTIONS, RUNS, SCHEMAS, TRAINING
from kogen.results.sharing.codes import Codes
from kogen.results.sharing.manifest import Manifest, SharedBudget, SharedQuestion, SharedSet, SharedTable


def write_bundle(
    place: Path,
    models: Mapping[str, float],
    *,
    seed: int,
    data: int | None = None,
    n: int = 200,
    seeds: int = 1,
    spread: float = 0.0,
    luck: float = 0.0,
    metric: str | None = None,
    probes: tuple[str, ...] = ("linear",),
    task: Any = "classify",
    budgets: Mapping[str, float] | None = None,
    epochs: int = 10,
) -> Path:
    """A site's bundle: each image is right with the model's probability; the models share how hard images are.

    `spread`: sd of a model's own deviation at this site; `luck`: sd of a training; `budgets`: what a part of the labels
    costs, in the same unit (shares of 1). Rights and wrongs are drawn from `seed`; sizes of sets go by `data`.
    """
    rng, codes = np.random.default_rng(seed), Codes(bytes([seed % 256]) * 32)
    hard, rows, runs = rng.uniform(size=n), [], []
    labels = np.arange(n) % 2
    for model, skill in models.items():
        here = skill + spread * rng.normal()
        for training in range(seeds):
            run, value = f"run {len(runs) + 1}", here + luck * rng.normal()
            runs.append(run_row(run, model, training, epochs))
            parts: list[tuple[str | None, int | None, float]] = [(None, None, 0.0)]
            parts += [(name, draw, cost) for name, cost in (budgets or {}).items() for draw in range(2)]
            for budget, draw, cost in parts:
                own = np.where(rng.uniform(size=n) < 0.5, hard, rng.uniform(size=n))  # half of the luck is the image's
                correct = (own < value - cost).astype(np.int8)
                frame = pd.DataFrame({"item": [codes.identity(f"{seed}-{i}") for i in range(n)], "correct": correct})
                predicted = np.where(correct == 1, labels, 1 - labels)
                frame = frame.assign(label=names(labels), predicted=names(predicted), cluster=frame["item"])
                frame = frame.assign(score=rng.uniform(size=n).astype(np.float32), run=run, model=model, method=model)
                for probe in probes:
                    rows.append(frame.assign(seed=training, protocol=probe, budget=budget, draw=draw))
    table = pd.concat(rows, ignore_index=True).assign(dataset="set 1", role="reference", pool=None, soft=None)
    table = table.assign(probabilities=None, false_alarm=None, group=None)
    schema = SCHEMAS[PREDICTIONS]
    arrow = pa.Table.from_pandas(table[schema.names], schema=schema, preserve_index=False)
    described = pa.Table.from_pylist(runs, schema=SCHEMAS[RUNS])
    tables = {PREDICTIONS: arrow, TRAINING: SCHEMAS[TRAINING].empty_table(), RUNS: described}
    files = {name: table_bytes(one) for name, one in tables.items()}
    sizes = {name: SharedTable(one.num_rows, len(files[name])) for name, one in tables.items()}
    counts = {"class 1": int((labels == 0).sum()), "class 2": int((labels == 1).sum())}
    known = {"duplicates_inside": 0, "near_copies_inside": 0, "twins_in_train": None, "bad_count": 0}
    own = SharedSet("set 1", "reference", n, n, counts, **known)
    more = seed if data is None else data
    train = SharedSet("train", "train", 1000 + more, 1000 + more, {"class 1": 500, "class 2": 500 + more}, **known)
    question = SharedQuestion(task, metric, 1.0, probes, "test", "together")
    drawn = tuple(
        SharedBudget(name, draw, int(10 * float(name.rstrip("%")))) for name in budgets or {} for draw in (0, 1)
    )
    manifest = Manifest(FORMAT, "0.1.0", "coded", question, (own, train), drawn, None, sizes)
    place.write_bytes(zip_bytes(files | manifest_bytes(manifest)))
    return place


def names(codes: np.ndarray) -> list[str]:
    return [f"class {code + 1}" for code in codes]


def run_row(run: str, model: str, seed: int, epochs: int) -> dict[str, Any]:
    """A training, as a bundle describes it."""
    row = {name: None for name in SCHEMAS[RUNS].names}
    row |= {"run": run, "model": model, "method": model, "seed": seed, "start": "scratch", "backbone": "tiny"}
    row |= {"views": "natural", "image_size": 32, "channels": 3, "epochs": 0 if model == "random" else epochs}
    row |= {"batch_size": 64, "images": 1000, "precision": "32", "optimiser": "sgd", "settings": "", "device": "cpu"}
    return row | {"kogen": "0.1.0", "torch": "2.11.0", "timm": "1.0.0", "status": "done", "alarms": ""}
