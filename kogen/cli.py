"""The command line: argv to one verb, no logic."""

import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
out = Console(highlight=False, soft_wrap=True)

Source = Annotated[str, typer.Argument(help="folder, .csv, .parquet, .npy, .npz, or a name such as surfaces, digits")]
Labels = Annotated[str | None, typer.Option(help="table path,label[,cluster,split] for the images of SOURCE")]
Set = Annotated[list[str] | None, typer.Option("--set", help="[method.]name=value, a hyperparameter; repeatable")]
Candidates = Annotated[
    list[str] | None,
    typer.Option(help="published weights beside the trained: NAME=FILE[?backbone=...&image_size=...]; repeatable"),
]
Corrupt = Annotated[str | None, typer.Option(help="shifts made of the test set: all, all:1-5, blur:5,jpeg:2")]
Bad = Annotated[str, typer.Option(help="share of unusable files that stops")]


@app.command()
def pilot(
    source: Annotated[str, typer.Argument(help="images (see pretrain), or a study.toml")],
    labels: Labels = None,
    test: Annotated[str | None, typer.Option(help="labelled set the choice is made on: SOURCE or NAME=SOURCE")] = None,
    shift: Annotated[list[str] | None, typer.Option(help="similar set to judge on, NAME=SOURCE; repeatable")] = None,
    corrupt: Corrupt = None,
    methods: Annotated[str | None, typer.Option(help="comma-separated; see `kogen list methods`")] = None,
    stock: Annotated[str | None, typer.Option(help="published weights (.safetensors) of the same backbone")] = None,
    candidates: Candidates = None,
    seeds: Annotated[int | None, typer.Option(help="runs of every method  [3]")] = None,
    epochs: Annotated[int | None, typer.Option(help="passes over the images  [50]")] = None,
    batch_size: Annotated[
        str | None, typer.Option(help="images a step, or auto: 256, in as few parts as fit into memory  [256]")
    ] = None,
    accumulate: Annotated[int | None, typer.Option(help="parts a batch is cut into to save memory  [1]")] = None,
    backbone: Annotated[str | None, typer.Option(help="tiny, or any network of timm: resnet18?layers=1,1,1,1")] = None,
    image_size: Annotated[int | None, typer.Option(help="pixels the network sees  [32]")] = None,
    views: Annotated[str | None, typer.Option(help="natural, inspection or gentle")] = None,
    probe: Annotated[list[str] | None, typer.Option(help="linear, knn; the first decides; repeatable")] = None,
    margin: Annotated[float | None, typer.Option(help="smallest difference worth money, in points  [1.0]")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, 32, tf32 or bf16")] = None,
    max_bad: Annotated[str | None, typer.Option(help="share of unusable files that stops the study  [5%]")] = None,
    keep: Annotated[int | None, typer.Option(help="checkpoints of each run on its way that stay  [0]")] = None,
    set_: Set = None,
    lang: Annotated[str | None, typer.Option(help="language of the report: en or ja")] = None,
    out_: Annotated[Path, typer.Option("--out", help="folder of the study")] = Path("study"),
) -> None:
    """From images to a verdict: train every method, judge it on every set, write the report."""
    from kogen import api

    asked = pilot_fields(locals())
    told = api.pilot(source, out=out_, **asked)
    if told:
        tell(told, out_)


@app.command()
def estimate(
    source: Source,
    labels: Labels = None,
    test: Annotated[str | None, typer.Option()] = None,
    shift: Annotated[list[str] | None, typer.Option()] = None,
    corrupt: Corrupt = None,
    methods: Annotated[str | None, typer.Option()] = None,
    seeds: Annotated[int | None, typer.Option()] = None,
    epochs: Annotated[int | None, typer.Option()] = None,
    batch_size: Annotated[str | None, typer.Option()] = None,
    backbone: Annotated[str | None, typer.Option()] = None,
    image_size: Annotated[int | None, typer.Option()] = None,
    views: Annotated[str | None, typer.Option()] = None,
    probe: Annotated[list[str] | None, typer.Option()] = None,
    stock: Annotated[str | None, typer.Option()] = None,
    candidates: Candidates = None,
    accumulate: Annotated[int | None, typer.Option()] = None,
    precision: Annotated[str | None, typer.Option()] = None,
    max_bad: Annotated[str | None, typer.Option()] = None,
    set_: Set = None,
) -> None:
    """Say minutes, memory and disk of the whole pilot with these options, from a few real steps."""
    from kogen import api

    cost = api.estimate(source, **pilot_fields(locals()))
    for method, seconds in cost.seconds_per_step.items():
        out.print(f"{method}: {seconds:.3f} s a step")
    out.print(f"the whole study: {cost}")


@app.command()
def pretrain(
    method: Annotated[str, typer.Argument(help="see `kogen list methods`")],
    source: Source,
    labels: Labels = None,
    backbone: Annotated[str, typer.Option(help="tiny, or any network of timm")] = "tiny",
    image_size: Annotated[int, typer.Option(help="pixels the network sees")] = 32,
    views: Annotated[str, typer.Option(help="natural, inspection or gentle")] = "natural",
    epochs: Annotated[int, typer.Option(help="passes over the images")] = 50,
    batch_size: Annotated[
        str, typer.Option(help="images a step, over all processes, or auto: 256, in as few parts as fit into memory")
    ] = "256",
    accumulate: Annotated[int, typer.Option(help="parts a batch is cut into to save memory")] = 1,
    seed: Annotated[int, typer.Option()] = 0,
    precision: Annotated[str, typer.Option(help="auto, 32, tf32 or bf16")] = "auto",
    max_bad: Bad = "5%",
    keep: Annotated[int, typer.Option(min=0, help="checkpoints on the way that stay, for trajectories")] = 0,
    set_: Set = None,
    out_: Annotated[Path, typer.Option("--out", help="folder of the run")] = Path("run"),
) -> None:
    """Train one method on images without labels (supervised: with)."""
    from kogen import api

    settings = {name: value for _, name, value in map(setting, set_ or [])}
    given = {"backbone": backbone, "image_size": image_size, "views": views, "epochs": epochs, "seed": seed}
    given |= {
        "batch_size": batch_of(batch_size),
        "accumulate": accumulate,
        "precision": precision,
        "max_bad": share(max_bad),
    }
    summary = api.pretrain(source, method=method, labels=labels, settings=settings, keep=keep, out=out_, **given)
    for alarm in summary["alarms"]:
        out.print(f"alarm: {alarm['text']} (epoch {alarm['epoch']})")
    out.print(f"{out_}/weights.safetensors after {summary['minutes']:.1f} min, {summary['images_seen']} images")


@app.command()
def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="folders of finished runs")],
    train: Annotated[str, typer.Option(help="labelled images the probes learn from")],
    test: Annotated[list[str], typer.Option(help="NAME=SOURCE; the first is the reference; repeatable")],
    probe: Annotated[list[str] | None, typer.Option(help="linear, knn; the first decides; repeatable")] = None,
    labels: Labels = None,
    margin: Annotated[float, typer.Option(help="smallest difference worth money, in points")] = 1.0,
    lang: Annotated[str, typer.Option(help="language of the report: en or ja")] = "en",
    corrupt: Corrupt = None,
    max_bad: Bad = "5%",
    out_: Annotated[Path, typer.Option("--out", help="folder of the study")] = Path("study"),
) -> None:
    """Judge finished runs on labelled sets."""
    from kogen import api

    given = {"probes": tuple(probe or ("linear", "knn")), "max_bad": share(max_bad)}
    given |= {"labels": labels, "margin": margin, "lang": lang, "corrupt": corrupt, "out": out_}
    tell(api.evaluate(runs, train=train, tests=all_named(test), **given), out_)


