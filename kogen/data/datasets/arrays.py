"""Data source `arrays`: pixels in an .npy or .npz file, or JPEG bytes packed into an .npz."""

import os
from dataclasses import replace

import numpy as np

from kogen.common.text import join_names
from kogen.data.array_files import ArrayHeader, NpzFile, open_npy
from kogen.data.cache_settings import CacheSettings, Listing
from kogen.data.datasets._human_labels import read_label_shares, relabel_by_majority
from kogen.data.image_facts import channel_axis, pixel_dtype
from kogen.data.images import Images, sorted_class_names
from kogen.data.labels import clean_labels, distinct_names
from kogen.data.levels import whole_levels
from kogen.data.listing import (
    MAX_CLASSES,
    MAX_NAME_LETTERS,
    PackedImages,
    PixelStack,
    escape_surrogates,
    file_stamp,
)
from kogen.data.pixel_cache import CachedPixels, load_or_build
from kogen.data.pixel_format import SMALL_SIDE
from kogen.data.split_names import WORDS, choose_split, split_name

__all__ = ["arrays"]

PIXEL_KEYS = ("images", "x")  # the names an array of pixels may have in an .npz
LABEL_KEYS = ("labels", "y", "label", "targets")
SPLIT_KEYS = ("splits", "split")
ONE_IMAGE = {0: (3, 4), 2: (2, 3, 4)}  # channels that may also be a number of gray images, or a side


def arrays(
    path: str,
    *,
    humans: str | None = None,
    split: str | None = None,
    storage: CacheSettings | None = None,
    name: str = "",
) -> Images:
    """The images of an array file: whole numbers or floats, (N, H, W), (N, H, W, C) or, where clear, (N, C, H, W).

    An .npy file is read in place, mapped. An .npz holds `images` (or `x`), or `jpeg` (all bytes) with `offsets`
    (N + 1,), and may hold `labels` (or `y`) (N,), whole numbers into `class_names` where there are any, -1 for unknown,
    and `splits` (N,) as text, of which `split` chooses one.
    `humans` is an .npz of what people chose for the same images in the same order (CIFAR-10H): `counts` or `probs`
    (N, K); the label of an image is then what most people chose, among equals the file's own.
    Raises ValueError for another dtype or shape, a missing array, and labels or choices that do not fit.
    """
    storage = storage or CacheSettings()
    if path.lower().endswith(".npy"):
        if split is not None:
            raise ValueError(f"{path} has no splits, so no {split!r}: use an .npz with an array splits (N,)")
        if humans is not None:
            raise ValueError(f"{path} has no labels to compare people's choices with: use an .npz with labels")
        return Images.from_cache(_open_npy(path, storage), name=name)
    file = NpzFile(path)
    items = _npz_listing(file)
    labels, classes, notes = read_labels(file, len(items))
    splits = read_splits(file, len(items))
    kept = load_or_build(items, storage)
    images = Images.from_cache(kept, labels, classes, name=name, splits=splits, notes=notes)
    if humans is None:
        return choose_split(images, split, path)
    if labels is None or classes is None:
        raise ValueError(f"{path} has no labels to compare people's choices with: add an array labels (N,)")
    good = kept.manifest["position"].to_numpy() >= 0
    own = np.array([classes.index(label) if label else -1 for label in labels])  # (N,)
    shares = read_label_shares(humans, own, len(classes))[good]
    return choose_split(relabel_by_majority(images, shares), split, path)


def _open_npy(path: str, storage: CacheSettings) -> CachedPixels:
    """An .npy file: only content ids are kept beside it, unless its images are squeezed or brought to levels."""
    stored = open_npy(path)
    check_stack(ArrayHeader(stored.shape, stored.dtype), path, images=None)
    pixels = to_nhwc(stored)  # (N, H, W, C)
    stack = PixelStack(os.path.basename(path), file_stamp(path), lambda: pixels, len(pixels))
    return load_in_place(stack, pixels, storage)


def load_in_place(items: Listing, pixels: np.ndarray, storage: CacheSettings) -> CachedPixels:
    """Pixels (N, H, W, C), which `items` list: read where they lie, unless they are squeezed or brought to levels."""
    as_they_are = max(pixels.shape[1:3]) <= max(storage.stored_side, SMALL_SIDE)
    if as_they_are and pixels.dtype in (np.uint8, np.uint16):  # in this machine's byte order
        found = load_or_build(items, replace(storage, on_demand=True))
        if found.levels in (None, whole_levels(16)):
            return replace(found, pixels=pixels.transpose(0, 3, 1, 2))
    return load_or_build(items, storage)


