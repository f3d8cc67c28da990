"""The verbs, in Python: pilot, pretrain, evaluate, landscape, lottery, export, estimate, views, report."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from kogen import distributed, engine, shelf
from kogen.asking import asked_in, asked_study, asks, fits, outside
from kogen.cost import Cost, estimate_cost
from kogen.exports import export_surface
from kogen.fitting import fitted
from kogen.handover import export_run
from kogen.images import Images, open_images
from kogen.judging import copy_record, judge, names_of, of_now
from kogen.lottery import lottery as judge_results
from kogen.plans import plans_of, read_candidate, with_data
from kogen.progress import training_bar
from kogen.report.words import speak
from kogen.run import load_run, record_of, train_run
from kogen.sets import Sets, open_sets, opened_test, quality, store_for, with_corruptions
from kogen.sheet import write_sheet
from kogen.study import Plan, Study, check_settings, checked, to_toml, toml
from kogen.subjects import kept, look_at, runs_of
from kogen.survey import survey
from kogen.tables import atomically, write_json
from kogen.views import view_set

say = Console(stderr=True, highlight=False)


def pilot(source: str | Path, *, out: str | Path = "study", **asked: Any) -> dict[str, Any]:
    """From a source of images (or a study.toml) to a verdict: train every method, judge it on every set, report.

    `asked` are the fields of `kogen.study.Study` (labels, test, shifts, methods, seeds, epochs, margin ...). Returns
    what verdict.json holds; the page is OUT/report.html. Done work is found and kept, interrupted work resumes.
    Raises ValueError for anything that cannot be answered, before training where possible.
    """
    study, folder = asked_study(str(source), asked), Path(out)
    speak(study.lang)
    outside(folder, study.source, *filter(None, [study.test]), *study.shifts.values())
    engine.start(study.precision)  # joins the other processes, where there are any
    place = folder / "study.toml"
    if place.exists() and not asks(place, study):
        raise ValueError(f"{place} asks another question than this command: choose another --out, or delete {folder}")
    sets = open_for(study)
    plans = plans_of(study, sets, folder)
    of_now(folder, plans)
    if distributed.rank() == 0 and not place.exists():  # a pre-registered study stays as it was written, byte for byte
        text = Path(source).read_text("utf-8") if str(source).endswith(".toml") else to_toml(study)
        atomically(place, lambda p: p.write_text(text, encoding="utf-8"))
    if distributed.rank() == 0:
        write_json(folder / "data.json", quality(sets))
        picture(sets.pool, study, folder / "views.png")
        tell_data(sets)
        for plan in {plan.method: plan for plan in plans if study.batch_size == "auto"}.values():
            tell_parts(plan)
        for plan in filter(lambda plan: plan.name, plans):
            said = f"{plan.framework}, {plan.backbone}, {plan.image_size} px, mean {plan.mean}, std {plan.std}"
            say.print(f"[bold]{plan.name}[/]: {said}")
    left = [plan for plan in plans if not (folder / "runs" / record_of(plan)["id"] / "summary.json").exists()]
    if left:
        cost = cost_of(left, sets, study.probes)  # by all processes: each step is taken by all of them
        if distributed.rank() == 0:
            say.print(f"[bold]Estimate[/]: {cost}")
    for place_in_line, plan in enumerate(plans, 1):
        record = record_of(plan)
        run = folder / "runs" / record["id"]
        title = f"{place_in_line}/{len(plans)} {plan.name or plan.method} seed {plan.seed}"
        with training_bar(title) as tell:
            summary = tried(plan, sets.pool, run, tell, study.keep)
        if distributed.rank() == 0:
            for alarm in summary["alarms"]:
                say.print(f"[yellow]alarm[/] {title}: {alarm['text']} (epoch {alarm['epoch']})")
        if distributed.rank() == 0 and summary["status"] == "done":
            judge(run, sets.train, sets.tests, sets.roles(), study.probes, folder)
    if distributed.rank() > 0:
        return {}
    if not (folder / "predictions.parquet").exists():
        raise ValueError(f"every run of {folder} broke off: see the alarms above")
    return report(folder, lang=study.lang)


def tried(plan: Plan, images: Images, folder: Path, tell: Callable, keep: int) -> dict[str, Any]:
    """Train a run; one that meets NaN is put on record as failed, so that the rest of the study goes on without it."""
    try:
        return train_run(plan, images, folder, tell, keep=keep)
    except engine.Broken as broken:
        alarm = {"kind": "broken", "epoch": None, "text": str(broken)}
        nothing = {"minutes": 0.0, "images_seen": 0, "images_per_second": None, "kwh": 0.0}
        summary = {"status": "failed", "alarms": [alarm], **nothing}
        if distributed.rank() == 0:
            write_json(folder / "summary.json", summary)
        return summary


def pretrain(
    source: str | Path,
    *,
    method: str = "byol",
    out: str | Path = "run",
    labels: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    max_bad: float = 0.05,
    keep: int = 0,
    tell: Callable | None = None,
    **asked: Any,
) -> dict[str, Any]:
    """Train one method on the images of `source` into the folder `out` and return its summary.

    `asked` are fields of `kogen.study.Plan` (backbone, image_size, epochs, batch_size, seed, views ...); `settings` are
    hyperparameters of the method and numbers of its recipe; `keep` checkpoints on the way stay; `batch_size="auto"` is
    256 in as few parts as fit into memory. Resumes where an earlier call stopped. Raises ValueError for unknown names
    (with the nearest right one), too few images, too little memory, or NaN.
    """
    chosen = dict(settings or {})
    check_settings(method, chosen)
    if method == "stock":
        raise ValueError("'stock' is published weights, nothing to train: kogen pilot ... --stock FILE")
    outside(Path(out), str(source))
    if auto := asked.get("batch_size") == "auto":
        del asked["batch_size"]
    wanted = checked(Plan, {"method": method, "settings": chosen, **asked}, "pretrain")
    fits(wanted, chosen)
    engine.start(wanted.precision)
    images = open_images(source, labels=labels, store=store_for(wanted.image_size), max_bad=max_bad)
    plan = with_data(wanted, images)
    if auto:
        plan = fitted(plan, images, Path(out))
        tell_parts(plan)
    if tell is not None:
        return train_run(plan, images, Path(out), tell, keep=keep)
    with training_bar(f"{method} seed {plan.seed}") as bar:
        return train_run(plan, images, Path(out), bar, keep=keep)


def evaluate(
    runs: Sequence[str | Path] | str | Path,
    *,
    train: str | Path,
    tests: Mapping[str, str | Path],
    probes: Sequence[str] = ("linear", "knn"),
    out: str | Path = "study",
    margin: float = 1.0,
    labels: str | Path | None = None,
    max_bad: float = 0.05,
    lang: str = "en",
    corrupt: str | None = None,
) -> dict[str, Any]:
    """Judge finished runs: probes learn on the labelled images of `train` and are judged on each of `tests`.

    The first of `tests` is the reference, the others are shifts; `corrupt` makes more of them from the first (all,
    all:1-5, blur:5,jpeg:2). Rows go to OUT/predictions.parquet, the verdict to OUT/verdict.json and OUT/report.html;
    what is already there is not computed again. Returns the verdict.
    """
    folder = Path(out)
    listed = [runs] if isinstance(runs, (str, Path)) else list(runs)
    for probe in probes:
        shelf.load("probes", probe)
    speak(lang)
    if not listed or not tests:
        raise ValueError(f"{len(listed)} runs and {len(tests)} test sets: give one run or more, one test set or more")
    outside(folder, str(train), *map(str, tests.values()))
    place = folder / "study.toml"
    if place.exists() and "runs" not in tomllib.loads(place.read_text("utf-8")):
        raise ValueError(f"{folder} holds the study of a pilot, whose question stays as it is: choose another --out")
    sizes = [load_run(Path(run))[1].image_size for run in listed]
    how: dict[str, Any] = {"store": store_for(max(sizes)), "max_bad": max_bad}
    pool = open_images(train, labels=labels, name="train", **how)
    known = pool.labelled()
    opened = {name: opened_test(name, str(source), known, how) for name, source in tests.items()}
    sources = {"train": (str(train), pool)} | {n: (str(tests[n]), images) for n, images in opened.items()}
    opened = with_corruptions(opened, corrupt) if corrupt else opened
    sets = Sets(pool, known, opened, sources, "")
    write_json(folder / "data.json", quality(sets))
    question = {"runs": [str(r) for r in listed], "margin": margin, "probes": list(probes), "lang": lang}
    question |= {"corrupt": corrupt} if corrupt else {}
    text = "".join(f"{key} = {toml(value)}\n" for key, value in question.items())
    atomically(place, lambda p: p.write_text(text, encoding="utf-8"))
    for run, model in zip(listed, names_of(list(map(Path, listed))), strict=True):
        judge(Path(run), known, opened, sets.roles(), probes, folder, model)
        copy_record(Path(run), folder)
    return report(folder, lang=lang)


def landscape(
    runs: Sequence[str | Path] | str | Path,
    *,
    data: str | Path,
    out: str | Path = "landscape",
    images: int = 2048,
    labels: str | Path | None = None,
    max_bad: float = 0.05,
    lang: str = "en",
    **asked: Any,
) -> dict[str, Any]:
    """Draw and measure the loss of finished runs around their weights, on `images` of `data`; see OUT/landscape.html.

    A study's folder among `runs` stands for its finished runs, RUN@STEP for a run at a checkpoint that it kept. `asked`
    are what `kogen.survey.survey` takes: planes, objective, directions, steps, levels, seed, workers ... Returns what
    OUT/landscape.json holds; stored points are never computed again. Raises ValueError for what does not fit.
    """
    given = [Path(runs)] if isinstance(runs, (str, Path)) else [Path(run) for run in runs]
    from kogen.report import landscape as page

    speak(lang)
    outside(Path(out), str(data))
    listed = runs_of(given, asked.get("objective", "pretrain"), say.print)
    names = names_of([kept(run)[0] for run in listed])
    names = [f"{name}@{step}" if (step := kept(run)[1]) else name for run, name in zip(listed, names, strict=True)]
    size = max(look_at(run)[1].image_size for run in listed)
    opened = open_images(data, labels=labels, store=store_for(size), max_bad=max_bad)
    found = survey(listed, opened, out=Path(out), count=images, models=names, tell=say.print, **asked)
    if distributed.rank() == 0 and found:
        page.write(Path(out), lang=lang)
    return found


def lottery(table: str | Path, *, out: str | Path = "lottery", lang: str = "en", **asked: Any) -> dict[str, Any]:
    """Judge any table of results (a row an image, or scores alone) and write its tables, verdict.json and report.html.

    `asked` are what `kogen.lottery.lottery` takes: reference, margin, family, n, counterpart ... Returns the summary,
    with what the page says first under "words". ValueError for tables that cannot be read, or an `out` that is a
    study's: its page shows its own lottery.
    """
    from kogen.report import lottery as page

    folder = Path(out)
    speak(lang)
    if (folder / "study.toml").exists():
        raise ValueError(f"{folder} is a study, whose report shows its own lottery: choose another --out")
    summary = judge_results(table, out=folder, lang=lang, **asked)
    return summary | {"words": page.write(folder, lang=lang)}


def export(folder: str | Path, out: str | Path = "weights.safetensors", *, format: str = "timm", **plane: Any) -> str:
    """Write a run's backbone to `out`; returns the line of Python that loads it without kogen (parity is checked).

    Of the folder of a landscape one plane is written instead, as the ending of `out` says (.h5, .npz, .vtp), and its
    path returned; `plane` says which: run, objective, direction, plane (see kogen.exports.export_surface).
    Raises ValueError for an unknown format or ending, an unfinished run, and a plane that is not there.
    """
    if (Path(folder) / "surface.parquet").exists():
        return str(export_surface(Path(folder), Path(out), **plane))
    return export_run(Path(folder), Path(out), format)


def estimate(source: str | Path, **asked: Any) -> Cost:
    """Minutes, memory and disk of a whole pilot on this machine, from a few real steps of each method."""
    study = asked_study(str(source), asked)
    sets = open_for(study)
    return cost_of(plans_of(study, sets), sets, study.probes)


def views(
    source: str | Path,
    out: str | Path = "views.png",
    *,
    views: str = "natural",
    image_size: int = 32,
    seed: int = 0,
    max_bad: float = 0.05,
) -> Path:
    """Write a picture of an image and 16 of its views to `out`: look before you train."""
    study = asked_study(str(source), {"views": views, "image_size": image_size, "max_bad": max_bad})
    outside(Path(out), str(source))
    images = open_images(source, store=store_for(image_size), max_bad=max_bad)
    picture(images, study, Path(out), seed)
    return Path(out)


def report(study: str | Path, *, lang: str | None = None) -> dict[str, Any]:
    """Judge a study from its tables alone and write verdict.json and report.html; returns the verdict."""
    from kogen.report import page, verdict  # what only pages need is not loaded to train

    folder = Path(study)
    asked = asked_in(folder)
    told = verdict.build(folder, margin=asked["margin"], protocol=asked["probes"][0], lang=lang or asked["lang"])
    page.write(folder, lang=lang or asked["lang"])
    return told


def open_for(study: Study) -> Sets:
    """The sets of a study, stored large enough for the largest of its networks."""
    sizes = [read_candidate(name, file).image_size for name, file in study.candidates.items()]
    return open_sets(study.model_copy(update={"image_size": max([study.image_size, *sizes])}))


def cost_of(plans: list[Plan], sets: Sets, probes: Sequence[str]) -> Cost:
    """Estimate of a study's training and judging; each candidate's by itself, for its network has a size of its own."""
    judged = len(sets.train) + sum(len(images) for images in sets.tests.values())
    alone = [plan for plan in plans if plan.name]
    ours = [plan for plan in plans if not plan.name]
    parts = [estimate_cost(ours, sets.pool, judged, probes)] if ours else []
    parts += [estimate_cost([plan], sets.pool.with_channels(plan.channels), judged, probes) for plan in alone]
    steps = {method: seconds for part in parts for method, seconds in part.seconds_per_step.items()}
    memory = max(part.memory_gb for part in parts)
    return Cost(sum(part.minutes for part in parts), memory, sum(part.disk_gb for part in parts), steps)


def picture(images: Images, study: Study, out: Path, seed: int = 0) -> None:
    """The contact sheet of the study's views."""
    write_sheet(images, view_set(study.views, study.image_size, channels=images.channels), out, seed=seed)


def tell_parts(plan: Plan) -> None:
    """Say into how many parts a batch is cut where it is more than one."""
    if plan.accumulate > 1:
        part = plan.batch_size // plan.accumulate
        say.print(
            f"[bold]{plan.method}[/]: a batch of {plan.batch_size} in {plan.accumulate} parts of {part}, as many as "
            f"fit into memory; batch norm and negatives see {part} at a time"
        )


def tell_data(sets: Sets) -> None:
    """Say what was opened, what was skipped and which test images have a twin in train."""
    for row in quality(sets)["sets"]:
        twins = f", {row['twins_in_train']} with a twin in train" if row["twins_in_train"] else ""
        bad = f", {row['bad_count']} skipped" if row["bad_count"] else ""
        say.print(f"[bold]{row['name']}[/]: {row['images']} images, {row['labelled']} labelled{bad}{twins}")
    if sets.note:
        say.print(sets.note)


__all__ = ["estimate", "evaluate", "export", "landscape", "lottery", "pilot", "pretrain", "report", "views"]
