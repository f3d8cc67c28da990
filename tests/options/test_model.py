"""One request per verb: command line, Python and study.toml take the same options with the same defaults."""

import inspect
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import kogen
from kogen import api
from kogen.cli import COMMANDS, Command, details, make_app
from kogen.common.objects import LABELS, SOURCES
from kogen.config.study import BESIDE, Study, study_to_toml
from kogen.options.landscape import LandscapeOptions
from kogen.options.lottery import LotteryOptions
from kogen.options.model import Options, types_in, validate
from kogen.options.study import PilotOptions, StudyOptions


def fields(command: Command) -> dict[str, Any]:
    """The options of a verb that the command line has."""
    found = command.options.model_fields.items()
    return {name: field for name, field in found if details(field)["form"] != "python"}


@pytest.mark.parametrize("verb", COMMANDS)
def test_python_takes_what_the_options_say(verb: str):
    parameters = dict(inspect.signature(getattr(kogen, verb)).parameters)
    first = parameters.pop(next(iter(parameters)))
    assert first.name == COMMANDS[verb].subject
    model = COMMANDS[verb].options
    assert list(parameters) == list(model.model_fields)
    for name, parameter in parameters.items():
        assert parameter.kind is parameter.KEYWORD_ONLY
        field = model.model_fields[name]
        assert parameter.default == (parameter.empty if field.is_required() else field.default)
        assert "Annotated" not in str(parameter.annotation)
        assert f"{name}: {field.description}" in (getattr(kogen, verb).__doc__ or "")


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_command_line_takes_what_the_options_say(verb: str):
    command = typer.main.get_command(make_app()).commands[verb]  # type: ignore[attr-defined]
    given = {parameter.name: parameter for parameter in command.params}
    assert set(given) == {COMMANDS[verb].subject, *fields(COMMANDS[verb])}
    for name, field in fields(COMMANDS[verb]).items():
        assert given[name].default is None  # so that only what was given is passed on
        if details(field)["form"] != "argument":
            assert field.description in given[name].help
            assert given[name].rich_help_panel == details(field)["group"]
            assert given[name].required == field.is_required()


@pytest.mark.parametrize("verb", COMMANDS)
def test_help_has_groups_defaults_and_an_example(verb: str):
    shown = CliRunner().invoke(make_app(), [verb, "--help"], env={"COLUMNS": "200"}).output
    for name, field in fields(COMMANDS[verb]).items():
        if details(field)["form"] != "argument":
            assert f"─ {details(field)['group']} ─" in shown
            assert f"--{(details(field)['flag'] or name).replace('_', '-')}" in shown
        if isinstance(field.default, (int, float, str)) and not isinstance(field.default, bool) and field.default != "":
            assert f"[default: {field.default}]" in shown
    assert f"Example: kogen {verb}" in " ".join(shown.split())


def test_a_study_is_the_options_and_a_source():
    assert set(Study.model_fields) == {"source", *StudyOptions.model_fields}
    everything = Study(
        source="a",
        labels="b",
        test="c",
        shifts={"d": "e"},
        corrupt="blur:3",
        candidates={"f": "g"},
        columns="path=a",
        encoding="cp932",
        batch_size=8,
        depth=12,
        metric="auroc",
        normal="ok",
        init="h",
        freeze="stages:1",
        starts=("init",),
    )
    assert set(tomllib.loads(study_to_toml(everything))) == set(Study.model_fields) - set(BESIDE)


def test_an_option_stands_in_one_place():
    """A field that two verbs share has one type, one form and one flag; its default and help may differ."""
    seen: dict[str, tuple[Any, ...]] = {}
    for verb, command in COMMANDS.items():
        for name, field in fields(command).items():
            if name in ("settings", "batch_size", "lang", "run"):  # of a method or of many, of a study or of a page
                continue
            if (verb, name) == ("export", "train"):  # of a lone run; `evaluate` always needs it
                continue
            if name == "out" and verb in ("estimate", "compare", "submit", "prior"):  # may be left out
                continue
            found = (field.annotation, details(field)["form"], details(field)["flag"])
            assert seen.setdefault(name, found) == found, name


def test_a_subject_may_be_named_and_wrong_words_have_a_hint(tmp_path: Path):
    with pytest.raises(ValueError, match="pilot: unknown key 'seed': did you mean 'seeds'"):
        kogen.pilot("imgs", seed=3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="no such path and no such data source: 'nowhere'"):
        kogen.views(source="nowhere", out=tmp_path / "views.png")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes one positional argument, source, and options by keyword; got 2"):
        kogen.views("a", "b")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="estimate: methods = 'byol': Input should be a valid tuple"):
        kogen.estimate("imgs", methods="byol")  # type: ignore[arg-type]


