"""Advice on views: a study with each operation left out and alone, on images that are held out, and a proposed set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w
import torch
from PIL import Image

from kogen.augmentation.view_sets import (
    AnyView,
    happens,
    keep_only,
    known_operations,
    leave_out,
    operations_of,
    view_set,
)
from kogen.augmentation.views import View, render
from kogen.augmentation.waves import Wave, render_waves
from kogen.common.contracts import to_plain
from kogen.common.devices import default_device
from kogen.common.files import write_atomically, write_sealed_json
from kogen.common.locks import lock_output
from kogen.common.metric_facts import POINTS
from kogen.common.registry import load
from kogen.common.rng import StepRng
from kogen.common.speech.progress import training_bar
from kogen.common.text import parse_spec
from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.data.contact_sheet import encode_png, thumbnail
from kogen.data.images import Images
from kogen.data.series.channel_scale import channel_scale
from kogen.data.series.line_sheet import SAMPLED, draw_lines, line_limits
from kogen.evaluation.features import embed
from kogen.evaluation.probe_shelf import load_probe
from kogen.options.study import PilotOptions
from kogen.options.view_options import ViewsOptions
from kogen.results.answers.view_effects import (
    AFTER,
    ASKED,
    BEFORE,
    NOTHING,
    AskedViews,
    Reading,
    make_reading,
    only,
    without,
)
from kogen.study.pilot import run_pilot
from kogen.study.plans import with_data
from kogen.study.request import study_from_request
from kogen.study.splits import Splits
from kogen.study.study_splits import open_study_splits
from kogen.training.run import load_run, say_alarms, train_or_record_failure

READING = "reading"  # folder of the classifier that is asked whether an operation changes its answers
PICTURES = "operations"  # folder of the pictures
SHOWN, TILE, GAP = 4, 96, 4  # pictures of an image after the operation, pixels of each, and between them
MAX_ROWS = 4  # images that are shown, of different classes
BASELINE = "supervised"
CHANCES = ("flip", "flip_vertical", "gray", "blur", "solarize", "flip_sign", "drop_channel")  # probabilities


def advice_options(options: ViewsOptions, **more: Any) -> PilotOptions:
    """What a pilot is asked for the advice: the options that were given, and what makes it a study of views."""
    given = {name: getattr(options, name) for name in options.model_fields_set - {"advise"}}
    asked: dict[str, Any] = {"methods": options.methods, "judge_on": "validation", "costs": "none"}
    defaults: dict[str, Any] = {"seeds": options.seeds, "epochs": options.epochs}
    return PilotOptions(**defaults | given | asked | more)


def compared_views(views: str, operations: tuple[str, ...]) -> dict[str, str]:
    """The sets that are trained beside `views`: without each operation, with it alone, with none, by name."""
    found = {without(one): leave_out(views, [one]) for one in operations}
    found |= {only(one): keep_only(views, one) for one in operations} if len(operations) > 1 else {}
    return found | {NOTHING: keep_only(views, NOTHING)}


def train_advice(source: str, options: ViewsOptions, folder: Path) -> AskedViews:
    """Train and judge what the advice needs into FOLDER, and draw each operation. It goes on where it stopped.

    ValueError for views without any operation, and as `refuse_no_advice`.
    """
    wanted = study_from_request(source, advice_options(options, out=folder))
    refuse_no_advice(options.methods, wanted.metric)
    sets = open_study_splits(wanted).base
    pair = view_set(wanted.views, wanted.image_size, channels=sets.pool.channels)
    operations = operations_of(pair)
    if not operations:
        raise ValueError(f"--views {wanted.views}: nothing happens to these images, so there is no advice")
    compared = compared_views(wanted.views, operations)
    study = run_pilot(source, advice_options(options, out=folder, compare_views=compared))
    asked = AskedViews(options.methods[0], study.views, list(operations))
    with lock_output(folder, "advice"):
        asked = replace(asked, readings=read_operations(study, sets, folder, operations))
        write_sealed_json(folder / ASKED, to_plain(asked))
        if not study.private:
            draw_operations(sets, pair, folder / PICTURES)
    return asked


def refuse_no_advice(methods: Sequence[str], metric: str | None) -> None:
    """ValueError for several methods, one that is not trained, and a metric whose differences are no points."""
    if len(methods) != 1:
        raise ValueError(f"--methods {','.join(methods)}: advice is on the views of one method; name one")
    if not load("methods", methods[0]).recipe.trains:
        raise ValueError(f"--methods {methods[0]} is not trained, so views change nothing: name another, such as byol")
    if metric is not None:
        made = load("metrics", parse_spec(metric)[0])
        if made.unit != POINTS or not made.higher_is_better:
            raise ValueError(f"--metric {metric}: wanted one in points of which more is better, as accuracy is")


def train_proposal(source: str, options: ViewsOptions, folder: Path, asked: AskedViews) -> None:
    """Train the proposed views too, unless they leave one operation out, as one of the trainings did already."""
    compared = compared_views(asked.views, tuple(asked.operations))
    compared[without(*asked.proposed)] = proposed_spec(asked)
    run_pilot(source, advice_options(options, out=folder, compare_views=compared))
    with lock_output(folder, "advice"):
        write_sealed_json(folder / ASKED, to_plain(asked))


def proposed_spec(asked: AskedViews) -> str:
    """The proposed views as an option takes them."""
    return leave_out(asked.views, asked.proposed) if asked.proposed else asked.views


def write_proposal(asked: AskedViews, place: Path) -> None:
    """Write the proposed views as a file for --views."""
    name, settings = parse_spec(proposed_spec(asked))
    lists = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
    text = (
        f"# Proposed by kogen views --advise: {place.parent / 'report.html'}\n{tomli_w.dumps({'views': name, **lists})}"
    )
    write_atomically(place, lambda path: path.write_text(text, "utf-8"))


def happening(pair: tuple[AnyView, AnyView], operation: str) -> AnyView:
    """A view in which this operation happens to every image, and nothing else."""
    known = known_operations(pair[0])
    off = known[operation]
    view = next(one for one in pair if happens(one, off))
    others = {key: value for name, fields in known.items() if name != operation for key, value in fields.items()}
    chances = {name: 1.0 for name in off if name in CHANCES}
    alone: AnyView = replace(view, **others, **chances)
    return replace(alone, jitter=1.0 if alone.jitter else 0.0) if isinstance(alone, View) else alone


def read_operations(study: Study, sets: Splits, folder: Path, operations: tuple[str, ...]) -> dict[str, Reading]:
    """What a classifier, trained on labels without any operation, says of validation images before and after each.

    No reading where its training broke off.
    """
    common = {name: getattr(study, name) for name in ("backbone", "image_size", "epochs", "accumulate", "precision")}
    wanted = Plan(method=BASELINE, views=keep_only(study.views, NOTHING), **common)
    wanted = wanted.model_copy(update={"settings": study.settings_of(BASELINE)})
    usual = study.batch_size if isinstance(study.batch_size, int) else Plan.model_fields["batch_size"].default
    plan = with_data(wanted.model_copy(update={"batch_size": min(usual, max(2, len(sets.pool)))}), sets.pool)
    run = folder / READING
    with training_bar("a classifier to read from") as on_step:
        summary = train_or_record_failure(plan, sets.pool, run, on_step, 0)
    say_alarms(summary, run, "the classifier to read from")
    if summary["status"] != "done":
        return {}
    backbone = load_run(run)[2].to(default_device())
    shown = {"mean": plan.mean, "std": plan.std}
    learnt = embed(backbone, sets.train, plan.evaluation_view)
    test = next(iter(sets.tests.values()))
    pair = view_set(study.views, study.image_size, channels=sets.pool.channels, **shown)

    def answers(model: str, view: Any) -> pd.DataFrame:
        said = load_probe("linear")(learnt, embed(backbone, test, view)).probability.argmax(axis=1)
        rows = {"item": test.ids, "cluster": test.clusters, "label": np.array(test.classes)[test.labels]}
        rows |= {"predicted": np.array(test.classes)[said], "correct": (said == test.labels).astype(np.int8)}
        return pd.DataFrame(rows).assign(model=model, seed=0, dataset=test.name).drop_duplicates("item")

    before = answers(BEFORE, plan.evaluation_view)
    every = {one: pd.concat([before, answers(AFTER, happening(pair, one))], ignore_index=True) for one in operations}
    return {one: make_reading(rows, len(operations)) for one, rows in every.items()}


def draw_operations(sets: Splits, pair: tuple[AnyView, AnyView], folder: Path) -> None:
    """Write a picture of each operation: images of different classes, and each of them after it a few times."""
    test = next(iter(sets.tests.values()))
    index = np.array([np.flatnonzero(test.labels == number)[0] for number in np.unique(test.labels)][:MAX_ROWS])
    pixels, aspect = test.read(index), torch.from_numpy(test.aspect[index])
    folder.mkdir(exist_ok=True)
    for operation in operations_of(pair):
        view = happening(pair, operation)
        if isinstance(view, Wave):
            shown = waves_before_and_after(test, index, view)
            limits = line_limits([window for column in shown for window in column])
            tiles = [[draw_lines(window, limits, (TILE, TILE)) for window in column] for column in shown]
        else:
            bare = replace(view, mean=None, std=None)
            rngs = [StepRng(0, step, len(index)) for step in range(SHOWN)]
            columns = [render(pixels, View(size=view.size), rngs[0], tag="0", aspect=aspect)]
            columns += [render(pixels, bare, rng, tag="0", aspect=aspect) for rng in rngs]
            tiles = [[thumbnail(image, (TILE, TILE)) for image in column] for column in columns]
        write_rows(tiles, folder / f"{operation}.png")


def waves_before_and_after(test: Images, index: np.ndarray, wave: Wave) -> list[torch.Tensor]:
    """Windows at `index` (B,), and each of them after the operations of a view a few times: (B, C, T) each."""
    values = test.read(index)
    if wave.mean is None:
        mean, std = channel_scale(test.read(np.arange(min(len(test), SAMPLED))))
        wave = replace(wave, mean=mean, std=std)
    plain = Wave(size=values.shape[2], mean=wave.mean, std=wave.std)
    before = render_waves(values, [plain], StepRng(0, 0, len(index)), tags=["0"])
    return before + [render_waves(values, [wave], StepRng(0, step, len(index)), tags=["0"])[0] for step in range(SHOWN)]


def write_rows(columns: list[list[Image.Image]], place: Path) -> None:
    """Write columns of square pictures side by side, the first one apart."""
    step = TILE + GAP
    sheet = Image.new("RGB", (len(columns) * step + 2 * GAP, len(columns[0]) * step - GAP), (255, 255, 255))
    for x, column in enumerate(columns):
        for y, tile in enumerate(column):
            sheet.paste(tile, (x * step + (3 * GAP if x else 0), y * step))
    write_atomically(place, lambda path: path.write_bytes(encode_png(sheet)))
