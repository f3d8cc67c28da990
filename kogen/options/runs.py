"""Options of the verbs that take runs, images or a finished study: pretrain, evaluate, export, report."""

from pathlib import Path

from pydantic import Field

from kogen.options.landscape import MAX_PLANES
from kogen.options.model import MAX_SEED, ImageSource, Options, Value, cli_metadata, option
from kogen.options.prices import PriceTable
from kogen.options.shared import (
    DATA,
    JUDGING,
    METRIC_HELP,
    OUTPUT,
    PRICES_HELP,
    STATISTICS_HELP,
    TRAINING,
    DataOptions,
    JudgingOptions,
    PageOptions,
    ProcessOptions,
    TrainingOptions,
)


class PretrainOptions(ProcessOptions, TrainingOptions):
    """Train one method on images without labels (supervised: with)."""

    method: str = option(
        "byol", "method to train, see `kogen list methods`", TRAINING, form="argument", shelf="methods"
    )
    seed: int = option(0, "seed of every random draw", TRAINING, ge=0, le=MAX_SEED)
    settings: dict[str, Value] = option(
        {}, "NAME=VALUE, a hyperparameter or a number of the recipe; repeatable", TRAINING, flag="set", form="setting"
    )
    out: Path = option(Path("run"), "folder of the run", OUTPUT)


class EvaluateOptions(ProcessOptions, PageOptions, JudgingOptions, DataOptions):
    """Judge finished runs on labelled sets."""

    train: ImageSource = Field(
        description="labelled images that the probes learn from", json_schema_extra=cli_metadata(DATA, shelf="datasets")
    )
    tests: dict[str, ImageSource] = Field(
        description="labelled set to judge on, NAME=SOURCE; the first is the reference; repeatable",
        json_schema_extra=cli_metadata(DATA, "test", "pairs", "datasets"),
    )
    out: Path = option(Path("study"), "folder of the study", OUTPUT)


class ExportOptions(Options):
    """Write a run for use elsewhere: its backbone, or with --head a whole classifier; or a plane of a landscape."""

    out: Path = option(
        Path("weights.safetensors"),
        "file to write; .h5, .npz or .vtp for a landscape; a folder for transformers",
        OUTPUT,
    )
    force: bool = option(False, "replace a file that kogen did not write", OUTPUT)
    format: str = option(
        "auto", "timm or transformers for the backbone; safetensors or onnx with --head; auto: by --out", "Run"
    )
    head: str = option(
        "",
        "linear, or tune:all as the study fine-tuned it (tuned): from pixels to probabilities; none: the backbone",
        "Run",
    )
    train: ImageSource | None = option(
        None, "labelled images of the head, for a run that lies in no study", "Run", shelf="datasets"
    )
    run: str = option("", "id of a run or name of a model; by default the first", "Landscape")
    objective: str = option("", "pretrain or probe; by default the first", "Landscape")
    direction: str = option("random", "random, sharpest, trajectory or between", "Landscape")
    plane: int = option(0, "number of the plane", "Landscape", ge=0, le=MAX_PLANES)


class ReportOptions(Options):
    """Judge a study again from its tables and draw its page; needs no images and no GPU."""

    lang: str | None = option(None, "language of the page, en or ja; by default the study's", OUTPUT)
    metric: str | None = option(None, f"{METRIC_HELP}; or the study's", JUDGING, shelf="metrics")
    statistics: tuple[str, ...] = option(
        (), f"{STATISTICS_HELP}; by default the study's", JUDGING, form="names", shelf="statistics"
    )
    prices: PriceTable = option({}, f"{PRICES_HELP}; in place of all of the study's", JUDGING, form="prices")
