"""Detectors of a study's runs: each is trained on boxes through the one engine; what it finds is what is kept."""

import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kogen.common import distributed
from kogen.common.protocols import Protocol, split_protocol
from kogen.common.records import read_plan_record
from kogen.common.speech.progress import training_bar
from kogen.common.tables import read_table, write_table
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.data.boxes.box_images import BoxImages
from kogen.data.images import Images
from kogen.detection.box_gallery import write_box_gallery
from kogen.detection.detectors import DetectorRecipe, detector_plan, find_boxes, train_detector
from kogen.evaluation.label_budgets import drawn_rows
from kogen.evaluation.predict import unique_item_ids
from kogen.modules.base import Method
from kogen.results.boxes.box_runs import BoxRun, to_rows
from kogen.results.boxes.box_tables import BOX_GALLERY, BOXES
from kogen.results.boxes.called_boxes import call_boxes, gallery_place
from kogen.results.gather import TABLE
from kogen.study.boxes.box_sets import with_boxes
from kogen.study.predictions import add_answers, identity_of, missing_answers, protocols_of_run
from kogen.study.splits import Splits
from kogen.training.build import build_method
from kogen.training.loop import NonFiniteLoss
from kogen.training.run import load_run


def judge_boxes(run: Path, sets: Splits, study: Study, target: Path, title: str = "") -> list[str]:
    """Train a detector on a finished run's network by each protocol, and add what it finds to TARGET's tables.

    Every process of a job must call it. What is answered is not trained again; what was interrupted goes on. Returns
    a sentence on each training that ended in NaN, of which there are no answers. ValueError as `missing_answers`.
    """
    record = read_plan_record(run)
    missing: dict[str, list[str]] = {}  # by protocol, the sets that it has no answers to
    if distributed.rank() == 0:
        for name, protocol in missing_answers(
            target / TABLE, sets, protocols_of_run(study.protocols, record["method"])
        ):
            missing.setdefault(protocol, []).append(name)
        for protocol in set(protocols_of_run(study.protocols, record["method"])) - set(missing):
            drop_training(folder_of(target, split_protocol(protocol)))  # killed after its answers were written
    missing = distributed.from_first(missing)
    if not missing:
        return []
    broken = list[str]()
    _, plan, _ = load_run(run)
    identity = identity_of(record, plan, "")
    for protocol, names in missing.items():
        asked = split_protocol(protocol)
        place, boxes = folder_of(target, asked), with_boxes(labelled_images(sets, asked))
        wanted = detector_plan(plan, run / "weights.safetensors", boxes, recipe_of(study, asked))
        name_of = f"{title or record['model']} {protocol}"
        try:
            with training_bar(name_of, transient=True) as on_step:
                detector = train_detector(wanted, boxes, place, on_step)
        except NonFiniteLoss as error:
            broken.append(f"{name_of}: {error} (its rate is --set detect.rate=..., with another --out)")
            drop_training(place)
            continue
        with distributed.first_process_only() as mine:
            if mine:
                found = {name: find_in(detector, wanted, sets, name, identity) for name in names}
                if not asked.budget and not sets.private:
                    draw_gallery(found, sets, target / BOX_GALLERY, asked)
                write_found(target, found, identity | {"protocol": asked.probe}, sets, asked)
                rows = [answer_rows(one, asked) for one in found.values()]
                answers = pd.concat(rows, ignore_index=True)
                answers = answers.assign(**identity, role=answers.dataset.map(sets.roles()))
                add_answers(target / TABLE, [answers], sets, study.protocols)
                drop_training(place)
    return broken


def drop_training(place: Path) -> None:
    """Take away what a detector's training kept to go on with; the first process alone does."""
    if distributed.rank() == 0:
        shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):  # other trainings are there, or none is
            place.parent.rmdir()


def recipe_of(study: Study, asked: Protocol) -> DetectorRecipe:
    """How a study trains a detector."""
    settings = study.settings.get("detect", {})
    return DetectorRecipe(asked.probe, study.tune_steps[0], study.image_size, settings)


