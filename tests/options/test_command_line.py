"""A command line says what was asked: the parser reads the same options back."""

import shlex
from typing import Any

import pytest

from kogen import api
from kogen.cli import main
from kogen.config.study import make_study
from kogen.options.command_line import command_line
from kogen.options.runs import ReportOptions
from kogen.options.study import PilotOptions

ASKED: dict[str, Any] = {
    "source": "imgs of mine/",
    "test": "val/",
    "shifts": {"line 2": "line2/", "c": "c=d/"},
    "methods": ("byol", "random"),
    "settings": {"byol": {"momentum": 0.9, "rate": 0.5, "optimiser": "lars"}},
    "candidates": {"dino": "dino.pth?image_size=32"},
    "corrupt": "blur:5",
    "probes": ("knn", "linear", "tune:last2"),
    "tune_steps": (50, 200),
    "shots": (1, 5),
    "budgets": ("1%",),
    "metric": "recall_at_false_alarm?rate=0.01",
    "private": True,
    "max_bad": 0.1,
    "batch_size": "auto",
    "lang": "ja",
}


def read_back(line: str, verb: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the verb gets from a command line."""
    got: dict[str, Any] = {}
    monkeypatch.setattr(api, verb, lambda source, **options: got.update(options, source=source) or {})
    with pytest.raises(SystemExit) as end:
        main(shlex.split(line)[1:])
    assert end.value.code == 0
    return got


def test_the_parser_reads_the_same_study_back(monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(ASKED, "pilot")
    options = study.model_dump(mode="json")
    line = command_line("pilot", (options.pop("source"),), PilotOptions, options | {"out": "again"})
    got = read_back(line, "pilot", monkeypatch)
    assert str(got.pop("out")) == "again"
    assert make_study(got, "pilot") == study


def test_what_has_no_value_is_left_out() -> None:
    assert command_line("report", ("my study",), ReportOptions, {"lang": None, "metric": "auroc"}) == (
        "kogen report 'my study' --metric auroc"
    )


def test_a_text_that_looks_like_a_number_is_quoted() -> None:
    line = command_line("pilot", ("a",), PilotOptions, {"settings": {"byol": {"x": "0.5"}}})
    assert shlex.split(line)[-1] == "byol.x='0.5'"
