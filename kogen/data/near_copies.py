"""Near copies: images of one thing under other light, exposure or compression, mirrored or turned by 90 degrees.

Two different pictures of a texture look alike, too. So what all images of a set share is taken out of each (the mean,
and the directions in which they differ anyway are scaled down), and two images are copies where they are alike then,
and much more than the next ones are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from kogen.common.speech.progress import progress_bar
from kogen.data.images import Images

SIDE = 16  # pixels that an image is brought to
LOWEST = 1  # frequencies (row + column) up to this one are the light and no content
ALIKE = 0.6  # least similarity of copies, 1: the same
# A copy is nearer than a further neighbour by a share of the distance of that one, the less, the more alike all images
# are: (place of the neighbour, largest distance of a copy where that of the neighbour is 1). The first finds few copies
# of an image; the second as many as there are frames of a still camera.
NEARER = ((8, 0.43), (64, 0.12))
POWER = 1.5
FLOOR = 0.3  # of the mean variance, added to each: what varies by chance alone is not blown up
LEAST_CONTRAST = 2 / 255  # standard deviation below which an image shows nothing to compare
LEAST_SIDE = 12  # of images that are compared: smaller ones of one kind are all alike
COLOUR = 0.06  # largest difference of the shares of red and green in copies
GRAY = 0.004  # largest difference of the shares of an image without colour
CHUNK = 2048  # images read or compared at once
SAMPLED = 20_000  # images that say what the set has in common
COMPARED_WITH_ALL = 5000  # images; of more, each is compared with those of the cells around it
CELLS_AROUND = 5
CELL_FLOOR = 3.0  # as FLOOR, for the cells: alike images have to lie near each other, whatever differs in detail
LLOYD = 2  # times that the centres of cells are moved
MIRRORED = 0.5  # share of the distance that is left to mirrored images: parts are often alike if turned over
TURNS = [(up, right, turned) for turned in (False, True) for up in (1, -1) for right in (1, -1)]  # of a square


class Looks(NamedTuple):
    """What is compared of images, and which of them show anything."""

    waves: np.ndarray  # (N, D) float32, cosine coefficients of the gray image, of length 1
    colour: np.ndarray  # (N, 2) float32, the shares of red and green
    shown: np.ndarray  # (N,) bool


def find_copies(sets: Sequence[Images]) -> dict[str, str]:
    """Content id of each image that has near copies in the sets to the id that stands for all of them.

    Images that are equal have one id already. Nothing is found of images with fewer than LEAST_SIDE pixels, and none
    that show a plain area. Series are copies where they are equal, and have one id already.
    """
    if any(images.kind == "series" for images in sets):
        return {}
    sides = [min(images.pixels.shape[2:]) for images in sets if len(images)]
    if not sides or min(sides) < LEAST_SIDE:
        return {}
    ids = np.concatenate([images.ids for images in sets if len(images)])
    looks = [look_at(images) for images in sets if len(images)]
    _, first = np.unique(ids, return_index=True)
    waves, colour, shown = (np.concatenate(part)[first] for part in zip(*looks, strict=True))
    ids, waves, colour = ids[first][shown], waves[shown], colour[shown]
    return group_pairs(ids, find_pairs(waves, colour)) if len(ids) > 2 else {}


def merged_ids(images: Images, copies: Mapping[str, str]) -> np.ndarray:
    """The content id (N,) of each image, or the one that stands for it and its near copies."""
    return np.array([copies.get(name, name) for name in images.ids.tolist()], str) if copies else images.ids


def twins(images: Images, others: Images, copies: Mapping[str, str]) -> np.ndarray:
    """Positions (T,) in `images` of those that are also in `others`, pixel for pixel or as a near copy."""
    return np.flatnonzero(np.isin(merged_ids(images, copies), merged_ids(others, copies)))


def with_copy_clusters(images: Images, copies: Mapping[str, str]) -> Images:
    """The images, near copies of one cluster where no cluster is known: they are no independent evidence."""
    return replace(
        images, clusters=np.where(images.clusters == images.ids, merged_ids(images, copies), images.clusters)
    )


def count_copies(images: Images, copies: Mapping[str, str]) -> int:
    """How many images of a set would be left out if one of each group of near copies stayed."""
    return len(np.unique(images.ids)) - len(np.unique(merged_ids(images, copies)))


def look_at(images: Images) -> Looks:
    """What is compared of the images of a set, read in chunks."""
    basis, kept = _cosines()
    flat = torch.from_numpy(basis[:, kept])  # (SIDE * SIDE, D)
    waves, colour, shown = [], [], []
    with progress_bar("looking for near copies", transient=True) as report:
        for start in range(0, len(images), CHUNK):
            index = np.arange(start, min(start + CHUNK, len(images)))
            pixels = images.read(index)
            small = adaptive_avg_pool2d(pixels.float() / torch.iinfo(pixels.dtype).max, SIDE)  # (B, C, SIDE, SIDE)
            gray = small.mean(1).flatten(1)  # (B, SIDE * SIDE)
            found = gray @ flat
            length = found.norm(dim=1, keepdim=True)
            waves.append((found / length.clamp(min=1e-9)).numpy())
            shares = small.mean((2, 3)) / small.mean((1, 2, 3), keepdim=False)[:, None].clamp(min=1e-6) / small.shape[1]
            colour.append(shares[:, :2].numpy() if small.shape[1] > 1 else np.zeros((len(index), 2), np.float32))
            shown.append((length[:, 0] / SIDE > LEAST_CONTRAST).numpy())
            report(int(index[-1]) + 1, len(images))
    return Looks(*(np.concatenate(part) for part in (waves, colour, shown)))


def find_pairs(waves: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Pairs (P, 2) of near copies among images, from their cosine coefficients (N, D) and colours (N, 2)."""
    mean, (scale, blunt) = _whitenings(waves, (FLOOR, CELL_FLOOR))
    plain = _unit((waves - mean) @ scale)  # (N, D)
    around = _unit((waves - mean) @ blunt)
    cells = Cells.of(around)
    limits = _largest_distance(plain, cells.blocks(around))
    pairs = [np.empty((0, 2), np.int64)]
    for number, (places, signs) in enumerate(_turns()):
        share = MIRRORED if number else 1
        centred = waves[:, places] * signs - mean
        turned = _unit(centred @ scale)
        for rows, near in cells.blocks(_unit(centred @ blunt)):
            alike = turned[rows] @ plain[near].T
            first, second = np.nonzero(alike >= ALIKE)  # few; the rest is decided for these alone
            ones, others = rows[first], near[second]
            close = 1 - alike[first, second] <= share * np.minimum(limits[ones], limits[others])
            pairs.append(np.stack([ones[close], others[close]], 1))
    found = np.concatenate(pairs)
    found = found[found[:, 0] != found[:, 1]]  # a mirrored image may be like itself
    same = np.abs(colour[found[:, 0]] - colour[found[:, 1]]).max(1) <= COLOUR
    gray = np.asarray((np.abs(colour - 1 / 3) < GRAY).all(1) | ~colour.any(1))  # a gray copy of a colour image
    same |= gray[found].any(1)
    return np.unique(np.sort(found[same], axis=1), axis=0)


