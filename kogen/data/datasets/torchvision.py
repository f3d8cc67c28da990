"""Data source `torchvision`: a classification set of torchvision by its class name, `torchvision:CIFAR10?root=...`."""

import inspect
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kogen.common.files import describe
from kogen.common.text import hint, join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.decode import to_pixels
from kogen.data.images import Images
from kogen.data.listing import MAX_CLASSES, PixelStack, escape_surrogates, hash_parts, stamp_of
from kogen.data.pixel_cache import load_or_build
from kogen.data.split_names import WORDS, split_name

__all__ = ["torchvision"]

# Sets of images with a class each. Others read video, boxes or pairs; LSUN unpickles a file that anybody may have put
# beside the script, which runs code; Caltech, INaturalist and ImageNet make folders or unpack archives in the root when
# they are opened. CIFAR's pickles are opened after their sums are checked.
SETS = [
    "CIFAR10",
    "CIFAR100",
    "CLEVRClassification",
    "Country211",
    "DTD",
    "EMNIST",
    "EuroSAT",
]
SETS += ["FER2013", "FGVCAircraft", "FashionMNIST", "Flowers102", "Food101", "GTSRB", "ImageFolder"]
SETS += ["Imagenette", "KMNIST", "LFWPeople", "MNIST", "Omniglot", "OxfordIIITPet", "PCAM", "Places365"]
SETS += ["QMNIST", "RenderedSST2", "SEMEION", "STL10", "SUN397", "SVHN", "StanfordCars", "USPS"]


# What the part to train on and the part to judge on are called, where not train and test; None: there is none.
PARTS: dict[str, tuple[str | None, str | None]] = {
    "CLEVRClassification": ("train", "val"),
    "FGVCAircraft": ("trainval", "test"),
    "Imagenette": ("train", "val"),
    "OxfordIIITPet": ("trainval", "test"),
    "Places365": ("train-standard", "val"),
}
PARTS |= dict.fromkeys(("EMNIST", "EuroSAT", "ImageFolder", "Omniglot", "SEMEION", "SUN397"), (None, None))


def torchvision_parts(which: str) -> tuple[str | None, str | None]:
    """The names of the parts of a set to train and to judge on; None where it is one set, or the user has to say."""
    return PARTS.get(which, ("train", "test"))


def torchvision(
    which: str = "",
    *,
    root: str = "",
    split: str | None = None,
    download: bool = False,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """A torchvision set that lies under `root`; `split` as the set names it (train and test also where it says train=).

    Without `split` it is the part to train on.
    Nothing is downloaded unless `download=true` says so. Torchvision reads the files itself and checks their sums.
    Raises ValueError for an unknown set or split, for a set that is not there, and for one without class labels.
    """
    import torchvision.datasets as sets  # slow to import, and only needed here

    if which not in SETS or which not in sets.__all__:
        known = [name for name in SETS if name in sets.__all__]
        there = "reads none of these as images with a class each" if which in sets.__all__ else "has no set"
        raise ValueError(f"torchvision {there} {which!r}: {hint(which, known)}")
    if not root:
        raise ValueError(f"torchvision needs a folder: write torchvision:{which}?root=FOLDER")
    maker = getattr(sets, which)
    accepted = inspect.signature(maker).parameters
    settings: dict[str, Any] = {"root": root, "download": download} if "download" in accepted else {"root": root}
    split = torchvision_parts(which)[0] if split is None else split
    if split is not None:
        settings |= _split_setting(which, accepted, split)
    _refuse_pipes(root)
    try:
        data = maker(**settings)
        numbers, names = _read_labels(data)
        count = len(data)
    except Exception as error:  # its readers raise whatever a damaged file leads them to
        raise ValueError(
            f"torchvision cannot open {which} under {root}: {describe(error)[:500]}; check the folder, or add "
            "&download=true"
        ) from error
    labels, classes = _name_labels(which, numbers, names)
    if which == "ImageFolder" and len({split_name(word) for word in classes} & set(WORDS)) > 1:
        got = f"the folders of {root} are splits ({join_names(classes)}) and no classes"
        raise ValueError(f"{got}: give the folder itself, which kogen reads as such, or one of them")
    items = PixelStack(which, (which, str(split), *_folder_stamp(root)), lambda: _Pictures(data), count)
    storage = replace(storage or CacheSettings(), workers=1)  # threads may not share every set of torchvision
    return Images.from_cache(load_or_build(items, storage), labels, classes, name=name)


class _Pictures:
    """The pixels (H, W, C) of a torchvision set, one by one."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __getitem__(self, item: int) -> np.ndarray:
        return to_pixels(self.data[item][0])


def _split_setting(which: str, accepted: Mapping[str, Any], split: str) -> dict[str, Any]:
    """The setting that asks a torchvision set for a split."""
    if "split" in accepted:
        return {"split": split}
    if "train" in accepted and split in ("train", "test"):
        return {"train": split == "train"}
    known = "the splits train and test" if "train" in accepted else "no splits"
    raise ValueError(f"torchvision's {which} has {known}, not {split!r}")


def _read_labels(data: Any) -> tuple[np.ndarray, list[str]]:
    """The label of each image as a torchvision set has it, and the names of the classes."""
    numbers = next((getattr(data, key) for key in ("targets", "labels", "_labels") if hasattr(data, key)), None)
    if numbers is None:
        numbers = [data[item][1] for item in range(len(data))]
    names = [name if isinstance(name, str) else "/".join(name) for name in getattr(data, "classes", [])]
    return np.asarray(numbers), [escape_surrogates(name) for name in names]


def _name_labels(which: str, numbers: np.ndarray, names: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """The label of each image as text, and the classes. ValueError where images have no one class."""
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise ValueError(f"torchvision's {which} does not give each image one class: take its files as a folder")
    largest = int(numbers.max(initial=-1))
    if largest >= MAX_CLASSES:
        raise ValueError(f"torchvision's {which} has a label {largest}, at most {MAX_CLASSES:,} classes are read")
    if len(names) <= largest or len(set(names)) < len(names):
        names = [str(number) for number in range(largest + 1)]
    return ["" if number < 0 else names[number] for number in numbers], tuple(names)


def _walk(root: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every file below a folder, in order, and what is known of it; links are followed to files."""
    for folder, below, files in os.walk(root):
        below.sort()
        for path in (os.path.join(folder, name) for name in sorted(files)):
            try:
                yield path, os.stat(path)
            except OSError:  # a dangling link
                yield path, os.lstat(path)


def _refuse_pipes(root: str) -> None:
    """ValueError where a pipe or a device lies among the files: torchvision would wait for it."""
    for path, status in _walk(root):
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            raise ValueError(f"{path} is a pipe or a device, wanted files: remove it")


def _folder_stamp(root: str) -> list[str]:
    """Where a set lies, and a hash of its files' names and stamps, which changes when they do."""
    parts = [f"{path} {stamp_of(status)}" for path, status in _walk(root)]
    return [os.path.realpath(root), hash_parts(*parts)]
