"""Layout: what the folders that images lie in say of them, split and class, and which files are masks of others."""

import itertools
import os
import re
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from kogen.common.text import join_names
from kogen.data.decode import UnreadableImage, decode
from kogen.data.listing import escape_surrogates
from kogen.data.split_names import TEST, TRAIN, VAL, WORDS, names_splits, says_splits, split_name

MASK_WORDS = frozenset(("mask", "masks", "groundtruth", "gt", "annotation", "annotations", "annotated", "label"))
MASK_WORDS |= {"labels", "segmentation", "segmentations", "segmentationclass", "segmentationobject"}
MASK_TAIL = re.compile(r"[_-](mask|gt|seg|segmentation|label|ground_?truth)[_-]?\d*$", re.IGNORECASE)  # x_mask.png
DRAWN_ENDINGS = (".png", ".bmp", ".gif", ".tif", ".tiff")
MASK_VALUES = 16  # different values of a pixel that a drawn mask has at most
BLACK_OR_WHITE = 0.97  # share of the pixels of a mask that was saved as a JPEG
LOOKED_AT = 5  # files whose pixels are looked at before a group of files is taken for masks
STRAY_SHARE = 0.1  # of the images, that may lie outside the class folders


@dataclass(frozen=True)
class Layout:
    """The files of a folder that are images, each with its split and its class, "" where the folders say none."""

    names: list[str]
    labels: list[str] | None = None
    splits: list[str] | None = None
    notes: list[str] = field(default_factory=list)


def read_layout(root: str, names: list[str], max_pixels: int, *, classes: bool = True, what: str = "images") -> Layout:
    """What the paths of the files below `root` say; without `classes` nothing of classes, which a table gives then.

    Masks of images are left out. Folders `train` and `test` or `val` (split_names) are splits, above or below the class
    folders; a folder `test` or `val` beside others parts them from the rest. A class is the one folder that is left,
    where there are two classes or more and nine of ten images lie in one. `what`: what the files are.
    """
    masks = find_masks(root, names, max_pixels) if what == "images" else set()
    layout = Layout([name for name in names if name not in masks])
    notes = [f"files that are masks of others and left out: {len(masks)}, for example {min(masks)}"] if masks else []
    folders = without_shared([name.split("/")[:-1] for name in layout.names])
    if found := find_splits(folders):
        splits, folders = found
        notes.append(f"folders are taken as splits: {count_words(splits)}")
        layout = replace(layout, splits=[escape_surrogates(word) for word in splits])
        folders = without_shared(folders)
    splits = layout.splits or [""] * len(folders)
    labels, said = find_classes(layout.names, folders, splits, what) if classes else (None, [])
    return replace(layout, labels=labels, notes=[*notes, *said])


def without_shared(folders: list[list[str]]) -> list[list[str]]:
    """The folders of each file without those that all share, but for a few files that lie in none."""
    deep = [of for of in folders if of]
    if not deep or len(deep) < (1 - STRAY_SHARE) * len(folders):
        return folders
    parts = zip(*deep, strict=False)  # the first folders of all, the second ones, as deep as the flattest file lies
    shared = sum(1 for _ in itertools.takewhile(lambda part: len(set(part)) == 1, parts))
    left = [of[shared:] for of in folders]
    last = {of[-1] if len(of) > 1 else "" for of in left if of}
    return [of[:-1] for of in left] if len(last) == 1 and "" not in last else left  # cat/images/1.png, dog/images/1.png


def find_splits(folders: list[list[str]]) -> tuple[list[str], list[list[str]]] | None:
    """The split of each file and the folders that are left of its path; None where no level of folders names splits."""
    first = {of[0] if of else "" for of in folders}
    second = {of[1] if len(of) > 1 else "" for of in folders}
    named = len(first) > 1 and {split_name(word) for word in first} <= set(WORDS)
    if named or names_splits(first):
        return [of[0] if of else "" for of in folders], [of[1:] for of in folders]
    if names_splits(second) and "" not in second:
        return [of[1] for of in folders], [of[:1] + of[2:] for of in folders]
    apart = {word for word in first if split_name(word) in (TEST, VAL) and word.lower() != "valid"}  # or a class
    if not apart or first == apart:
        return None
    words = [of[0] if of and of[0] in apart else TRAIN for of in folders]  # classes beside a folder of test images
    return words, [of[1:] if of and of[0] in apart else of for of in folders]


