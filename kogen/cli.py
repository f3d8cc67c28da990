"""The command line: argv to one verb; every option stands in kogen/options."""

import inspect
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from kogen.common.registry import FOLDERS, load, names
from kogen.common.text import hint
from kogen.common.version import VERSION
from kogen.options import forms
from kogen.options.base import Options, plain_type
from kogen.options.landscape import LandscapeOptions
from kogen.options.lottery import LotteryOptions
from kogen.options.runs import EvaluateOptions, ExportOptions, PretrainOptions, ReportOptions, ViewsOptions
from kogen.options.study import PilotOptions, StudyOptions

console = Console(highlight=False, soft_wrap=True)

SOURCE = "folder, .csv, .parquet, .npy, .npz, or a name such as surfaces, digits"


@dataclass(frozen=True)
class Command:
    """A verb of the command line: what it is about, an example, and what is printed of its result."""

    options: type[Options]
    subject: str  # name of the first argument
    about: str  # its help
    example: str
    show: Callable[[Any, Path], None]  # of the result, and of the folder or file written
    kind: Any = str


def show_verdict(verdict: dict[str, Any], written: Path) -> None:
    """The verdict in words and where the page lies; nothing where another process tells it."""
    for sentence in verdict.get("words", []):
        console.print(sentence, markup=False)
    if verdict:
        console.print(f"\n{(written / 'report.html').resolve()}", markup=False)


def show_cost(cost: Any, written: Path) -> None:
    """Seconds a step of each method, and the whole study."""
    for method, seconds in cost.seconds_per_step.items():
        console.print(f"{method}: {seconds:.3f} s a step")
    console.print(f"the whole study: {cost}")


def show_training(summary: dict[str, Any], written: Path) -> None:
    """The alarms of a run and where its weights lie."""
    for alarm in summary["alarms"]:
        console.print(f"alarm: {alarm['text']} (epoch {alarm['epoch']})")
    weights = written / "weights.safetensors"
    console.print(f"{weights} after {summary['minutes']:.1f} min, {summary['images_seen']} images")


def show_landscape(found: dict[str, Any], written: Path) -> None:
    """Where the page lies."""
    console.print(str((written / "landscape.html").resolve()), markup=False)


def show_line(line: Any, written: Path) -> None:
    """A path, or a line of Python."""
    console.print(str(line), markup=False)


COMMANDS = {
    "pilot": Command(
        PilotOptions, "source", f"images ({SOURCE}), or a study.toml",
        "kogen pilot imgs/ --labels train.csv --test val/ --shift line2=line2/ --seeds 3 --out study", show_verdict,
    ),
    "estimate": Command(
        StudyOptions, "source", f"images ({SOURCE}), or a study.toml", "kogen estimate imgs/ --labels train.csv",
        show_cost,
    ),
    "pretrain": Command(
        PretrainOptions, "source", SOURCE,
        "kogen pretrain byol imgs/ --backbone resnet18 --set momentum=0.99 --out run", show_training,
    ),
    "evaluate": Command(
        EvaluateOptions, "runs", "folders of finished runs",
        "kogen evaluate run/ --train train/ --test reference=val/ --test line2=line2/ --out study", show_verdict,
        list[Path],
    ),
    "landscape": Command(
        LandscapeOptions, "runs", "folders of finished runs, of studies, or RUN@STEP",
        "kogen landscape study/ --data val/ --planes 8 --images 2048 --out landscape", show_landscape, list[Path],
    ),
    "lottery": Command(
        LotteryOptions, "table", "results, csv or parquet: a row an image, or scores (long or wide)",
        "kogen lottery results.csv --reference val --n val=50000 --out lottery", show_verdict, Path,
    ),
    "export": Command(
        ExportOptions, "folder", "a finished run, or a landscape", "kogen export run/ --out weights.safetensors",
        show_line, Path,
    ),
    "views": Command(
        ViewsOptions, "source", SOURCE, "kogen views imgs/ --views inspection --out views.png", show_line
    ),
    "report": Command(
        ReportOptions, "study", "folder of a study", "kogen report study/ --lang ja", show_verdict, Path
    ),
}  # fmt: skip


def make_app() -> typer.Typer:
    """The command line with all its verbs."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.callback()(describe_program)
    for name, command in COMMANDS.items():
        epilog = f"Example: {escape(command.example)}"
        app.command(name, help=first_line(command.options), epilog=epilog)(make_command(name, command))
    app.command("list")(list_names)
    return app


def print_version(wanted: bool) -> None:
    """The version, and no more."""
    if wanted:
        console.print(f"kogen {VERSION}")
        raise typer.Exit


def describe_program(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Which self-supervised vision model to bet on, and whether its lead survives outside the benchmark it won."""


