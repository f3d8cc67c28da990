"""What a store holds and what is known of each item, put together as Images."""

from collections.abc import Sequence

import numpy as np

from kogen.images import Bad, Images, Rows
from kogen.store import Kept


def assemble(
    kept: Kept,
    labels: Sequence[str] | None = None,
    classes: tuple[str, ...] | None = None,
    clusters: Sequence[str] | None = None,
    name: str = "",
) -> Images:
    """The images of a store with what is known of each item (N,): label and cluster as text, "" where unknown.

    Without `classes` these are the labels of the usable images, whole numbers in order of value, else alphabetically.
    """
    manifest = kept.manifest
    good = np.flatnonzero(manifest["position"] >= 0)
    bad = manifest[manifest["position"] < 0]
    ids = manifest["id"].to_numpy(object)[good].astype(str)
    text = np.array([""] * len(manifest) if labels is None else labels, object)[good]
    groups = ids if clusters is None else np.array(clusters, object)[good]
    width, height = manifest["width"].to_numpy(np.float32)[good], manifest["height"].to_numpy(np.float32)[good]
    classes = in_order(text) if classes is None else classes
    number = {"": -1, **{label: place for place, label in enumerate(classes)}}
    return Images(
        pixels=kept.pixels if len(good) == len(manifest) else Rows(kept.pixels, good),
        ids=ids,
        sources=manifest["source"].to_numpy(object)[good],
        labels=np.array([number[label] for label in text], np.int64),
        classes=classes,
        clusters=np.where(groups == "", ids, groups).astype(str),
        aspect=(width / height).astype(np.float32),
        name=name,
        bad=tuple(Bad(source, reason) for source, reason in zip(bad["source"], bad["reason"], strict=True)),
    )


def in_order(labels: Sequence[str] | np.ndarray) -> tuple[str, ...]:
    """The distinct labels but "", whole numbers by value (never "10" before "2"), else alphabetically."""
    distinct = {str(label) for label in labels} - {""}
    numbers = all(label.isascii() and label.isdigit() for label in distinct)
    return tuple(sorted(distinct, key=(lambda label: (int(label), label)) if numbers else None))  # type: ignore[arg-type]
