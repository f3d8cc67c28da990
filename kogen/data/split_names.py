"""Split names: what train, validation, test and unlabelled are called, and which images may be trained or judged on."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kogen.common.text import hint, join_names
from kogen.data.images import Images

TRAIN, VAL, TEST, UNLABELLED = "train", "val", "test", "unlabelled"
WORDS = {
    TRAIN: ("train", "training", "trainval", "trn", "labeled", "labelled", "学習", "訓練"),
    VAL: ("val", "valid", "validation", "validate", "dev", "eval", "evaluation", "検証"),
    TEST: ("test", "testing", "tst", "holdout", "heldout", "prüfung", "評価", "テスト"),
    UNLABELLED: ("unlabelled", "unlabeled", "unsup", "unsupervised"),
}
SHORT = {"tr": TRAIN, "ts": TEST, "te": TEST, "va": VAL}  # only beside a word of NEUTRAL, as in imagesTr
# Words beside that of a split that say nothing: train_images, PublicTest, seg_test, is_training_image, 学習データ.
NEUTRAL = frozenset(("image", "images", "img", "imgs", "data", "dataset", "set", "folder", "photo", "photos"))
NEUTRAL |= {"picture", "pictures", "seg", "public", "private", "is", "in", "for", "sample", "split", "part", "x"}
_NEUTRAL_INSIDE = re.compile("データ|画像|セット|用")  # Japanese has no spaces
_MEANINGS = {word: name for name, words in WORDS.items() for word in words}
_PARTS = re.compile(r"[A-Z]?[a-zà-ÿ]+|[A-Z]+(?![a-z])|[^\W\d_A-Za-zÀ-ÿ]+")


def split_name(word: str) -> str:
    """The split that a word names: `train`, `val`, `test` or `unlabelled` in any case, beside words that say nothing;
    any other word as it is.
    """
    plain = _NEUTRAL_INSIDE.sub("", unicodedata.normalize("NFKC", word))
    parts = [part.casefold() for part in _PARTS.findall(plain)]
    telling = [part for part in parts if part not in NEUTRAL]
    if "".join(telling) in _MEANINGS:  # held_out, too
        return _MEANINGS["".join(telling)]
    if len(parts) > len(telling) == 1:
        return SHORT.get(telling[0], word)
    return word


def says_splits(words: set[str]) -> bool:
    """Whether words hold those of splits beside others: `train_ok` and `test_ok`, `7_train` and `8_val`."""
    parts = [{part.casefold() for part in _PARTS.findall(unicodedata.normalize("NFKC", word))} for word in words]
    meant = {_MEANINGS[part] for found in parts for part in found if part in _MEANINGS}
    return TRAIN in meant and bool(meant & {VAL, TEST}) and all(found & _MEANINGS.keys() for found in parts)


def split_names(words: np.ndarray) -> np.ndarray:
    """`split_name` of each word (N,), looked up once a distinct word."""
    meant = {word: split_name(word) for word in set(words.tolist())}
    return np.array([meant[word] for word in words.tolist()], object)


def find_split(wanted: str, splits: np.ndarray, where: str) -> np.ndarray:
    """Positions of the images of a split, as it is written or as it is meant. ValueError for one that is not there."""
    rows = np.flatnonzero(splits == wanted)
    if not len(rows):
        rows = np.flatnonzero(split_names(splits) == split_name(wanted))
    if not len(rows):
        raise ValueError(f"{where} has no split {wanted!r}: {hint(wanted, _written(splits))}")
    return rows


def choose_split(images: Images, split: str | None, where: str) -> Images:
    """The images of one split, all where none is asked for. ValueError for one that is not there."""
    if split is None:
        return images
    if images.splits is None:
        raise ValueError(f"{where} has no splits, so no {split!r}")
    return replace(images.subset(find_split(split, images.splits, where)), splits=None)


def names_splits(words: set[str]) -> bool:
    """Whether words name splits and no classes: train with another one beside it (trains are a class, too)."""
    meant = {split_name(word) for word in words}
    return TRAIN in meant and bool(meant & {VAL, TEST})


def training_part(images: Images) -> Images:
    """The images of a set that may be trained on; its notes say which were left out.

    A set without splits is all of it. Else these are the images of `train`, and those of `unlabelled` without labels.
    ValueError where there are splits and none is `train`.
    """
    if images.splits is None:
        return images
    meant = split_names(images.splits)
    if TRAIN not in meant:
        got = f"{images.name} has the splits {join_names(_written(images.splits))}, none is 'train'"
        raise ValueError(f"{got}: name the one to train on 'train', or choose one with ?split=NAME")
    kept = np.isin(meant, (TRAIN, UNLABELLED))
    part = replace(images, labels=np.where(meant == UNLABELLED, -1, images.labels), digest="").subset(kept)
    there = np.unique(part.labels[part.labels >= 0])  # a class of other splits only is none that can be learnt
    part = part.with_classes(tuple(images.classes[number] for number in there))
    notes = [*images.notes, *_left_out(images.splits, ~kept, "never trained on")]
    if (extra := int((meant == UNLABELLED).sum())) > 0:
        notes.append(f"images that are trained on without labels: {extra}; their split says so, or no table lists them")
    return replace(part, splits=None, notes=tuple(notes))


def judging_part(images: Images, kinds: Sequence[str] = (TEST, VAL)) -> Images:
    """The images of a set that may be judged on: of the first of `kinds` that it has, all where it has no splits.

    ValueError where there are splits and none of these.
    """
    if images.splits is None:
        return images
    meant = split_names(images.splits)
    there = [name for name in kinds if name in meant]
    if not there:
        wanted = " or ".join(map(repr, kinds))
        got = f"{images.name} has the splits {join_names(_written(images.splits))}, none is {wanted}"
        raise ValueError(f"{got}: choose the one to judge on with ?split=NAME")
    # A split without labels cannot be judged on: what is uploaded somewhere to be scored is called test, too.
    kept = meant == next((name for name in there if (images.labels[meant == name] >= 0).any()), there[0])
    notes = (*images.notes, *_left_out(images.splits, ~kept, "not judged on"))
    return replace(images.subset(kept), splits=None, notes=notes)


def one_part(images: Images, source: str) -> Images:
    """The images of a source that has one part, or whose part was chosen. ValueError for several."""
    if images.splits is None:
        return images
    known = _written(images.splits)
    raise ValueError(f"{source} has the splits {join_names(known)}: choose one, {source}?split={known[0]}")


def _written(splits: np.ndarray) -> list[str]:
    """The splits (N,) as they are written, each once, without the empty one."""
    return sorted({str(split) for split in splits} - {""})


def _left_out(splits: np.ndarray, out: np.ndarray, what: str) -> list[str]:
    """A sentence on the images that are left out, counted by split; none where there are none."""
    names, counts = np.unique(splits[out].astype(str), return_counts=True)
    parts = [f"{n} of {name}" if name else f"{n} without a split" for name, n in zip(names, counts, strict=True)]
    return [f"{what}: {join_names(parts)}"] if parts else []
