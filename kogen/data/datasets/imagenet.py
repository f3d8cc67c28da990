"""Data source `imagenet`: ImageNet and its variants by their own layouts, `imagenet:FOLDER?real=real.json`."""

import os
from dataclasses import replace

import numpy as np

from kogen.data.cache_settings import CacheSettings
from kogen.data.datasets._imagenet_labels import WNID, apply_real_labels, read_labels, validation_number, wnids
from kogen.data.images import Images
from kogen.data.listing import ImageFiles, scan_folder
from kogen.data.pixel_cache import load_or_build

__all__ = ["imagenet"]


def imagenet(
    path: str = "",
    *,
    labels: str | None = None,
    real: str | None = None,
    like: str | None = None,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """The images of ImageNet or a variant below a folder, labelled by wnid.

    Folders named by wnid are val, train, Sketch, A, R; where they are fewer than the 1000 (A and R have 200), a
    prediction is chosen from these classes only, and `like=FOLDER-OF-A` makes the clean counterpart of val: the images
    of the same classes, judged among the same classes. Folders 0 to 999 are V2, numbered as the sorted wnids are. Flat
    files ILSVRC2012_val_*.JPEG need `labels` (val_map.txt, or the development kit's ground truth beside its meta.mat).
    `real=real.json` takes ReaL's label sets instead.

    Raises ValueError for another layout, a class that ILSVRC 2012 does not have, and files that do not fit.
    Source: Russakovsky et al. 2015; Recht et al. 2019 (V2); Wang et al. 2019 (Sketch); Hendrycks et al. 2021 (A, R);
    Beyer et al. 2020 (ReaL).
    """
    if not path or not os.path.isdir(path):
        raise ValueError(f"imagenet needs a folder, got {path!r}: write imagenet:FOLDER")
    if real is not None and like is not None:
        raise ValueError(
            "real and like cannot be joined: ReaL's label sets are of all 1000 classes; give one of the two"
        )
    found, known = scan_folder(path), wnids()
    text = layout_labels(path, found.names, labels, real is not None, known)
    if like is not None:
        wanted = set(class_folders(like, known))
        chosen = [place for place, label in enumerate(text) if label in wanted]
        if missing := sorted(wanted - {text[place] for place in chosen}):
            raise ValueError(
                f"{path} has no images of some classes of {like} ({len(missing)}), for example {missing[0]}"
            )
        found = found.take(chosen)
        text = [text[i] for i in chosen]
    images = Images.from_cache(load_or_build(ImageFiles(path, found), storage or CacheSettings()), text, name=name)
    if real is not None:
        return apply_real_labels(images, real, known)
    named_by_wnid = like is not None or WNID.match(found.names[0])
    if named_by_wnid and len(images.classes) < len(known):
        return replace(images, allowed_classes=images.classes, digest="")
    return images


def layout_labels(path: str, names: list[str], labels: str | None, real: bool, known: tuple[str, ...]) -> list[str]:
    """The wnid of each file ("" where ReaL will say), from the layout. ValueError for an unknown layout."""
    folders = sorted({name.partition("/")[0] for name in names if "/" in name})
    loose = [name for name in names if "/" not in name]
    deep = [name for name in names if name.count("/") > 1]
    if not names or deep or (folders and loose):
        got = f"holds {', '.join([*deep[:1], *loose[:1], *folders[:2]])}" if names else "holds no images"
        raise ValueError(f"{path} {got}: give the folder whose sub-folders are the classes, or all of whose files are")
    if loose:
        return flat_labels(path, loose, labels, real, known)
    if labels is not None:
        raise ValueError(f"{path} has class folders, which say the labels: leave labels={labels} out")
    if all(folder.isascii() and folder.isdigit() for folder in folders):
        if beyond := [folder for folder in folders if int(folder) >= len(known)]:
            raise ValueError(f"{path} has a class folder {beyond[0]}: the classes of V2 are numbered 0 to 999")
        return [known[int(name.partition("/")[0])] for name in names]  # by value: "10" is not the third
    check_wnids(path, folders, known)
    return [name.partition("/")[0] for name in names]


def flat_labels(path: str, names: list[str], labels: str | None, real: bool, known: tuple[str, ...]) -> list[str]:
    """The wnids of validation images that lie in one folder, from a file of labels."""
    numbers = [validation_number(name) for name in names]
    if labels is None:
        if real:
            return [""] * len(names)
        raise ValueError(
            f"{path} holds images without class folders: give labels=FILE (val_map.txt, or the development kit's "
            "ILSVRC2012_validation_ground_truth.txt beside its meta.mat), or real=real.json"
        )
    table = read_labels(labels, known)
    if absent := [name for name, number in zip(names, numbers, strict=True) if number not in table]:
        raise ValueError(f"{labels} says nothing of {len(absent)} of {len(names)} images, for example {absent[0]}")
    return [table[number] for number in numbers]


def class_folders(path: str, known: tuple[str, ...]) -> list[str]:
    """The wnids that name the sub-folders of a folder. ValueError where there are none, or other names."""
    if not os.path.isdir(path):
        raise ValueError(f"like={path} is no folder: give one with class folders, such as ImageNet-A's")
    folders = sorted(entry.name for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))
    check_wnids(path, folders, known)
    return folders


def check_wnids(path: str, folders: list[str], known: tuple[str, ...]) -> None:
    """ValueError unless the folders are named by classes of ILSVRC 2012."""
    strange = [folder for folder in folders if not WNID.fullmatch(folder)]
    if strange or not folders:
        raise ValueError(
            f"{path} has {f'a folder {strange[0]!r}' if strange else 'no folders'}, wanted folders named by wnid "
            f"(such as {known[0]}) or by class number (0 to 999): give the folder that holds them"
        )
    if other := np.setdiff1d(folders, known).tolist():
        raise ValueError(f"{path}: {other[0]} is none of the 1000 classes of ILSVRC 2012; open it as a plain folder")
