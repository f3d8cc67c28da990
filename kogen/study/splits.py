"""The splits of a study, opened and checked together: the pool to train on, its labelled part, the sets to judge on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kogen.augmentation.series_corruptions import parse_corruptions_of
from kogen.common import distributed
from kogen.common.protocols import FIND_BOXES
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.data.cache_settings import CacheSettings
from kogen.data.corrupted import corrupt_images
from kogen.data.images import BadFile, Images
from kogen.data.levels import parse_levels
from kogen.data.masks.attach_masks import digest_with_masks
from kogen.data.near_copies import count_copies, find_copies, merged_ids, twins, with_copy_clusters
from kogen.data.open import open_images, source_paths
from kogen.data.series.alike import check_alike
from kogen.data.series.channel_scale import channel_scale
from kogen.data.split_names import TEST, VAL, judging_part, split_names, training_part
from kogen.options.shared import TableOptions
from kogen.study.anomaly_sets import CLASSES, as_anomalies, keep_good, require_labels
from kogen.study.boxes.box_sets import open_box_set, part_unseen_groups, require_boxes
from kogen.study.hold_out import HELD_OUT, hold_out
from kogen.study.set_sources import runs_named, sources_of_tests
from kogen.training.seen_images import seen_among

MOSTLY = 0.5  # of a test set in train: nothing that was not trained on would be judged
SAMPLED = 2048  # images on which mean and std of the channels are computed


@dataclass(frozen=True)
class Splits:
    """What a study trains on and is judged on."""

    pool: Images  # all images to train on, with or without labels; no test image is among them
    train: Images  # the labelled images of the pool: probes and the supervised baseline learn from these
    tests: dict[str, Images]  # by name, the reference first; labels counted in the classes of `train`
    sources: dict[str, tuple[str, Images]]  # by name: source as given and the set as opened, for the data-quality box
    note: str  # what a reader must know of how the sets were made, or ""
    copies: dict[str, str] = field(default_factory=dict)  # content id to the one that stands for it and its near copies
    seen: dict[str, np.ndarray] = field(default_factory=dict)  # by test: positions of images that runs were trained on
    stored_side: int = 0  # pixels of a side up to which images are kept as they are; 0 where nobody asks
    private: bool = False  # no picture of an image is kept
    shared: dict[str, int] = field(default_factory=dict)  # of a transfer set: its images in each other set of the study

    def roles(self) -> dict[str, str]:
        """Name of each test set to `reference` or `shift`."""
        return {name: "reference" if place == 0 else "shift" for place, name in enumerate(self.tests)}

    def digests(self) -> dict[str, str]:
        """What predictions depend on beside the run: a digest of the images, labels and masks of each set."""
        return {"train": self.train.digest} | {name: digest_with_masks(images) for name, images in self.tests.items()}


def open_splits(study: Study) -> Splits:
    """Open every set of a study and check that they fit together.

    Images of another split than `train` are never trained on, nor are copies of those that are held out. ValueError for
    sets that cannot answer the question.
    """
    storage = storage_for(study.image_size, study.max_bad, study.depth)
    normal, boxes = study.normal_class, study.task == FIND_BOXES
    if boxes:
        whole, require = open_box_set(study.source, storage, "train"), require_boxes
    else:
        whole, require = (
            as_anomalies(open_source(study.source, storage, study, "train"), normal),
            partial(require_labels, normal=normal),
        )
    pool, asked = training_part(whole), sources_of_tests(study)
    fixed = whole.classes if boxes else CLASSES if normal is not None else pool.classes
    pool = pool.with_classes(fixed)
    require(pool.labelled_subset())
    tests = open_tests(asked, pool, same_levels(storage, pool), normal)
    opened, own = dict(asked), study.labels or study.source
    own_title, kinds = ("reference", (TEST, VAL)) if study.judge_on == "test" else ("validation", (VAL,))
    if study.test is None and "reference" not in asked and (part := own_test(whole, pool, kinds)) is not None:
        tests, opened = {own_title: part, **tests}, {own_title: f"part of {own}", **opened}
    copies = copies_among([pool, *tests.values()], study.twins)
    pool, notes = without_twins(pool, tests, copies, study.twins)
    is_cut = study.test is None and own_title not in tests
    if is_cut:
        pool, held_out, said = hold_out(pool, study.hold_out_seed, copies)
        held_out = replace(held_out, name=own_title, notes=())  # those of the pool say how its files were read
        tests, opened = {own_title: held_out, **tests}, {own_title: f"part of {own}", **opened}
        why = "no test set was given" if study.judge_on == "test" else "--judge-on validation"
        given = f"{why}: {HELD_OUT:.0%} of the labelled images were held out and never trained on"
        notes += [f"{given} (seed {study.hold_out_seed})", *said]
    if normal is not None:
        pool, tests, said = keep_good(pool, tests, is_cut, copies)
        notes += said
    train = pool.labelled_subset()
    require(train)
    if boxes:
        tests, opened, said = part_unseen_groups(train, tests, opened)
        notes += said
    tests = with_clusters(tests, copies)
    runs = runs_named(study)
    seen = {name: seen_among(images, runs) for name, images in tests.items()}
    refuse_seen(seen, tests, study.twins)
    sources = {"train": (study.source, pool)} | {name: (opened[name], images) for name, images in tests.items()}
    tests, note = with_corruptions(tests, study.corrupt), "; ".join(notes)
    return Splits(pool, train, tests, sources, note, copies, seen, storage.stored_side, study.private)


def copies_among(sets: Sequence[Images], choice: str) -> dict[str, str]:
    """Near copies, see `find_copies`; none are looked for with the choice `keep`. The first process looks for all."""
    if choice == "keep":
        return {}
    return distributed.from_first(find_copies(sets) if distributed.rank() == 0 else {})


def open_source(source: str, storage: CacheSettings, how: TableOptions, name: str = "") -> Images:
    """The images of a source with its table of labels, as the options of a verb say how that is read."""
    return open_images(source, storage, labels=how.labels, columns=how.columns, encoding=how.encoding, name=name)


def paths_read(how: TableOptions, *sources: str | Path | None) -> list[Path]:
    """What sources and the table of labels read on this disk."""
    return source_paths(*sources, labels=how.labels, columns=how.columns, encoding=how.encoding)


def own_test(whole: Images, pool: Images, kinds: Sequence[str] = (TEST, VAL)) -> Images | None:
    """The labelled images of the first of `kinds` that a source has as a split; None without, or without labels."""
    if whole.splits is None or not set(kinds) & set(split_names(whole.splits)):
        return None
    part = judging_part(whole, kinds)
    if not (part.labels >= 0).any():
        return None
    name = "reference" if TEST in kinds else "validation"
    return replace(part.labelled_subset(), name=name, notes=()).with_classes(pool.classes)


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


def open_tests(
    asked: Mapping[str, str], train: Images, storage: CacheSettings, normal: str | None = None
) -> dict[str, Images]:
    """The sets to judge on, name to source, opened as `open_test` does; what is white in one is white in the next."""
    tests: dict[str, Images] = {}
    for name, source in asked.items():
        tests[name] = open_test(name, source, train, storage, normal)
        storage = same_levels(storage, tests[name])
    return tests


def open_test(title: str, source: str, train: Images, storage: CacheSettings, normal: str | None = None) -> Images:
    """The labelled images of a set to judge on, with the classes and channels of `train`. ValueError for no labels.

    `normal` as `as_anomalies` takes it.
    """
    if train.boxes is not None:
        return judging_part(open_box_set(source, storage, title, like=train))
    test = judging_part(as_anomalies(open_images(source, storage, name=title), normal))
    check_alike(test, train, f"the set {title!r}")
    if not (test.labels >= 0).any():
        got = f"the set {title!r} ({source}) has no labels"
        raise ValueError(
            f"{'; '.join([got, *test.notes])}, so nothing can be judged on it: give class folders or a csv"
        )
    return test.labelled_subset().with_classes(train.classes).with_channels(train.channels)


def with_clusters(tests: Mapping[str, Images], copies: Mapping[str, str]) -> dict[str, Images]:
    """The sets to judge on, near copies of an image in its cluster. ValueError where all of a set is one cluster."""
    found = {name: with_copy_clusters(images, copies) for name, images in tests.items()}
    for name, images in found.items():
        if len(images) > 1 and len(set(images.clusters.tolist())) == 1:
            raise ValueError(
                f"all {len(images)} images of the set {name!r} are in the one cluster {str(images.clusters[0])!r} (or "
                "copies of one image), so nothing says how clusters differ: give images of more; or, where the column "
                "that was read as cluster names lines, cameras or days, read it so (--columns cluster=none,group=NAME)"
            )
    return found


def without_twins(
    pool: Images, tests: dict[str, Images], copies: dict[str, str], choice: str
) -> tuple[Images, list[str]]:
    """The pool, for `drop` without the images that have a copy in a test set, and a sentence on these.

    ValueError where most of a test set is in the pool, but for the choice `keep`.
    """
    if choice == "drop":
        judged = np.concatenate([merged_ids(images, copies) for images in tests.values()] or [np.array([], str)])
        out = np.isin(merged_ids(pool, copies), judged)
        if out.all():
            raise ValueError("every image to train on has a copy in a test set: give other images to train or judge on")
        said = f"images to train on with a copy in a test set, left out (--twins drop): {out.sum()}"
        return pool.subset(~out), [said] if out.any() else []
    for name, images in tests.items() if choice != "keep" else ():
        found = len(twins(images, pool, copies))
        if found > MOSTLY * len(images):
            raise ValueError(
                f"{found} of {len(images)} images of the set {name!r} are also in train, or nearly the same as one "
                "there: it would judge what was learnt by heart; give other images, leave these out of train (--twins "
                "drop), or judge on them all the same (--twins keep)"
            )
    return pool, []


def with_corruptions(tests: dict[str, Images], text: str | None) -> dict[str, Images]:
    """The sets, and the corruptions `text` of the first, as `val~jpeg3`. ValueError for unknown and taken names."""
    found, first = dict(tests), next(iter(tests))
    for name, severity in parse_corruptions_of(tests[first].kind, text, tests[first].channels) if text else []:
        title = f"{first}~{name}{severity}"
        if title in found:
            raise ValueError(f"the name {title!r} is taken by another set; choose another for that one")
        found[title] = replace(corrupt_images(tests[first], name, severity), name=title)
    return found


def normalisation(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std of each channel, in [0, 1], over images spread evenly through the set, rounded to 4 digits.

    Of series in units of their values, which may be of any size, to 6 digits that count; a constant has the std 1.
    """
    index = np.unique(np.linspace(0, len(images) - 1, min(SAMPLED, len(images))).astype(np.int64))
    if images.kind == "series":
        mean, std = channel_scale(images.read(index))
        return tuple(float(f"{m:.6g}") for m in mean), tuple(float(f"{s:.6g}") for s in std)
    pixels = images.read(index).numpy().astype(np.float32) / np.iinfo(images.pixels.dtype).max
    mean, std = pixels.mean(axis=(0, 2, 3)), pixels.std(axis=(0, 2, 3))
    return tuple(round(float(m), 4) for m in mean), tuple(round(max(float(s), 1e-3), 4) for s in std)


