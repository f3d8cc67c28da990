"""The command line: argv to one verb; every option is declared in kogen/options."""

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
from kogen.options.landscape import LandscapeOptions
from kogen.options.lottery import LotteryOptions
from kogen.options.model import Options, plain_type
from kogen.options.runs import EvaluateOptions, ExportOptions, PretrainOptions, ReportOptions, ViewsOptions
from kogen.options.study import PilotOptions, StudyOptions

console = Console(highlight=False, soft_wrap=True)

SOURCE = "folder, .csv, .parquet, .npy, .npz, or a name such as surfaces, digits"
KEYWORD = inspect.Parameter.KEYWORD_ONLY


def show_verdict(verdict: dict[str, Any], written: Path) -> None:
    """Print the verdict in words and the path of the page; nothing where another process prints them."""
    for sentence in verdict.get("words", []):
        console.print(sentence, markup=False)
    if verdict:
        console.print(f"\n{(written / 'report.html').resolve()}", markup=False)


def show_cost(cost: Any, written: Path) -> None:
    """Print the seconds per step of each method, and the cost of the whole study."""
    for method, seconds in cost.seconds_per_step.items():
        console.print(f"{method}: {seconds:.3f} s per step")
    console.print(f"the whole study: {cost}")


def show_training(summary: dict[str, Any], written: Path) -> None:
    """Print the alarms of a run and the path of its weights."""
    for alarm in summary["alarms"]:
        console.print(f"alarm: {alarm['text']} (epoch {alarm['epoch']})")
    weights = written / "weights.safetensors"
    console.print(f"{weights} after {summary['minutes']:.1f} min, {summary['images_seen']} images")


def show_landscape(found: dict[str, Any], written: Path) -> None:
    """Print the path of the page."""
    console.print(str((written / "landscape.html").resolve()), markup=False)


def show_line(line: Any, written: Path) -> None:
    """Print a path, or a line of Python."""
    console.print(str(line), markup=False)


@dataclass(frozen=True)
class Command:
    """A verb of the command line."""

    options: type[Options]
    show: Callable[[Any, Path], None]  # prints the result, given with the folder or file written
    subject: str  # name of the first argument
    about: str  # help of the first argument
    example: str
    kind: Any = str  # type of the first argument


COMMANDS = {
    "pilot": Command(PilotOptions, show_verdict, "source", f"images ({SOURCE}), or a study.toml",
        "kogen pilot imgs/ --labels train.csv --test val/ --shift line2=line2/ --seeds 3 --out study"),
    "estimate": Command(StudyOptions, show_cost, "source", f"images ({SOURCE}), or a study.toml",
        "kogen estimate imgs/ --labels train.csv"),
    "pretrain": Command(PretrainOptions, show_training, "source", f"images ({SOURCE})",
        "kogen pretrain byol imgs/ --backbone resnet18 --set momentum=0.99 --out run"),
    "evaluate": Command(EvaluateOptions, show_verdict, "runs", "folders of finished runs",
        "kogen evaluate run/ --train train/ --test reference=val/ --test line2=line2/ --out study", list[Path]),
    "landscape": Command(LandscapeOptions, show_landscape, "runs", "folders of finished runs, of studies, or RUN@STEP",
        "kogen landscape study/ --data val/ --planes 8 --images 2048 --out landscape", list[Path]),
    "lottery": Command(LotteryOptions, show_verdict, "table", "csv or parquet: a row per image or scores, long or wide",
        "kogen lottery results.csv --reference val --n val=50000 --out lottery", Path),
    "export": Command(ExportOptions, show_line, "folder", "folder of a finished run, or of a landscape",
        "kogen export run/ --out weights.safetensors", Path),
    "views": Command(ViewsOptions, show_line, "source", f"images ({SOURCE})",
        "kogen views imgs/ --views inspection --out views.png"),
    "report": Command(ReportOptions, show_verdict, "study", "folder of a study", "kogen report study/ --lang ja", Path),
}  # fmt: skip


