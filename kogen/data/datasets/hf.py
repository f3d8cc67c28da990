"""Data source `hf`: a data set of the Hugging Face hub by its name, `hf:OWNER/NAME[:SPLIT]`, with the extra `hf`."""

import importlib
import re
from typing import Any

from kogen.common.files import describe
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.objects.hugging_face import hold_hugging_face

__all__ = ["hf"]

LOWEST = 4  # version of the package from which no data set runs code of its own


def hf(
    which: str = "",
    *,
    split: str | None = None,
    config: str | None = None,
    revision: str | None = None,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """The images of a set of the hub, or of a folder that holds one; downloaded where it is not there yet.

    `:SPLIT` or `split` is one of its parts; without it all are read, each image with its split. `config` and
    `revision` as the package `datasets` takes them. ValueError without the package, and for a set that has no images.
    """
    package = import_datasets()
    repo, _, part = which.partition(":")
    if not repo:
        raise ValueError("hf needs the name of a set: write hf:OWNER/NAME, or hf:OWNER/NAME:SPLIT")
    if part and split:
        raise ValueError(f"hf:{which} names the split {part!r}, and split={split!r} another: leave one out")
    try:
        found = package.load_dataset(repo, config, split=part or split or None, revision=revision)
    except Exception as error:  # of the hub, the network, the files, each of its own kind
        raise ValueError(
            f"the package datasets cannot load {repo!r}: {describe(error)[:500]}; check the name, the split "
            f"{part or split or ''!r} and the network"
        ) from error
    held = hold_hugging_face(found, f"hf:{which}")
    assert held is not None
    return held.open(storage or CacheSettings(), name or f"hf:{which}", None, None)


def import_datasets() -> Any:
    """The package datasets. ValueError where it is not installed, or so old that data sets may run code."""
    try:
        package = importlib.import_module("datasets")
    except ImportError as error:
        raise ValueError("hf: wants the package datasets: pip install 'kogen[hf]'") from error
    version = re.match(r"\d+", package.__version__)
    if version is None or int(version[0]) < LOWEST:
        got = f"the package datasets is of version {package.__version__}, which may run code of a data set"
        raise ValueError(f"{got}: pip install 'datasets>={LOWEST}'")
    return package
