"""Data source `mvtec`: the layout of MVTec AD, `mvtec:FOLDER` with train/good, test/KIND and ground_truth/KIND."""

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kogen.common.text import join_names
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.listing import ImageFiles, escape_surrogates, scan_folder
from kogen.data.masks.attach_masks import attach_masks
from kogen.data.pixel_cache import load_or_build
from kogen.data.split_names import choose_split

__all__ = ["mvtec"]

GOOD, TRUTH, TAIL = "good", "ground_truth", "_mask"
SPLITS = {"train": "train", "validation": "val", "test": "test"}  # folder to split; validation as of MVTec LOCO


def mvtec(path: str = "", *, split: str | None = None, storage: CacheSettings | None = None, name: str = "") -> Images:
    """The images of one object: labels are the kinds (`good`, `scratch` ...), splits train and test, masks if any are.

    The mask of test/KIND/x.png is ground_truth/KIND/x_mask.png, of the same size, 0 where the image is normal.
    Raises ValueError for another layout, no good images to train on, defects among these, and masks that are wrong, see
    `attach_masks`. Source: Bergmann et al. 2021 (IJCV 129), MVTec AD.
    """
    if not path or not os.path.isdir(path):
        raise ValueError(f"mvtec needs the folder of one object, got {path!r}: write mvtec:FOLDER")
    found, storage = scan_folder(path), storage or CacheSettings()
    parts = [name.split("/") for name in found.names]
    rows = [row for row, part in enumerate(parts) if part[0] in SPLITS]
    check_layout(path, [parts[row] for row in rows])
    cached = load_or_build(ImageFiles(path, found.take(rows)), storage)
    kinds, splits = [escape_surrogates(parts[row][1]) for row in rows], [SPLITS[parts[row][0]] for row in rows]
    images = Images.from_cache(cached, kinds, None, None, name or os.path.basename(os.path.abspath(path)), splits)
    images = replace(images, root=os.path.abspath(path))
    masks = mask_files(path, found.names)
    good = np.array([images.classes[label] == GOOD for label in images.labels], bool)
    return choose_split(attach_masks(images, masks, good, storage), split, path)


def check_layout(path: str, parts: Sequence[Sequence[str]]) -> None:
    """ValueError unless files, as the parts of their paths, lie as in MVTec AD."""
    if not parts:
        there = join_names(sorted(os.listdir(path)), 5) or "nothing"
        inside = [entry for entry in sorted(os.listdir(path)) if os.path.isdir(os.path.join(path, entry, "train"))]
        hint = f", for instance mvtec:{os.path.join(path, inside[0])}" if inside else ""
        raise ValueError(f"{path} holds {there}, wanted the folders train and test of one object{hint}")
    if odd := [part for part in parts if len(part) != 3]:
        raise ValueError(f"{path}/{'/'.join(odd[0])} lies in no folder of its kind: wanted train/good and test/KIND")
    train = [part for part in parts if part[0] == "train"]
    if odd := [part for part in train if part[1] != GOOD]:
        got = f"{path}/{'/'.join(odd[0])} is an image to train on that is not called good"
        raise ValueError(f"{got}: put what has a defect below test/")
    if not train:
        raise ValueError(f"{path} has no good images to train on: put them into train/good")


def mask_files(path: str, names: Sequence[str]) -> dict[str, str]:
    """Test image to the file of its mask; masks of images that are not there by the name that these would have.

    ValueError for a mask that is not called as an image is.
    """
    images = {name.rpartition(".")[0]: name for name in names if name.partition("/")[0] == "test"}
    found: dict[str, str] = {}
    for name in names:
        if name.partition("/")[0] == TRUTH:
            stem = name.rpartition(".")[0].removeprefix(TRUTH)
            if not stem.endswith(TAIL):
                raise ValueError(f"{path}/{name} is not called KIND/IMAGE{TAIL}.png, as a mask is: rename it")
            image = f"test{stem.removesuffix(TAIL)}"
            found[escape_surrogates(images.get(image, image))] = os.path.join(path, name)
    return found
