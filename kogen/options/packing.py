"""Options of the verb that packs images: pack."""

from pathlib import Path

from kogen.options.model import option
from kogen.options.shared import MAX_SIZE, OUTPUT, TRAINING, DataOptions


class PackOptions(DataOptions):
    """Write the images of a source, with all that is known of them, as one Lance data set, for sets beyond a disk."""

    image_size: int = option(
        32, "--image-size of the runs that will read it; up to 112 all are alike", TRAINING, ge=8, le=MAX_SIZE
    )
    out: Path = option(Path("imgs.lance"), "data set to write: NAME.lance, or s3://BUCKET/NAME.lance", OUTPUT)