def check_detectors(plans: Sequence[Plan], sets: Splits, study: Study) -> None:
    """ValueError where a network cannot carry a detector, or a budget has no boxes, before anything is trained."""
    for asked in map(split_protocol, study.protocols):
        boxes = with_boxes(labelled_images(sets, asked))
        for plan in {(plan.backbone, plan.channels): plan for plan in plans}.values():
            if not asked.budget:
                build_method(trial_plan(plan, boxes, recipe_of(study, asked)))


def trial_plan(plan: Plan, boxes: BoxImages, how: DetectorRecipe) -> Plan:
    """The plan of a detector on a network as it is drawn: to be built and timed."""
    return detector_plan(plan.model_copy(update={"name": ""}), None, boxes, how)


def labelled_images(sets: Splits, asked: Protocol) -> Images:
    """The images with boxes that a protocol learns from. ValueError for fewer than there are kinds of images."""
    if not asked.budget:
        return sets.train
    try:
        return sets.train.subset(drawn_rows(sets.train, asked))
    except ValueError as error:
        kinds = len(np.unique(sets.train.labels))
        got = f"--budgets {asked.budget} of {len(sets.train)} images with boxes is less than one of each rarest class"
        raise ValueError(f"{got} ({kinds}): ask for {100 * kinds / len(sets.train):.2g}% or more") from error


def folder_of(target: Path, asked: Protocol) -> Path:
    """Where the training of a detector keeps its checkpoint until it is judged."""
    return target / "detectors" / re.sub(r"[^A-Za-z0-9.]+", "-", str(asked))


def find_in(detector: Method, plan: Plan, sets: Splits, name: str, identity: Mapping[str, Any]) -> BoxRun:
    """What a detector finds on the images of a set; of a private study files have no names."""
    images = sets.tests[name]
    test, items = with_boxes(images), unique_item_ids(images.ids)
    known = (test.classes, items, images.clusters.astype(str), test.boxes, find_boxes(detector, plan, test))
    paths = None if sets.private else images.sources
    return BoxRun(name, identity["model"], identity["seed"], *known, images.groups, paths)


def answer_rows(run: BoxRun, asked: Protocol) -> pd.DataFrame:
    """Rows of a predictions table, one an image: right is one without a missed box at one false alarm an image."""
    right = np.array([one.is_right for one in call_boxes(run)], np.int8)
    table = pd.DataFrame({"item": run.items, "cluster": run.clusters, "correct": right})
    groups = None if run.groups is None else np.array([name or None for name in run.groups], object)
    table = table.assign(label=None, predicted=None, score=None, group=groups, path=run.paths)
    part: dict[str, Any] = {"budget": asked.budget, "draw": asked.draw} if asked.budget else {}
    return table.assign(dataset=run.dataset, protocol=asked.probe, **part)


def write_found(
    target: Path, found: Mapping[str, BoxRun], facts: Mapping[str, Any], sets: Splits, asked: Protocol
) -> None:
    """Write the boxes of some sets to a run's table, beside those of other sets and protocols that are there."""
    part: dict[str, Any] = {"budget": asked.budget or None, "draw": asked.draw if asked.budget else None}
    facts = {name: facts[name] for name in ("run", "method", "protocol")} | part
    tables = [to_rows(run, {**facts, "role": sets.roles()[name]}) for name, run in found.items()]
    place = target / BOXES
    rows: Any = pd.concat(tables, ignore_index=True)
    if place.exists():  # rows of an interruption between this table and that of the answers are written anew
        before = read_table(place)
        same_part = (before["budget"] == asked.budget) & (before["draw"] == asked.draw)
        same_part = same_part if asked.budget else before["budget"].isna()
        again = same_part & (before["protocol"] == asked.probe) & before["dataset"].isin(list(found))
        rows = pd.concat([before[~again], rows], ignore_index=True)
    write_table(place, rows, "boxes")


def draw_gallery(found: Mapping[str, BoxRun], sets: Splits, folder: Path, asked: Protocol) -> None:
    """Pictures of the images of each set with most misses and most false alarms."""
    for name, run in found.items():
        order = np.argsort(run.items, kind="stable")  # as tables are read: the page names the same pictures
        images, run = with_boxes(sets.tests[name].subset(order)), run.subset(order)
        write_box_gallery(images, run, folder / gallery_place(asked.probe, name))