@app.command()
def landscape(
    runs: Annotated[list[Path], typer.Argument(help="folders of finished runs, of studies, or RUN@STEP")],
    data: Annotated[str, typer.Option(help="images the loss is computed on (see pretrain)")],
    labels: Labels = None,
    planes: Annotated[int, typer.Option(help="random planes, the same for every run; 8 or more to compare")] = 8,
    images: Annotated[int, typer.Option(help="images whose loss is shown, the same for every run")] = 2048,
    few: Annotated[
        int | None, typer.Option(help="of them, on the finest grid, in whole batches  [64, or 8 batches]")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="images a batch, which some losses couple")] = 64,
    objective: Annotated[str, typer.Option(help="pretrain (the loss it was trained with) or probe")] = "pretrain",
    terms: Annotated[str, typer.Option(help="terms of the loss that count, comma-separated; all unless given")] = "",
    directions: Annotated[str, typer.Option(help="random, sharpest, trajectory or between")] = "random",
    normalise: Annotated[str, typer.Option(help="filter, layer or adaptive")] = "filter",
    batch_norm: Annotated[str, typer.Option(help="statistics: frozen, batch or interpolated")] = "frozen",
    steps: Annotated[int, typer.Option(help="points a side of the coarse grid")] = 9,
    levels: Annotated[int, typer.Option(help="1: that grid; each more halves it, from the third on where it pays")] = 2,
    sharp: Annotated[int, typer.Option(help="images the curvature is read on; 0: leave it out")] = 256,
    map_: Annotated[int, typer.Option("--map", help="points a side of a map of the curvature; 0: none")] = 0,
    workers: Annotated[int | None, typer.Option(help="threads that compute points  [one a core]")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    lang: Annotated[str, typer.Option(help="language of the page: en or ja")] = "en",
    max_bad: Bad = "5%",
    out_: Annotated[Path, typer.Option("--out", help="folder of the landscape")] = Path("landscape"),
) -> None:
    """Draw and measure the loss around finished runs: wide, convex, sharp, with intervals over planes."""
    from kogen import api

    given = {"planes": planes, "images": images, "few": few, "objective": objective, "directions": directions}
    given |= {"normalise": normalise, "batch_norm": batch_norm, "steps": steps, "levels": levels, "sharp": sharp}
    given |= {"workers": workers, "seed": seed, "labels": labels, "lang": lang, "max_bad": share(max_bad)}
    given |= {"map_steps": map_, "batch": batch_size, "terms": tuple(filter(None, map(str.strip, terms.split(","))))}
    api.landscape(runs, data=data, out=out_, **given)
    out.print(str((out_ / "landscape.html").resolve()), markup=False)


