"""Options that several verbs have, each written once."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from kogen.common import registry
from kogen.common.protocols import FIND_ANOMALIES, check_shots, name_shares, protocols_of
from kogen.common.text import hint
from kogen.options.model import ImageSource, Options, Source, option
from kogen.options.prices import PriceTable
from kogen.options.view_files import ViewSet

DATA, TRAINING, JUDGING, OUTPUT = "Data", "Training", "Judging", "Output"  # groups of --help

MAX_EPOCHS, MAX_BATCH, MAX_PARTS, MAX_SIZE = 1_000_000, 1_000_000, 100_000, 1024
MAX_LENGTH = 65_536  # samples of a window of a series
BatchSize = Annotated[int, Field(ge=2, le=MAX_BATCH)] | Literal["auto"]

BATCH_HELP = (
    "images per step, over all processes; by default 256, or the largest power of two that fewer images fill; auto: as "
    "by default, in parts that fit into memory"
)
Steps = Annotated[int, Field(ge=1, le=MAX_EPOCHS)]

METRIC_HELP = (
    "metric that decides, see `kogen list metrics`, as recall_at_false_alarm?rate=0.01; by default accuracy, or "
    "balanced_accuracy where one class has over 4 times as many images as another"
)


TRACKER_HELP = "where epochs, numbers and pages are tracked: tensorboard, wandb, mlflow, trackio; repeatable"
STATISTICS_HELP = "statistics of your own, FILE.py:NAME, functions of the rows of predictions, comma-separated"
PRICES_HELP = (
    "what a label, an hour, an error cost: a file.toml, or NAME=VALUE such as label=0.5 or currency=EUR; repeatable"
)


def check_trackers(names: tuple[str, ...]) -> tuple[str, ...]:
    """Trackers, each once. ValueError for a name that is none; whether its package is there is looked at later."""
    for name in names:
        if name not in registry.names("trackers"):
            raise ValueError(f"--tracker {name}: unknown name: {hint(name, registry.names('trackers'))}")
    return tuple(dict.fromkeys(names))


def check_budgets(budgets: tuple[str, ...]) -> tuple[str, ...]:
    """Parts of the labels as they are written. ValueError as `name_shares`."""
    name_shares(budgets)
    return budgets


class TableOptions(Options):
    """How a table of images is read."""

    labels: ImageSource | None = option(
        None, "table (path,label[,cluster,split,group]) with labels of some or all images", DATA
    )
    columns: str | None = option(None, "columns of the table: path=NAME,label=NAME; by number without a header", DATA)
    encoding: str | None = option(None, "encoding of the table: utf-8 unless it says another, cp932, cp1252", DATA)


class ReadOptions(TableOptions):
    """How images are read for a model that knows their depth."""

    max_bad: float = option(
        0.05, "share of unusable files above which kogen stops: 5% or 0.05", DATA, form="share", ge=0, le=1
    )


class DataOptions(ReadOptions):
    """How images are read."""

    depth: Annotated[str, BeforeValidator(str)] | None = option(
        None, "bits of 16-bit images, such as 12, or LOW:HIGH, black and white of floats; by default found", DATA
    )


class AugmentationOptions(DataOptions):
    """How images are augmented, and how large they are."""

    image_size: int = option(
        32, "height and width in pixels that the network sees, up to 1,024", TRAINING, ge=8, le=MAX_LENGTH
    )  # of series the samples of a window, which their source says
    views: ViewSet = option(
        "natural",
        "set of augmentations: natural, inspection or gentle, as inspection?without=flip, or a file, mine.toml; of "
        "series vibration, motion or process",
        TRAINING,
        shelf="views",
    )


class TrainingOptions(AugmentationOptions):
    """How a network is trained."""

    epochs: int = option(50, "passes over the images", TRAINING, ge=0, le=MAX_EPOCHS)
    batch_size: BatchSize | None = option(None, BATCH_HELP, TRAINING, form="batch")
    accumulate: int = option(1, "parts that a batch is cut into, to save memory", TRAINING, ge=1, le=MAX_PARTS)
    backbone: str = option(
        "tiny",
        "tiny, or any network of timm, such as resnet18?layers=1,1,1,1; of series tiny1d, inception1d or patch1d",
        TRAINING,
        shelf="backbones",
    )
    precision: str = option("auto", "auto, 32, tf32 or bf16", TRAINING)
    compile: bool = option(False, "compute networks by torch.compile: minutes to compile, then faster steps", TRAINING)
    init: Source | None = option(
        None, "published weights to go on from: FILE[?key=value], hf-hub:OWNER/NAME or RUN, as NAME=... too", TRAINING
    )
    freeze: str | None = option(None, "first layers of --init that stay as they are: stages:2", TRAINING)
    trackers: Annotated[tuple[str, ...], AfterValidator(check_trackers)] = option(
        (), TRACKER_HELP, OUTPUT, flag="tracker", form="several"
    )
    keep: int = option(0, "checkpoints to keep on the way, for landscapes of the trajectory", TRAINING, ge=0, le=1000)


class JudgingOptions(Options):
    """How networks are judged."""

    task: Literal["classify", "anomaly", "detect"] = option(
        "classify",
        "classify: tell classes apart; anomaly: find what is not normal, from good images alone; detect: find boxes",
        JUDGING,
    )
    normal: str | None = option(
        None, "class of the good images, for --task anomaly; by default good, normal, ok or clean", JUDGING
    )
    corrupt: str | None = option(
        None,
        "corruptions of the test set to judge on: all, all:1-5, blur:5,jpeg:2, of series drift:3,noise",
        JUDGING,
        shelf="corruptions",
    )
    probes: tuple[str, ...] = option(
        ("linear", "knn"),
        "probe: linear or knn, or layers to fine-tune: tune:head, tune:norm, tune:last2, tune:decay, tune:all; of "
        "--task anomaly patch_memory, mahalanobis or knn_distance; of --task detect fcos or faster_rcnn; the first "
        "decides; repeatable",
        JUDGING,
        flag="probe",
        form="each",
        shelf="probes",
    )
    tune_steps: tuple[Steps, ...] = option(
        (100, 400),
        "lengths of a fine-tuning to choose from, in steps of 64 images, comma-separated; of a detector the one "
        "length, in steps of 8 images",
        JUDGING,
        form="names",
    )
    budgets: Annotated[tuple[str, ...], AfterValidator(check_budgets)] = option(
        (), "parts of the labels to learn from too, comma-separated: 1%,5%,10%,100%", JUDGING, form="names"
    )
    shots: Annotated[tuple[int, ...], AfterValidator(check_shots)] = option(
        (), "labelled images a class to learn from too, comma-separated: 1,5,10", JUDGING, form="names"
    )
    draws: int = option(5, "draws of each of these parts, the same for every model", JUDGING, ge=1, le=100)
    twins: Literal["together", "drop", "keep"] = option(
        "together",
        "near copies: on one side of what is held out; left out of train (drop); not looked for (keep)",
        JUDGING,
    )
    margin: float = option(
        1.0, "smallest difference that matters, in points (or the metric's unit)", JUDGING, ge=0, le=100
    )
    metric: str | None = option(None, METRIC_HELP, JUDGING, shelf="metrics")
    statistics: tuple[str, ...] = option((), STATISTICS_HELP, JUDGING, form="names", shelf="statistics")
    costs: Literal["none", "torch", "onnx"] = option(
        "torch", "what running a network costs, measured once in seconds: none, torch, or onnx too (a minute)", JUDGING
    )
    prices: PriceTable = option({}, PRICES_HELP, JUDGING, form="prices")
    private: bool = option(False, "no paths and no pictures of images in tables and on the page", JUDGING)

    @property
    def normal_class(self) -> str | None:
        """The class that is no anomaly, "" where its name is to be found; None where classes are told apart."""
        return None if self.task != FIND_ANOMALIES else self.normal or ""

    @property
    def protocols(self) -> list[str]:
        """How each model is judged: each probe with all labels, and with each draw of each part of them."""
        return protocols_of(self.probes, self.budgets, self.shots, self.draws)


class ProcessOptions(Options):
    """How many processes work together."""

    processes: int | None = option(
        None,
        "processes at work together; by default as torchrun or srun started them; 1: alone",
        OUTPUT,
        ge=1,
        le=65536,
    )


class PageOptions(Options):
    """How a page is written."""

    lang: str = option("en", "language of the page: en or ja", OUTPUT)
