"""Options of what teams give one another: a study as a bundle of tables."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from kogen.options.model import MAX_SEED, Options, option
from kogen.options.shared import JUDGING, OUTPUT, PageOptions

SHARING = "Sharing"
MARGIN_HELP = "smallest difference that matters, in points (or the metric's unit)"
Seeds = Annotated[int, Field(ge=1, le=1000)]


class ShareOptions(Options):
    """Share a study as tables alone: no pictures, no paths, names coded, ids hashed, and checked."""

    keep_names: bool = option(False, "keep the names of sets, classes, groups and models", SHARING)
    out: Path = option(Path("bundle.zip"), "the bundle, a .zip", OUTPUT)
    force: bool = option(False, "replace a file that kogen did not write", OUTPUT)


class PoolOptions(PageOptions):
    """Judge methods over the bundles of many teams: what holds over sites, and what a new site may expect."""

    protocol: str | None = option(None, "probe that judges all; by default the first that all studies have", SHARING)
    metric: str | None = option(
        None, "metric that judges all, see `kogen list metrics`; by default the one of every study", SHARING
    )
    margin: float = option(1.0, MARGIN_HELP, JUDGING, ge=0, le=100)
    apart: bool = option(False, "bundles with equal numbers of images are of different data, not one site", SHARING)
    seed: int = option(0, "seed of every random draw", JUDGING, ge=0, le=MAX_SEED)
    out: Path = option(Path("pool"), "folder of the pool", OUTPUT)


class PriorOptions(PageOptions):
    """Tell a new team what to try first, and how many labels and seeds its question will take, from a pool."""

    margin: float = option(1.0, MARGIN_HELP, JUDGING, ge=0, le=100)
    seed_counts: tuple[Seeds, ...] = option(
        (1, 3, 5, 10), "numbers of seeds to plan for, comma-separated", SHARING, form="names"
    )
    seed: int = option(0, "seed of every random draw", JUDGING, ge=0, le=MAX_SEED)
    out: Path | None = option(None, "file to write the answer to as json; by default prior.json in the pool", OUTPUT)
