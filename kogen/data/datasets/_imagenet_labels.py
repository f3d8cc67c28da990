"""What the files beside ImageNet say: the 1000 classes, the labels of the flat validation images, ReaL's label sets."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from kogen.common.files import check_regular_file, describe, read_json
from kogen.data.images import BadFile, Images

VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})")  # the validation images are numbered from 1
MAX_LABEL_BYTES, MAX_META_BYTES, MAX_REAL_BYTES = 1 << 28, 1 << 22, 1 << 26  # hundreds of times what they have
WNID = re.compile(r"n\d{8}")


def wnids() -> tuple[str, ...]:
    """The 1000 classes of ILSVRC 2012 by WordNet name, in the order of their numbers, which is the sorted one."""
    from timm.data.imagenet_info import ImageNetInfo  # slow to import, and only needed here

    return tuple(sorted(ImageNetInfo("imagenet-1k").label_names()))


def validation_number(source: str) -> int:
    """The number of a validation image, from 1. ValueError for a file that is not named as one."""
    match = VALIDATION_NAME.match(os.path.basename(source))
    if not match:
        raise ValueError(
            f"{source} is not named as the validation images are (ILSVRC2012_val_00000001.JPEG), so nothing says which "
            "one it is: keep their names, or sort them into folders by class"
        )
    return int(match[1])


def read_labels(path: str, classes: tuple[str, ...]) -> dict[int, str]:
    """The wnid of each validation image by its number, from any of the files in use.

    Lines `IMAGE WNID` or `IMAGE NUMBER` (val_map.txt, LOC_val_solution.csv, caffe's val.txt; numbers from 0 in sorted
    order), a WNID alone for each image in turn, or the development kit's own numbers, whose order is in the
    meta.mat beside the file. Raises ValueError with the line that is none of these.
    """
    labels: dict[int, str] = {}
    kit: dict[int, str] | None = None
    for place, row in enumerate(_read_rows(path)):
        image = VALIDATION_NAME.match(os.path.basename(row[0]))
        value = (row[1] if len(row) > 1 else "") if image else row[0]
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else -1
        if not image and number >= 0:
            kit = _read_devkit_ids(path) if kit is None else kit
            label = kit.get(number, "")
        elif number >= 0:
            label = classes[number] if number < len(classes) else ""
        else:
            label = value if value in classes else ""
        if not label:
            raise ValueError(
                f"{path}: {' '.join(row)[:80]!r} names no class of ILSVRC 2012; wanted lines such as "
                f"'ILSVRC2012_val_00000001.JPEG {classes[0]}' or '{classes[0]}'"
            )
        labels[int(image[1]) if image else place + 1] = label
    return labels


def _read_rows(path: str) -> list[list[str]]:
    """The words of each line that has any, without a header."""
    check_regular_file(path, MAX_LABEL_BYTES)
    try:
        with open(path, encoding="utf-8-sig") as file:
            rows = [re.split(r"[,\s]+", line.strip()) for line in file if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the labels {path}: {error}") from error
    return rows[1:] if rows and rows[0][0].lower() == "imageid" else rows


def _read_devkit_ids(path: str) -> dict[int, str]:
    """The development kit's numbers with their wnids, from the meta.mat beside its ground truth."""
    from scipy.io import loadmat

    beside = os.path.join(os.path.dirname(path), "meta.mat")
    try:
        check_regular_file(beside, MAX_META_BYTES)
        table = loadmat(beside, squeeze_me=True, variable_names=["synsets"])["synsets"]
        return {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in np.atleast_1d(table)}
    except Exception as error:  # mangled bytes raise errors of many kinds
        raise ValueError(
            f"{path} holds the development kit's own numbers, which are not in the order of the wnids; {beside} would "
            f"say which is which, and it cannot be read ({describe(error)[:300]}): put the kit's meta.mat there, or "
            "give wnids"
        ) from error


def apply_real_labels(images: Images, path: str, classes: tuple[str, ...]) -> Images:
    """Validation images with ReaL's label sets as answers; those it gives none are left out and counted as bad.

    The file is a list of lists of class numbers, one for each image in the order of their numbers (Beyer et al. 2020,
    arXiv 2006.07159). The label is the image's own where the set has it, otherwise the set's first. Raises ValueError
    for another file.
    """
    sets = _read_real_labels(path, len(classes))
    numbers = np.array([validation_number(str(source)) for source in images.sources], np.int64)  # (N,)
    if numbers.max(initial=1) > len(sets) or numbers.min(initial=1) < 1:
        wrong = numbers.max() if numbers.max() > len(sets) else numbers.min()
        raise ValueError(
            f"{path} has labels for images 1 to {len(sets)}, got an image number {wrong}: give ReaL's real.json"
        )
    answers = np.zeros((len(images), len(classes)), bool)
    for row, number in enumerate(numbers):
        answers[row, sets[number - 1]] = True
    images = images.with_classes(classes)
    some = np.asarray(answers.any(axis=1))
    own = (images.labels >= 0) & answers[np.arange(len(images)), images.labels]
    labels = np.where(own, images.labels, answers.argmax(axis=1))
    left_out = tuple(BadFile(str(source), "ReaL gives it no label") for source in images.sources[~some])
    marked = replace(images, labels=labels, answers=answers, bad=images.bad + left_out)
    return marked.subset(some)


def _read_real_labels(path: str, classes: int) -> list[list[int]]:
    """ReaL's list of label sets. ValueError where it is not one."""
    check_regular_file(path, MAX_REAL_BYTES)
    sets = read_json(Path(path), "give ReaL's real.json")
    if not isinstance(sets, list) or not sets:
        raise ValueError(f"{path} is not a list of label sets: give ReaL's real.json")
    for place, one in enumerate(sets):
        if not isinstance(one, list) or any(type(n) is not int or not 0 <= n < classes for n in one):
            raise ValueError(
                f"{path}: entry {place + 1} is {str(one)[:60]}, wanted a list of class numbers from 0 to {classes - 1}"
            )
    return sets
