"""Options of `kogen views`: a picture of the views, or advice on which operations fit the images."""

from pathlib import Path

from pydantic.fields import FieldInfo

from kogen.options.model import MAX_SEED, Value, option
from kogen.options.shared import (
    BATCH_HELP,
    MAX_EPOCHS,
    METRIC_HELP,
    OUTPUT,
    TRAINING,
    AugmentationOptions,
    BatchSize,
    PageOptions,
)
from kogen.options.study import MAX_JOBS, SETTING

ADVICE = "Advice"  # group of --help
PICTURE, FOLDER = Path("views.png"), Path("views-advice")


class ViewsOptions(PageOptions, AugmentationOptions):
    """Write a picture of an image and 16 of its views; or, with --advise, find out which operations fit the images."""

    seed: int = option(0, "seed of every random draw of the picture", TRAINING, ge=0, le=MAX_SEED)
    advise: bool = option(
        False, "train with each operation left out and alone, and judge each on held-out images", ADVICE
    )
    methods: tuple[str, ...] = option(
        ("byol",), "the one method to train, see `kogen list methods`", ADVICE, form="names", shelf="methods"
    )
    seeds: int = option(3, "runs of every set of views, each with its own seed", ADVICE, ge=1, le=100)
    epochs: int = option(20, "passes over the images", ADVICE, ge=1, le=MAX_EPOCHS)
    batch_size: BatchSize | None = option(None, BATCH_HELP, ADVICE, form="batch")
    backbone: str = option(
        "tiny", "tiny, or any network of timm, such as resnet18?layers=1,1,1,1", ADVICE, shelf="backbones"
    )
    settings: dict[str, dict[str, Value]] = option({}, SETTING, ADVICE, flag="set", form="settings")
    metric: str | None = option(None, METRIC_HELP, ADVICE, shelf="metrics")
    jobs: int | None = option(
        None, "runs at work at once here, by default one a GPU, one a core for small images", ADVICE, ge=1, le=MAX_JOBS
    )
    private: bool = option(False, "no paths and no pictures of images in tables and on the page", ADVICE)
    out: Path = option(PICTURE, "picture to write; with --advise a folder, by default views-advice", OUTPUT)
    force: bool = option(False, "replace a file that kogen did not write", OUTPUT)

    @property
    def folder(self) -> Path:
        """The folder of the advice."""
        return self.out if "out" in self.model_fields_set else FOLDER

    @property
    def only_for_advice(self) -> list[str]:
        """The options that were given and have no use without --advise."""
        group = {name for name, field in ViewsOptions.model_fields.items() if group_of(field) == ADVICE}
        return sorted(self.model_fields_set & group - {"advise"})

    @property
    def only_for_picture(self) -> list[str]:
        """The options that were given and have no use with --advise."""
        return sorted(self.model_fields_set & {"seed", "force"})


def group_of(field: FieldInfo) -> str:
    """The group of --help that an option stands in."""
    extra = field.json_schema_extra
    return str(extra.get("group", "")) if isinstance(extra, dict) else ""
