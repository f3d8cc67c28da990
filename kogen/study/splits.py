"""The splits of a study, opened and checked together: the pool to train on, its labelled part, the sets to judge on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kogen.augmentation.corruptions import parse_corruptions
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.data.cache_settings import CacheSettings
from kogen.data.corrupted import corrupt_images
from kogen.data.datasets.table import read_rows
from kogen.data.images import Images, require_classes, twins
from kogen.data.levels import parse_levels
from kogen.data.open import open_images

WITH_TEST_SPLIT = ("surfaces", "digits", "torchvision")  # named data sets that have a test split
HELD_OUT = 0.2  # share of the labelled images that is held out for judging where no test set is given
SAMPLED = 2048  # images on which mean and std of the channels are computed


@dataclass(frozen=True)
class Splits:
    """What a study trains on and is judged on."""

    pool: Images  # all images to train on, with or without labels; no test image is among them
    train: Images  # the labelled images of the pool: probes and the supervised baseline learn from these
    tests: dict[str, Images]  # by name, the reference first; labels counted in the classes of `train`
    sources: dict[str, tuple[str, Images]]  # by name: source as given and the set as opened, for the data-quality box
    note: str  # what a reader must know of how the sets were made, or ""

    def roles(self) -> dict[str, str]:
        """Name of each test set to `reference` or `shift`."""
        return {name: "reference" if place == 0 else "shift" for place, name in enumerate(self.tests)}


def open_splits(study: Study) -> Splits:
    """Open every set of a study and check that they fit together.

    Images of another split than `train` are never trained on. ValueError for sets that cannot answer the question.
    """
    storage = storage_for(study.image_size, study.max_bad, study.depth)
    asked, tests, note = sources_of_tests(study), {}, ""
    pool = open_images(study.source, storage, labels=study.labels, name="train")
    names = table_splits(study)
    like_pool = same_levels(storage, pool)
    splits = {name: open_images(study.source, like_pool, labels=study.labels, split=name) for name in names}
    if others := {str(source) for images in splits.values() for source in images.sources}:
        pool = pool.subset(np.flatnonzero([str(source) not in others for source in pool.sources]))
    opened = {"train": (study.source, pool)}
    if study.test is None and "reference" not in asked:
        pool, reference, note = cut_reference(pool, splits.get("test"))
        tests["reference"] = reference
        opened["reference"] = (f"part of {study.labels or study.source}", reference)
    train = pool.labelled_subset()
    require_classes(train)
    tests |= open_tests(asked, train, like_pool)
    opened |= {name: (source, tests[name]) for name, source in asked.items()}
    return Splits(pool, train, with_corruptions(tests, study.corrupt), opened, note)


def sources_of_tests(study: Study) -> dict[str, str]:
    """Name to source of the sets to judge on, the reference first: `study.test`, or a named data set's own test split.

    Surfaces also bring two similar lines. There is no reference where it has to be a part of the pool. ValueError for a
    shift that has the name of another set.
    """
    title, source = "reference", study.test
    if source and is_named(source):
        title, _, source = source.partition("=")
    for name in ("train", title):
        if name in study.shifts:
            got = f"--shift {name}={study.shifts[name]}"
            raise ValueError(f"{got}: the name {name!r} is taken by another set; choose another")
    if source is not None:
        return {title: source, **study.shifts}
    name, _, query = study.source.partition("?")
    if name.partition(":")[0] not in WITH_TEST_SPLIT or Path(study.source).exists():
        return study.shifts
    end = f"?{query}&split=test" if query else "?split=test"
    similar = {"line 2": "surfaces:line2" + end, "night shift": "surfaces:night" + end} if name == "surfaces" else {}
    return {title: name + end, **(study.shifts or similar)}


def cut_reference(pool: Images, test: Images | None) -> tuple[Images, Images, str]:
    """The pool, the reference and a note: the reference is the table's split `test`, or labelled images held out."""
    require_classes(pool.labelled_subset())
    if test is not None:
        return pool, test.labelled_subset().with_classes(pool.classes), ""
    note = f"no test set was given: {HELD_OUT:.0%} of the labelled images were held out and never trained on"
    return *hold_out(pool), note


def storage_for(image_size: int, max_bad: float, depth: str | None = None) -> CacheSettings:
    """How pixels are stored for a network (its 224 px are cut from 256), and read: `depth` as --depth takes it."""
    levels = None if depth is None else parse_levels(depth)
    return CacheSettings(max(128, round(image_size * 8 / 7)), max_bad=max_bad, levels=levels)


def same_levels(storage: CacheSettings, images: Images) -> CacheSettings:
    """How the other sets of a study are read: what is white in `images` is white in all."""
    return storage if images.levels is None else replace(storage, levels=images.levels)


def depth_of_runs(plans: Sequence[Plan], given: str | None) -> str | None:
    """The depth at which images are read for runs: that of their training. ValueError where there are several."""
    depths = sorted({plan.depth for plan in plans if plan.depth})
    asked = str(parse_levels(given)) if given else depths[0] if depths else None
    if set(depths) - {asked}:
        got = f"--depth {given} is asked for, and the runs were" if given else "the runs were"
        raise ValueError(f"{got} trained at depth {' and '.join(depths)}: what is white must be the same for all")
    return asked


