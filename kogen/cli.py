"""The command line: argv to one verb; every option is declared in kogen/options."""

import inspect
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.markup import escape

from kogen.common.registry import FOLDERS, names
from kogen.common.speech.console import say, show_events, write_line
from kogen.common.speech.events import Failed
from kogen.common.speech.failures import DEBUG, INTERRUPTED, UsageError, explain_error
from kogen.common.speech.verb_answers import Listed
from kogen.common.text import hint
from kogen.common.verbs import load_verb
from kogen.common.version import VERSION
from kogen.options import forms
from kogen.options.audit import AuditOptions
from kogen.options.handover import CompareOptions, EmbedOptions, PredictOptions
from kogen.options.hub import PushOptions
from kogen.options.landscape import LandscapeOptions
from kogen.options.lottery import LotteryOptions
from kogen.options.model import Options, flag_of, plain_type, validate
from kogen.options.output import (
    show_audit,
    show_comparison,
    show_cost,
    show_landscape,
    show_line,
    show_pool,
    show_prior,
    show_runs,
    show_share,
    show_training,
    show_verdict,
)
from kogen.options.own_code import open_plugins
from kogen.options.packing import PackOptions
from kogen.options.runs import EvaluateOptions, ExportOptions, PretrainOptions, ReportOptions
from kogen.options.sharing import PoolOptions, PriorOptions, ShareOptions
from kogen.options.study import EstimateOptions, PilotOptions, RunOptions, SubmitOptions
from kogen.options.view_options import ViewsOptions

SOURCE = "folder, .csv, .parquet, .npy, .npz, or a name such as surfaces, digits; series:FOLDER, .ts"
RECIPE_HELP = "method whose settings are listed, beside its authors' where they differ"
KEYWORD = inspect.Parameter.KEYWORD_ONLY
QUIET, JSON = "--quiet", "--json"  # may stand anywhere, as --debug
CTRL_C = 130  # what typer makes of a KeyboardInterrupt


