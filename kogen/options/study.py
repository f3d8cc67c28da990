"""Options of a study: `pilot` and `estimate` take them, study.toml holds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator

from kogen.common.protocols import pool_shares
from kogen.options.model import MAX_SEED, ImageSource, Options, Source, Value, option
from kogen.options.shared import (
    DATA,
    JUDGING,
    MAX_EPOCHS,
    OUTPUT,
    TRACKER_HELP,
    TRAINING,
    JudgingOptions,
    PageOptions,
    ProcessOptions,
    TrainingOptions,
    check_trackers,
)
from kogen.options.view_files import ViewSet

MAX_JOBS = 1024
MAX_RUNS = 10**6
METHODS = ("byol", "simclr", "supervised", "random")
UNTRAINED = ("random", "minirocket")  # methods that cannot go on from weights: there is nothing to train
LABELLED = ("supervised",)  # methods that learn from labels: they have no use for more images without
STARTS = ("scratch", "init")
# Options that name files and folders, of a study and of `evaluate`; a private study keeps them from its page.
PLACES = ("source", "labels", "test", "shifts", "transfers", "candidates", "init", "plugins", "runs", "train", "tests")
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
    transfers: dict[str, ImageSource] = option(
        {},
        "labelled set with classes of its own: probes learn on its train part, NAME=SOURCE; repeatable",
        DATA,
        flag="transfer",
        form="pairs",
        shelf="datasets",
    )
    transfer_metrics: dict[str, str] = option(
        {},
        "metric that decides on a transfer set, NAME=METRIC; by default as --metric",
        JUDGING,
        flag="transfer-metric",
        form="pairs",
    )
    judge_on: Literal["test", "validation"] = option(
        "test",
        "validation: labelled images to train on are held out, or those of a split val judge; no test image is used",
        DATA,
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
    compare_views: dict[str, ViewSet] = option(
        {},
        "views to train every method with too, NAME=VIEWS as --views takes them; repeatable",
        TRAINING,
        form="pairs",
        shelf="views",
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

    jobs: int | None = option(
        None,
        "runs at work at once here, each in a process of its own; by default one a GPU, one a core for small images",
        OUTPUT,
        ge=1,
        le=MAX_JOBS,
    )
    engine: Literal["processes", "ray"] = option(
        "processes", "who works on several runs at once: processes of this machine, or Ray", OUTPUT
    )
    address: str | None = option(
        None, "a Ray cluster, auto or HOST:PORT; by default Ray uses this machine alone", OUTPUT
    )
    gpus_per_run: float | None = option(
        None,
        "GPUs of a run on Ray, 0.5 for two runs on one; by default 1 where this machine has one",
        OUTPUT,
        ge=0,
        le=64,
    )
    cpus_per_run: int | None = option(
        None, "cores of a run on Ray, and its threads; by default a node's, shared by its runs", OUTPUT, ge=1, le=1024
    )
    prepare: bool = option(False, "open the sets and plan the runs, and train none: `kogen run` does", OUTPUT)

    out: Path = option(Path("study"), "folder of the study", OUTPUT)


class RunOptions(ProcessOptions):
    """Train and judge runs of a study that is there: one by its number, the next that is free, or all in turn."""

    index: int | None = option(None, "number of one run, from 0: $SLURM_ARRAY_TASK_ID", OUTPUT, ge=0, le=MAX_RUNS)
    next: bool = option(False, "one run: the first that is left and that nobody is at work on", OUTPUT)
    trackers: Annotated[tuple[str, ...], AfterValidator(check_trackers)] = option(
        (), TRACKER_HELP, OUTPUT, flag="tracker", form="several"
    )


class SubmitOptions(Options):
    """Write a script for SLURM that does each run of a study in a task of its own, and requeues what was cut off."""

    out: Path | None = option(None, "file to write; by default study.sbatch in the study's folder", OUTPUT)
    cpus: int = option(4, "processor cores of a run", OUTPUT, ge=1, le=1024)
    gpus: int = option(0, "GPUs of a run", OUTPUT, ge=0, le=64)
    at_once: int | None = option(None, "tasks at work at the same time, at most", OUTPUT, ge=1, le=MAX_JOBS)
    force: bool = option(False, "replace a file that kogen did not write", OUTPUT)