def _npz_listing(file: NpzFile) -> Listing:
    """The listing of an .npz file; its pixels are read when they are first needed."""
    path = file.path
    if "jpeg" in file and "offsets" in file:
        offsets = _read_offsets(file)
        return PackedImages(path, lambda: (file.read("jpeg"), offsets), len(offsets) - 1)
    key = next((key for key in PIXEL_KEYS if key in file), None)
    if key is None:
        part = next((name for name in file.keys if split_name(name.split("_")[0]) in WORDS), None)  # of MedMNIST
        part = part or next((name for name in file.keys if split_name(name.split("_")[-1]) in WORDS), None)  # of Keras
        cure = f"; save one part as images and labels, np.savez('one.npz', images=file[{part!r}], ...)" if part else ""
        got = join_names(file.keys) or "nothing"
        raise ValueError(f"{path} holds {got}; wanted images (or x), or jpeg and offsets{cure}")
    header = file.header(key)
    if not header.shape:
        raise ValueError(f"{key!r} in {path} is a single number, wanted an array")
    labelled = file.header("labels").shape if "labels" in file else ()
    check_stack(header, path, images=labelled[0] if labelled else None)
    return PixelStack(os.path.basename(path), file_stamp(path), lambda: to_nhwc(file.read(key)), header.shape[0])


def _read_offsets(file: NpzFile) -> np.ndarray:
    """Where each packed image begins and ends, (N + 1,) int64. ValueError for what does not fit the bytes."""
    packed, header = file.header("jpeg"), file.header("offsets")
    if packed.dtype != np.uint8 or len(packed.shape) != 1:
        raise ValueError(f"jpeg in {file.path} is {packed}, wanted uint8 of shape (L,): the bytes of all images")
    if header.dtype.kind not in "iu" or len(header.shape) != 1 or header.shape[0] < 2:
        raise ValueError(f"offsets in {file.path} are {header}, wanted whole numbers of shape (N + 1,)")
    offsets, held = file.read("offsets"), packed.shape[0]
    wrong = np.flatnonzero((offsets[:-1] > offsets[1:]) | (offsets[:-1] < 0) | (offsets[1:] > held))
    if len(wrong):
        first, last = offsets[wrong[0] : wrong[0] + 2].tolist()
        raise ValueError(
            f"offsets in {file.path} put image {wrong[0]} from {first} to {last}, wanted rising numbers from 0 to "
            f"{held}, the bytes of jpeg: pack the images again"
        )
    return offsets.astype(np.int64)


def to_nhwc(pixels: np.ndarray) -> np.ndarray:
    """An array of images that `check_stack` found clear as (N, H, W, C)."""
    if pixels.ndim == 3:
        return pixels[..., None]
    return pixels.transpose(0, 2, 3, 1) if channel_axis(pixels.shape[1:]) == 0 else pixels


def check_stack(header: ArrayHeader, path: str, images: int | None) -> None:
    """ValueError unless an array clearly holds images; `images`: how many there are labels for."""
    shape = header.shape
    if pixel_dtype(header.dtype) is None:
        raise ValueError(f"{path} holds {header.dtype}, wanted whole numbers (uint8, uint16) or floats")
    if len(shape) not in (3, 4) or 0 in shape:
        raise ValueError(f"{path} has the shape {shape}, wanted (N, H, W) or (N, H, W, C), none of them 0")
    if len(shape) == 4:
        if channel_axis(shape[1:]) is None:
            got = f"{path} has the shape {shape}, which is not clearly (N, H, W, C) or (N, C, H, W)"
            raise ValueError(f"{got}: fewer channels than pixels on a side are wanted; save it as (N, H, W, C)")
        return
    if shape[0] == shape[1] != shape[2] and images != shape[0]:
        one = (shape[2], *shape[:2])
        got = f"one image of {shape[2]} channels, {shape[2]} images along the last axis, or {shape[0]} of {shape[1:]}"
        raise ValueError(f"{path} has the shape {shape}: {got}? Save it as (N, H, W), {one}, or as (N, H, W, C)")
    axis = channel_axis(shape)
    if axis is not None and shape[axis] in ONE_IMAGE[axis] and images != shape[0]:
        one = shape if axis == 2 else (*shape[1:], shape[0])
        raise ValueError(
            f"{path} has the shape {shape}: one image, {one} as (H, W, C), or {shape[0]} gray ones, {shape[1:]} as "
            f"(H, W)? Save it as (N, H, W, C), {(1, *one)} or {(*shape, 1)}"
        )


