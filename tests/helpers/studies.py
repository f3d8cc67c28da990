"""Studies for the tests of the report: a whole study folder, drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from kogen.common.files import write_json, write_sealed_json
from kogen.common.outputs import claim_folder
from kogen.common.tables import write_table
from kogen.config.plan import Plan
from kogen.data.images import BadFile, from_array
from kogen.results.gather import gather_predictions
from kogen.study.splits import Splits, data_quality
from kogen.training.loop import Epoch
from kogen.training.run import record_of, summarise_run, training_table

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
    label, other = np.where(np.arange(n) % 2, "b", "a"), np.where(np.arange(n) % 2, "a", "b")
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
                    rows |= {"item": [f"{dataset[:20]}{i}" for i in range(n)], "label": label, "score": 0.5}
                    frame = pd.DataFrame(rows | {"correct": right, "predicted": np.where(right, label, other)})
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
    """Write a study folder as the pilot does (without verdict.json), by the code of the pilot, and return it.

    The numbers are drawn; the first run of the model `collapsed` has features that collapse in epoch 7.
    """
    rng = np.random.default_rng(7)
    models, sets = models or MODELS, sets or SETS
    rows = predictions(models, sets, n, seeds, protocols, rng)
    claim_folder(folder)
    (folder / "study.toml").write_text('# what was asked\nmargin = 1.0\nmethods = ["byol", "simclr"]\n')
    for model in models:
        for seed in range(seeds):
            run = write_run(folder / "runs", model, seed, epochs, rng, collapsed == model and seed == 0)
            mine = rows[(rows.model == model) & (rows.seed == seed)]
            write_table(run / "predictions.parquet", mine.assign(run=run.name), "predictions")
    gather_predictions(folder)
    write_sealed_json(folder / "data.json", data_quality(splits(sets, n)))
    picture = rng.integers(0, 255, (120, 900, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folder / "views.png")
    return folder


def write_run(runs: Path, model: str, seed: int, epochs: int, rng: np.random.Generator, collapsed: bool) -> Path:
    """Plan, summary and training table of one run; the untrained baseline has no training. Returns its folder."""
    method = model if model in BASELINES else "byol"
    plan = Plan(
        method=method, name="" if model == method else model, seed=seed, epochs=epochs, backbone="resnet18",
        image_size=64, batch_size=128, images=2048,
    )  # fmt: skip
    record = record_of(plan)
    folder = runs / record["id"]
    write_json(folder / "plan.json", record)
    passes = [] if model == "random" else training(epochs, seed, rng, collapsed)
    if passes:
        write_table(folder / "training.parquet", training_table(passes), "training")
    write_sealed_json(folder / "summary.json", summarise_run(plan, passes, None))
    return folder


def training(epochs: int, seed: int, rng: np.random.Generator, collapsed: bool) -> list[Epoch]:
    """Epochs of a loss that falls and features that spread, or collapse in epoch 7."""
    steps = np.arange(epochs + 1)
    loss = 3.5 * np.exp(-steps / 9) + 0.4 + rng.normal(scale=0.05, size=len(steps))
    spectrum = np.clip(0.2 + 0.4 * (1 - np.exp(-steps / 8)) + rng.normal(scale=0.02), 0.02, 1)
    spectrum = np.where(collapsed & (steps >= 7), 0.01, spectrum)
    minutes = (12.5 + seed) / epochs
    return [
        Epoch(
            int(e),
            {"loss": float(loss[e])} if e else {},
            0.1,
            900.0,
            60 * minutes if e else 0.0,
            float(spectrum[e]),
            0.8,
        )
        for e in steps
    ]


def splits(sets: dict[str, str], n: int) -> Splits:
    """Labelled sets with bad files, two images twice, and one that is in train too."""
    pixels = np.random.default_rng(3).integers(0, 256, (len(sets) + 1, n, 1, 4, 4)).astype(np.uint8)
    pixels[:, 1:3] = pixels[:, :1]  # found twice
    pixels[1:, 5] = pixels[0, 5]  # in train too
    labels = np.repeat([0, 1, 2], [n // 2, n // 4, n - n // 2 - n // 4])
    opened = {}
    for name, drawn in zip(("train", *sets), pixels, strict=True):
        images = from_array(drawn, labels, ("clean", "scratch", "stain"), name=name)
        bad = [BadFile(f"{name[:50]}/part-{i}.png", "truncated: ended after 512 bytes") for i in range(3)]
        opened[name] = replace(images, bad=bad)
    sources = {name: (f"images/{name}", images) for name, images in opened.items()}
    train = opened.pop("train")
    return Splits(train, train, opened, sources, "")
