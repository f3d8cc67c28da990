"""The runs of a study: prepared once all of it fits; then each is trained and judged, under its lock."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kogen.augmentation.view_sets import view_set
from kogen.common import distributed
from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import write_sealed_json
from kogen.common.locks import lock_output
from kogen.common.protocols import FIND_BOXES
from kogen.common.speech.console import say
from kogen.common.speech.progress import training_bar
from kogen.config.plan import Plan
from kogen.config.study import Study, make_study
from kogen.data.contact_sheet import write_sheet
from kogen.data.images import Images
from kogen.data.series.line_sheet import write_line_sheet
from kogen.evaluation.label_budgets import budget_sizes
from kogen.results.asked import Asked, Extension, append_extension, extension_options, read_asked
from kogen.results.gather import TABLE
from kogen.study.boxes.box_judging import check_detectors, judge_boxes
from kogen.study.cost_estimate import Work, unfinished_work
from kogen.study.extension import Merge, merge_studies, study_of
from kogen.study.plans import plans_of
from kogen.study.pool_parts import part_of_pool
from kogen.study.predictions import copy_record, judge_run, missing_answers, protocols_of_run, refuse_foreign_rows
from kogen.study.splits import data_quality
from kogen.study.study_splits import StudySplits, open_study_splits
from kogen.study.study_start import keep_start, open_start
from kogen.study.telling import print_data, print_plans
from kogen.study.transfers import check_channels, judged_sets, open_transfers, write_transfers
from kogen.study.tunings import check_tunings, judge_tunings
from kogen.tracking.session import TrackTo
from kogen.training.run import record_failure, record_of, runs_as_free, say_alarms, train_or_record_failure


@dataclass(frozen=True)
class StudyRuns:
    """A study that is ready to be worked on."""

    folder: Path
    study: Study
    sets: StudySplits
    plans: list[Plan]
    runs: list[Path]  # the folder of each plan's run
    asked: str | None  # digest of all that was asked by then
    transfers: dict[str, StudySplits] = field(default_factory=dict)  # by name

    def title(self, number: int) -> str:
        """A run as people know it, `2/8 byol seed 1`."""
        plan = self.plans[number]
        return f"{number + 1}/{len(self.plans)} {plan.title} seed {plan.seed}"

    @property
    def places(self) -> list[tuple[StudySplits, Path]]:
        """The sets that runs are judged on, and the folder of the tables: the study's, and each transfer set's."""
        return judged_sets(self.folder, self.sets, self.transfers)

    def work_left(self) -> list[Work]:
        """What is left, as the first process sees it, on every one: another job may finish a run at this moment."""
        found = []
        if distributed.rank() == 0:
            found = unfinished_work(self.runs, self.plans, self.places, self.study.protocols)
        return [Work(**one) for one in distributed.from_first([vars(one) for one in found])]


def prepare_runs(folder: Path, wanted: Study) -> StudyRuns:
    """The study in a folder as it is with what is wanted, its sets and its runs, once all of it fits.

    Only then it is written down. Where another job extends the study meanwhile, it is prepared anew with that.
    """
    first = distributed.rank() == 0
    while True:
        asked, merge = Asked(), Merge(wanted, Extension({}), [])
        if first:
            asked = read_asked(folder)
            merge = merge_studies(study_of(asked, folder), wanted, folder)
        if wanted.init:
            keep_start(open_start(wanted.init, folder), folder)
        shared = distributed.from_first([to_plain(asked), merge.study.model_dump(mode="json", exclude_none=True)])
        known, study = from_plain(Asked, shared[0], str(folder)), make_study(shared[1], str(folder))
        begun = study_of(replace(known, extensions=()), folder)
        sets = open_study_splits(study, begun)
        transfers = open_transfers(study, begun, sets)
        plans = plans_of(study, sets.base, folder, sets.larger)
        check_channels(transfers, plans)
        runs = [folder / "runs" / record_of(plan)["id"] for plan in plans]
        done = True
        if first:
            with lock_output(folder):
                if done := read_asked(folder).sha256 == asked.sha256:
                    write_study(folder, merge, sets, plans, runs)
                    write_transfers(folder, study, transfers, runs)
        if distributed.from_first(done):
            break
    if first:
        print_plans(study, plans)
    distributed.check_agreement(record_of(plans[0]) | {"runs": [run.name for run in runs]}, "the study")
    return StudyRuns(folder, study, sets, plans, runs, known.sha256, transfers)


def write_study(folder: Path, merge: Merge, sets: StudySplits, plans: Sequence[Plan], runs: Sequence[Path]) -> None:
    """Write what was opened, and the extension, if it is one. ValueError where runs that are there do not fit."""
    refuse_foreign_rows(folder, list(plans), extended=merge.is_new)
    for plan, run in zip(plans, runs, strict=True):
        missing_answers(run / TABLE, sets.of(plan), protocols_of_run(merge.study.protocols, plan.method, plan.pool))
    check_tunings(plans, merge.study.protocols)
    if merge.study.task == FIND_BOXES:
        check_detectors(plans, sets.base, merge.study)
    quality = data_quality(sets.base, private=merge.study.private)
    quality |= budget_sizes(sets.base.train, merge.study.protocols)
    if merge.is_new:
        append_extension(folder, merge.extension)
        say(f"added to {folder}: {', '.join(extension_options(merge.extension))}", title="study")
    if merge.kept:
        say(f"{folder} has more than is asked for here, and keeps it: {', '.join(merge.kept)}", title="study")
    write_sealed_json(folder / "data.json", quality)
    if not merge.study.private:
        write_view_sheet(sets.base.pool, merge.study, folder / "views.png")
    print_data(quality)


def do_runs(ready: StudyRuns, numbers: Sequence[int], to: TrackTo) -> None:
    """Train and judge the runs of these numbers, those first that nobody is at work on."""
    for place in runs_as_free([ready.runs[number] for number in numbers]):
        do_run(ready, numbers[place], to)


def do_run(ready: StudyRuns, number: int, to: TrackTo) -> None:
    """Train and judge a run, whose lock this job has; what is finished is not done again."""
    study, plan, run, title = ready.study, ready.plans[number], ready.runs[number], ready.title(number)
    with training_bar(title) as on_step:
        pool = part_of_pool(ready.sets.base.pool, plan).with_channels(plan.channels)
        summary = train_or_record_failure(plan, pool, run, on_step, study.keep, to)
    say_alarms(summary, run, title)
    if summary["status"] != "done":
        return
    if study.task == FIND_BOXES:
        if broken := judge_boxes(run, ready.sets.of(plan), study, run, title):
            failed = record_failure(run, summary, broken)
            say_alarms({**failed, "alarms": failed["alarms"][-len(broken) :]}, run, title)
        return
    for sets, folder in ready.places:
        target = folder / "runs" / run.name
        with distributed.first_process_only() as mine:
            if mine:
                judge_run(run, sets.of(plan), study.protocols, target)
                if target != run:
                    copy_record(run, target)
        judge_tunings(run, sets.of(plan), study.protocols, study.tune_steps, target, title=title)


def write_view_sheet(images: Images, study: Study, out: Path, seed: int = 0) -> None:
    """Write the contact sheet of the study's views to `out`."""
    if images.kind == "series":
        pair = view_set(study.views, images.pixels.shape[2], channels=images.channels)
        return write_line_sheet(images, pair, out, seed=seed)
    write_sheet(images, view_set(study.views, study.image_size, channels=images.channels), out, seed=seed)
