"""Clean boxes: listed boxes compared with the images they are on; what is clipped or left out is counted and said."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from kogen.boxes.image_boxes import ImageBoxes
from kogen.data.boxes.annotations import Annotations, ListedBox, ListedImage, to_array

MAX_BAD = 0.05  # share of boxes that may be left out; one always may
SAID_MOVE = 0.01  # pixels that an edge is clipped by, from which it is said
FEW_OUTSIDE = 2  # boxes outside of their images, from which corners taken for widths are looked for


def clean_boxes(annotations: Annotations, sizes: np.ndarray, source: str) -> tuple[tuple[ImageBoxes, ...], list[str]]:
    """The boxes of each listed image on its file of this width and height, (N, 2), and sentences on what was changed.

    A box that reaches over an edge is clipped; one outside, without an area, or that stands there twice is left out.
    ValueError for another size than is listed, for NaN, for corners in place of width and height, for areas that are
    none, and where more than 5 % of the boxes would be left out.
    """
    images = annotations.images
    check_sizes(images, sizes)
    counts = np.array([len(image.boxes) for image in images], np.int64)
    owner = np.repeat(np.arange(len(images)), counts)  # (M,) the image of each box
    boxes = list(chain.from_iterable(image.boxes for image in images))
    edge = np.tile(sizes[owner], 2).astype(np.float64)  # (M, 4)
    corners = to_array(boxes) * (edge if annotations.in_shares else 1)
    name = Namer(images, owner, boxes)
    check_numbers(corners, boxes, name)
    if annotations.kind == "coco":
        refuse_corners_as_widths(corners, edge, name, source)
    clipped = np.clip(corners, 0, edge).astype(np.float32)
    empty = np.asarray((corners[:, 2:] <= corners[:, :2]).any(axis=1))
    outside = ~empty & (clipped[:, 2:] <= clipped[:, :2]).any(axis=1)
    labels = np.array([box.label for box in boxes], np.int64)
    twice = find_repeated(owner, labels, clipped) & ~empty & ~outside
    kept = ~(empty | outside | twice)
    reasons = {"without an area (a width or height of 0 or less)": empty, "outside of their image": outside}
    check_share(reasons, len(boxes), name, source)
    reasons["that stand there twice, with the same class and corners"] = twice
    notes = [
        f"boxes left out {reason}: {int(bad.sum())} of {len(boxes)}, for example {name(bad)}"
        for reason, bad in reasons.items()
        if bad.any()
    ]
    moved = kept & (np.abs(np.clip(corners, 0, edge) - corners).max(axis=1, initial=0) > SAID_MOVE)
    if moved.any():
        notes.append(f"boxes clipped to their image: {int(moved.sum())} of {len(boxes)}, for example {name(moved)}")
    said = np.array([box.area for box in boxes], np.float64)
    area = np.where(np.isnan(said), np.prod(clipped[:, 2:] - clipped[:, :2], axis=1, dtype=np.float64), said)
    whole = ImageBoxes(
        clipped,
        labels,
        np.array([box.crowd for box in boxes], bool),
        np.array([box.difficult for box in boxes], bool),
        area,
    )
    ends = np.cumsum(counts)
    rows = (np.arange(end - count, end) for end, count in zip(ends, counts, strict=True))
    return tuple(whole.take(row[kept[row]]) for row in rows), notes


class Namer:
    """Names the first box of those that a mask chooses, for messages."""

    def __init__(self, images: Sequence[ListedImage], owner: np.ndarray, boxes: Sequence[ListedBox]) -> None:
        self.images, self.owner, self.boxes = images, owner, boxes

    def __call__(self, chosen: np.ndarray) -> str:
        first = int(np.flatnonzero(chosen)[0])
        return f"{self.images[self.owner[first]].name}, {self.boxes[first].title}"

    def where(self, chosen: np.ndarray) -> str:
        """The file that lists that box, and its name."""
        first = int(np.flatnonzero(chosen)[0])
        return f"{self.images[self.owner[first]].where}: {self(chosen)}"


def check_sizes(images: Sequence[ListedImage], sizes: np.ndarray) -> None:
    """ValueError for images of another size than is listed: their boxes would lie elsewhere."""
    listed = np.array([image.size for image in images], np.int64).reshape(-1, 2)
    odd = np.flatnonzero(((listed != 0) & (listed != sizes)).any(axis=1))
    if not len(odd):
        return
    first = images[odd[0]]
    turned = (listed[odd[0]] == sizes[odd[0]][::-1]).all()
    got = f"{first.where} lists {first.name} as {first.size[0]} x {first.size[1]} pixels"
    file = f"its file has {sizes[odd[0], 0]} x {sizes[odd[0], 1]}{', upright' if turned else ''}"
    many = f" ({len(odd)} such images)" if len(odd) > 1 else ""
    raise ValueError(f"{got}, {file}{many}: boxes of one size do not fit the other; give the images they were drawn on")


def check_numbers(corners: np.ndarray, boxes: Sequence[ListedBox], name: Namer) -> None:
    """ValueError for a box with NaN or an infinite number, and for an area that is infinite or negative."""
    broken = np.asarray(~np.isfinite(corners).all(axis=1))
    if broken.any():
        raise ValueError(f"{name.where(broken)} has a NaN or infinite number: write its corners, or take it out")
    area = np.array([box.area for box in boxes], np.float64)
    odd = np.isinf(area) | (area < 0)
    if odd.any():
        raise ValueError(f"{name.where(odd)} has the area {area[odd][0]}: wanted square pixels, or no area at all")


def refuse_corners_as_widths(corners: np.ndarray, edge: np.ndarray, name: Namer, source: str) -> None:
    """ValueError where boxes that should be x, y, width, height are plainly x1, y1, x2, y2."""
    outside = np.asarray((corners[:, 2:] > edge[:, 2:] + 1).any(axis=1))
    if outside.sum() < FEW_OUTSIDE or outside.mean() <= MAX_BAD:
        return
    low, high = corners[:, :2], corners[:, 2:] - corners[:, :2]  # as written
    fits = (high > low).all(axis=1) & (high <= edge[:, 2:] + 1).all(axis=1)
    if fits.mean() > 1 - MAX_BAD:
        raise ValueError(
            f"{source}: the boxes look like x1, y1, x2, y2: as x, y, width, height, which COCO wants, "
            f"{int(outside.sum())} of {len(outside)} reach out of their images, for example {name(outside)}, and as "
            f"corners {int(fits.sum())} lie inside: write width and height in the place of x2 and y2"
        )


def find_repeated(owner: np.ndarray, labels: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Boxes that stand earlier on the same image with the same class and corners, (M,) bool."""
    if not len(owner):
        return np.zeros(0, bool)
    rows = np.column_stack([owner, labels, corners.astype(np.float64)])
    _, first = np.unique(rows, axis=0, return_index=True)
    repeated = np.ones(len(rows), bool)
    repeated[first] = False
    return repeated


def check_share(reasons: dict[str, np.ndarray], total: int, name: Namer, source: str) -> None:
    """ValueError where more boxes would be left out than are let pass."""
    bad = np.sum([bad.sum() for bad in reasons.values()])
    if bad <= max(1, MAX_BAD * total):
        return
    said = [f"{int(bad.sum())} {reason}, as {name.where(bad)}" for reason, bad in reasons.items() if bad.any()]
    raise ValueError(
        f"{source}: {int(bad)} of {total} boxes cannot be used, at most {100 * MAX_BAD:.0f} % may be: "
        f"{'; '.join(said)}: repair them, or take them out"
    )
