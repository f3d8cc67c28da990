"""The sets of a study, opened and checked together: the pool to pre-train on, its labelled part, sets to judge on."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kogen.augmentation.corruptions import parse_corruptions as asked_corruptions
from kogen.common.text import hint
from kogen.config.study import Study
from kogen.data.corrupted import corrupt_images
from kogen.data.datasets.table import read_rows
from kogen.data.images import Images, require_classes, twins
from kogen.data.open import open_images

WITH_TEST_SPLIT = ("surfaces", "digits", "torchvision")  # data sets by name that come with a test split of their own
HELD_OUT = 0.2  # share of the labelled images kept for judging when no test set is given
SAMPLED = 2048  # images from which mean and std of the channels are computed


@dataclass(frozen=True)
class Splits:
    """What a study trains on and is judged on."""

    pool: Images  # all images that may be seen without labels; no test image is among them
    train: Images  # the labelled ones of the pool: probes and the supervised baseline learn from these
    tests: dict[str, Images]  # by name, the reference first; labels counted in the classes of `train`
    sources: dict[str, tuple[str, Images]]  # by name: source as asked and the set as opened, for the data-quality box
    note: str  # what a reader must know about how the sets were made, or ""

    def roles(self) -> dict[str, str]:
        """Name of each test set to `reference` or `shift`."""
        return {name: "reference" if place == 0 else "shift" for place, name in enumerate(self.tests)}


def open_splits(study: Study, *, cache: Path | None = None, progress: bool = True) -> Splits:
    """Open every set of a study and check that they fit together.

    Without a test set, the rows `test` of a table with splits are it, or the test split that a named data set brings
    (surfaces also bring their two similar lines); otherwise a fifth of the labelled images is held out, clusters and
    duplicates kept on one side. Images of any other split than `train` are never trained on.
    Raises ValueError with what to do for sets that cannot answer the question.
    """
    store = storage_size(study.image_size)
    how: dict[str, Any] = {"store": store, "cache": cache, "max_bad": study.max_bad, "progress": progress}
    name, _, query = study.source.partition("?")
    drawn = name.partition(":")[0] in WITH_TEST_SPLIT and not Path(study.source).exists()
    pool = open_images(study.source, labels=study.labels, name="train", **how)
    asked, note = dict(study.shifts), ""
    splits = {
        split: open_images(study.source, labels=study.labels, split=split, **how) for split in table_splits(study)
    }
    pool = exclude_sources(pool, list(splits.values()))
    refuse_taken_name("train", asked)
    if study.test is None:
        refuse_taken_name("reference", asked)
    if study.test is not None:
        title, _, source = study.test.partition("=") if is_named(study.test) else ("reference", "", study.test)
        refuse_taken_name(title, asked)
        asked = {title: source, **asked}
    elif drawn:
        end = f"?{query}&split=test" if query else "?split=test"
        asked = {"reference": name + end, **asked}
        if name == "surfaces" and not study.shifts:
            asked |= {"line 2": "surfaces:line2" + end, "night shift": "surfaces:night" + end}
    opened = {"train": (study.source, pool)}
    tests: dict[str, Images] = {}
    if study.test is None and not drawn:
        require_classes(pool.labelled_subset())
        if "test" in splits:
            tests["reference"] = splits["test"].labelled_subset().with_classes(pool.classes)
        else:
            pool, tests["reference"] = hold_out(pool)
            note = f"no test set was given: {HELD_OUT:.0%} of the labelled images were held out and never trained on"
        opened["reference"] = (f"part of {study.labels or study.source}", tests["reference"])
    train = pool.labelled_subset()
    require_classes(train)
    for title, source in asked.items():
        tests[title] = open_test(title, source, train, how)
        opened[title] = (source, tests[title])
    if study.corrupt:
        tests = with_corruptions(tests, study.corrupt)
    return Splits(pool, train, tests, opened, note)


def storage_size(image_size: int) -> int:
    """Pixels of the longer side at which images are kept: a crop of a network's 224 px is cut from 256."""
    return max(128, round(image_size * 8 / 7))


def table_splits(study: Study) -> list[str]:
    """Splits but `train` that the study's table names; none where it has no table, or one split was asked for.

    Raises ValueError for a table whose splits do not say what to train on.
    """
    table = study.labels or study.source.partition("?")[0]
    if "split=" in study.source or not table.endswith((".csv", ".parquet")):
        return []
    known = sorted(set(read_rows(table).splits) - {""})
    if known and "train" not in known:
        raise ValueError(
            f"{table} has the splits {', '.join(known)}, none is 'train': name the one to train on 'train'"
        )
    return [split for split in known if split != "train"]


