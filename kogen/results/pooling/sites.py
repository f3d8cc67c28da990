"""Sites: which bundles are refused beside others, and which are of the same data and count as one site."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from kogen.results.pooling.pooled_study import PooledStudy, run_marks
from kogen.results.sharing.manifest import SharedSet
from kogen.results.sharing.read_bundle import Bundle


@dataclass(frozen=True)
class Site:
    """One site, of one bundle, or of several on the same data."""

    name: str
    studies: tuple[PooledStudy, ...]


def refuse_twice(bundles: Sequence[Bundle]) -> None:
    """ValueError for one bundle twice, and for two that hold the same trained run: two bundles of one study."""
    digests = [hashlib.sha256(one.path.read_bytes()).hexdigest() for one in bundles]
    for (one, first), (other, second) in combinations(zip(bundles, digests, strict=True), 2):
        if first == second:
            raise ValueError(f"{one.path} and {other.path} are the same bundle: give each once")
        if one.name == other.name:
            raise ValueError(f"two bundles are called {one.name}: give files of different names, one a team")
    marks = [{mark for mark, trained in run_marks(one) if trained} for one in bundles]
    for (one, first), (other, second) in combinations(zip(bundles, marks, strict=True), 2):
        if shared := len(first & second):
            got = f"{one.path} and {other.path} hold the same trained runs ({shared} of their answers are equal)"
            raise ValueError(f"{got}: they are of one study, or share its runs; give one of them")


def join_sites(studies: Sequence[PooledStudy], *, apart: bool = False) -> list[Site]:
    """The studies by data: those of equal data are one site; with `apart` each is its own.

    Data are taken as equal where an untrained network answers alike in both, or where the sets to train and to judge on
    have the same numbers of images of every class. The second may be chance, as where all sets are balanced.
    """
    groups: list[list[PooledStudy]] = []
    for study in studies:
        known = next((group for group in groups if not apart and any(same_data(study, one) for one in group)), None)
        if known is None:
            groups.append([study])
        else:
            known.append(study)
    return [Site(" + ".join(one.name for one in group), tuple(group)) for group in groups]


def same_data(one: PooledStudy, other: PooledStudy) -> bool:
    """Whether two studies seem to be of the same images."""
    first, second = ({mark for mark, _ in run_marks(study.bundle)} for study in (one, other))
    return bool(first & second) or counts_of(one) == counts_of(other)


def counts_of(study: PooledStudy) -> list[tuple[int, ...]]:
    """The numbers of images and of those of each class, of the sets to train and to judge on."""
    sets: list[SharedSet] = [one for one in (study.train, study.reference) if one is not None]
    return [(one.images, one.labelled, *sorted(one.classes.values())) for one in sets]
