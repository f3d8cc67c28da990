"""Options of a landscape."""

from pathlib import Path

from pydantic import Field

from kogen.options.model import MAX_SEED, ImageSource, Source, cli_metadata, option
from kogen.options.shared import DATA, MAX_BATCH, OUTPUT, DataOptions, PageOptions, ProcessOptions

MAX_IMAGES, MAX_PLANES = 10_000_000, 1000
PLANES, LOSS, CURVATURE = "Planes", "Loss", "Curvature"


class PlaneOptions(ProcessOptions, PageOptions):
    """Draw and measure the loss around any weights: planes, grids, curvature."""

    few: int | None = option(
        None, "images on the finest grid; by default 64, or 8/7 of a batch, or 8 batches", LOSS, ge=1, le=MAX_IMAGES
    )
    batch_norm: str = option("frozen", "statistics of batch norm: frozen, batch or interpolated", LOSS)
    moves: tuple[str, ...] = option(("",), "parameters that move: how their names begin", LOSS, form="python")
    weight_decay: float = option(
        0.0, "half of it times the sum of the squared weights is added to the loss", LOSS, ge=0, le=1e6
    )
    planes: int = option(8, "random planes, the same for every run; 8 or more to compare", PLANES, ge=1, le=MAX_PLANES)
    directions: str = option("random", "random, sharpest, trajectory or between", PLANES, shelf="directions")
    normalise: str = option("filter", "scale of the directions: filter, layer or adaptive", PLANES)
    steps: int = option(9, "points per side of the coarse grid, an odd number", PLANES, ge=3, le=513)
    levels: int = option(
        2, "1: this grid; each more halves its spacing, from the third on where it pays", PLANES, ge=1, le=8
    )
    seed: int = option(0, "seed of every random draw", PLANES, ge=0, le=MAX_SEED)
    sharp: int = option(
        256, "images that the curvature is measured on; 0: do not measure it", CURVATURE, ge=0, le=MAX_IMAGES
    )
    map_steps: int = option(
        0, "points per side of a map of the curvature; 0: no map", CURVATURE, flag="map", ge=0, le=257
    )
    by: str = option("", "also the curvature of parts of the network, each alone: blocks or layers", CURVATURE)
    density: int = option(
        0, "random vectors for the density of the whole spectrum, 8 for a curve; 0: none", CURVATURE, ge=0, le=1000
    )
    workers: int | None = option(None, "threads that compute points; by default one per core", OUTPUT, ge=1, le=1024)
    out: Path = option(Path("landscape"), "folder of the landscape", OUTPUT)


class LandscapeOptions(PlaneOptions, DataOptions):
    """Draw and measure the loss around finished runs: how wide, convex and sharp it is, with intervals over planes."""

    data: ImageSource = Field(
        description="images that the loss is computed on", json_schema_extra=cli_metadata(DATA, shelf="datasets")
    )
    candidates: dict[str, Source] = option(
        {},
        "published files of MAE or RC-MAE with their decoders, NAME=FILE[?image_size=...]; repeatable",
        LOSS,
        form="pairs",
    )
    images: int = option(2048, "number of images in the loss, the same for every run", LOSS, ge=1, le=MAX_IMAGES)
    batch_size: int = option(64, "images per batch; some losses depend on it", LOSS, ge=1, le=MAX_BATCH)
    objective: str = option("pretrain", "pretrain (the loss a run was trained with) or probe", LOSS)
    terms: tuple[str, ...] = option((), "terms of the loss, comma-separated; by default all", LOSS, form="names")