def find_classes(
    names: list[str], folders: list[list[str]], splits: list[str], what: str = "images"
) -> tuple[list[str] | None, list[str]]:
    """The class of each file, its one folder, or None where folders say no classes; and sentences on what was found.

    A split none of whose files lies in a folder of its own has no labels, and says nothing of the others.
    """
    labels = [escape_surrogates(of[0]) if len(of) == 1 else "" for of in folders]
    labelled = {split for split, label in zip(splits, labels, strict=True) if label}
    rows = [row for row, split in enumerate(splits) if split in labelled]
    strays = [names[row] for row in rows if not labels[row]]
    if len(set(labels) - {""}) < 2 or len(strays) > STRAY_SHARE * len(rows):
        deep, kinds = sum(len(of) > 1 for of in folders), len({tuple(of) for of in folders})
        loose = sum(not of for of in folders)
        got = f"of {len(names)} {what} {deep} lie deeper than one folder, {loose} in none"
        said = f"the {kinds} folders are not taken as classes ({got}): a table gives labels (--labels)"
        return None, [said] if kinds > 1 else []
    if says_splits(set(labels) - {""}):
        got = f"the folders {join_names(sorted(set(labels) - {''}), 4)} seem to hold a split and a class in one name"
        raise ValueError(f"{got}: name them train/CLASS and test/CLASS, or give a table path,label,split by --labels")
    found = [f"folders are taken as classes: {count_words([label for label in labels if label])}"]
    lost = f"{what} in no class folder, which stay without a label: {len(strays)} ({join_names(strays, 3)})"
    return labels, [*found, lost] if strays else found


def find_masks(root: str, names: list[str], max_pixels: int) -> set[str]:
    """The files that are masks of other files.

    Those of a folder called `masks`, `ground_truth` ..., and those called as another file but for the ending or a tail
    `_mask`, if some of their pixels, looked at, have few values, as drawn ones have and photographs do not.
    """
    groups: dict[str, list[str]] = {}
    stems = {os.path.splitext(name)[0] for name in names}
    lossy = {os.path.splitext(name)[0] for name in names if name.lower().endswith((".jpg", ".jpeg"))}
    for name in names:
        stem, ending = os.path.splitext(name)
        above = next((part for part in name.split("/")[:-1] if says_mask(part)), None)
        if above is not None:
            groups.setdefault(f"folder {name[: name.index(above)]}{above}", []).append(name)
            continue
        tail = MASK_TAIL.search(stem)
        if tail and stem[: tail.start()] in stems:
            groups.setdefault(f"tail {tail[1].lower()}", []).append(name)
        elif stem in lossy and ending.lower() in DRAWN_ENDINGS:
            groups.setdefault(f"{ending} beside jpg", []).append(name)
    found = {name for group in groups.values() if _are_drawn(root, group, max_pixels) for name in group}
    return found if len(found) < len(names) else set()


def _are_drawn(root: str, names: list[str], max_pixels: int) -> bool:
    """Whether the pixels of some of the files, spread over the list, have few values."""
    for place in np.unique(np.linspace(0, len(names) - 1, min(LOOKED_AT, len(names))).astype(int)):
        try:
            pixels = decode(os.path.join(root, names[place]), max_pixels)[0]
        except UnreadableImage:
            continue
        if len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) <= MASK_VALUES:
            continue
        low, high = float(pixels.min()), float(pixels.max())
        if (np.minimum(pixels - low, high - pixels) <= (high - low) / 8).mean() < BLACK_OR_WHITE:
            return False
    return True


def count_words(words: list[str]) -> str:
    """How often each word stands there, the most frequent first: `train 100, test 20`."""
    return join_names([f"{word or 'none'} {count}" for word, count in Counter(words).most_common()])


def says_mask(folder: str) -> bool:
    """Whether a folder is called after masks, alone or beside another word: `masks`, `ground_truth`, `defect_mask`."""
    parts = re.split(r"[\W_]+", folder.lower())
    return "".join(parts) in MASK_WORDS or (len(parts) == 2 and bool(MASK_WORDS & set(parts)))