@app.command()
def lottery(
    table: Annotated[Path, typer.Argument(help="results, csv or parquet: a row an image, or scores (long or wide)")],
    reference: Annotated[str | None, typer.Option(help="data set the choice is made on")] = None,
    margin: Annotated[float, typer.Option(help="smallest difference worth money, in points")] = 0.5,
    sets: Annotated[str | None, typer.Option(help="data sets to use, comma-separated; all unless given")] = None,
    protocol: Annotated[str | None, typer.Option(help="probe whose rows count, where there are several")] = None,
    cluster: Annotated[str | None, typer.Option(help="column that says which images belong together")] = None,
    family: Annotated[str | None, typer.Option(help="column that says which models belong together")] = None,
    n: Annotated[list[str] | None, typer.Option(help="SET=NUMBER of images behind its scores; repeatable")] = None,
    unit: Annotated[str, typer.Option(help="of scores: auto, percent or fraction")] = "auto",
    lower: Annotated[list[str] | None, typer.Option(help="set or metric where lower is better; repeatable")] = None,
    weight: Annotated[list[str] | None, typer.Option(help="SET=WEIGHT in the mean over sets; repeatable")] = None,
    group: Annotated[list[str] | None, typer.Option(help="SET,SET that share one vote; repeatable")] = None,
    baseline: Annotated[str | None, typer.Option(help="models the robustness line is drawn through")] = None,
    counterpart: Annotated[list[str] | None, typer.Option(help="SET=its class-matched clean set; repeatable")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="write the tables as csv too")] = False,
    lang: Annotated[str, typer.Option(help="language of the report: en or ja")] = "en",
    seed: Annotated[int, typer.Option()] = 0,
    draws: Annotated[int, typer.Option(help="bootstraps over images")] = 5000,
    out_: Annotated[Path, typer.Option("--out", help="folder of the report")] = Path("lottery"),
) -> None:
    """Judge any table of results: is the lead real, does it transfer, what is the safe bet."""
    from kogen import api

    given = {"reference": reference, "margin": margin, "protocol": protocol, "cluster": cluster, "family": family}
    given |= {"unit": unit, "csv": csv, "lang": lang, "seed": seed, "draws": draws, "out": out_}
    given |= {"sets": commas(sets), "baseline": commas(baseline), "groups": [commas(g) for g in group or []] or None}
    given |= {"n": numbered(n, int, "--n"), "weights": numbered(weight, float, "--weight")}
    given |= {"counterpart": all_named(counterpart or [], "counterparts")}
    given |= {"higher_is_better": dict.fromkeys(lower, False) if lower else True}
    tell(api.lottery(table, **given), out_)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="a finished run, or a landscape")],
    format: Annotated[str, typer.Option(help="of a run: timm")] = "timm",
    run: Annotated[str, typer.Option(help="of a landscape: id of a run or name of a model  [the first]")] = "",
    objective: Annotated[str, typer.Option(help="of a landscape: pretrain or probe  [the first]")] = "",
    direction: Annotated[str, typer.Option(help="of a landscape")] = "random",
    plane: Annotated[int, typer.Option(help="of a landscape")] = 0,
    out_: Annotated[Path, typer.Option("--out", help="of a landscape: .h5, .npz or .vtp")] = Path(
        "weights.safetensors"
    ),
) -> None:
    """Write a run's backbone for use without kogen and print the line that loads it; or a plane of a landscape."""
    from kogen import api

    which = {"run": run, "objective": objective, "direction": direction, "plane": plane}
    out.print(api.export(folder, out_, format=format, **which), markup=False)


