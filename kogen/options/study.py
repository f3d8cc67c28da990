"""Options of a study: `pilot` and `estimate` take them, study.toml holds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from kogen.common.protocols import pool_shares
from kogen.options.model import MAX_SEED, ImageSource, Source, Value, option
from kogen.options.shared import (
    DATA,
    MAX_EPOCHS,
    OUTPUT,
    TRAINING,
    JudgingOptions,
    PageOptions,
    ProcessOptions,
    TrainingOptions,
)

METHODS = ("byol", "simclr", "supervised", "random")
UNTRAINED = ("random",)  # methods that cannot go on from weights: there is nothing to train
LABELLED = ("supervised",)  # methods that learn from labels: they have no use for more images without
STARTS = ("scratch", "init")
# Options that name files and folders, of a study and of `evaluate`; a private study keeps them from its page.
PLACES = ("source", "labels", "test", "shifts", "candidates", "init", "plugins", "runs", "train", "tests")
CONTINUED = "-continued"  # behind the name of a method that goes on from published weights
SETTING = "METHOD.NAME=VALUE, a hyperparameter or a number of the recipe; repeatable"


def resolve_starts(init: str | None, starts: Sequence[str] | None) -> tuple[str, ...]:
    """How methods begin, as asked, else from scratch, and with weights to go on from in both ways."""
    return tuple(starts or (STARTS if init else STARTS[:1]))


def resolve_pools(method: str, pools: Sequence[str]) -> tuple[str, ...]:
    """The parts of the images that a method is pre-trained on beside all of them: only without labels more can help."""
    return () if method in (*UNTRAINED, *LABELLED) else pool_shares(pools)


def check_pools(pools: tuple[str, ...]) -> tuple[str, ...]:
    """Parts of the images as they are written. ValueError as `pool_shares`."""
    pool_shares(pools)
    return pools


class StudyOptions(PageOptions, JudgingOptions, TrainingOptions):
    """The question of a study; study.toml holds it."""

    test: ImageSource | None = option(
        None, "labelled set the choice is made on: SOURCE or NAME=SOURCE", DATA, shelf="datasets"
    )
    shifts: dict[str, ImageSource] = option(
        {},
        "similar labelled set to judge on too, NAME=SOURCE; repeatable",
        DATA,
        flag="shift",
        form="pairs",
        shelf="datasets",
    )
    hold_out_seed: int = option(
        0, "seed of the draw of held-out images, where there is no test set", DATA, ge=0, le=MAX_SEED
    )
    methods: tuple[str, ...] = option(
        METHODS,
        "methods to compare, comma-separated; see `kogen list methods`",
        TRAINING,
        form="names",
        shelf="methods",
    )
    candidates: dict[str, Source] = option(
        {}, "published weights to compare, NAME=FILE[?backbone=...&image_size=...]; repeatable", TRAINING, form="pairs"
    )
    starts: tuple[str, ...] | None = option(
        None,
        "how methods begin: scratch; init: from the weights of --init, whose original competes too; by default both, "
        "with --init",
        TRAINING,
        form="names",
    )
    seeds: int = option(3, "runs of every method, each with its own seed", TRAINING, ge=1, le=100)
    epochs: int = option(50, "passes over the images", TRAINING, ge=1, le=MAX_EPOCHS)
    pools: Annotated[tuple[str, ...], AfterValidator(check_pools)] = option(
        (),
        "parts of the images to pre-train on too, comma-separated: 10%,30%,100%",
        TRAINING,
        flag="images",
        form="names",
    )
    settings: dict[str, dict[str, Value]] = option({}, SETTING, TRAINING, flag="set", form="settings")


class EstimateOptions(ProcessOptions, StudyOptions):
    """Estimate minutes, memory and disk of a whole pilot with these options, from a few real steps."""

    out: Path | None = option(
        None, "folder of a study that is there: count what is left of it with these options", OUTPUT
    )


class PilotOptions(ProcessOptions, StudyOptions):
    """From images to a verdict: train every method, judge it on every set, report."""

    out: Path = option(Path("study"), "folder of the study", OUTPUT)
