"""Options of a study: `pilot` and `estimate` take them, study.toml keeps them."""

from pathlib import Path

from kogen.options.base import Source, Value, option
from kogen.options.shared import DATA, OUTPUT, TRAINING, JudgingOptions, PageOptions, TrainingOptions


class StudyOptions(PageOptions, JudgingOptions, TrainingOptions):
    """Say minutes, memory and disk of a whole pilot with these options, from a few real steps."""

    test: Source | None = option(None, "labelled set the choice is made on: SOURCE or NAME=SOURCE", DATA)
    shifts: dict[str, Source] = option(
        {}, "similar set to judge on, NAME=SOURCE; repeatable", DATA, flag="shift", form="pairs"
    )
    methods: tuple[str, ...] = option(
        ("byol", "simclr", "supervised", "random"), "methods to compare, comma-separated; see `kogen list methods`",
        TRAINING, form="names",
    )  # fmt: skip
    candidates: dict[str, Source] = option(
        {}, "published weights beside the trained: NAME=FILE[?backbone=...&image_size=...]; repeatable", TRAINING,
        form="pairs",
    )  # fmt: skip
    seeds: int = option(3, "runs of every method", TRAINING, ge=1, le=100)
    epochs: int = option(50, "passes over the images", TRAINING, ge=1)
    settings: dict[str, dict[str, Value]] = option(
        {}, "METHOD.NAME=VALUE, a hyperparameter or a number of the recipe; repeatable", TRAINING, flag="set",
        form="settings",
    )  # fmt: skip


class PilotOptions(StudyOptions):
    """From images to a verdict: train every method, judge it on every set, report."""

    out: Path = option(Path("study"), "folder of the study", OUTPUT)
