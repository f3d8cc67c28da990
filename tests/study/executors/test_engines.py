"""Which engine works, and what cannot be asked of it."""

import sys
from pathlib import Path

import pytest
import torch

import kogen
from kogen.common import distributed
from kogen.config.study import make_study
from kogen.options.study import PilotOptions
from kogen.study.executors import engines
from kogen.study.executors.engines import choose_engine, count_jobs


def test_how_many_jobs(monkeypatch: pytest.MonkeyPatch):
    study, held = make_study({"source": "a"}, "x"), make_study({"source": "object:array-1-abc"}, "x")
    assert (count_jobs(None, study), count_jobs(3, study), count_jobs(1, held)) == (1, 3, 1)
    with pytest.raises(ValueError, match="--jobs 2: object:array-1-abc lies in this process alone: write it to files"):
        count_jobs(2, held)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert (count_jobs(None, study), count_jobs(None, held), count_jobs(2, study)) == (4, 1, 2)
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    assert count_jobs(None, study) == 1
    with pytest.raises(
        ValueError, match="--jobs 2: 2 processes work together on each run here: start one, or leave it out"
    ):
        count_jobs(2, study)


def test_what_cannot_be_asked_of_an_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    study = make_study({"source": "a"}, "x")
    with pytest.raises(ValueError, match="--address, --gpus-per-run: only Ray takes them; add --engine ray, or leave"):
        choose_engine(PilotOptions(address="auto", gpus_per_run=0.5), study)
    with pytest.raises(ValueError, match="--jobs is for processes of this machine; with --engine ray give --cpus-per"):
        choose_engine(PilotOptions(engine="ray", jobs=2), study)
    held = make_study({"source": "object:array-1-abc"}, "x")
    with pytest.raises(ValueError, match="--engine ray: object:array-1-abc lies in this process alone: write it to fi"):
        choose_engine(PilotOptions(engine="ray"), held)
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "kogen.study.executors.ray", raising=False)
    with pytest.raises(ValueError, match=r"--engine ray: Ray is not installed; pip install 'kogen\[ray\]'"):
        kogen.pilot("surfaces?n=40", engine="ray", out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_who_could_have_more_runs_at_once_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(engines, "usable_cores", lambda: 6)
    small = make_study({"source": "a"}, "x")
    choose_engine(PilotOptions(), small)
    assert not capsys.readouterr().err  # OMP_NUM_THREADS says how many threads there are
    monkeypatch.delenv("OMP_NUM_THREADS")
    choose_engine(PilotOptions(jobs=1), small)
    choose_engine(PilotOptions(), make_study({"source": "a", "image_size": 224}, "x"))
    choose_engine(PilotOptions(), make_study({"source": "a", "seeds": 1}, "x"))
    assert not capsys.readouterr().err
    choose_engine(PilotOptions(), small)
    assert "--jobs 6 would work on several runs at once" in capsys.readouterr().err
