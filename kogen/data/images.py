"""Images, and windows of series: values (memory-mapped or decoded on demand) with content ids, labels, clusters."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from kogen.common.devices import to_device
from kogen.common.kinds import Kind
from kogen.common.text import join_names
from kogen.data.image_facts import content_id
from kogen.data.levels import Levels
from kogen.data.pixel_cache import CachedPixels

Transform = Callable[[torch.Tensor, np.ndarray], torch.Tensor]  # its repr names everything that it depends on


class Pixels(Protocol):
    """What holds the pixels: an array, a memory map, or something that decodes when asked."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # (N, C, H, W), or (N, C, T)

    @property
    def dtype(self) -> Any: ...  # uint8 or uint16, of series float32

    def __getitem__(self, index: Any, /) -> Any: ...


@dataclass(frozen=True)
class BadFile:
    """A file that was skipped, and why."""

    source: str
    reason: str


class PixelSubset:
    """Some rows of pixels, in an order of their own, without copying them."""

    def __init__(self, pixels: Pixels, rows: np.ndarray) -> None:
        self.pixels, self.rows = pixels, rows
        self.shape, self.dtype = (len(rows), *pixels.shape[1:]), pixels.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return self.pixels[self.rows[index]]


class GrayAsColour:
    """Gray pixels seen as colour, the one channel three times, without copying them."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self.shape, self.dtype = (pixels.shape[0], 3, *pixels.shape[2:]), pixels.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.repeat(self.pixels[index], 3, axis=-3)


@dataclass(frozen=True)
class Images:
    """A set of images and all that is known about them; frozen, cheap to cut into subsets."""

    pixels: Pixels  # (N, C, H, W) uint8 or uint16; of series, windows (N, C, T) float32
    ids: np.ndarray  # (N,) str, hash of the pixels as decoded
    sources: np.ndarray  # (N,) str, path or name to show to people
    labels: np.ndarray  # (N,) int64 into `classes`, -1 where unknown
    classes: tuple[str, ...]
    clusters: np.ndarray  # (N,) str; the content id where no cluster is known
    aspect: np.ndarray  # (N,) float32, width / height before storing (a stored image may be squeezed to a square)
    name: str = ""
    digest: str = ""  # hash of the content ids and labels in order
    bad: tuple[BadFile, ...] = ()
    transform: Transform | None = None  # of pixels and their ids, when they are read, on their device
    answers: np.ndarray | None = None  # (N, K) bool: every right class; float32: the share of people who chose each
    allowed_classes: tuple[str, ...] = ()  # the only classes a prediction is chosen from; (): all
    levels: Levels | None = None  # of 16-bit and float files: the values that are black and white in `pixels`
    splits: np.ndarray | None = None  # (N,) object, the split that the source puts each image in, "" where it says none
    notes: tuple[str, ...] = ()  # what a person must know of how the source was read, a sentence each
    groups: np.ndarray | None = None  # (N,) object, line, lot, camera or day, "" where the source says none
    full_side: int = 0  # largest side of the images before they were squeezed to `pixels`; 0: they were not
    masks: np.ndarray | None = None  # (N,) object, file of the mask of what is not normal, "" where an image has none
    boxes: np.ndarray | None = None  # (N,) object, FileBoxes: what is where, of images whose source says it
    root: str = ""  # the folder below which `sources` are files; "" where they are none, or are to stay private
    rate: float = 0.0  # samples a second of series; 0 where it is not known
    channel_names: tuple[str, ...] = ()  # of series, C of them, as their source names them; () where it does not

    def __post_init__(self) -> None:
        counts = {len(self.ids), *(len(x) for x in (self.sources, self.labels, self.clusters, self.aspect))}
        assert counts == {self.pixels.shape[0]}, counts
        if not self.digest:
            object.__setattr__(self, "digest", _image_digest(self))

    @classmethod
    def from_cache(
        cls,
        cached: CachedPixels,
        labels: Sequence[str] | np.ndarray | None = None,
        classes: tuple[str, ...] | None = None,
        clusters: Sequence[str] | np.ndarray | None = None,
        name: str = "",
        splits: Sequence[str] | np.ndarray | None = None,
        notes: Sequence[str] = (),
        groups: Sequence[str] | np.ndarray | None = None,
    ) -> "Images":
        """The images of a cache with what is known of each item (N,): label, cluster, split, group, "" where unknown.

        Without `classes` these are the labels of the usable images, whole numbers by value, else alphabetically.
        """
        manifest = cached.manifest
        good = np.flatnonzero(manifest["position"] >= 0)
        bad = manifest[manifest["position"] < 0]
        ids = manifest["id"].to_numpy(object)[good].astype(str)
        text = np.array([""] * len(manifest) if labels is None else labels, object)[good]
        belong = ids if clusters is None else np.array(clusters, object)[good]
        width, height = manifest["width"].to_numpy(np.float32)[good], manifest["height"].to_numpy(np.float32)[good]
        high, wide = cached.pixels.shape[2:]
        squeezed = (width != wide).any() or (height != high).any()
        classes = sorted_class_names(text) if classes is None else classes
        number = {"": -1, **{label: place for place, label in enumerate(classes)}}
        return cls(
            pixels=cached.pixels if len(good) == len(manifest) else PixelSubset(cached.pixels, good),
            ids=ids,
            sources=manifest["source"].to_numpy(object)[good],
            labels=np.array([number[label] for label in text], np.int64),
            classes=classes,
            clusters=np.where(belong == "", ids, belong).astype(str),
            aspect=(width / height).astype(np.float32),
            name=name,
            bad=tuple(BadFile(source, reason) for source, reason in zip(bad["source"], bad["reason"], strict=True)),
            levels=cached.levels,
            splits=None if splits is None else np.array(splits, object)[good],
            notes=(*cached.notes, *notes),
            groups=None if groups is None else np.array(groups, object)[good],
            full_side=int(max(width.max(), height.max())) if squeezed else 0,
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def channels(self) -> int:
        return self.pixels.shape[1]

    @property
    def kind(self) -> Kind:
        return "series" if len(self.pixels.shape) == 3 else "image"

    def read(self, index: np.ndarray, device: torch.device | str = "cpu") -> torch.Tensor:
        """Pixels (B, C, H, W) of the images at `index` (B,), uint8 or uint16, transformed on `device`."""
        return self.deliver(self.fetch(index), index, device)

    def fetch(self, index: np.ndarray) -> np.ndarray:
        """Pixels (B, C, H, W) of the images at `index` (B,) as they are stored; any thread may ask for them."""
        stored = np.ascontiguousarray(self.pixels[index])
        return stored if stored.flags.writeable else stored.copy()

    def deliver(self, stored: np.ndarray, index: np.ndarray, device: torch.device | str = "cpu") -> torch.Tensor:
        """What `fetch` gave for `index` (B,), transformed on `device`."""
        pixels = to_device(torch.from_numpy(stored), device)
        return pixels if self.transform is None else self.transform(pixels, self.ids[index])

    def subset(self, index: np.ndarray) -> "Images":
        """The images at `index` (positions, or a mask), in that order; pixels are shared, not copied."""
        index = np.arange(len(self))[index]
        nested = isinstance(self.pixels, PixelSubset)
        pixels = PixelSubset(self.pixels.pixels, self.pixels.rows[index]) if nested else PixelSubset(self.pixels, index)  # type: ignore[attr-defined]
        rows = {key: getattr(self, key)[index] for key in ("ids", "sources", "labels", "clusters", "aspect")}
        rows |= {
            key: None if (of := getattr(self, key)) is None else of[index]
            for key in ("answers", "splits", "groups", "masks", "boxes")
        }
        return replace(self, pixels=pixels, digest="", **rows)

    def labelled_subset(self) -> "Images":
        """The images whose label is known."""
        return self.subset(np.flatnonzero(self.labels >= 0))

    def with_classes(self, classes: tuple[str, ...]) -> "Images":
        """The same images with labels counted in `classes`; ValueError names classes that are not among them."""
        place = {name: number for number, name in enumerate(classes)}
        present = [self.classes[label] for label in np.unique(self.labels[self.labels >= 0])]
        if unknown := [name for name in present if name not in place]:
            raise ValueError(
                f"classes missing from train but present in {self.name or 'test'}: {', '.join(unknown)} "
                f"(known: {', '.join(classes)}): label some of them in train, or leave these images out"
            )
        table = np.array([place.get(name, -1) for name in self.classes] + [-1], np.int64)  # the last: unknown stays -1
        answers = self.answers
        if answers is not None:  # answers outside `classes` are lost
            place = {name: number for number, name in enumerate(self.classes)}
            wide = np.pad(answers, ((0, 0), (0, 1)))  # (N, K + 1), the last: chosen by nobody
            answers = wide[:, [place.get(name, -1) for name in classes]]
        return replace(self, labels=table[self.labels], classes=tuple(classes), answers=answers)

    def with_channels(self, channels: int) -> "Images":
        """The same images with as many channels; only gray can become colour, ValueError for anything else."""
        if channels == self.channels:
            return self
        if (self.channels, channels) != (1, 3):
            raise ValueError(
                f"{self.name or 'the set'} has {self.channels} channels, wanted {channels}: only gray (1) can be read "
                "as colour (3); convert the images of one of the sets"
            )
        return replace(self, pixels=GrayAsColour(self.pixels))

    def quality(self) -> dict[str, Any]:
        """What the report says of the data: counts of images, labels, classes, bad files, duplicates; plain types."""
        known, twice = Counter(self.labels[self.labels >= 0].tolist()), duplicates(self)
        return {
            "images": len(self),
            "labelled": sum(known.values()),
            "classes": count_boxes(self) or {name: known[number] for number, name in enumerate(self.classes)},
            "bad": [{"source": bad.source, "reason": bad.reason} for bad in self.bad[:50]],
            "bad_count": len(self.bad),
            "duplicates_inside": sum(len(group) - 1 for group in twice),
            "notes": [*self.notes, *contradictions(self, twice)],
            "root": self.root,
        }


def duplicates(images: Images) -> list[np.ndarray]:
    """Groups of positions, each (G,) with G >= 2 and rising, of images that are pixel for pixel the same."""
    order = np.argsort(images.ids, kind="stable")
    starts = np.flatnonzero(np.r_[True, images.ids[order][1:] != images.ids[order][:-1]]) if len(images) else []
    return sorted((group for group in np.split(order, starts[1:]) if len(group) > 1), key=lambda group: group[0])


def count_boxes(images: Images) -> dict[str, int]:
    """The boxes of each class; {} for images without boxes."""
    if images.boxes is None or not len(images):
        return {}
    counts = Counter(one.classes[label] for one in images.boxes for label in one.boxes.classes.tolist())
    return {name: counts[name] for name in images.boxes[0].classes}


def contradictions(images: Images, twice: list[np.ndarray]) -> list[str]:
    """A sentence on images that are in groups of the same pixels (`duplicates`) and have different labels."""
    odd = [group for group in twice if len(np.unique(images.labels[group][images.labels[group] >= 0])) > 1]
    if not odd:
        return []
    shown = join_names([images.sources[place] for place in odd[0]], 3)
    return [f"images that stand there more than once with different labels: {len(odd)}, for example {shown}"]


def from_array(
    pixels: np.ndarray,
    labels: np.ndarray | None = None,
    classes: tuple[str, ...] = (),
    sources: Sequence[str] | None = None,
    clusters: np.ndarray | None = None,
    name: str = "",
) -> Images:
    """Images from pixels in memory (N, C, H, W), uint8 or uint16, and labels (N,) into `classes`, -1 where unknown."""
    count, _, height, width = pixels.shape
    ids = np.array([content_id(image.transpose(1, 2, 0)) for image in pixels], dtype="<U16")
    return Images(
        pixels=pixels,
        ids=ids,
        sources=np.array([f"{name}[{i}]" for i in range(count)] if sources is None else sources, object),
        labels=np.full(count, -1, np.int64) if labels is None else np.asarray(labels, np.int64),
        classes=tuple(classes),
        clusters=ids if clusters is None else np.asarray(clusters, str),
        aspect=np.full(count, width / height, np.float32),
        name=name,
    )


def _image_digest(images: Images) -> str:
    """Hash of content ids and names (not numbers) of the labels, in order, and of transform, levels and answers."""
    names = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in images.classes]
    codes = np.frombuffer(b"".join([*names, bytes(8)]), np.uint64)  # (K + 1,), the last for labels of -1
    digest = hashlib.blake2b(images.ids.astype("S16").tobytes(), digest_size=16)
    digest.update(codes[images.labels].tobytes())
    if images.transform is not None or images.allowed_classes:
        digest.update(repr((images.transform, images.allowed_classes)).encode())
    if images.levels is not None:
        digest.update(str(images.levels).encode())
    if images.answers is not None:
        digest.update(np.ascontiguousarray(images.answers).tobytes())
    for one in () if images.boxes is None else images.boxes:
        digest.update(one.to_bytes())
    return digest.hexdigest()


def sorted_class_names(labels: Sequence[str] | np.ndarray) -> tuple[str, ...]:
    """The distinct labels but "", whole numbers by value (never "10" before "2"), else alphabetically."""
    distinct = {str(label) for label in labels} - {""}
    numbers = all(label.isascii() and label.isdigit() for label in distinct)
    return tuple(sorted(distinct, key=(lambda label: (int(label), label)) if numbers else None))  # type: ignore[arg-type]
