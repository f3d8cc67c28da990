"""The sets of a study of boxes: images that carry their boxes, and those of groups that training has not seen."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kogen.boxes.image_boxes import FileBoxes, ImageBoxes
from kogen.common.text import hint, join_names
from kogen.data.boxes.box_images import BoxImages
from kogen.data.boxes.class_names import NO_BOX
from kogen.data.boxes.open_boxes import open_boxes
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images

UNSEEN = "unseen groups"  # name of the set of test images of groups that training has not seen
LEAST_PART = 5  # images with something to be found, of known and of unseen groups, below which these are one set


def open_box_set(source: str, storage: CacheSettings, name: str, like: Images | None = None) -> Images:
    """The images of a source of boxes (see `open_boxes`), as `carry_boxes` makes them, in the classes of `like`.

    ValueError as `open_boxes`, and for boxes of a class that `like` does not have.
    """
    opened = open_boxes(source, storage)
    opened = replace(opened, images=replace(opened.images, name=name))
    if like is None:
        return carry_boxes(opened)
    found = carry_boxes(count_in(opened, classes_of(like), f"the set {name!r} ({source})"))
    return found.with_channels(like.channels)


def carry_boxes(opened: BoxImages) -> Images:
    """The images with their boxes, and as label of each its rarest class that is to be found, or none (`NO_BOX`).

    By these labels sets are held out and parts are drawn, so that rare classes are in each; nothing learns from them.
    """
    wanted = [one.classes[~one.ignored] for one in opened.boxes]
    counts = np.bincount(np.concatenate(wanted), minlength=len(opened.classes))
    rarest = [min(labels.tolist(), key=lambda k: (counts[k], k), default=len(opened.classes)) for labels in wanted]
    boxes = np.empty(len(opened), object)
    for row, (one, (width, height)) in enumerate(zip(opened.boxes, opened.sizes.tolist(), strict=True)):
        boxes[row] = FileBoxes(one, (width, height), opened.classes)
    classes = (*opened.classes, NO_BOX)
    return replace(opened.images, labels=np.array(rarest, np.int64), classes=classes, boxes=boxes, digest="")


def with_boxes(images: Images) -> BoxImages:
    """Images that carry their boxes, with these apart."""
    assert images.boxes is not None
    boxes: tuple[ImageBoxes, ...] = tuple(one.boxes for one in images.boxes)
    sizes = np.array([one.size for one in images.boxes], np.int64).reshape(-1, 2)
    return BoxImages(images, boxes, classes_of(images), sizes, images.name)


def classes_of(images: Images) -> tuple[str, ...]:
    """The classes of the boxes that images carry."""
    return tuple(name for name in images.classes if name != NO_BOX)


def count_in(opened: BoxImages, classes: tuple[str, ...], where: str) -> BoxImages:
    """The same boxes counted in other classes. ValueError for a box of a class that is not among them."""
    place = {name: number for number, name in enumerate(classes)}
    present = sorted({int(label) for one in opened.boxes for label in one.classes})
    if unknown := [opened.classes[label] for label in present if opened.classes[label] not in place]:
        got = f"{where} has boxes of a class that train does not have, {join_names(unknown, 3)}"
        raise ValueError(f"{got}: {hint(unknown[0], list(classes))}")
    table = np.array([place.get(name, -1) for name in opened.classes], np.int64)
    boxes = tuple(replace(one, classes=table[one.classes]) for one in opened.boxes)
    return replace(opened, boxes=boxes, classes=classes)


def require_boxes(images: Images) -> None:
    """ValueError unless images to learn from have a box that is to be found."""
    if not len(images) or not (images.labels != len(images.classes) - 1).any():
        got = f"none of the {len(images)} images to learn from has a box that is to be found"
        raise ValueError(f"{got}: give images with boxes, in a split train where the source has splits")


def part_unseen_groups(
    train: Images, tests: Mapping[str, Images], opened: Mapping[str, str]
) -> tuple[dict[str, Images], dict[str, str], list[str]]:
    """The sets to judge on, test images of groups that training has not seen as a set of their own, and sentences.

    `opened`: the source of each set. Where a source names no groups, or nearly all of the test images are of one kind,
    the sets stay as they are. ValueError where the name of the new set is taken.
    """
    notes = unlearnt_classes(train, tests)
    first = next(iter(tests))
    images = tests[first]
    if train.groups is None or images.groups is None:
        return dict(tests), dict(opened), notes
    known = {name for name in train.groups.tolist() if name}
    unseen = np.array([bool(name) and name not in known for name in images.groups.tolist()])
    telling = images.labels != len(images.classes) - 1
    count = f"{int(unseen.sum())} of {len(images)} images of {first} are of groups that training has not seen"
    if min(int((telling & unseen).sum()), int((telling & ~unseen).sum())) < LEAST_PART:
        return dict(tests), dict(opened), [*notes, count] if unseen.any() else notes
    if UNSEEN in tests:
        raise ValueError(f"the name {UNSEEN!r} is taken by another set: choose another for that --shift")
    groups = sorted({str(name) for name in images.groups[unseen]})
    notes.append(f"{count} ({join_names(groups, 6)}): they are the set {UNSEEN!r}, the others are {first}")
    rest = {name: part for name, part in tests.items() if name != first}
    parts = {first: images.subset(~unseen), UNSEEN: replace(images.subset(unseen), name=UNSEEN, notes=())}
    return parts | rest, {**opened, UNSEEN: f"part of {opened[first].removeprefix('part of ')}"}, notes


def unlearnt_classes(train: Images, tests: Mapping[str, Images]) -> list[str]:
    """A sentence on the classes that are to be found in a set, and of which training shows no box."""
    seen = labels_of(train)
    lost = {name: sorted(labels_of(images) - seen) for name, images in tests.items()}
    return [
        f"classes with boxes in {name} and none to learn from, which count as not found: "
        f"{join_names([train.classes[label] for label in labels], 5)}"
        for name, labels in lost.items()
        if labels
    ]


def labels_of(images: Images) -> set[int]:
    """The classes of the boxes of images that are to be found."""
    assert images.boxes is not None
    return {int(label) for one in images.boxes for label in one.boxes.classes[~one.boxes.ignored]}