def trained_on(sets: Splits, name: str) -> np.ndarray:
    """Positions (T,) of the images of a test set that are in the pool, or that runs were trained on before."""
    found = twins(sets.tests[name], sets.pool, sets.copies)
    return np.union1d(found, sets.seen[name]) if name in sets.seen else found


def refuse_seen(seen: dict[str, np.ndarray], tests: dict[str, Images], choice: str) -> None:
    """ValueError where runs were trained on most of a test set, but for the choice `keep`."""
    for name, places in seen.items() if choice != "keep" else ():
        if len(places) > MOSTLY * len(tests[name]):
            raise ValueError(
                f"the runs were trained on {len(places)} of {len(tests[name])} images of the set {name!r}: it would "
                "judge what was learnt by heart; give other images, or judge on them all the same (--twins keep)"
            )


def data_quality(sets: Splits, *, private: bool = False) -> dict[str, Any]:
    """The data-quality box: of each set what was read, skipped and found twice, and its images with a twin in train.

    `private`: images and files are counted, and none is named.
    """
    roles = {"train": "train", **sets.roles()}
    rows = []
    for name, (source, images) in sets.sources.items():
        found = len(trained_on(sets, name)) if name in sets.tests else None
        told = without_names(images) if private else images
        row = {"name": name, "source": source, "role": roles[name], "twins_in_train": found, **told.quality()}
        rows.append(row | {"near_copies_inside": count_copies(images, sets.copies)})
    return {"sets": rows, "note": sets.note, "digests": sets.digests()}


def without_names(images: Images) -> Images:
    """The same images called `image 1` ..., and skipped files `file 1` ... without reasons, which can name them."""
    numbered = np.array([f"image {number + 1}" for number in range(len(images))], dtype=object)
    skipped = tuple(BadFile(f"file {number + 1}", "skipped") for number in range(len(images.bad)))
    return replace(images, sources=numbered, bad=skipped, root="")
