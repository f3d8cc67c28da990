"""Images of an object: how each is read, what is known of it, and the text that names its content."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from kogen.common.objects import PREFIX
from kogen.common.speech.progress import progress_bar
from kogen.data.cache_settings import CacheSettings, Listing
from kogen.data.datasets.arrays import load_in_place
from kogen.data.image_facts import MAX_PIXELS, ImageFacts, UnreadableImage, content_id, pixel_dtype
from kogen.data.images import Images
from kogen.data.labels import clean_labels, distinct_names
from kogen.data.listing import hash_parts
from kogen.data.pixel_cache import load_or_build
from kogen.data.split_names import choose_split

COLUMNS = ("labels", "clusters", "splits", "groups")  # what may be known of each image, as text


@dataclass(frozen=True)
class FirstReading:
    """What was found of each item when the object was given."""

    ids: np.ndarray  # (N,) str, content ids; "" of what cannot be read
    facts: list[ImageFacts | str] | None = None  # or why it cannot be read; None: they are cheap to ask for again


@dataclass(frozen=True)
class HeldImages:
    """Images that an object gives, in its order."""

    kind: str  # array, dataset, huggingface: what is said of it
    shape: str  # in words that a file's name may have, `1000x32x32x3-uint8`
    items: Listing
    first: FirstReading
    columns: dict[str, np.ndarray]  # of COLUMNS those that are known, (N,) object, "" where one has none
    classes: tuple[str, ...] | None = None  # in the object's own order
    pixels: np.ndarray | None = None  # (N, H, W, C) where they lie in memory
    notes: tuple[str, ...] = ()
    changing: str = "it changed meanwhile"  # why an item may be read as another image the second time
    threads: bool = True  # whether several may read items at once

    @cached_property
    def text(self) -> str:
        """The name of the content: equal for equal pixels, labels, clusters, splits and groups in the same order."""
        known = [f"{name}\0" + "\0".join(self.columns[name]) for name in COLUMNS if name in self.columns]
        digest = hash_parts(self.first.ids.astype("S16").data, *known)
        return f"{PREFIX}{self.kind}-{self.shape}-{digest[:16]}"

    def open(self, storage: CacheSettings, name: str, split: str | None, labels: np.ndarray | None) -> Images:
        """The images, stored as those of files are; `labels` (N,) as text in the place of none of its own.

        ValueError for floats of which nobody says what is white, for an item that is another image at a second look,
        and for labels that do not fit.
        """
        if storage.levels is None and self._holds_floats():
            raise ValueError(
                f"the pixels of the {self.kind} are floats, and nothing says which values are black and white: give "
                "depth='0:1' (or the range they have), or give whole numbers (uint8, uint16)"
            )
        held, storage = self, storage if self.threads else replace(storage, workers=1)
        if labels is not None:
            if len(labels) != len(self.items):
                raise ValueError(wrong_count("labels", len(labels), len(self.items)))
            held = self.with_columns({"labels": labels}, None, "labels=")
        items = _Checked(held.items, held.first, held.kind, held.changing)
        loaded = load_or_build(items, storage) if held.pixels is None else load_in_place(items, held.pixels, storage)
        known, notes = held.columns.get("labels"), [*held.notes]
        if known is not None:
            known, said = clean_labels(known, f"the {held.kind}")
            notes += said
        columns = {key: held.columns.get(key) for key in COLUMNS}
        images = Images.from_cache(
            loaded,
            known,
            held.classes,
            columns["clusters"],
            name or held.kind,
            splits=columns["splits"],
            notes=notes,
            groups=columns["groups"],
        )
        return choose_split(images, split, f"the {held.kind}")

    def _holds_floats(self) -> bool:
        """Whether any image is of floats, or of signed numbers, which have no white of their own either."""
        if self.pixels is not None:
            return pixel_dtype(self.pixels.dtype) == np.float32
        return any(not isinstance(one, str) and one.depth == 32 for one in self.first.facts or [])

    def with_columns(self, columns: dict[str, np.ndarray], classes: tuple[str, ...] | None, where: str) -> "HeldImages":
        """The same images with what is said of them beside. ValueError for what the object says itself."""
        if both := sorted({*columns} & {*self.columns}):
            raise ValueError(f"{where} gives {both[0]} beside a {self.kind} that has its own: leave one out")
        return replace(self, columns=self.columns | columns, classes=classes or self.classes)


@dataclass(frozen=True)
class _Checked:
    """A listing whose items must be the images that they were when the object was given."""

    items: Listing
    first: FirstReading
    kind: str
    changing: str

    def key(self) -> str:
        return hash_parts("object", self.kind, self.items.key(), self.first.ids.astype("S16").data)

    def __len__(self) -> int:
        return len(self.items)

    def source(self, item: int) -> str:
        return self.items.source(item)

    def read_header(self, item: int, max_pixels: int) -> ImageFacts:
        if self.first.facts is None:
            return self.items.read_header(item, max_pixels)
        known = self.first.facts[item]
        if isinstance(known, str):
            raise UnreadableImage(known)
        return known

    def decode(self, item: int, max_pixels: int) -> tuple[np.ndarray, ImageFacts]:
        pixels, facts = self.items.decode(item, max_pixels)
        if content_id(pixels) != self.first.ids[item]:
            refuse_other_image(self.source(item), self.changing)
        return pixels, facts


def refuse_other_image(source: str, why: str) -> None:
    """ValueError for an item that is another image each time it is read."""
    raise ValueError(f"{source} is another image when it is read a second time: {why}")


def read_first(items: Listing, kind: str, *, keep_facts: bool) -> FirstReading:
    """What is found of each item; `keep_facts` where they take long to ask for again."""
    ids, facts = list[str](), list[ImageFacts | str]()
    with progress_bar(f"reading the {kind}", transient=True) as report:
        for item in range(len(items)):
            try:
                pixels, found = items.decode(item, MAX_PIXELS)
                ids.append(content_id(pixels))
            except UnreadableImage as error:
                ids.append("")
                found = str(error)
            if keep_facts:
                facts.append(found)
            if item % 256 == 0:
                report(item, len(items))
    return FirstReading(np.array(ids, "<U16"), facts if keep_facts else None)


def wrong_count(name: str, got: int, images: int) -> str:
    """The sentence on a column of another length than the images."""
    return f"{name} has {got} values for {images} images: give one an image, None where it is not known"


def name_classes(numbers: np.ndarray, names: Iterable[str], what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (N,) as text of numbers into `names`, "" for -1 and none, and the names; `what`: how these are called.

    ValueError for a number that has no name, labels that are no numbers, and names that are empty or stand twice.
    """
    names, given = distinct_names(names, what), sorted({*numbers.tolist()} - {"", "-1"})
    if "" in names:
        raise ValueError(f"{what} hold an empty one, number {names.index('')}, as if it had no label: give it a name")
    if other := [text for text in given if not text.removeprefix("-").isdecimal()]:
        raise ValueError(f"{what} are counted by labels, and there is a label {other[0]!r}: wanted whole numbers")
    found = {text: int(text) for text in given}
    if odd := [number for number in found.values() if not 0 <= number < len(names)]:
        raise ValueError(f"there is a label {odd[0]}, and {len(names)} class names, for 0 to {len(names) - 1}")
    meant = {text: names[number] for text, number in found.items()}
    return np.array([meant.get(text, "") for text in numbers.tolist()], object), names