def exclude_sources(images: Images, others: list[Images]) -> Images:
    """The images whose source is in none of `others`."""
    gone = {str(source) for other in others for source in other.sources}
    return images.subset(np.flatnonzero([str(source) not in gone for source in images.sources])) if gone else images


def refuse_taken_name(name: str, shifts: dict[str, str]) -> None:
    """ValueError where a shift has the name of another set of the study, whose place it would take."""
    if name in shifts:
        raise ValueError(f"--shift {name}={shifts[name]}: the name {name!r} is taken by another set; choose another")


def open_test(title: str, source: str, train: Images, how: dict[str, Any]) -> Images:
    """One set to judge on, with the classes and channels of `train`. ValueError where it cannot be judged."""
    test = open_images(source, name=title, **how)
    if not (test.labels >= 0).any():
        raise ValueError(
            f"the set {title!r} ({source}) has no labels, so nothing can be judged on it: give class folders or a csv"
        )
    return test.labelled_subset().with_classes(train.classes).with_channels(train.channels)


def with_corruptions(tests: dict[str, Images], text: str, of: str | None = None) -> dict[str, Images]:
    """The sets and corrupted views, named `val~jpeg3`, of one of them (the first unless `of` says), as `text` asks.

    `text` is `all`, `all:1-5`, `blur:5,jpeg:2` (corruptions.asked).
    Raises ValueError for names that are unknown or taken.
    """
    of = next(iter(tests)) if of is None else of
    if of not in tests:
        raise ValueError(f"there is no set {of!r} to corrupt: {hint(of, list(tests))}")
    made = dict(tests)
    for name, severity in asked_corruptions(text, tests[of].channels):
        title = f"{of}~{name}{severity}"
        if title in tests:
            raise ValueError(f"the name {title!r} is taken by another set; choose another for that one")
        made[title] = replace(corrupt_images(tests[of], name, severity), name=title)
    return made


def is_named(source: str) -> bool:
    """Whether `name=path` was given, and not a path or query that happens to hold an equals sign."""
    name, equals, path = source.partition("=")
    return bool(equals and path) and not Path(source).exists() and "?" not in name and "/" not in name


def hold_out(images: Images, share: float = HELD_OUT, seed: int = 0) -> tuple[Images, Images]:
    """Cut off about `share` of the labelled images, whole clusters and all copies of an image on the same side."""
    labelled = np.flatnonzero(images.labels >= 0)
    copy, cluster = (np.unique(of, return_inverse=True)[1] for of in (images.ids, images.clusters))
    group = connected_groups(copy, cluster)  # (N,)
    order = np.random.default_rng(seed).permutation(np.unique(group[labelled]))
    sizes = np.bincount(group[labelled])[order]
    taken, total = [], 0
    for number, size in zip(order, sizes, strict=True):
        if total + size <= share * len(labelled):
            taken.append(number)
            total += size
    if not taken and sizes.min() <= len(labelled) / 2:
        taken = [order[sizes.argmin()]]  # no group is small enough: the smallest comes nearest
    if not taken:
        raise ValueError(f"{len(order)} groups of labelled images (clusters, copies) cannot be cut in two: give --test")
    out = np.isin(group, taken)
    kept, test = np.flatnonzero(~out), np.flatnonzero(out & (images.labels >= 0))
    alone = set(images.labels[test]) - set(images.labels[kept])
    if alone:
        names = ", ".join(images.classes[number] for number in sorted(alone))
        raise ValueError(f"holding out {share:.0%} leaves no labelled image of {names} to train on: give --test")
    return images.subset(kept), images.subset(test)


def connected_groups(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Connected groups: items that share a value of `first` or of `second` get one number, (N,) each."""
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
    """The data-quality box: per set what was read, skipped and found twice, and test images with a twin in train."""
    roles = {"train": "train", **sets.roles()}
    rows = []
    for name, (source, images) in sets.sources.items():
        seen = sets.tests.get(name)
        found = None if seen is None else len(twins(seen, sets.pool))
        rows.append({"name": name, "source": source, "role": roles[name], "twins_in_train": found, **images.quality()})
    return {"sets": rows, "note": sets.note}
