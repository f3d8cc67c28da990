"""Data source `arrays`: pixels in an .npy or .npz file, or JPEG bytes packed into an .npz."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from kogen.data.cache_settings import CacheSettings, Listing
from kogen.data.datasets._human_labels import read_label_shares, relabel_by_majority
from kogen.data.images import Images, sorted_class_names
from kogen.data.listing import PackedImages, PixelStack, file_stamp
from kogen.data.pixel_cache import CachedPixels, load_or_build
from kogen.data.pixel_format import SMALL_SIDE

__all__ = ["arrays"]

PIXEL_KEYS = ("images", "x")  # the names an array of pixels may have in an .npz


def arrays(path: str, *, humans: str | None = None, storage: CacheSettings | None = None, name: str = "") -> Images:
    """The images of an array file: uint8 or uint16, (N, H, W) or (N, H, W, C); channels first is recognised and turned.

    An .npy file is read in place, mapped. An .npz holds `images` (or `x`), or `jpeg` (all bytes) with `offsets`
    (N + 1,), and may hold `labels` (N,), whole numbers into `class_names` where there are any, negative for unknown.
    `humans` is an .npz of what people chose for the same images in the same order (CIFAR-10H): `counts` or `probs`
    (N, K); the label of an image is then what most people chose, among equals the file's own.
    Raises ValueError for another dtype or shape, a missing array, and labels or choices that do not fit.
    """
    storage = storage or CacheSettings()
    if path.lower().endswith(".npy"):
        if humans is not None:
            raise ValueError(f"{path} has no labels to compare people's choices with: use an .npz with labels")
        return Images.from_cache(_open_npy(path, storage), name=name)
    with _explain_errors(path), np.load(path, allow_pickle=False) as file:
        keys = list(file.files)
    items = _npz_listing(path, keys)
    labels, classes = _read_labels(path, keys, len(items))
    if humans is None:
        return Images.from_cache(load_or_build(items, storage), labels, classes, name=name)
    if labels is None or classes is None:
        raise ValueError(f"{path} has no labels to compare people's choices with: add an array labels (N,)")
    kept = load_or_build(items, storage)
    good = kept.manifest["position"].to_numpy() >= 0
    own = np.array([classes.index(label) if label else -1 for label in labels])  # (N,)
    shares = read_label_shares(humans, own, len(classes))[good]
    return relabel_by_majority(Images.from_cache(kept, labels, classes, name=name), shares)


@contextmanager
def _explain_errors(path: str) -> Iterator[None]:
    """What numpy says of a file it cannot read, with the file's name."""
    try:
        yield
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        hint = "save numbers and text, not Python objects"
        raise ValueError(f"cannot read the arrays of {path}: {error}; {hint}") from error


def _open_npy(path: str, storage: CacheSettings) -> CachedPixels:
    """An .npy file: only the content ids are kept beside it, unless its images are so large that they are squeezed."""
    with _explain_errors(path):
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    pixels = to_nhwc(mapped, path)  # (N, H, W, C)
    stack = PixelStack(os.path.basename(path), file_stamp(path), lambda: pixels, len(pixels))
    if max(pixels.shape[1:3]) > max(storage.stored_side, SMALL_SIDE):
        return load_or_build(stack, storage)
    return replace(load_or_build(stack, replace(storage, on_demand=True)), pixels=pixels.transpose(0, 3, 1, 2))


def _npz_listing(path: str, keys: list[str]) -> Listing:
    """The listing of an .npz file; its pixels are read when they are first needed."""
    if {"jpeg", "offsets"} <= set(keys):
        count = _member_shape(path, "offsets")[0] - 1
        return PackedImages(path, lambda: (_read_member(path, "jpeg"), _read_member(path, "offsets")), count)
    key = next((key for key in PIXEL_KEYS if key in keys), None)
    if key is None:
        raise ValueError(f"{path} holds {', '.join(keys) or 'nothing'}; wanted images (or x), or jpeg and offsets")
    count = _member_shape(path, key)[0]
    return PixelStack(os.path.basename(path), file_stamp(path), lambda: to_nhwc(_read_member(path, key), path), count)


def _read_member(path: str, key: str) -> np.ndarray:
    with _explain_errors(path), np.load(path, allow_pickle=False) as file:
        return file[key]


def _member_shape(path: str, key: str) -> tuple[int, ...]:
    """The shape of an array in an .npz file, from its header alone."""
    with _explain_errors(path), zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape = read(file)[0]
    if not shape:
        raise ValueError(f"{key!r} in {path} is a single number, wanted an array")
    return shape


def to_nhwc(pixels: np.ndarray, path: str) -> np.ndarray:
    """An array of images as (N, H, W, C). ValueError for another dtype or shape."""
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{path} holds {pixels.dtype}, wanted uint8 or uint16: scale it to 0..255 and convert")
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or 0 in pixels.shape:
        raise ValueError(f"{path} has the shape {pixels.shape}, wanted (N, H, W) or (N, H, W, C), none of them 0")
    first = pixels.shape[1] <= 16 < pixels.shape[3]  # (N, 3, 32, 32) can only mean channels first
    return pixels.transpose(0, 2, 3, 1) if first else pixels


def _read_labels(path: str, keys: list[str], count: int) -> tuple[list[str] | None, tuple[str, ...] | None]:
    """Labels as text, and the names of the classes in the file's order where it has any."""
    if "labels" not in keys:
        return None, None
    labels = _read_member(path, "labels")
    if labels.shape != (count,):
        raise ValueError(f"{path} has {count} images and labels of shape {labels.shape}, wanted ({count},)")
    if "class_names" not in keys or labels.dtype.kind not in "iu":
        text = ["" if labels.dtype.kind == "i" and label < 0 else str(label) for label in labels]
        return text, sorted_class_names(text)
    names = tuple(str(name) for name in _read_member(path, "class_names"))
    if labels.max(initial=0) >= len(names):
        raise ValueError(f"{path} has the label {labels.max()} and only {len(names)} class_names")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"class_names in {path} are not distinct: {twice} stands twice")
    return ["" if label < 0 else names[label] for label in labels.astype(np.int64)], names
