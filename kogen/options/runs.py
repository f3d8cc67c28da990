"""Options of the verbs around single runs: pretrain, evaluate, export, views, report."""

from pathlib import Path

from pydantic import Field

from kogen.options.base import Options, Source, Value, cli_metadata, option
from kogen.options.study import DATA, JUDGING, OUTPUT, TRAINING, BatchSize


class PretrainOptions(Options):
    """Train one method on images without labels (supervised: with)."""

    method: str = option("byol", "see `kogen list methods`", TRAINING, form="argument")
    labels: Source | None = option(None, "table path,label[,cluster,split] for the images of SOURCE", DATA)
    max_bad: float = option(
        0.05, "share of unusable files above which it stops: 5% or 0.05", DATA, form="share", ge=0, le=1
    )
    backbone: str = option("tiny", "tiny, or any network of timm: resnet18?layers=1,1,1,1", TRAINING)
    image_size: int = option(32, "pixels the network sees", TRAINING, ge=8, le=1024)
    views: str = option("natural", "set of augmentations: natural, inspection or gentle", TRAINING)
    epochs: int = option(50, "passes over the images", TRAINING, ge=0)
    batch_size: BatchSize = option(
        256, "images a step, over all processes; auto: 256, in as few parts as fit into memory", TRAINING, form="batch"
    )
    accumulate: int = option(1, "parts a batch is cut into to save memory", TRAINING, ge=1)
    seed: int = option(0, "seed of every random draw", TRAINING, ge=0)
    precision: str = option("auto", "auto, 32, tf32 or bf16", TRAINING)
    settings: dict[str, Value] = option(
        {}, "NAME=VALUE, a hyperparameter or a number of the recipe; repeatable", TRAINING, flag="set", form="setting"
    )
    keep: int = option(0, "checkpoints on the way that stay, for trajectories", TRAINING, ge=0)
    out: Path = option(Path("run"), "folder of the run", OUTPUT)


class EvaluateOptions(Options):
    """Judge finished runs on labelled sets."""

    train: Source = Field(description="labelled images the probes learn from", json_schema_extra=cli_metadata(DATA))
    tests: dict[str, Source] = Field(
        description="labelled set to judge on, NAME=SOURCE; the first is the reference; repeatable",
        json_schema_extra=cli_metadata(DATA, "test", "pairs"),
    )
    labels: Source | None = option(None, "table path,label[,cluster,split] for the images of --train", DATA)
    corrupt: str | None = option(None, "shifts made of the first test set: all, all:1-5, blur:5,jpeg:2", DATA)
    max_bad: float = option(
        0.05, "share of unusable files above which it stops: 5% or 0.05", DATA, form="share", ge=0, le=1
    )
    probes: tuple[str, ...] = option(
        ("linear", "knn"), "linear or knn; the first decides; repeatable", JUDGING, flag="probe", form="each"
    )
    margin: float = option(1.0, "smallest difference that matters, in points of accuracy", JUDGING, ge=0, le=100)
    lang: str = option("en", "language of the page: en or ja", OUTPUT)
    out: Path = option(Path("study"), "folder of the study", OUTPUT)


class ExportOptions(Options):
    """Write a run's backbone for use without kogen and print the line that loads it; or a plane of a landscape."""

    out: Path = option(Path("weights.safetensors"), "file to write; of a landscape .h5 or .npz", OUTPUT)
    format: str = option("timm", "of a run: timm", "Run")
    run: str = option("", "id of a run or name of a model; the first unless given", "Landscape")
    objective: str = option("", "pretrain or probe; the first unless given", "Landscape")
    direction: str = option("random", "random, sharpest, trajectory or between", "Landscape")
    plane: int = option(0, "number of the plane", "Landscape", ge=0)


class ViewsOptions(Options):
    """Write a picture of an image and 16 of its views: look before you train."""

    views: str = option("natural", "set of augmentations: natural, inspection or gentle", TRAINING)
    image_size: int = option(32, "pixels the network sees", TRAINING, ge=8, le=1024)
    seed: int = option(0, "seed of every random draw", TRAINING, ge=0)
    max_bad: float = option(
        0.05, "share of unusable files above which it stops: 5% or 0.05", DATA, form="share", ge=0, le=1
    )
    out: Path = option(Path("views.png"), "picture to write", OUTPUT)


class ReportOptions(Options):
    """Judge a study again from its tables and draw its page; needs no network and no GPU."""

    lang: str | None = option(None, "language of the page, en or ja; the study's unless given", OUTPUT)