@app.command()
def views(
    source: Source,
    views: Annotated[str, typer.Option(help="natural, inspection or gentle")] = "natural",
    image_size: Annotated[int, typer.Option(help="pixels the network sees")] = 32,
    seed: Annotated[int, typer.Option()] = 0,
    max_bad: Bad = "5%",
    out_: Annotated[Path, typer.Option("--out", help="picture to write")] = Path("views.png"),
) -> None:
    """Write a picture of an image and 16 of its views: look before you train."""
    from kogen import api

    place = api.views(source, out_, views=views, image_size=image_size, seed=seed, max_bad=share(max_bad))
    out.print(str(place), markup=False)


@app.command()
def report(
    study: Annotated[Path, typer.Argument(help="folder of a study")],
    lang: Annotated[str | None, typer.Option(help="language: en or ja")] = None,
) -> None:
    """Judge a study again from its tables and draw its page; needs no network and no GPU."""
    from kogen import api

    tell(api.report(study, lang=lang), study)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="methods, datasets, probes, backbones, directions or statistics")],
) -> None:
    """Say what is on a shelf."""
    from kogen.common import registry
    from kogen.common.text import hint

    shelves = ["backbones", "datasets", "directions", "methods", "probes", "statistics"]
    if what not in shelves:
        raise ValueError(f"there is no shelf {what!r}: {hint(what, shelves)}")
    if what != "methods":
        for name in registry.names(what):
            out.print(name)
        return
    for name in registry.names("methods"):
        recipe = registry.load("methods", name).recipe
        views = f"{recipe.views} view{'s' if recipe.views != 1 else ''}"
        times = "not measured" if recipe.cost is None else f"{recipe.cost:.1f} times supervised"
        cost = f"training cost: {times if recipe.trains else 'none'}, inference cost: none"
        out.print(f"{name}  ({recipe.family}, {views}, {cost})", markup=False)
        out.print(f"    {recipe.headline}\n    source: {recipe.source}", markup=False)


