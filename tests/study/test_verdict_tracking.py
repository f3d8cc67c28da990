"""A tracked study: its runs are a group, its verdict and pages are sent once, and its question knows nothing of it."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from own_code import RIGHT
from tracked import Recorder, put_on_shelf

import kogen
from kogen.cli import main
from kogen.common import plugins
from kogen.config.study import make_study, study_to_toml
from kogen.options.command_line import command_line
from kogen.options.study import PilotOptions
from kogen.study.verdict_tracking import verdict_values

ASKED: dict[str, Any] = {
    "methods": ["simclr", "random"],
    "epochs": 1,
    "seeds": 1,
    "image_size": 16,
    "backbone": "tiny?width=8",
    "batch_size": 32,
    "precision": "32",
    "costs": "none",
    "views": "natural",
    "settings": {"simclr": {"rate": 0.5}},
}
SOURCE = "surfaces?n=64&size=16"


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    return put_on_shelf(monkeypatch)


def test_runs_are_a_group_and_the_verdict_is_sent_once(
    recorder: type[Recorder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    calls: list[dict[str, float]] = []
    monkeypatch.setattr(recorder, "log_values", lambda self, step, values: calls.append({"step": step, **values}))
    (tmp_path / "study.toml").write_text(tomli_w.dumps({"source": SOURCE, "trackers": ["tensorboard"], **ASKED}))
    out = tmp_path / "out"
    verdict = kogen.pilot(tmp_path / "study.toml", out=out)
    run, study = recorder.begun
    assert (run.name, study.name) == ("simclr seed 0", "out verdict")  # the untrained network has no epochs
    assert run.group == study.group == study.id
    assert study.id.startswith("out-")
    assert study.config["methods"] == ["simclr", "random"]
    assert "trackers" not in study.config
    assert recorder.artefacts == ["report.html", "views.png", "verdict.json"]
    values = {name: value for name, value in verdict_values(verdict).items() if value is not None}
    assert calls[-1] == {"step": 0, **values}
    first = verdict["values"][0]
    assert values[f"{first['dataset']}/{first['model']}/lo"] == first["lo"]
    assert values["lead/difference"] == verdict["judgement"]["lead"]["difference"]

    count, record = len(calls), (out / "asked.json").read_bytes()
    assert kogen.pilot(tmp_path / "study.toml", out=out)["judgement"] == verdict["judgement"]
    assert (len(calls), len(recorder.begun)) == (count, 2)
    assert kogen.pilot(SOURCE, out=out, **ASKED)["judgement"] == verdict["judgement"]  # untracked: the same question
    assert (out / "asked.json").read_bytes() == record
    assert len(list((out / "runs").iterdir())) == 2
    capsys.readouterr()
    again = command_line("pilot", (SOURCE,), PilotOptions, {**ASKED, "trackers": ["tensorboard"], "margin": 3})
    with pytest.raises(SystemExit) as end:  # another verdict
        main([*shlex.split(again)[1:], "--out", str(out)])
    assert end.value.code == 0
    assert calls[-1]["step"] == 1
    assert len(recorder.begun) == 3
    assert recorder.begun[-1].id == study.id
    assert "--tracker" not in (out / "asked.json").read_text()


def test_a_study_toml_takes_trackers_from_the_command_line_too(
    recorder: type[Recorder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    got: list[Any] = []
    monkeypatch.setattr("kogen.study.pilot.begin_study", lambda folder, study, source: got.append(study) or 1 / 0)
    (tmp_path / "study.toml").write_text(tomli_w.dumps({"source": SOURCE, **ASKED}))
    with pytest.raises(ZeroDivisionError):
        kogen.pilot(tmp_path / "study.toml", out=tmp_path / "out", trackers=("tensorboard",))
    assert got[0].trackers == ("tensorboard",)
    with pytest.raises(ValueError, match="says all that is asked; leave out epochs"):
        kogen.pilot(tmp_path / "study.toml", out=tmp_path / "out", trackers=("tensorboard",), epochs=3)


def test_a_question_knows_no_tracker():
    study = make_study({"source": "a", "trackers": ("mlflow",)}, "pilot")
    assert "tracker" not in study_to_toml(study)
    assert study.question == make_study({"source": "a"}, "pilot")


def test_a_private_study_sends_no_places(
    recorder: type[Recorder],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(plugins, "OPENED", {})
    monkeypatch.setattr(plugins, "FILES", {})
    (tmp_path / "mine.py").write_text(RIGHT)
    asked = {**ASKED, "views": f"{tmp_path / 'mine.py'}:plain"}
    kogen.pilot(SOURCE, out=tmp_path / "out", private=True, trackers=("tensorboard",), **asked)
    assert recorder.begun[-1].config["views"] == "plain"
    for run in recorder.begun:
        assert "surfaces" not in json.dumps(dict(run.config))
        assert str(tmp_path) not in json.dumps(dict(run.config))
    assert recorder.artefacts == ["report.html", "verdict.json"]