def make_command(name: str, command: Command) -> Callable[..., None]:
    """A function with the signature that typer reads, made from the options of a verb."""

    def run(**given: Any) -> None:
        from kogen import api

        subject = given.pop(command.subject)
        asked = {key: value for key, value in parse_options(command.options, given).items() if value is not None}
        written = command.options.model_fields.get("out")
        folder = asked.get("out", written.default if written else subject)
        command.show(getattr(api, name)(subject, **asked), folder)

    argument = typer.Argument(help=escape(command.about), show_default=False)
    fields = command.options.model_fields.items()
    first = [parameter(key, field) for key, field in fields if details(field)["form"] == "argument"]
    rest = [parameter(key, field) for key, field in fields if details(field)["form"] not in ("argument", "python")]
    subject = inspect.Parameter(command.subject, KEYWORD, annotation=Annotated[command.kind, argument])
    run.__signature__ = inspect.Signature([*first, subject, *rest])  # type: ignore[attr-defined]
    return run


KEYWORD = inspect.Parameter.KEYWORD_ONLY


def details(field: Any) -> dict[str, Any]:
    """Group, flag and form of a field."""
    return field.json_schema_extra


def parameter(name: str, field: Any) -> inspect.Parameter:
    """An option as typer wants it: None where it was not given, so that a study.toml can say all the rest."""
    about, more = escape(field.description) + default_text(field), details(field)
    if more["form"] == "argument":
        argument = typer.Argument(help=about, show_default=False, autocompletion=lambda: names("methods"))
        return inspect.Parameter(name, KEYWORD, annotation=Annotated[str, argument])
    flag = f"--{(more['flag'] or name).replace('_', '-')}"
    kind = text_kind(field, more["form"])
    option = typer.Option(flag, help=about, rich_help_panel=more["group"], show_default=False)
    default = inspect.Parameter.empty if field.is_required() else None
    return inspect.Parameter(name, KEYWORD, default=default, annotation=Annotated[kind, option])


def default_text(field: Any) -> str:
    """A default as --help shows it; nothing where the help itself says what happens."""
    value = field.default
    if field.is_required() or value is None or isinstance(value, bool) or value in ((), {}, "", ("",)):
        return ""
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f" [dim]{escape(f'[default: {text}]')}[/dim]"


def text_kind(field: Any, form: str) -> Any:
    """What typer reads: a list where an option may be repeated, a text where a form makes the value, else the type."""
    if form in forms.REPEATABLE_FORMS:
        return list[str] if field.is_required() else list[str] | None
    if form in forms.SINGLE_FORMS:
        return str | None
    kind = plain_type(field.annotation)
    return kind if field.is_required() else kind | None


def parse_options(options: type[Options], given: dict[str, Any]) -> dict[str, Any]:
    """What was given, each text in the form of its option."""
    found = {}
    for name, value in given.items():
        more = details(options.model_fields[name])
        form = {**forms.SINGLE_FORMS, **forms.REPEATABLE_FORMS}.get(more["form"])
        given_at_all = value is not None and value != []
        flag = (more["flag"] or name).replace("_", "-")
        found[name] = (form(value, flag) if form else value) if given_at_all else None
    return found


def first_line(options: type[Options]) -> str:
    """The help of a verb."""
    return escape((options.__doc__ or "").split("\n")[0])


def list_names(
    what: Annotated[str, typer.Argument(help=", ".join(FOLDERS), autocompletion=lambda: list(FOLDERS))],
) -> None:
    """Say what can be named: methods, datasets, probes, backbones, directions or statistics."""
    if what not in FOLDERS:
        raise ValueError(f"there is no shelf {what!r}: {hint(what, list(FOLDERS))}")
    for name in names(what):
        if what != "methods":
            console.print(name)
            continue
        recipe = load("methods", name).recipe
        views = f"{recipe.views} view{'s' if recipe.views != 1 else ''}"
        times = "not measured" if recipe.cost is None else f"{recipe.cost:.1f} times supervised"
        cost = f"training cost: {times if recipe.trains else 'none'}, inference cost: none"
        console.print(f"{name}  ({recipe.family}, {views}, {cost})", markup=False)
        console.print(f"    {recipe.headline}\n    source: {recipe.source}", markup=False)


def shorten_names(message: str) -> str:
    """A message in which no name of thousands of letters hides what it says."""
    return re.sub(r"\S{400,}", lambda name: f"{name[0][:57]}...{name[0][-20:]}", message)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; what went wrong for a person's reasons is one sentence, not a traceback."""
    try:
        make_app()(arguments)
    except ValueError as error:
        sys.exit(f"kogen: {shorten_names(str(error))}")
    except OSError as error:  # no permission, no room, a file where a folder is wanted
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"kogen: {where}{error.strerror or error}; choose a place that can be read and written (--out)")
    except Exception as error:
        from kogen.api import Stopped

        if not isinstance(error, Stopped):
            raise
        sys.exit(f"{error}. Go on with the same command:\n  kogen {' '.join(map(json.dumps, sys.argv[1:]))}")


if __name__ == "__main__":
    main()