def make_app() -> typer.Typer:
    """The command line with all its verbs."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.callback()(describe_program)
    for name, command in COMMANDS.items():
        about = escape((command.options.__doc__ or "").split("\n")[0])
        app.command(name, help=about, epilog=f"Example: {escape(command.example)}")(make_command(name, command))
    app.command("list")(list_names)
    return app


def print_version(wanted: bool) -> None:
    """Print the version and stop, if it is wanted."""
    if wanted:
        console.print(f"kogen {VERSION}")
        raise typer.Exit


VersionFlag = typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and stop.")


def describe_program(version: Annotated[bool, VersionFlag] = False) -> None:
    """Which self-supervised vision model to bet on, and whether its lead survives outside the benchmark it won."""


def make_command(name: str, command: Command) -> Callable[..., None]:
    """A function with the signature that typer reads, made from the options of a verb."""

    def run(**given: Any) -> None:
        from kogen import api

        subject = given.pop(command.subject)
        asked = parse_options(command.options, given)
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


def details(field: Any) -> dict[str, Any]:
    """Group, flag and form of a field."""
    return field.json_schema_extra


def parameter(name: str, field: Any) -> inspect.Parameter:
    """An option as typer wants it; its default is None, so that only what was given is passed on."""
    about, more = escape(field.description) + default_text(field), details(field)
    if more["form"] == "argument":
        argument = typer.Argument(help=about, show_default=False, autocompletion=lambda: names("methods"))
        return inspect.Parameter(name, KEYWORD, annotation=Annotated[str, argument])
    flag = f"--{(more['flag'] or name).replace('_', '-')}"
    option = typer.Option(flag, help=about, rich_help_panel=more["group"], show_default=False)
    kind = (
        list[str] if more["form"] in forms.REPEATABLE_FORMS else str if more["form"] else plain_type(field.annotation)
    )
    if field.is_required():
        return inspect.Parameter(name, KEYWORD, annotation=Annotated[kind, option])
    return inspect.Parameter(name, KEYWORD, default=None, annotation=Annotated[kind | None, option])


def default_text(field: Any) -> str:
    """A default as --help shows it; nothing where the help itself says what happens."""
    value = field.default
    if field.is_required() or value is None or isinstance(value, bool) or value in ((), {}, "", ("",)):
        return ""
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f" [dim]{escape(f'[default: {text}]')}[/dim]"


def parse_options(options: type[Options], given: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, each text parsed by the form of its option."""
    parsers, found = {**forms.SINGLE_FORMS, **forms.REPEATABLE_FORMS}, {}
    for name, value in given.items():
        if value is not None and value != []:
            more = details(options.model_fields[name])
            parse, flag = parsers.get(more["form"]), (more["flag"] or name).replace("_", "-")
            found[name] = parse(value, flag) if parse else value
    return found


def list_names(
    what: Annotated[str, typer.Argument(help=", ".join(FOLDERS), autocompletion=lambda: list(FOLDERS))],
) -> None:
    """List the names of methods, datasets, probes, backbones, directions or statistics."""
    if what not in FOLDERS:
        raise ValueError(f"nothing to list is called {what!r}: {hint(what, list(FOLDERS))}")
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb; an error that a user can mend is one sentence, not a traceback."""
    try:
        make_app()(arguments)
    except ValueError as error:  # words of 400 letters or more would hide the rest of the message
        sys.exit("kogen: " + re.sub(r"\S{400,}", lambda word: f"{word[0][:57]}...{word[0][-20:]}", str(error)))
    except OSError as error:  # no permission, no space, a file where a folder is wanted
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(f"kogen: {where}{error.strerror or error}; choose a place that can be read and written (--out)")
    except Exception as error:
        from kogen.api import Stopped

        if not isinstance(error, Stopped):
            raise
        sys.exit(f"{error}. Go on with the same command:\n  kogen {' '.join(map(json.dumps, sys.argv[1:]))}")


if __name__ == "__main__":
    main()
