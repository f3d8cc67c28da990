"""Labels as they are written: what means none, what is no class, and classes that are likely one."""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from kogen.common.text import join_names
from kogen.data.images import Images
from kogen.data.listing import escape_surrogates

FEW_IMAGES = 10  # with fewer labels than this, each may be of its own class
OWN_CLASS_SHARE = 0.9  # of labelled images with a label that no other has: an id or a measurement, not a class
FAR_OFF = frozenset(("255", "65535", "99", "999", "9999", "-99", "-999", "-9999"))
PLACEHOLDERS = frozenset(("na", "n/a", "none", "null", "?", "-", "unknown", "unlabeled", "unlabelled", "undefined"))


def clean_labels(labels: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    """Labels (N,) as text with "" for unlabelled, and sentences on what a reader must know of them.

    NaN, -1 and empty cells mean no label. One name in several Unicode forms is one class. ValueError for a number of
    its own at nearly every image.
    """
    counts = Counter(labels.tolist())
    meant = {label: "" if is_none(label) else unicodedata.normalize("NFC", label) for label in counts}
    cleaned = np.array([meant[label] for label in labels.tolist()], object)
    notes = []
    if nothing := {label: n for label, n in counts.items() if label and not meant[label]}:
        said = join_names([f"{label} (images: {n})" for label, n in nothing.items()])
        notes.append(f"labels of {where} that mean no label: {said}")
    present = Counter({meant[label]: 0 for label in counts if meant[label]})
    for label, n in counts.items():
        present[meant[label]] += n
    del present[""]
    refuse_own_classes(present, where)
    if odd := [label for label in present if label.casefold() in PLACEHOLDERS or is_far_off(label, list(present))]:
        said = join_names([f"{label!r} (images: {present[label]})" for label in odd])
        notes.append(f"{where} has the class {said}: if it means no label, leave these labels empty")
    if joined := joined_names(set(present)):
        said = join_names([repr(label) for label in joined], 3)
        notes.append(f"{where} has several labels in one, each combination is a class of its own: {said}")
    notes += [
        f"{where} has classes that may be one: {join_names(sorted(alike))}" for alike in alike_names(list(present))
    ]
    return cleaned, notes


def distinct_names(names: Iterable[object], what: str) -> tuple[str, ...]:
    """The names of classes as text in one Unicode form. ValueError where one stands twice: two classes would be one."""
    found = tuple(unicodedata.normalize("NFC", escape_surrogates(str(name))) for name in names)
    if len(set(found)) < len(found):
        twice = Counter(found).most_common(1)[0][0]
        raise ValueError(f"{what} are not distinct: {twice} stands twice; give each class a name of its own")
    return found


def is_none(label: str) -> bool:
    """Whether a label means that there is none: empty, NaN or -1."""
    if label in ("", "-1"):
        return True
    try:
        number = float(label)
    except ValueError:
        return False
    return math.isnan(number) or number == -1


def is_far_off(label: str, labels: list[str]) -> bool:
    """Whether a label is a number such as 255, -999 or 9999 far beyond all others, as `none` is written in files."""
    if label not in FAR_OFF or not all(map(reads_as_number, labels)):
        return False
    return all(abs(float(other)) < abs(float(label)) / 2 for other in labels if other != label)


def refuse_own_classes(counts: Counter[str], where: str) -> None:
    """ValueError where the labels are numbers, nearly each of which stands at one image alone."""
    total, single = sum(counts.values()), [label for label, n in counts.items() if n == 1]
    if total >= FEW_IMAGES and len(single) >= OWN_CLASS_SHARE * total and all(map(reads_as_number, single)):
        got = f"{len(single)} of {total} labels of {where} are numbers that stand at one image alone"
        raise ValueError(
            f"{got}, for example {join_names(single, 3)}: measurements or ids, no classes; choose another column "
            "(--columns path=NAME,label=NAME), or none (--columns path=NAME)"
        )


def joined_names(names: set[str]) -> list[str]:
    """Names that are put together from others, as `cat|dog` is where there are `cat` and `dog`."""
    found = []
    for name in sorted(names):
        for mark in ("|", ";", ",", "+", "/", " "):
            parts = [part.strip() for part in name.split(mark)]
            if len(parts) > 1 and all(part in names for part in parts):
                found.append(name)
                break
    return found


def alike_names(names: list[str]) -> list[list[str]]:
    """Groups of names that differ in case, spaces, width, or order of their parts alone, or are one number."""
    groups = defaultdict(list)
    for name in names:
        plain = "".join(unicodedata.normalize("NFKC", name).casefold().split())
        plain = {"true": "1", "false": "0"}.get(plain, plain)
        groups[str(float(plain)) if reads_as_number(plain) else "|".join(sorted(re.split(r"[|;,+]", plain)))].append(
            name
        )
    return [group for group in groups.values() if len(group) > 1]


def reads_as_number(text: str) -> bool:
    """Whether a text is a number, as Python reads it: NaN and infinity too."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def require_classes(images: Images) -> None:
    """ValueError unless the labelled images are of two classes or more."""
    present = [images.classes[label] for label in np.unique(images.labels[images.labels >= 0])]
    if len(present) < 2:
        got = f"only the class {present[0]!r}" if present else "no labels"
        said = "".join(f"; {note}" for note in images.notes)
        raise ValueError(
            f"{images.name or 'the set'} has {got}, at least 2 classes are wanted: give labels with --labels "
            f"TABLE.csv (columns path,label), or put the images into one sub-folder per class{said}"
        )
