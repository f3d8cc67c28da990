"""Transfer sets: labels and classes of their own, which probes learn on frozen networks that were trained elsewhere.

Each is judged as a study of its own, in STUDY/transfer/NAME: its own train and test part, its own metric.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kogen.common.files import write_sealed_json
from kogen.common.outputs import claim_folder
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.data.near_copies import twins
from kogen.evaluation.label_budgets import budget_sizes
from kogen.options.study_task import metric_for_task
from kogen.results.answers.transfer_leads import transfer_folder
from kogen.study.judged_question import write_judged
from kogen.study.splits import Splits, copies_among, data_quality, refuse_seen
from kogen.study.study_splits import StudySplits, open_study_splits
from kogen.study.telling import print_data

OWN = ("test", "shifts", "transfers", "labels", "columns", "encoding", "corrupt")  # of the study's own images


def open_transfers(study: Study, first: Study, sets: StudySplits) -> dict[str, StudySplits]:
    """The transfer sets of a study by name, stored as those of the study, which began as `first`.

    ValueError for a set that cannot be judged on, before anything is trained.
    """
    return {name: open_transfer(study, first, name, sets) for name in study.transfers}


def open_transfer(study: Study, first: Study, name: str, sets: StudySplits) -> StudySplits:
    """The train part and the test part of a transfer set, which is called as the set. ValueError as `open_splits`."""
    alone = {one: Study.model_fields[one].default for one in OWN} | {"source": study.transfers[name]}
    try:
        opened = open_study_splits(study.model_copy(update=alone), first.model_copy(update=alone))
    except ValueError as error:
        raise ValueError(f"--transfer {name}={study.transfers[name]}: {error}") from error
    larger = {one: judged_part(name, splits, sets.base, study.twins) for one, splits in opened.larger.items()}
    return StudySplits(judged_part(name, opened.base, sets.base, study.twins), larger)


def judged_sets(
    folder: Path, sets: StudySplits, transfers: Mapping[str, StudySplits]
) -> list[tuple[StudySplits, Path]]:
    """The sets of a study and its folder, then each transfer set and its own."""
    return [(sets, folder), *((opened, transfer_folder(folder, name)) for name, opened in transfers.items())]


def judged_part(name: str, splits: Splits, base: Splits, choice: str) -> Splits:
    """A transfer set with its test part alone, and with its images that the study trains on.

    ValueError where those are most of what would be judged on, but for the choice `keep`.
    """
    title, images = next(iter(splits.tests.items()))
    source = splits.sources[title][0]
    seen = {name: twins(images, base.pool, copies_among([base.pool, images], choice))}
    tests = {name: replace(images, name=name)}
    refuse_seen(seen, tests, choice)
    return replace(splits, tests=tests, sources={"train": splits.sources["train"], name: (source, images)}, seen=seen)


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
        quality |= budget_sizes(opened.base.train, study.protocols)
        write_sealed_json(place / "data.json", quality)
        metric = metric_for_task(study.task, study.transfer_metrics.get(name, study.metric))
        write_judged(place, list(map(str, runs)), study.model_copy(update={"metric": metric, "corrupt": None}))
        titled = [row | {"name": f"{name}, train"} if row["name"] == "train" else row for row in quality["sets"]]
        print_data(quality | {"sets": titled})
