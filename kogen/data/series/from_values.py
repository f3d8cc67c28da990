"""Series from values in memory."""

from collections.abc import Sequence

import numpy as np

from kogen.data.image_facts import content_id
from kogen.data.images import Images


def from_series(
    values: np.ndarray,
    labels: np.ndarray | None = None,
    classes: tuple[str, ...] = (),
    sources: Sequence[str] | None = None,
    clusters: np.ndarray | None = None,
    name: str = "",
    rate: float = 0.0,
    channel_names: tuple[str, ...] = (),
) -> Images:
    """Series from values in memory (N, C, T) and labels (N,) into `classes`, -1 where unknown.

    `clusters` (N,): the recording that each is cut from; without them each is a recording of its own. `rate`: samples a
    second, 0 where it is not known. ValueError for another shape, and for values that are no finite float32.
    """
    values = np.asarray(values)
    if values.ndim != 3 or 0 in values.shape or values.dtype.kind not in "iuf":
        raise ValueError(f"series of shape {values.shape} and {values.dtype}: wanted numbers (N, C, T), none of them 0")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, np.float32)
    if not np.isfinite(values).all():
        odd = int(np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))[0])
        raise ValueError(
            f"series {odd} has values that are NaN, infinite or beyond float32: fill them, or leave it out"
        )
    if channel_names and len(channel_names) != values.shape[1]:
        raise ValueError(f"{len(channel_names)} channel_names for {values.shape[1]} channels: wanted one for each")
    ids = np.array([content_id(one) for one in values], dtype="<U16")
    return Images(
        pixels=values,
        ids=ids,
        sources=np.array([f"{name}[{i}]" for i in range(len(values))] if sources is None else sources, object),
        labels=np.full(len(values), -1, np.int64) if labels is None else np.asarray(labels, np.int64),
        classes=tuple(classes),
        clusters=ids if clusters is None else np.asarray(clusters, str),
        aspect=np.ones(len(values), np.float32),
        name=name,
        rate=rate,
        channel_names=tuple(channel_names),
    )