def table_splits(study: Study) -> list[str]:
    """The splits of a study's table but `train`; none where it asks for one split. ValueError if none is `train`."""
    table = study.labels or study.source.partition("?")[0]
    if "split=" in study.source or not table.endswith((".csv", ".parquet")):
        return []
    known = sorted(set(read_rows(table).splits) - {""})
    if known and "train" not in known:
        got = f"{table} has the splits {', '.join(known)}"
        raise ValueError(f"{got}, none is 'train': name the one to train on 'train'")
    return [split for split in known if split != "train"]


def open_tests(asked: Mapping[str, str], train: Images, storage: CacheSettings) -> dict[str, Images]:
    """The sets to judge on, name to source, opened as `open_test` does; what is white in one is white in the next."""
    tests: dict[str, Images] = {}
    for name, source in asked.items():
        tests[name] = open_test(name, source, train, storage)
        storage = same_levels(storage, tests[name])
    return tests


def open_test(title: str, source: str, train: Images, storage: CacheSettings) -> Images:
    """The labelled images of a set to judge on, with the classes and channels of `train`. ValueError for no labels."""
    test = open_images(source, storage, name=title)
    if not (test.labels >= 0).any():
        got = f"the set {title!r} ({source}) has no labels"
        raise ValueError(f"{got}, so nothing can be judged on it: give class folders or a csv")
    return test.labelled_subset().with_classes(train.classes).with_channels(train.channels)


def with_corruptions(tests: dict[str, Images], text: str | None) -> dict[str, Images]:
    """The sets, and the corruptions `text` of the first, as `val~jpeg3`. ValueError for unknown and taken names."""
    found, first = dict(tests), next(iter(tests))
    for name, severity in parse_corruptions(text, tests[first].channels) if text else []:
        title = f"{first}~{name}{severity}"
        if title in found:
            raise ValueError(f"the name {title!r} is taken by another set; choose another for that one")
        found[title] = replace(corrupt_images(tests[first], name, severity), name=title)
    return found


def is_named(source: str) -> bool:
    """Whether a source is `name=path`, and not a path or query that has an equals sign in it."""
    name, equals, path = source.partition("=")
    return bool(equals and path) and not Path(source).exists() and "?" not in name and "/" not in name


def hold_out(images: Images, seed: int = 0) -> tuple[Images, Images]:
    """The images and the HELD_OUT labelled ones, about; a cluster and the copies of an image stay on one side."""
    labelled = np.flatnonzero(images.labels >= 0)
    copy, cluster = (np.unique(of, return_inverse=True)[1] for of in (images.ids, images.clusters))
    group = connected_groups(copy, cluster)  # (N,)
    order = np.random.default_rng(seed).permutation(np.unique(group[labelled]))
    sizes = np.bincount(group[labelled])[order]
    chosen, total = [], 0
    for number, size in zip(order, sizes, strict=True):
        if total + size <= HELD_OUT * len(labelled):
            chosen.append(number)
            total += size
    if not chosen and sizes.min() <= len(labelled) / 2:
        chosen = [order[sizes.argmin()]]  # every group is too large: the smallest is nearest to the share
    if not chosen:
        raise ValueError(f"{len(order)} groups of labelled images (clusters, copies) cannot be cut in two: give --test")
    out = np.isin(group, chosen)
    pool, test = np.flatnonzero(~out), np.flatnonzero(out & (images.labels >= 0))
    if lost := sorted(set(images.labels[test]) - set(images.labels[pool])):
        names = ", ".join(images.classes[number] for number in lost)
        raise ValueError(f"holding out {HELD_OUT:.0%} leaves no labelled image of {names} to train on: give --test")
    return images.subset(pool), images.subset(test)


def connected_groups(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The group of each item, (N,): items that share a value of `first` or of `second`, (N,) each, are in one group."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = (np.ones(len(first)), (first, second + first.max() + 1))
    size = int(first.max() + second.max() + 2)
    return connected_components(coo_matrix(edges, shape=(size, size)), directed=False)[1][first]


def normalisation(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of each channel, in [0, 1], over images spread evenly through the set, rounded to 4 digits."""
    index = np.unique(np.linspace(0, len(images) - 1, min(SAMPLED, len(images))).astype(np.int64))
    pixels = images.read(index).numpy().astype(np.float32) / np.iinfo(images.pixels.dtype).max
    mean, std = pixels.mean(axis=(0, 2, 3)), pixels.std(axis=(0, 2, 3))
    return tuple(round(float(m), 4) for m in mean), tuple(round(max(float(s), 1e-3), 4) for s in std)


def data_quality(sets: Splits) -> dict[str, Any]:
    """The data-quality box: of each set what was read, skipped and found twice, and its images with a twin in train."""
    roles = {"train": "train", **sets.roles()}
    rows = []
    for name, (source, images) in sets.sources.items():
        found = len(twins(sets.tests[name], sets.pool)) if name in sets.tests else None
        rows.append({"name": name, "source": source, "role": roles[name], "twins_in_train": found, **images.quality()})
        rows[-1]["notes"] = list(images.notes)
    return {"sets": rows, "note": sets.note}