def test_the_verbs_are_found_by_completion():  # the others take objects: Python alone has them
    others = {"Embedder", "hold", "landscape_of"}
    assert set(api.__all__) - {"Stopped"} == set(COMMANDS) == set(kogen.__all__) - others
    assert set(kogen.__all__) <= set(dir(kogen))


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_source_of_images_may_be_an_object(verb: str):
    """An option that takes a source is one of those that objects stand for, or takes weights."""
    found = COMMANDS[verb].options.model_fields.items()
    sources = {name for name, field in found if "source_text" in f"{field.annotation}{field.metadata}"}
    assert sources <= {*SOURCES, LABELS, "init", "candidates"}
    assert sources & {*SOURCES, LABELS} == {name for name, _ in found if name in (*SOURCES, LABELS)} - {"images"}


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_answer_at_once_without_torch(word: str):
    code = f"import sys; sys.argv = ['kogen', {word!r}]\nfrom kogen.cli import main\n"
    code += "try: main()\nexcept SystemExit: pass\nprint('torch' in sys.modules, 'pandas' in sys.modules)"
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        taken.append(time.perf_counter() - start)
        assert done.stdout.splitlines()[-1] == "False False"
    assert ("pilot" in done.stdout) if word == "--help" else done.stdout.startswith(f"kogen {kogen.__version__}")
    assert min(taken) < 1


def test_options_are_frozen_and_refuse_unknown_names():
    class Some(Options):
        """Nothing."""

        a: int = 1

    with pytest.raises(ValueError, match="frozen"):
        Some().a = 2  # type: ignore[misc]
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        Some(b=2)  # type: ignore[call-arg]


NUMBERS = [
    (command.options, name)
    for command in COMMANDS.values()
    for name, field in command.options.model_fields.items()
    if types_in(field.annotation) & {int, float} and name != "settings"  # config/plan.py bounds those
]


@pytest.mark.parametrize(("options", "name"), NUMBERS, ids=[f"{options.__name__}-{name}" for options, name in NUMBERS])
def test_every_number_has_a_bound_on_both_sides(options: type[Options], name: str):
    needed = {key: {"a": "b"} if "dict" in str(field.annotation) else "x"
              for key, field in options.model_fields.items() if field.is_required()}  # fmt: skip
    keyed = "dict" in str(options.model_fields[name].annotation)
    for value in (2**63, -(2**63), 10**400, float("nan"), float("inf"), True):
        if isinstance(value, bool) and bool in types_in(options.model_fields[name].annotation):
            continue
        with pytest.raises(ValueError, match=f"verb: {name}.* = "):
            validate(options, needed | {name: {"a": value} if keyed else value}, "verb")


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        (PilotOptions, {"keep": 2**60}, "keep = 1152921504606846976: wanted 1,000 or less"),
        (PilotOptions, {"epochs": 10**7}, "epochs = 10000000: wanted 1,000,000 or less"),
        (PilotOptions, {"margin": float("nan")}, "margin = nan: no number: wanted one"),
        (PilotOptions, {"batch_size": True}, "batch_size = True: wanted a number"),
        (PilotOptions, {"probes": 3}, "probes = 3: Input should be a valid tuple"),
        (PilotOptions, {"settings": [1]}, r"settings = \[1\]: Input should be a valid dictionary"),
        (PilotOptions, {"test": "a\0b"}, "no name of a file has a NUL in it: wanted a path"),
        (PilotOptions, {"lang": "x" * 1000, "seeds": 0}, "seeds = 0: wanted 1 or more"),
        (LandscapeOptions, {"data": "x", "few": 0}, "few = 0: wanted 1 or more"),
        (LandscapeOptions, {"data": "x", "few": True}, "few = True: wanted a number"),
        (LandscapeOptions, {"data": "x", "steps": 515}, "steps = 515: wanted 513 or less"),
        (LotteryOptions, {"n": {"val": 0}}, "n.val = 0: wanted 1 or more"),
        (LotteryOptions, {"weights": {"val": float("inf")}}, "weights.val = inf: infinite: wanted a number"),
        (LotteryOptions, {"draws": 10**5000}, "draws = a number of over 70 digits"),
    ],
)
def test_the_bound_stands_in_the_message(options: type[Options], given: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        validate(options, given, "verb")
