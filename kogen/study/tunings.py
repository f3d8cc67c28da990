"""Fine-tunings of a study's runs: each is trained through the one engine and judged; its answers are what is kept."""

import re
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kogen.common import devices, distributed
from kogen.common.files import write_sealed_json
from kogen.common.protocols import Protocol, layers_tuned, split_protocol, tunings_among
from kogen.common.records import read_plan_record
from kogen.common.speech.console import say
from kogen.common.speech.progress import training_bar
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.data.labels import require_classes
from kogen.evaluation.features import Predictions, embed
from kogen.evaluation.label_budgets import drawn_rows
from kogen.evaluation.predict import answer_rows, join_features
from kogen.results.gather import TABLE
from kogen.study.predictions import add_answers, identity_of, missing_answers, protocols_of_run
from kogen.study.splits import Splits
from kogen.training.build import build_method
from kogen.training.run import load_run
from kogen.training.tune import Tuned, Tuning, fine_tune, tuning_plan

CHOSEN = "chosen.json"  # of a fine-tuning: rate, steps, and the validation that chose them


def judge_tunings(
    run: Path,
    sets: Splits,
    protocols: Sequence[str],
    lengths: Sequence[int],
    target: Path,
    model: str = "",
    title: str = "",
) -> None:
    """Fine-tune a finished run's network by each protocol that asks for it, and add the answers to TARGET's table.

    Every process of a job must call it. What is answered is not trained again; what was interrupted goes on.
    `lengths`: numbers of steps to choose from. ValueError as `missing_answers` and `fine_tune`.
    """
    record = read_plan_record(run)
    wanted = tunings_among(protocols_of_run(protocols, record["method"], record.get("pool", "")))
    missing: dict[str, list[str]] = {}  # by protocol, the sets that it has no answers to
    if distributed.rank() == 0:
        for one, name in missing_answers(target / TABLE, sets, wanted):
            missing.setdefault(name, []).append(one)
        for name in set(wanted) - set(missing):  # killed after its answers were written
            shutil.rmtree(folder_of(target, split_protocol(name)) / "final", ignore_errors=True)
    missing = distributed.from_first(missing)
    if not missing:
        return
    _, plan, _ = load_run(run)
    for name, sets_left in missing.items():
        asked = split_protocol(name)
        place, images = folder_of(target, asked), labelled_images(sets, plan, asked)
        layers, bar = layers_tuned(asked.probe), partial(fit_bar, f"{title or record['model']} {name}")
        tuning = Tuning(plan, record["id"], str(run / "weights.safetensors"), layers, lengths)
        tuned = fine_tune(tuning, images, place, bar)
        with distributed.first_process_only() as mine:
            if mine:
                rows = tuned_answers(asked, tuned, plan, {one: sets.tests[one] for one in sets_left})
                rows = rows.assign(**identity_of(record, plan, model), role=rows.dataset.map(sets.roles()))
                write_sealed_json(place / CHOSEN, {"protocol": name, "labels": len(images), **tuned.chosen})
                add_answers(target / TABLE, [rows], sets, protocols)
                say(f"{title} {name}: {tell_choice(tuned)}", title="tuned")
                shutil.rmtree(place / "final", ignore_errors=True)


def check_tunings(plans: Sequence[Plan], protocols: Sequence[str]) -> None:
    """ValueError for layers to fine-tune that a network of these plans does not have, before anything is trained."""
    asked = {layers_tuned(split_protocol(name).probe) for name in tunings_among(protocols)}
    for plan in {(plan.backbone, plan.image_size): plan for plan in plans if asked}.values():
        for layers in sorted(asked):
            build_method(tuning_plan(plan, layers))


def folder_of(target: Path, asked: Protocol) -> Path:
    """Where a fine-tuning of a run keeps what it has tried and what it chose."""
    return target / "tuned" / re.sub(r"[^A-Za-z0-9.]+", "-", str(asked))


def labelled_images(sets: Splits, plan: Plan, asked: Protocol) -> Images:
    """The images that a protocol learns from, as the network takes them. ValueError for those of one class only."""
    train = sets.train.with_channels(plan.channels)
    images = train.subset(drawn_rows(train, asked)) if asked.budget else train
    require_classes(images)
    return images


def fit_bar(title: str, what: str) -> Any:
    """A progress bar of one training of a fine-tuning."""
    return training_bar(f"{title} ({what})", transient=True)


def tuned_answers(asked: Protocol, tuned: Tuned, plan: Plan, tests: dict[str, Images]) -> Any:
    """Rows of a predictions table, without run and role, of a fine-tuned network."""
    view = plan.evaluation_view
    backbone = tuned.backbone.to(devices.default_device())
    shown = {name: images.with_channels(plan.channels) for name, images in tests.items()}
    judged = {name: embed(backbone, images, view) for name, images in shown.items()}
    values = join_features(list(judged.values())).values
    predict: Callable[[slice], Any] = lambda rows: tuned.head.probability(values[rows])  # noqa: E731
    return answer_rows(asked, Predictions(len(values), predict), tuned.held, judged, shown)


def tell_choice(tuned: Tuned) -> str:
    """What was chosen for a fine-tuning, and by what, in words."""
    found = tuned.chosen
    took = f"rate {found['rate']:.2g}, {found['steps']:.0f} steps"
    if not found["validation_images"]:
        return f"{took}, the recipe's own: too few labels to choose by"
    return f"{took}, by the log loss of {found['validation_images']:.0f} training images that were held out"
