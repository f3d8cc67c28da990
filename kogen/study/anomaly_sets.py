"""The sets of a study of anomalies: what is good by name, all else an anomaly, and only good images to train on."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kogen.common.protocols import ANOMALY, GOOD
from kogen.common.text import hint, join_names
from kogen.data.images import Images, PixelSubset
from kogen.data.labels import require_classes
from kogen.data.near_copies import merged_ids
from kogen.evaluation.anomalies import check_good

CLASSES = (GOOD, ANOMALY)
NAMES_OF_GOOD = (GOOD, "normal", "ok", "clean")  # of the class of good images, in any case


def as_anomalies(images: Images, normal: str | None) -> Images:
    """The images with the classes good and anomaly; what kind each is becomes part of its group.

    `normal` names the class of the good ones, "" leaves it to be found (`NAMES_OF_GOOD`); None: as they are. ValueError
    where no class, or more than one, is called so.
    """
    if normal is None:
        return images
    place = images.classes.index(find_normal(images, normal))
    labels = np.where(images.labels < 0, -1, (images.labels != place).astype(np.int64))
    kinds = np.array([*images.classes, ""], object)[images.labels]  # the last: of unlabelled ones
    groups = (
        kinds
        if images.groups is None
        else np.array([", ".join(filter(None, pair)) for pair in zip(images.groups, kinds, strict=True)], object)
    )
    rest = [name for number, name in enumerate(images.classes) if number != place]
    said = (
        f"good images are those of the class {images.classes[place]!r}, anomalies those of {join_names(rest) or 'none'}"
    )
    changed = {"labels": labels, "classes": CLASSES, "groups": groups, "answers": None, "allowed_classes": ()}
    return replace(images, **changed, digest="", notes=(*images.notes, said))


def find_normal(images: Images, normal: str) -> str:
    """The class of the good images. ValueError as `as_anomalies`."""
    where, classes = images.name or "the set", list(images.classes)
    if normal:
        if normal not in classes:
            raise ValueError(f"{where} has no class {normal!r} (--normal): {hint(normal, classes)}")
        return normal
    found = [name for name in classes if name.casefold() in NAMES_OF_GOOD]
    if len(found) != 1:
        got = f"{where} has {'no class' if not found else 'several classes'} called {', '.join(NAMES_OF_GOOD)}"
        raise ValueError(f"{got}, there are {join_names(classes) or 'none'}: name that of good images, --normal NAME")
    return found[0]


def require_labels(images: Images, normal: str | None) -> None:
    """ValueError unless labelled images to train on are of two classes, or of anomalies enough of them good."""
    require_classes(images) if normal is None else check_good(images)


def keep_good(
    pool: Images, tests: Mapping[str, Images], held_out: bool, copies: Mapping[str, str]
) -> tuple[Images, dict[str, Images], list[str]]:
    """The pool without labelled anomalies, the sets to judge on, and a sentence on what became of these.

    Where the reference was `held_out` of the pool, those that share no cluster with a good image there, and are no near
    copy of one, join it: defects are few. ValueError for a set without anomalies, or without good images.
    """
    bad, found, notes = pool.labels == 1, dict(tests), []
    if bad.any():
        good, ids = pool.labels == 0, merged_ids(pool, copies)
        apart = bad & ~np.isin(pool.clusters, pool.clusters[good]) & ~np.isin(ids, ids[good])
        if held_out and apart.any():
            found["reference"] = join_images(tests["reference"], pool.subset(apart))
            notes.append(f"images with a defect that are judged on beside those held out: {int(apart.sum())}")
        left = int(bad.sum()) - (int(apart.sum()) if held_out else 0)
        notes += [f"images with a defect that are neither trained nor judged on: {left}"] if left else []
        pool = pool.subset(~bad)
    for name, images in found.items():
        counts = np.bincount(images.labels, minlength=2)
        for label, cure in enumerate(("good images", "images with a defect")):
            if not counts[label]:
                got = f"the set {name!r} has {int(counts[1 - label])} images and none of the class {CLASSES[label]!r}"
                raise ValueError(f"{got}: nothing says how well the two are told apart; give {cure} to judge on")
    return pool, found, notes


def join_images(first: Images, second: Images) -> Images:
    """Two parts of one set as one, in the order that they have there."""
    assert isinstance(first.pixels, PixelSubset)
    assert isinstance(second.pixels, PixelSubset)
    assert first.pixels.pixels is second.pixels.pixels
    rows = np.concatenate([first.pixels.rows, second.pixels.rows])
    order = np.argsort(rows, kind="stable")
    columns = {}
    for name in ("ids", "sources", "labels", "clusters", "aspect", "splits", "groups", "masks"):
        of = getattr(first, name), getattr(second, name)
        columns[name] = None if of[0] is None or of[1] is None else np.concatenate(of)[order]
    return replace(first, pixels=PixelSubset(first.pixels.pixels, rows[order]), **columns, digest="")
