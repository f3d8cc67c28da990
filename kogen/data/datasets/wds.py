"""Data source `wds`: local shards of a webdataset: `wds:FOLDER`, `wds:train-{000..009}.tar`, `wds:train-*.tar`."""

from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.labels import clean_labels
from kogen.data.objects.shards import expand_shards, read_shards
from kogen.data.pixel_cache import load_or_build

__all__ = ["wds"]


def wds(which: str = "", *, storage: CacheSettings | None = None, name: str = "") -> Images:
    """The images of tar files, whose members a.png and a.cls are one sample: an image and its class, if it has one.

    Members are read where they lie in the tar; other members are counted and said. ValueError for shards that are not
    there, for tars that are compressed or pack class folders, and for samples of several images.
    """
    if not which:
        raise ValueError("wds needs its shards: write wds:FOLDER/train-{000..009}.tar")
    found, labels, notes = read_shards(expand_shards(which)), None, list[str]()
    if found.labels is not None:
        labels, notes = clean_labels(found.labels, which)
    kept = load_or_build(found.images, storage or CacheSettings())
    return Images.from_cache(kept, labels, name=name, notes=(*found.notes, *notes))
