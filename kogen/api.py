"""The verbs, in Python: pilot, pretrain, evaluate, landscape, lottery, export, estimate, views, report."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kogen.common import distributed
from kogen.common.progress import training_bar
from kogen.common.text import check_language
from kogen.config.plan import Plan, check_settings
from kogen.config.study import checked
from kogen.data.open import open_images
from kogen.loss_landscape.export import export_surface
from kogen.loss_landscape.pipeline import survey
from kogen.loss_landscape.runs import kept, look_at, runs_of
from kogen.results.judge import lottery as judge_results
from kogen.study.cost_estimate import Cost
from kogen.study.pilot import cost_of, judge_runs, open_for, picture, run_pilot, say, tell_parts
from kogen.study.plans import plans_of, with_data
from kogen.study.predictions import names_of
from kogen.study.request import asked_in, asked_study, fits, outside
from kogen.study.splits import store_for
from kogen.training import fabric
from kogen.training.batch_fitting import fitted
from kogen.training.export import export_run
from kogen.training.loop import Stopped
from kogen.training.run import train_run


def pilot(source: str | Path, *, out: str | Path = "study", **asked: Any) -> dict[str, Any]:
    """From a source of images (or a study.toml) to a verdict: train every method, judge it on every set, report.

    `asked` are the fields of `kogen.config.study.Study` (labels, test, shifts, methods, seeds, epochs, margin ...).
    Returns what verdict.json holds; the page is OUT/report.html. Done work is found and kept, interrupted work resumes.
    Raises ValueError for anything that cannot be answered, before training where possible.
    """
    study = run_pilot(str(source), Path(out), asked)
    return report(out, lang=study.lang) if distributed.rank() == 0 else {}


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

    `asked` are fields of `kogen.config.plan.Plan` (backbone, image_size, epochs, batch_size, seed, views ...);
    `settings` are hyperparameters of the method and numbers of its recipe; `keep` checkpoints on the way stay;
    `batch_size="auto"` is 256 in as few parts as fit into memory. Resumes where an earlier call stopped.
    Raises ValueError for unknown names (with the nearest right one), too few images, too little memory, or NaN.
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
    fabric.start(wanted.precision)
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
    listed = [runs] if isinstance(runs, (str, Path)) else list(runs)
    judge_runs(listed, train, tests, probes, Path(out), margin, labels, max_bad, lang, corrupt)
    return report(out, lang=lang)


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
    are what `loss_landscape.pipeline.survey` takes: planes, objective, directions, steps, levels, seed, workers ...
    Returns what OUT/landscape.json holds; stored points are never computed again. Raises ValueError for what does not
    fit.
    """
    given = [Path(runs)] if isinstance(runs, (str, Path)) else [Path(run) for run in runs]
    from kogen.reporting.landscape import page

    check_language(lang)
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

    `asked` are what `results.judge.lottery` takes: reference, margin, family, n, counterpart ... Returns the
    summary, with what the page says first under "words". ValueError for tables that cannot be read, or an `out` that
    is a study's: its page shows its own lottery.
    """
    from kogen.reporting.lottery import page

    folder = Path(out)
    check_language(lang)
    if (folder / "study.toml").exists():
        raise ValueError(f"{folder} is a study, whose report shows its own lottery: choose another --out")
    summary = judge_results(table, out=folder, lang=lang, **asked)
    return summary | {"words": page.write(folder, lang=lang)}


def export(folder: str | Path, out: str | Path = "weights.safetensors", *, format: str = "timm", **plane: Any) -> str:
    """Write a run's backbone to `out`; returns the line of Python that loads it without kogen (parity is checked).

    Of the folder of a landscape one plane is written instead, as the ending of `out` says (.h5, .npz, .vtp), and its
    path returned; `plane` says which: run, objective, direction, plane (see loss_landscape.export).
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
    from kogen.reporting.study import page, verdict

    folder = Path(study)
    asked = asked_in(folder)
    told = verdict.build(folder, margin=asked["margin"], protocol=asked["probes"][0], lang=lang or asked["lang"])
    page.write(folder, lang=lang or asked["lang"])
    return told


__all__ = ["Stopped", "estimate", "evaluate", "export", "landscape", "lottery", "pilot", "pretrain", "report", "views"]