class Ended(SystemExit):
    """The end of the program with an exit code; its text is the sentence that was printed."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(code)
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class Command:
    """A verb of the command line."""

    options: type[Options]
    show: Callable[[Any, Path], None]  # prints the result, given with the folder or file written
    subject: str  # name of the first argument
    about: str  # help of the first argument
    example: str
    kind: Any = str  # type of the first argument
    least: int = 1  # how often it has to be given


COMMANDS = {
    "pilot": Command(PilotOptions, show_verdict, "source", f"images ({SOURCE}), or a study.toml",
        "kogen pilot imgs/ --labels train.csv --test val/ --shift line2=line2/ --seeds 3 --out study"),
    "run": Command(RunOptions, show_runs, "study", "folder of a study",
        "kogen run study/ --index $SLURM_ARRAY_TASK_ID", Path),
    "submit": Command(SubmitOptions, show_line, "study", "folder of a study whose runs are planned",
        "kogen submit study/ --gpus 1", Path),
    "estimate": Command(EstimateOptions, show_cost, "source", f"images ({SOURCE}), or a study.toml",
        "kogen estimate imgs/ --labels train.csv"),
    "pretrain": Command(PretrainOptions, show_training, "source", f"images ({SOURCE})",
        "kogen pretrain byol imgs/ --backbone resnet18 --set momentum=0.99 --out run"),
    "evaluate": Command(EvaluateOptions, show_verdict, "runs", "folders of finished runs",
        "kogen evaluate run/ --train train/ --test reference=val/ --test line2=line2/ --out study", list[Path]),
    "landscape": Command(LandscapeOptions, show_landscape, "runs", "folders of finished runs, of studies, or RUN@STEP",
        "kogen landscape study/ --data val/ --planes 8 --images 2048 --out landscape", list[Path], 0),
    "lottery": Command(LotteryOptions, show_verdict, "table",
        "csv, markdown or parquet: a row per image, or scores; several files of scores are joined by model",
        "kogen lottery results.csv --reference val --n val=50000 --out lottery", list[Path]),
    "export": Command(ExportOptions, show_line, "folder", "folder of a finished run, or of a landscape",
        "kogen export study/runs/ID --head linear --out model.safetensors", Path),
    "predict": Command(PredictOptions, show_line, "images", f"images ({SOURCE})",
        "kogen predict model.safetensors imgs/ --out predictions.csv"),
    "embed": Command(EmbedOptions, show_line, "images", f"images ({SOURCE})",
        "kogen embed study/runs/ID imgs/ --out features.parquet"),
    "compare": Command(CompareOptions, show_comparison, "models", "two exported models, the old one and the new one",
        "kogen compare old.safetensors new.safetensors --test fresh/ --out compared", list[Path]),
    "push": Command(PushOptions, show_line, "hub", "repository to write, hf:OWNER/NAME",
        "kogen push study/runs/ID hf:OWNER/NAME --private"),
    "views": Command(ViewsOptions, show_line, "source", f"images ({SOURCE})",
        "kogen views imgs/ --views inspection --out views.png"),
    "pack": Command(PackOptions, show_line, "source", f"images ({SOURCE})",
        "kogen pack imgs/ --labels train.csv --image-size 224 --out imgs.lance"),
    "report": Command(ReportOptions, show_verdict, "study", "folder of a study", "kogen report study/ --lang ja", Path),
    "audit": Command(AuditOptions, show_audit, "study", "folder of a judged study", "kogen audit study/", Path),
    "share": Command(ShareOptions, show_share, "study", "folder of a judged study",
        "kogen share study/ --out bundle.zip", Path),
    "pool": Command(PoolOptions, show_pool, "bundles", "bundles that `kogen share` wrote, one a team",
        "kogen pool a.zip b.zip c.zip --out pool", list[Path]),
    "prior": Command(PriorOptions, show_prior, "folder", "folder of a pool", "kogen prior pool/", Path),
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
        write_line(f"kogen {VERSION}")
        raise typer.Exit


VersionFlag = typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and stop.")
DebugFlag = typer.Option(DEBUG, help="Show the traceback of an error; may stand anywhere.")
QuietFlag = typer.Option(QUIET, help="Show the result, warnings and errors alone; may stand anywhere.")
JsonFlag = typer.Option(JSON, help="Write each event as a line of JSON to stdout; may stand anywhere.")


def describe_program(
    version: Annotated[bool, VersionFlag] = False,
    debug: Annotated[bool, DebugFlag] = False,
    quiet: Annotated[bool, QuietFlag] = False,
    as_json: Annotated[bool, JsonFlag] = False,
) -> None:
    """Which self-supervised vision model to bet on, and whether its lead survives outside the benchmark it won."""


def make_command(name: str, command: Command) -> Callable[..., None]:
    """A function with the signature that typer reads, made from the options of a verb."""

    def run(**given: Any) -> None:
        subject = given.pop(command.subject)
        try:
            asked = parse_options(command.options, given)
            subject, asked = open_plugins(command.options, command.subject, subject, asked)
            validate(command.options, asked, name)
        except ValueError as error:
            raise UsageError(str(error)) from error
        written = command.options.model_fields.get("out")
        folder = asked.get("out", written.default if written else subject)
        command.show(load_verb(name)(subject, **asked), folder)  # most load torch: after what is refused without it

    argument = typer.Argument(help=escape(command.about), show_default=False)
    fields = {key: details(field)["form"] for key, field in command.options.model_fields.items()}
    first = [parameter(command.options, key) for key, form in fields.items() if form == "argument"]
    rest = [parameter(command.options, key) for key, form in fields.items() if form not in ("argument", "python")]
    default = inspect.Parameter.empty if command.least else ()
    subject = inspect.Parameter(command.subject, KEYWORD, default=default, annotation=Annotated[command.kind, argument])
    run.__signature__ = inspect.Signature([*first, subject, *rest])  # type: ignore[attr-defined]
    return run


def details(field: Any) -> dict[str, Any]:
    """Group, flag and form of a field."""
    return field.json_schema_extra


def parameter(options: type[Options], name: str) -> inspect.Parameter:
    """An option as typer wants it; its default is None, so that only what was given is passed on."""
    field: Any = options.model_fields[name]
    about, more = escape(field.description) + default_text(field), details(field)
    if more["form"] == "argument":
        complete = (lambda: names("methods")) if name == "method" else None
        argument = typer.Argument(help=about, show_default=False, autocompletion=complete)
        return inspect.Parameter(name, KEYWORD, annotation=Annotated[plain_type(field.annotation), argument])
    option = typer.Option(flag_of(options, name), help=about, rich_help_panel=more["group"], show_default=False)
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
            parse = parsers.get(details(options.model_fields[name])["form"])
            found[name] = parse(value, flag_of(options, name).removeprefix("--")) if parse else value
    return found


def list_names(
    what: Annotated[str, typer.Argument(help=", ".join(FOLDERS), autocompletion=lambda: list(FOLDERS))],
    recipe: Annotated[str, typer.Option(help=RECIPE_HELP, autocompletion=lambda: names("methods"))] = "",
) -> None:
    """List the names of methods, datasets, probes, backbones, directions or statistics."""
    if what not in FOLDERS:
        raise ValueError(f"nothing to list is called {what!r}: {hint(what, list(FOLDERS))}")
    if recipe and what != "methods":
        raise UsageError(f"{what} have no recipes: write kogen list methods --recipe {recipe}")
    if what != "methods":
        for name in names(what):
            say(Listed(name, what, name))
        return
    from kogen.config import recipes  # loads torch, in whose words methods are written

    for name in [recipe] if recipe else names(what):
        say(Listed("\n".join(recipes.method_lines(name)), what, name))
    if recipe:
        write_line("\n".join(["", *recipes.recipe_lines(recipe)]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb. What goes wrong is one sentence on stderr (an event with --json), and a traceback with --debug.

    Exit codes: 0 done, 1 an error, 2 a wrong command line, 75 (EX_TEMPFAIL) stopped by Ctrl-C or SIGTERM: all is saved,
    and the same command goes on.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    asked = [argument for argument in given if argument not in (DEBUG, QUIET, JSON)]
    for stream in (sys.stdout, sys.stderr):  # a terminal that is not UTF-8 gets escapes instead of an error at the end
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with show_events("json" if JSON in given else "quiet" if QUIET in given else "lines"):
        try:
            run_verb(asked, as_json=JSON in given)
        except KeyboardInterrupt:
            if JSON in given:  # else __main__ says it
                say(Failed(INTERRUPTED, "stopped; what was finished is saved, and the same command goes on there"))
            raise
        except Exception as error:
            code, sentence = explain_error(error, [argument for argument in given if argument != DEBUG])
            if sentence and (JSON in given or DEBUG not in given):
                say(Failed(code, sentence))
            if DEBUG in given:
                raise
            raise Ended(code, f"kogen: {sentence}") from None


def run_verb(asked: list[str], *, as_json: bool) -> NoReturn:
    """Run the verb of a command line and end the program. UsageError for a wrong one where typer must not print it."""
    try:
        code = make_app()(asked, standalone_mode=not as_json)
    except SystemExit as end:
        code = end.code
    except Exception as error:
        words: Any = getattr(error, "format_message", None)  # of typer's errors, wherever it keeps their class
        if words is None:
            raise
        raise UsageError(words()) from error
    if code == CTRL_C:
        raise KeyboardInterrupt
    raise SystemExit(code or 0)


if __name__ == "__main__":
    main()
