"""Transfer sets: labels and classes of their own, which probes learn on frozen networks that were trained elsewhere.

Each is judged as a study of its own, in STUDY/transfer/NAME: its own train and test part, its own metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kogen.common.files import write_sealed_json
from kogen.common.outputs import claim_folder
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.data.images import Images
from kogen.data.near_copies import twins
from kogen.data.series.alike import check_alike
from kogen.evaluation.label_budgets import budget_sizes
from kogen.options.study_task import metric_for_task
from kogen.results.answers.transfer_leads import transfer_folder
from kogen.study.judged_question import write_judged
from kogen.study.shared_images import count_shared, refuse_same_task
from kogen.study.splits import Splits, copies_among, data_quality, refuse_seen
from kogen.study.study_splits import StudySplits, open_study_splits
from kogen.study.telling import print_data

OWN = ("test", "shifts", "transfers", "labels", "columns", "encoding", "corrupt")  # of the study's own images


def open_transfers(study: Study, first: Study, sets: StudySplits) -> dict[str, StudySplits]:
    """The transfer sets of a study by name, stored as those of the study, which began as `first`.

    ValueError for a set that cannot be judged on, or is one that is there, before anything is trained.
    """
    found: dict[str, StudySplits] = {}
    others = {name: [images] for name, (_, images) in sets.base.sources.items()}
    for name, source in study.transfers.items():
        try:
            if name in others:
                raise ValueError(f"the name {name!r} is taken by another set; choose another")
            found[name] = open_transfer(study, first, name, sets.base, others)
        except ValueError as error:
            raise ValueError(f"--transfer {name}={source}: {error}") from error
        others[name] = parts_of(found[name].base)
    return found


def open_transfer(
    study: Study, first: Study, name: str, base: Splits, others: Mapping[str, Sequence[Images]]
) -> StudySplits:
    """The train part and the test part of a transfer set, which is called as the set. ValueError as `open_splits`.

    `others`: the sets that are there, by name; images that it shares with them are noted, see `refuse_same_task`.
    """
    alone = {one: Study.model_fields[one].default for one in OWN} | {"source": study.transfers[name]}
    opened = open_study_splits(study.model_copy(update=alone), first.model_copy(update=alone))
    check_alike(opened.base.train, base.pool, f"the set {name!r}")
    title, images = next(iter(opened.base.tests.items()))
    parts = parts_of(opened.base)
    copies = copies_among([*(one for other in others.values() for one in other), *parts], study.twins)
    refuse_same_task(parts, others, copies)
    # By position, which is the same for images that are stored larger.
    seen = np.union1d(opened.base.seen.get(title, []), twins(images, base.pool, copies)).astype(np.int64)
    refuse_seen({name: seen}, {name: images}, study.twins)
    shared = count_shared(parts, others, copies)
    larger = {one: judged_part(name, splits, seen, shared) for one, splits in opened.larger.items()}
    return StudySplits(judged_part(name, opened.base, seen, shared), larger)


def parts_of(splits: Splits) -> list[Images]:
    """What a transfer set learns labels from, and what it is judged on."""
    return [splits.train, next(iter(splits.tests.values()))]


def judged_sets(
    folder: Path, sets: StudySplits, transfers: Mapping[str, StudySplits]
) -> list[tuple[StudySplits, Path]]:
    """The sets of a study and its folder, then each transfer set and its own."""
    return [(sets, folder), *((opened, transfer_folder(folder, name)) for name, opened in transfers.items())]


def judged_part(name: str, splits: Splits, seen: np.ndarray, shared: Mapping[str, int]) -> Splits:
    """A transfer set with its test part alone, the positions of its images that runs were trained on, and a note on
    images that it `shared` with other sets, by their names.
    """
    title, images = next(iter(splits.tests.items()))
    total = sum(map(len, parts_of(splits)))
    notes = [
        f"{count} of the {total} images of {name} are also in the set {other!r}, or near copies of images there: as "
        "another task it tells less than it seems to"
        for other, count in shared.items()
    ]
    sources = {"train": splits.sources["train"], name: (splits.sources[title][0], images)}
    changed: dict[str, Any] = {"sources": sources, "seen": {name: seen}, "shared": dict(shared)}
    changed["note"] = "; ".join(filter(None, [*notes, splits.note]))
    return replace(splits, tests={name: replace(images, name=name)}, **changed)


def check_channels(transfers: Mapping[str, StudySplits], plans: Sequence[Plan]) -> None:
    """ValueError where a network cannot take the images of a transfer set."""
    for name, opened in transfers.items():
        for plan in plans:
            replace(opened.of(plan).train, name=f"--transfer {name}").with_channels(plan.channels)


def write_transfers(folder: Path, study: Study, transfers: Mapping[str, StudySplits], runs: Sequence[Path]) -> None:
    """Write down what each transfer set is and which runs are judged on it, and say it."""
    for name, opened in transfers.items():
        place = transfer_folder(folder, name)
        claim_folder(place)
        quality = data_quality(opened.base, private=study.private)
        quality |= budget_sizes(opened.base.train, study.protocols) | {"shared": opened.base.shared}
        write_sealed_json(place / "data.json", quality)
        metric = metric_for_task(study.task, study.transfer_metrics.get(name, study.metric))
        write_judged(place, list(map(str, runs)), study.model_copy(update={"metric": metric, "corrupt": None}))
        titled = [row | {"name": f"{name}, train"} if row["name"] == "train" else row for row in quality["sets"]]
        print_data(quality | {"sets": titled})
