"""Data source `series`: recordings of sensors, in a folder, a long table, a .ts file or an array, cut into windows."""

from dataclasses import replace

from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.series.open_series import open_recordings
from kogen.data.series.recording import Reading
from kogen.data.series.settings import check_rate, split_channels
from kogen.data.split_names import choose_split

__all__ = ["series"]


def series(
    path: str,
    *,
    window: int | float | str | None = None,
    stride: int | float | str | None = None,
    rate: float | int | None = None,
    own_rate: float | int | None = None,
    channels: str | tuple[int | str, ...] | None = None,
    labels: str | None = None,
    split: str | None = None,
    columns: str | None = None,
    encoding: str | None = None,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """Windows (N, C, T) float32 of recordings: a folder of csv, parquet, npy, wav, mat or ts files, or one such file.

    `window` and `stride` are samples, or seconds (`2.56s`) where the rate is known; without `window` each recording is
    one item, without `stride` windows do not overlap. `rate`: samples a second that all are brought to, from the files'
    own or `own_rate`. `channels`: those that are read, by name or number. `labels`: a table `path,label,cluster,split,
    group` for a folder; `columns` and `encoding` are of it, and without it of the tables that are recordings. Windows
    of a recording are one cluster.
    Raises ValueError for what cannot be read, or may be meant in two ways.
    """
    own_columns = (columns, encoding) if labels is None else (None, None)
    reading = Reading(
        split_channels(channels), check_rate("rate", rate), check_rate("own_rate", own_rate), *own_columns
    )
    images = open_recordings(
        path,
        reading,
        storage or CacheSettings(),
        window=window,
        stride=stride,
        labels=labels,
        columns=columns,
        encoding=encoding,
    )
    return replace(choose_split(images, split, path), name=name)
