"""Options of what teams give one another: a study as a bundle of tables."""

from pathlib import Path

from kogen.options.model import Options, option
from kogen.options.shared import OUTPUT

SHARING = "Sharing"


class ShareOptions(Options):
    """Share a study as tables alone: no pictures, no paths, names coded, ids hashed, and checked."""

    keep_names: bool = option(False, "keep the names of sets, classes, groups and models", SHARING)
    out: Path = option(Path("bundle.zip"), "the bundle, a .zip", OUTPUT)
    force: bool = option(False, "replace a file that kogen did not write", OUTPUT)
