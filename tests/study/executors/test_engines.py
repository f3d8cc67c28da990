"""Which engine works, and what cannot be asked of it."""

import sys
from pathlib import Path

import pytest
import torch

import kogen
from kogen.common import distributed, plugins
from kogen.common.plugins import INTERACTIVE, Plugin
from kogen.config.study import make_study
from kogen.options.study import PilotOptions
from kogen.study.executors import engines
from kogen.study.executors.engines import Alone, choose_engine, count_jobs
from kogen.study.executors.processes import Jobs


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


def test_small_images_are_worked_on_by_one_process_a_core(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engines, "usable_cores", lambda: 6)
    small = make_study({"source": "a", "methods": ["byol", "random"]}, "x")
    assert count_jobs(None, small) == 1  # OMP_NUM_THREADS says how many threads there are
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert count_jobs(None, small) == 2 * small.seeds == 6
    assert count_jobs(None, make_study({"source": "a", "methods": ["byol"], "seeds": 2}, "x")) == 2
    assert count_jobs(None, make_study({"source": "a", "image_size": 96}, "x")) == 1
    assert count_jobs(1, small) == 1
    monkeypatch.setattr(engines, "machine_memory", lambda: 3 * engines.JOB_MEMORY)
    assert count_jobs(None, small) == 3
    monkeypatch.setattr(engines, "default_device", lambda: "cuda")
    assert count_jobs(None, small) == 1


def test_code_that_was_typed_here_is_known_to_no_other_process(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(plugins.OPENED, ("metrics", "typed"), Plugin("metrics", "typed", INTERACTIVE, "0", None))
    monkeypatch.setattr(engines, "usable_cores", lambda: 6)
    monkeypatch.delenv("OMP_NUM_THREADS")
    study = make_study({"source": "a"}, "x")
    assert count_jobs(None, study) > 1
    typed = study.model_copy(update={"metric": "typed"})
    assert count_jobs(None, typed) == 1
    with pytest.raises(ValueError, match="--jobs 2: metrics typed lies in this process alone"):
        count_jobs(2, typed)


def test_nothing_is_started_where_nothing_is_to_be_trained():
    study = make_study({"source": "a"}, "x")
    assert isinstance(choose_engine(PilotOptions(jobs=2, prepare=True), study), Alone)
    assert isinstance(choose_engine(PilotOptions(), study), Alone)
    assert isinstance(choose_engine(PilotOptions(jobs=2), study), Jobs)
