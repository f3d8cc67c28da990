"""The plans of a study: what each run is, down to its last number."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kogen.backbones.published import describe_checkpoint
from kogen.common import text
from kogen.common.records import read_plan_record
from kogen.config.plan import Plan, code_records
from kogen.config.study import Study, split_start
from kogen.data.images import Images
from kogen.options.model import validate
from kogen.study.pool_parts import part_plans
from kogen.study.splits import Splits, normalisation
from kogen.study.study_start import begin_plan, images_for
from kogen.training.batch_fitting import choose_batch, fit_batch, say_if_smaller, whole_batch_images
from kogen.training.run import weights_of
from kogen.training.start_weights import KEPT, Start, load_start


def plans_of(
    study: Study, sets: Splits, folder: Path | None = None, larger: Mapping[str, Splits] | None = None
) -> list[Plan]:
    """A plan per method, start and seed, and one per candidate; seeds outermost: an interrupted study has all methods.

    Behind them those on parts of the images, see `part_plans`: the judgement does not wait for them.

    A batch size `auto` is fitted to the memory once a method, or taken from the runs that `folder` already holds. The
    candidates in `larger` see their images stored larger than `sets`. Weights to go on from are kept in `folder`.
    """
    pools = {name: splits.pool for name, splits in (larger or {}).items()}
    fields = ("backbone", "image_size", "views", "epochs", "batch_size", "accumulate", "precision", "compile")
    common = {field: getattr(study, field) for field in fields}
    auto = study.batch_size == "auto"
    common["batch_size"] = choose_batch(study.batch_size, len(sets.pool))
    place = folder / KEPT if folder and study.init else None
    start = load_start(place) if place else None
    parts: dict[str, int] = {}
    plans = []
    for seed in range(study.seeds):
        for method in study.methods:
            wanted = Plan(method=method, seed=seed, settings=study.settings_of(method), **common)
            plan = with_data(wanted, sets.pool)
            if seed == 0:
                say_if_smaller(plan, common["batch_size"])
            if auto and method not in parts:
                parts[method] = fit_batch(plan, sets.pool, folder).accumulate
            plan = plan.model_copy(update={"accumulate": parts.get(method, plan.accumulate)})
            plans += with_other_views(plan, study) if "scratch" in study.starts_of(method) else []
            if start and place and "init" in study.starts_of(method):
                seen = images_for(start, sets.pool)
                begun = plan.model_copy(
                    update={"channels": seen.channels, "settings": study.settings_of(method, "init")}
                )
                plans += with_other_views(begin_plan(begun, start, place, study.freeze), study)
    whole = [plan for plan in plans if not plan.variant]
    candidates, parts_of_images = study.candidates.items(), part_plans(study, whole, sets.pool)
    plans += [candidate_plan(name, asked, study, pools.get(name, sets.pool)) for name, asked in candidates]
    plans += [original_plan(study, sets.pool, start, place)] if start and place else []
    return plans + parts_of_images


def with_other_views(plan: Plan, study: Study) -> list[Plan]:
    """The plan, and where it is trained one for each other set of views that the study compares."""
    found = [plan]
    for name, views in study.compare_views.items() if plan.recipe.trains else ():
        other = plan.model_copy(update={"views": views, "variant": name})
        found.append(other.model_copy(update={"code": code_records(other)}))
    return found


def original_plan(study: Study, images: Images, start: Start, place: Path) -> Plan:
    """The plan of the weights that methods go on from, untouched: seen as those see, at the same size."""
    shown: dict[str, Any] = {"backbone": study.backbone, "image_size": study.image_size, "precision": study.precision}
    name = split_start(study.init or "")[0]
    wanted = Plan(method="stock", name=name, framework=start.framework, remarks=start.remarks, **shown)
    return begin_plan(with_data(wanted, images_for(start, images)), start, place, None)


def candidate_plan(name: str, asked: str, study: Study, images: Images) -> Plan:
    """The plan of a published network on the study's images. ValueError for images that it cannot take."""
    plan = read_candidate(name, asked).model_copy(update={"precision": study.precision})
    full = with_data(plan, images.with_channels(plan.channels))
    if full.kind and full.image_size != plan.image_size:
        got = f"the candidate {name!r} sees windows of {plan.image_size} samples, and these are of {full.image_size}"
        raise ValueError(f"{got}: cut them alike, ?window={plan.image_size} in the source")
    return full.model_copy(update={"mean": plan.mean, "std": plan.std} if plan.mean else {})


def read_candidate(name: str, asked: str) -> Plan:
    """`FILE?settings` as a plan without images; a folder of a finished run stands for its weights.

    ValueError for a file that is no checkpoint or does not fit them, and for a run that is not finished.
    """
    file, settings = text.parse_spec(asked)
    if (Path(file) / "plan.json").is_file():
        file = str(weights_of(Path(file), read_plan_record(Path(file))))
    facts = asdict(describe_checkpoint(file, name=name, **settings))
    plan = {"method": "stock", "name": name, "weights": facts.pop("file"), **facts}
    return validate(Plan, plan, f"candidate {name}")


def with_data(plan: Plan, images: Images) -> Plan:
    """The plan, completed with the facts of the images; a supervised run sees as many images as the others."""
    recipe = plan.recipe
    mean, std = normalisation(images)
    seen = images.labelled_subset() if recipe.labels else images
    update: dict[str, Any] = {"mean": mean, "std": std, "channels": images.channels, "classes": images.classes}
    update |= {"images": len(seen), "data": images.digest, "code": code_records(plan)}
    update |= {"depth": "" if images.levels is None else str(images.levels)}
    if images.kind == "series":
        update |= {"kind": "series", "image_size": images.pixels.shape[2]}
    if not recipe.trains:
        update |= {"epochs": 0}
    elif recipe.labels:
        batch = min(plan.batch_size, max(len(seen), 2))
        batch = batch // plan.accumulate * plan.accumulate or batch  # few labels still divide into the parts asked for
        # As many images as the others see: an epoch shows whole batches, and nobody sees the rest.
        epoch = whole_batch_images(len(images), plan.batch_size)
        epochs = round(plan.epochs * epoch / whole_batch_images(len(seen), batch))
        update |= {"batch_size": batch, "epochs": max(epochs, min(plan.epochs, 1))}
    return plan.model_copy(update=update)