def group_pairs(ids: np.ndarray, pairs: np.ndarray) -> dict[str, str]:
    """Id of each image that is in a pair to the first id of its group, from ids (N,) and pairs (P, 2) of positions."""
    group = connected_parts(pairs[:, 0], pairs[:, 1], len(ids))
    _, first = np.unique(group, return_index=True)
    return {str(ids[place]): str(ids[first[group[place]]]) for place in np.unique(pairs).tolist()}


def connected_parts(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """The connected part (count,) of each point, where edges (E,) join the points first[i] and second[i]."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count))
    return connected_components(edges, directed=False)[1]


@dataclass(frozen=True)
class Cells:
    """Images cut into cells of alike ones, so that each is compared with those around it and not with all."""

    centres: np.ndarray  # (C, D)
    members: list[np.ndarray]  # of each cell, positions of its images
    around: np.ndarray  # (C, P) numbers of the cells nearest to each, itself first

    @classmethod
    def of(cls, points: np.ndarray) -> "Cells":
        """The cells of points (N, D): the nearest of some of them, moved twice to the mean of those around it."""
        count = 1 if len(points) <= COMPARED_WITH_ALL else round(len(points) ** 0.5)
        centres = points[np.random.default_rng(0).choice(len(points), count, replace=False)]
        for _ in range(LLOYD if count > 1 else 0):
            cell = _nearest(points, centres)
            sums = np.stack([points[cell == number].sum(0) for number in range(count)])
            centres = _unit(sums + centres)
        cell = _nearest(points, centres)
        members = np.split(np.argsort(cell, kind="stable"), np.cumsum(np.bincount(cell, minlength=count))[:-1])
        return cls(centres, members, np.argsort(-centres @ centres.T, axis=1)[:, :CELLS_AROUND])

    def blocks(self, points: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of points (N, D) that lie in a cell, and those of the images in it and in the cells around it."""
        cell = _nearest(points, self.centres)
        for number in range(len(self.members)):
            near = np.concatenate([self.members[other] for other in self.around[number]])
            rows = np.flatnonzero(cell == number)
            for part in np.array_split(rows, -(-len(rows) // CHUNK)) if len(rows) else ():
                yield part, near


def _largest_distance(points: np.ndarray, blocks: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The largest distance (N,) of a copy from each point (N, D): a share of that of a further neighbour."""
    limits = np.zeros(len(points), np.float32)
    for rows, near in blocks:
        alike = points[rows] @ points[near].T
        alike[rows[:, None] == near[None]] = -1
        count = min(max(place for place, _ in NEARER), len(near) - 1)
        best = (
            -np.sort(np.partition(-alike, count - 1, axis=1)[:, :count], axis=1) if count else np.zeros((len(rows), 1))
        )
        ends = [share * (1 - best[:, min(place, best.shape[1]) - 1]) ** POWER for place, share in NEARER]
        limits[rows] = np.max(ends, axis=0)
    return limits


def _whitenings(waves: np.ndarray, floors: Sequence[float]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Mean (D,), and for each floor a matrix (D, D), that take out of coefficients (N, D) what the images share."""
    some = waves[np.unique(np.linspace(0, len(waves) - 1, SAMPLED).astype(int))]
    mean = some.mean(0)
    spread, axes = np.linalg.eigh(np.cov((some - mean).T))
    least = (1 + waves.shape[1] / len(some)) * spread.mean()
    return mean, [(axes / np.sqrt(np.maximum(spread, 0) + floor * least)).astype(np.float32) for floor in floors]


def _cosines() -> tuple[np.ndarray, np.ndarray]:
    """Waves of the two-dimensional cosine transform (SIDE^2, SIDE^2), and which of them are compared (SIDE^2,)."""
    from scipy.fft import dct

    one = np.asarray(dct(np.eye(SIDE), axis=1, norm="ortho"))  # (place, frequency)
    return np.kron(one, one).astype(np.float32), np.add.outer(np.arange(SIDE), np.arange(SIDE)).ravel() > LOWEST


def _turns() -> list[tuple[np.ndarray, np.ndarray]]:
    """For each of TURNS the places (D,) that the coefficients of a turned image come from, and their signs (D,)."""
    kept, ones, odd = _cosines()[1], np.ones(SIDE), (-1.0) ** np.arange(SIDE)
    number = np.cumsum(kept) - 1  # of a kept wave among those that are kept
    found = []
    for up, right, turned in TURNS:
        waves = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
        places = number[(waves.T if turned else waves).ravel()[kept]]
        signs = np.outer(ones if up > 0 else odd, ones if right > 0 else odd).ravel()[kept]
        found.append((places, signs.astype(np.float32)))
    return found


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The number of the centre (C, D) that is most like each point (N, D)."""
    parts = [points[start : start + CHUNK] for start in range(0, len(points), CHUNK)]
    return np.concatenate([np.argmax(part @ centres.T, axis=1) for part in parts])


def _unit(points: np.ndarray) -> np.ndarray:
    """Points (N, D) of length 1."""
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
