"""The model of a run: its network with a head fitted to the labels of its study, as the study fitted it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from kogen.augmentation.views import evaluation_view, render
from kogen.backbones._network_facts import NetworkFacts, read_network_facts
from kogen.common.devices import default_device
from kogen.common.protocols import layers_tuned
from kogen.common.rng import StepRng
from kogen.common.tables import read_table
from kogen.config.plan import Plan
from kogen.data.cache_settings import CacheSettings
from kogen.data.images import Images
from kogen.data.labels import require_classes
from kogen.data.split_names import training_part
from kogen.evaluation.features import Features, embed
from kogen.evaluation.predict import judge_rows
from kogen.evaluation.probe_shelf import load_probe
from kogen.handover.exported_model import ExportedModel, Origin, TorchModel
from kogen.handover.tuned_head import lengths_of, name_head, tune_again
from kogen.options.shared import TableOptions
from kogen.results.asked import FIRST, read_asked
from kogen.results.gather import TABLE
from kogen.study.extension import study_of
from kogen.study.predictions import refuse_other_images
from kogen.study.splits import Splits, open_source, storage_for
from kogen.study.study_splits import open_study_splits
from kogen.training.build import network_facts
from kogen.training.run import load_run

TRIED = 16  # images that show whether pixels are whole numbers


@dataclass(frozen=True)
class FittedModel:
    """A model, the images that its head has learnt from, and the study's answers to images of its reference."""

    model: TorchModel
    train: Images
    reference: Images | None = None  # of its study
    rows: pd.DataFrame | None = None  # of these images, as the study judged them with this head


@dataclass(frozen=True)
class Agreement:
    """How a model answers images that its study judged."""

    images: int
    alike: int  # that it calls what the study's table says
    largest: float  # difference of the probability of what is right

    def __str__(self) -> str:
        return (
            f"{self.alike:,} of {self.images:,} images of the reference are classified as the study's table says, the "
            f"largest difference of a probability is {self.largest:.1e}"
        )


def fit_model(run: Path, head: str, train: str | None = None) -> FittedModel:
    """The model of a finished run: in the folder of a study with the study's labels, else with those of `train`.

    ValueError for an unknown head, a lone run without `train`, and images of the study that have changed since.
    """
    study = study_folder(run)
    head = name_head(head, study)
    record, plan, backbone = load_run(run)
    if plan.items == "series":
        got = f"{run} is of series, and a model with a head takes images alone"
        raise ValueError(f"{got}: export its backbone (without --head), or write its features (kogen embed)")
    if study and train:
        raise ValueError(f"{run} lies in a study, which says what its head learns from: leave out --train")
    sets = study_sets(study, plan) if study else None
    if sets and (run / TABLE).exists():
        refuse_other_images(run, sets)
    labelled, stored_side = (sets.train, sets.stored_side) if sets else open_labelled(train, plan, run)
    images = labelled.with_channels(plan.channels)
    if layers_tuned(head):
        learnt = tune_again(run, plan, record["id"], head, images, lengths_of(study))
        backbone = learnt.backbone
    else:
        backbone.to(default_device())
        known = embed(backbone, images, plan.evaluation_view)
        learnt = load_probe(head)(known, known, device=default_device())
    assert learnt.head is not None  # of every head that may be named, see HEADS
    backbone.to(default_device())
    facts = read_network_facts(network_facts(plan, backbone), run)
    assert isinstance(facts, NetworkFacts)
    origin = Origin(
        head=head,
        run=record["id"],
        name=record["model"],
        seed=plan.seed,
        images=plan.data,
        labels=labelled.digest,
        labelled=len(labelled),
        stored_side=stored_side,
        bits=8 * np.dtype(images.pixels.dtype).itemsize,
        pixels=kind_of_pixels(images, plan.image_size),
        depth=plan.depth,
        pool=plan.pool,
        chosen=learnt.chosen,
        versions=record["versions"],
    )
    model = TorchModel(replace(facts, classes=labelled.classes), origin, backbone, learnt.head)
    if sets is None:
        return FittedModel(model, labelled)
    name = next(iter(sets.tests))
    return FittedModel(model, labelled, sets.tests[name], judged_rows(run, sets, head, name))


def kind_of_pixels(images: Images, size: int) -> str:
    """How images look at the size that a network sees, tried on some: `uint8` if all are whole numbers of 8 bits."""
    some = np.unique(np.linspace(0, len(images) - 1, min(TRIED, len(images))).astype(int))
    pixels, aspect = images.read(some), torch.from_numpy(images.aspect[some])
    seen = 255 * render(pixels, evaluation_view(size), StepRng(0, 0, len(some)), tag="plain", aspect=aspect)
    whole = pixels.dtype == torch.uint8 and bool((seen - seen.round()).abs().max() < 1e-3)
    return "uint8" if whole else "float32"


def study_folder(run: Path) -> Path | None:
    """The folder of the study of a pilot in which a run lies; None where it lies in none."""
    study = run.resolve().parent.parent
    inside = run.resolve().parent.name == "runs" and (study / FIRST).exists()
    return study if inside and "source" in read_asked(study).first else None


def study_sets(folder: Path, plan: Plan) -> Splits:
    """The sets on which a study trained and judged a run."""
    asked = read_asked(folder)
    first = study_of(replace(asked, extensions=()), folder)
    return open_study_splits(study_of(asked, folder), first).of(plan)


def open_labelled(train: str | None, plan: Plan, run: Path) -> tuple[Images, int]:
    """The labelled images of a source for a run alone, and the side that they are stored at."""
    if not train:
        raise ValueError(f"{run} lies in no study, so nobody knows what its head learns from: name it with --train")
    storage = storage_for(plan.image_size, CacheSettings.max_bad, plan.depth or None)
    images = training_part(open_source(train, storage, TableOptions(), "train")).labelled_subset()
    require_classes(images)
    return images, storage.stored_side


def judged_rows(run: Path, sets: Splits, head: str, name: str) -> pd.DataFrame | None:
    """The rows of a run's table for one set and head; None where it was not judged so."""
    place = run / TABLE
    if not place.exists():
        return None
    rows: Any = read_table(place)
    rows = rows[rows.budget.isna()] if "budget" in rows else rows  # those of parts of the labels are of other heads
    mine = rows[(rows.dataset == name) & (rows.protocol == head)].reset_index(drop=True)
    return mine if len(mine) == len(sets.tests[name]) else None


def compare_with_study(model: ExportedModel, fitted: FittedModel) -> str:
    """How a model answers what the study of a fitted one has judged, in a sentence, or that nothing was checked."""
    if fitted.reference is None:
        return "not checked: the run lies in no study, so there are no answers to compare with"
    if fitted.rows is None:
        return f"not checked: the study has no rows of {model.origin.title} with the head {model.origin.head}"
    images, rows = fitted.reference, fitted.rows
    known = Features(np.empty((len(images), 0)), images.labels, images.classes, images.ids, images.clusters)
    answers = judge_rows(known, model.probability(images), images, slice(0, len(images)))
    alike = np.array(images.classes, object)[answers.predicted] == rows.predicted.to_numpy(object)
    return str(Agreement(len(rows), int(alike.sum()), float(np.abs(answers.score - rows.score).max())))