def read_labels(
    file: NpzFile, count: int, others: tuple[str, ...] = ()
) -> tuple[np.ndarray | None, tuple[str, ...] | None, list[str]]:
    """Labels as text, the names of the classes in the file's order where it has any, and what is to be said.

    `others`: arrays that somebody else reads.
    """
    known = {*others, *PIXEL_KEYS, *LABEL_KEYS, *SPLIT_KEYS, "jpeg", "offsets", "class_names"}
    rest = [key for key in file.keys if key not in known]
    if not any(key in file for key in SPLIT_KEYS) and (odd := [key for key in rest if split_name(key) in WORDS]):
        got = f"{file.path} has an array {odd[0]!r} that seems to say which images are held out"
        raise ValueError(f"{got}: save it as splits (N,), text such as train and test, or leave it out")
    notes = [f"arrays in {file.path} that are not read: {join_names(rest)}"] if rest else []
    found = [key for key in LABEL_KEYS if key in file]
    if len(found) > 1:
        raise ValueError(f"{file.path} has the arrays {join_names(found)}: keep one of them as labels")
    if not found:
        return None, None, notes
    labels = read_column(file, found[0], count)
    if labels.dtype.kind in "if" and (odd := labels[(labels < 0) & (labels != -1)]).size:
        raise ValueError(f"{file.path} has the label {odd[0]}: wanted -1 where there is none, else 0 or more")
    if "class_names" not in file or labels.dtype.kind == "U":
        text = np.array([escape_surrogates(_label_text(label)) for label in labels.tolist()], object)
        text, said = clean_labels(text, file.path)
        return text, sorted_class_names(text), notes + said
    header = file.header("class_names")
    if len(header.shape) != 1 or header.shape[0] > MAX_CLASSES:
        raise ValueError(f"class_names in {file.path} are {header}, wanted a list of at most {MAX_CLASSES:,} names")
    names = distinct_names(_read_names(file, "class_names"), f"class_names in {file.path}")
    if (largest := labels[~np.isnan(labels)].max(initial=0)) >= len(names):
        raise ValueError(f"{file.path} has the label {largest} and only {len(names)} class_names")
    places = np.where(np.isnan(labels), -1, labels).astype(np.int64)
    if (places != np.where(np.isnan(labels), -1, labels)).any():
        raise ValueError(f"labels in {file.path} are no whole numbers: they count class_names, from 0")
    return np.array([*names, ""], object)[places], names, notes


def read_splits(file: NpzFile, count: int) -> np.ndarray | None:
    """The split of each image as text, None where the file has none."""
    found = next((key for key in SPLIT_KEYS if key in file), None)
    if found is None:
        return None
    names = read_column(file, found, count)
    if names.dtype.kind != "U":
        raise ValueError(f"{found} in {file.path} are {file.header(found)}, wanted the names of splits as text")
    return np.array([escape_surrogates(str(name)) for name in names], object)


def read_column(file: NpzFile, key: str, count: int) -> np.ndarray:
    """An array with a value for each image. ValueError for another shape."""
    header = file.header(key)
    if header.shape not in ((count,), (count, 1)):  # (N, 1) as Keras and MedMNIST write labels
        raise ValueError(f"{file.path} has {count} images and {key} of shape {header.shape}, wanted ({count},)")
    return _read_names(file, key).reshape(count)


def _label_text(label: object) -> str:
    """A label as text; a whole number that is held as a float loses its point, as in tables."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _read_names(file: NpzFile, key: str) -> np.ndarray:
    """An array of numbers or text. ValueError for another one, and for long text."""
    header = file.header(key)
    letters = header.dtype.itemsize // 4 if header.dtype.kind == "U" else 0
    if header.dtype.kind not in "biufU" or letters > MAX_NAME_LETTERS:
        wanted = f"numbers, or text of at most {MAX_NAME_LETTERS} letters"
        raise ValueError(f"{key} in {file.path} are {header}, wanted {wanted}")
    return file.read(key)