def pilot_fields(given: dict[str, Any]) -> dict[str, Any]:
    """The options of a pilot that were given, as fields of Study."""
    asked = {k: v for k, v in given.items() if v is not None and k not in ("source", "set_", "out_", "api")}
    if "methods" in asked:
        asked["methods"] = tuple(filter(None, (name.strip() for name in asked["methods"].split(","))))
    if "shift" in asked:
        asked["shifts"] = all_named(asked.pop("shift"))
    if "candidates" in asked:
        asked["candidates"] = all_named(asked["candidates"], "candidates")
    if "probe" in asked:
        asked["probes"] = tuple(asked.pop("probe"))
    if "batch_size" in asked:
        asked["batch_size"] = batch_of(asked["batch_size"])
    if "max_bad" in asked:
        asked["max_bad"] = share(asked["max_bad"])
    for method, name, value in map(setting, given.get("set_") or []):
        if not method:
            raise ValueError(f"--set {name}={value}: a pilot trains several methods; write --set METHOD.{name}={value}")
        asked.setdefault("settings", {}).setdefault(method, {})[name] = value
    return asked


def setting(text: str) -> tuple[str, str, Any]:
    """`[method.]name=value` to its three parts."""
    from kogen.common.text import as_value

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ValueError(f"--set {text}: write --set name=value, for a pilot --set method.name=value")
    method, _, name = key.rpartition(".")
    return method, name, as_value(value)


def named(text: str) -> tuple[str, str]:
    """`NAME=SOURCE` to its two parts."""
    name, equals, source = text.partition("=")
    if not equals or not name or not source:
        raise ValueError(f"{text!r}: write NAME=SOURCE, for instance line2=imgs/line2")
    return name, source


def all_named(texts: list[str], what: str = "sets") -> dict[str, str]:
    """Several `NAME=SOURCE`, each name once."""
    sources: dict[str, str] = {}
    for name, source in map(named, texts):
        if name in sources:
            raise ValueError(f"two {what} are named {name!r}, {sources[name]} and {source}: give each its own name")
        sources[name] = source
    return sources


def commas(text: str | None) -> list[str] | None:
    """`a,b` to its parts."""
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    if text is not None and not parts:
        raise ValueError(f"{text!r} names nothing: write one name or more, with commas between")
    return None if text is None else parts


def numbered(texts: list[str] | None, kind: type, option: str) -> dict[str, Any] | None:
    """Several `SET=NUMBER`."""
    try:
        return {name: kind(value) for name, value in all_named(texts).items()} if texts else None
    except ValueError as error:
        raise ValueError(f"{option} {' '.join(texts or [])}: write SET=NUMBER, for instance val=50000") from error


def share(text: str) -> float:
    """`5%` or `0.05` to 0.05."""
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise ValueError(f"--max-bad {text}: write a share such as 5% or 0.05") from error


def batch_of(text: str) -> int | str:
    """`256` to 256, and `auto` as it is."""
    if text == "auto" or text.isdecimal():
        return text if text == "auto" else int(text)
    raise ValueError(f"--batch-size {text}: write a whole number such as 256, or auto")


def tell(verdict: dict[str, Any], folder: Path) -> None:
    """The verdict in words and where the page lies."""
    for sentence in verdict["words"]:
        out.print(sentence, markup=False)
    out.print(f"\n{(folder / 'report.html').resolve()}", markup=False)


def shortened(message: str) -> str:
    """A message in which no name of thousands of letters hides what it says."""
    return re.sub(r"\S{400,}", lambda name: f"{name[0][:57]}...{name[0][-20:]}", message)


def main() -> None:
    """Run one verb; what went wrong for a person's reasons is one sentence, not a traceback."""
    from kogen.api import Stopped

    try:
        app()
    except Stopped as stopped:
        sys.exit(f"{stopped}. Go on with the same command:\n  kogen {' '.join(map(json.dumps, sys.argv[1:]))}")
    except ValueError as error:
        sys.exit(f"kogen: {shortened(str(error))}")
    except OSError as error:  # no permission, no room, a file where a folder is wanted
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"kogen: {where}{error.strerror or error}; choose a place that can be read and written (--out)")


if __name__ == "__main__":
    main()
