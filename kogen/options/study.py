"""Options of a study: `pilot` and `estimate` take them, study.toml keeps them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from kogen.options.base import Options, Source, Value, option

DATA, TRAINING, JUDGING, OUTPUT = "Data", "Training", "Judging", "Output"

BatchSize = Annotated[int, Field(ge=2)] | Literal["auto"]


class StudyOptions(Options):
    """Say minutes, memory and disk of a whole pilot with these options, from a few real steps."""

    labels: Source | None = option(None, "table path,label[,cluster,split] for the images of SOURCE", DATA)
    test: Source | None = option(None, "labelled set the choice is made on: SOURCE or NAME=SOURCE", DATA)
    shifts: dict[str, Source] = option(
        {}, "similar set to judge on, NAME=SOURCE; repeatable", DATA, flag="shift", form="pairs"
    )
    corrupt: str | None = option(None, "shifts made of the test set: all, all:1-5, blur:5,jpeg:2", DATA)
    max_bad: float = option(
        0.05, "share of unusable files above which it stops: 5% or 0.05", DATA, form="share", ge=0, le=1
    )
    methods: tuple[str, ...] = option(
        ("byol", "simclr", "supervised", "random"), "methods to compare, comma-separated; see `kogen list methods`",
        TRAINING, form="names",
    )  # fmt: skip
    candidates: dict[str, Source] = option(
        {}, "published weights beside the trained: NAME=FILE[?backbone=...&image_size=...]; repeatable",
        TRAINING, form="pairs",
    )  # fmt: skip
    seeds: int = option(3, "runs of every method", TRAINING, ge=1, le=100)
    epochs: int = option(50, "passes over the images", TRAINING, ge=1)
    batch_size: BatchSize = option(
        256, "images a step, over all processes; auto: 256, in as few parts as fit into memory", TRAINING, form="batch"
    )
    accumulate: int = option(1, "parts a batch is cut into to save memory", TRAINING, ge=1)
    backbone: str = option("tiny", "tiny, or any network of timm: resnet18?layers=1,1,1,1", TRAINING)
    image_size: int = option(32, "pixels the network sees", TRAINING, ge=8, le=1024)
    views: str = option("natural", "set of augmentations: natural, inspection or gentle", TRAINING)
    precision: str = option("auto", "auto, 32, tf32 or bf16", TRAINING)
    keep: int = option(0, "checkpoints of each run that stay, for trajectories", TRAINING, ge=0)
    settings: dict[str, dict[str, Value]] = option(
        {}, "METHOD.NAME=VALUE, a hyperparameter or a number of the recipe; repeatable", TRAINING, flag="set",
        form="settings",
    )  # fmt: skip
    probes: tuple[str, ...] = option(
        ("linear", "knn"), "linear or knn; the first decides; repeatable", JUDGING, flag="probe", form="each"
    )
    margin: float = option(1.0, "smallest difference that matters, in points of accuracy", JUDGING, ge=0, le=100)
    lang: str = option("en", "language of the page: en or ja", OUTPUT)


class PilotOptions(StudyOptions):
    """From images to a verdict: train every method, judge it on every set, report."""

    out: Path = option(Path("study"), "folder of the study", OUTPUT)
