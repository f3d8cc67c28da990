"""Studies for the tests of the report: a whole study folder, drawn."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from kogen.common.files import write_json
from kogen.common.tables import write_table

MODELS = {"byol": 0.80, "simclr": 0.74, "supervised": 0.35, "random": -0.60}
SETS = {"reference": "reference", "line2": "shift"}
BASELINES = ("random", "stock", "supervised")


def predictions(
    models: dict[str, float],
    sets: dict[str, str],
    n: int,
    seeds: int,
    protocols: tuple[str, ...],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """One row per image: right where skill + luck of the seed + difficulty of the image + noise is above zero."""
    frames = []
    for place, (dataset, role) in enumerate(sets.items()):
        difficulty = rng.normal(size=n)
        for model, skill in models.items():
            drift = rng.normal(scale=0.12) - 0.08 * place
            for seed in range(seeds):
                luck = rng.normal(scale=0.03)
                for protocol in protocols:
                    easier = skill + drift + luck - 0.15 * (protocol == "knn")
                    right = (easier + difficulty + rng.normal(scale=0.4, size=n) > 0).astype(int)
                    rows = {
                        "run": f"{model[:20]}-{seed}",
                        "model": model,
                        "seed": seed,
                        "dataset": dataset,
                        "role": role,
                    }
                    rows |= {"method": model if model in BASELINES else "byol", "protocol": protocol}
                    rows |= {"item": [f"{dataset[:20]}{i}" for i in range(n)], "label": "a", "score": 0.5}
                    frame = pd.DataFrame(rows | {"correct": right, "predicted": np.where(right, "a", "b")})
                    frames.append(frame.assign(cluster=frame["item"]))
    return pd.concat(frames, ignore_index=True)


def make_study(
    folder: Path,
    models: dict[str, float] | None = None,
    sets: dict[str, str] | None = None,
    *,
    n: int = 500,
    seeds: int = 3,
    epochs: int = 30,
    protocols: tuple[str, ...] = ("linear", "knn"),
    collapsed: str | None = None,
) -> Path:
    """Write a study folder as the pilot does (without verdict.json) and return it."""
    rng = np.random.default_rng(7)
    models, sets = models or MODELS, sets or SETS
    write_table(folder / "predictions.parquet", predictions(models, sets, n, seeds, protocols, rng), "predictions")
    (folder / "study.toml").write_text('# what was asked\nmargin = 1.0\nmethods = ["byol", "simclr"]\n')
    for place, model in enumerate(models):
        for seed in range(seeds):
            write_run(
                folder / "runs" / f"{place:02d}{seed}", model, seed, epochs, rng, collapsed == model and seed == 0
            )
    write_json(folder / "data.json", {"sets": [quality(name, role, n) for name, role in sets.items()], "note": ""})
    picture = rng.integers(0, 255, (120, 900, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folder / "views.png")
    return folder


def write_run(folder: Path, model: str, seed: int, epochs: int, rng: np.random.Generator, collapsed: bool) -> None:
    """Plan, summary and training table of one run; the untrained baseline has no training."""
    folder.mkdir(parents=True)
    plan = {"id": folder.name, "model": model, "method": model if model in BASELINES else "byol", "seed": seed}
    plan |= {
        "backbone": "resnet18",
        "image_size": 64,
        "epochs": epochs,
        "batch_size": 128,
        "images": 2000,
        "device": "cpu",
    }
    (folder / "plan.json").write_text(
        json.dumps(plan | {"versions": {"torch": "2.11.0", "timm": "1.0.19"}, "recipe": {}})
    )
    alarms = [{"kind": "collapse", "epoch": 7, "text": "RankMe fell"}] if collapsed else []
    summary = {"status": "done", "minutes": 12.5 + seed, "images_seen": 2000 * epochs, "images_per_second": 900.0}
    summary |= {"kwh": 0.0104, "alarms": alarms}
    if model == "random":
        summary |= {"minutes": None, "images_seen": 0, "images_per_second": None, "kwh": None}
    else:
        steps = np.arange(epochs)
        loss = 3.5 * np.exp(-steps / 9) + 0.4 + rng.normal(scale=0.05, size=epochs)
        frame = pd.DataFrame({"epoch": steps, "term": "loss", "value": loss, "rate": 0.1, "images_per_second": 900.0})
        spectrum = np.clip(0.2 + 0.4 * (1 - np.exp(-steps / 8)) + rng.normal(scale=0.02), 0.02, 1)
        frame = frame.assign(seconds=2.0, rank_me=0.05 if collapsed else spectrum, feature_std=0.8)
        write_table(folder / "training.parquet", frame, "training")
    (folder / "summary.json").write_text(json.dumps(summary))


def quality(name: str, role: str, n: int) -> dict[str, Any]:
    """What data.json says of one set."""
    bad = [{"source": f"{name[:50]}/part-{i}.png", "reason": "truncated: ended after 512 bytes"} for i in range(3)]
    counts = {"clean": n // 2, "scratch": n // 4, "stain": n - n // 2 - n // 4}
    row = {"name": name, "source": f"images/{name}", "role": role, "images": n, "labelled": n, "classes": counts}
    return row | {"bad": bad, "bad_count": 3, "duplicates_inside": 2, "twins_in_train": None if role == "train" else 1}
