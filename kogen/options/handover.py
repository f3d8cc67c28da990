"""Options of the verbs that use an exported model: predict, embed, compare."""

from pathlib import Path

from pydantic import Field

from kogen.options.model import ImageSource, cli_metadata, option
from kogen.options.shared import DATA, JUDGING, OUTPUT, ReadOptions

MODEL = "Model"
HEAD_HELP = "head of a model that is given as a run: linear, or as its study was fine-tuned: tune:all"


class PredictOptions(ReadOptions):
    """Classify images with an exported model, as csv."""

    model: Path = Field(
        description="file of an exported model, or a run of a study",
        json_schema_extra=cli_metadata(MODEL, "", "argument"),
    )
    head: str = option("linear", HEAD_HELP, MODEL)
    out: Path = option(Path("predictions.csv"), "csv to write: path, predicted, probability, p_CLASS", OUTPUT)
    force: bool = option(False, "replace a file that kogen did not write", OUTPUT)


class EmbedOptions(ReadOptions):
    """Write the features of images as parquet: item, path, features."""

    model: Path = Field(
        description="folder of a run, or file of an exported model",
        json_schema_extra=cli_metadata(MODEL, "", "argument"),
    )
    out: Path = option(Path("features.parquet"), "table to write", OUTPUT)
    force: bool = option(False, "replace a file that kogen did not write", OUTPUT)


class CompareOptions(ReadOptions):
    """Compare a new model with the old one on the same labelled images: is the update safe?"""

    test: ImageSource | None = option(
        None, "labelled images to compare on, best those that neither model has seen", DATA, shelf="datasets"
    )
    head: str = option("linear", HEAD_HELP, MODEL)
    margin: float = option(1.0, "loss that would be bearable, in points", JUDGING, ge=0, le=100)
    out: Path | None = option(None, "folder for compare.json and newly_failing.csv; by default JSON is printed", OUTPUT)
