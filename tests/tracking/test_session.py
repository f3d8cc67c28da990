"""A session: a tracker that breaks changes nothing, a run that goes on is one run, the first process tracks."""

import json
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tracked import Recorder, put_on_shelf, train_tracked, wanted_values

from kogen.common import distributed, registry
from kogen.common.files import write_json
from kogen.common.tasks import Stopped
from kogen.options.model import validate
from kogen.options.runs import PretrainOptions
from kogen.tracking import session
from kogen.tracking.session import Mark, TrackTo, track, track_to


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    return put_on_shelf(monkeypatch)


def test_what_is_tracked_is_the_table(recorder: type[Recorder], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = train_tracked(tmp_path / "run", "tensorboard")
    assert recorder.values == wanted_values(out)
    assert set(recorder.values["rank_me"]) == {0, 1, 2, 3}
    assert recorder.ends == ["done"]
    (run,) = recorder.begun
    record = json.loads((out / "plan.json").read_text())
    assert run.config == record
    assert run.id.startswith(f"{record['id']}-")
    assert (run.name, run.group) == ("simclr seed 0", "")
    assert "a tracker prints" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("breaks", [{"begin": 0}, {"log_values": 0}, {"log_values": 2}, {"end": 0}])
def test_a_tracker_that_breaks_changes_no_weight_and_is_said_once(
    breaks: dict[str, int], recorder: type[Recorder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    torch.manual_seed(5)
    calm = train_tracked(tmp_path / "calm")
    state = torch.get_rng_state(), random.getstate()
    torch.manual_seed(5)
    capsys.readouterr()
    recorder.breaks |= breaks
    broken = train_tracked(tmp_path / "broken", "tensorboard")
    (name,) = breaks
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("tensorboard does not take what is tracked") == 1
    assert f"(ConnectionError: the server is gone at {name}): the training goes on without it" in said
    weights = [load_file(folder / "weights.safetensors") for folder in (calm, broken)]
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())
    assert (calm / "plan.json").read_bytes() == (broken / "plan.json").read_bytes()
    assert torch.equal(torch.get_rng_state(), state[0])
    assert random.getstate() == state[1]
    recorder.breaks.clear()
    train_tracked(tmp_path / "broken", "tensorboard")  # it is finished: what the tracker lacks is sent from the table
    assert recorder.values == wanted_values(broken)
    assert recorder.ends[-1] == "done"
    count = len(recorder.begun)
    train_tracked(tmp_path / "broken", "tensorboard")
    assert len(recorder.begun) == count  # the tracker has the whole run


def test_a_run_that_was_stopped_goes_on_as_the_same_run(recorder: type[Recorder], tmp_path: Path):
    out = train_tracked(tmp_path / "run", "tensorboard", stops=2)
    assert len({run.id for run in recorder.begun}) == 1
    assert len(recorder.begun) == 3
    assert recorder.ends == ["stopped", "stopped", "done"]
    assert recorder.values == wanted_values(out)  # each epoch once, none left out


def test_steps_that_every_tracker_has_write_nothing(
    recorder: type[Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def track_steps() -> None:
        with track(TrackTo(("tensorboard",), tmp_path), "ab", "byol", {}) as tracked:
            for step in range(3):
                tracked.log_values(step, {"loss": 1.0})
            raise Stopped

    written: list[Path] = []
    monkeypatch.setattr(session, "write_json", lambda place, data: written.append(place) or write_json(place, data))
    for count in (5, 6):  # the new run, three steps and an end; an end
        with pytest.raises(Stopped):
            track_steps()
        assert len(written) == count
    assert recorder.values == {"loss": {0: 1.0, 1: 1.0, 2: 1.0}}


def test_the_same_run_in_another_folder_is_another_one_there(recorder: type[Recorder], tmp_path: Path):
    for name in ("a", "b"):
        train_tracked(tmp_path / name, "tensorboard")
        recorder.values.clear()
    first, second = recorder.begun
    assert first.id != second.id
    assert first.config["id"] == second.config["id"]


def test_a_failed_run_ends_as_failed_and_its_error_goes_on(recorder: type[Recorder], tmp_path: Path):
    def fail() -> None:
        with track(TrackTo(("tensorboard",), tmp_path), "ab", "byol", {}) as session:
            session.log_values(0, {"loss": 1.0, "nothing": None, "nan": float("nan")})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert recorder.ends == ["failed"]
    assert recorder.values == {"loss": {0: 1.0}}
    with track(TrackTo(("tensorboard",), tmp_path), "ab", "byol", {}) as session:  # whoever mends it goes on
        session.log_values(1, {"loss": 0.5})
    assert recorder.values == {"loss": {0: 1.0, 1: 0.5}}
    assert recorder.begun[0].id == recorder.begun[1].id
    assert recorder.ends == ["failed", "done"]


def test_only_the_first_process_tracks(recorder: type[Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    with track(TrackTo(("tensorboard",), tmp_path), "ab", "byol", {}) as session:
        session.log_values(0, {"loss": 1.0})
    assert not recorder.begun
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_said_and_nothing_ends(
    recorder: type[Recorder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "tracking").write_text("a file stands here")
    with track(TrackTo(("tensorboard",), tmp_path), "ab", "byol", {}) as session:
        session.log_values(0, {"loss": 1.0})
    assert "tracking cannot be written" in capsys.readouterr().err
    assert not recorder.begun


def test_a_damaged_mark_is_said_and_the_run_is_tracked_anew(
    recorder: type[Recorder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "tracking").mkdir()
    (tmp_path / "tracking" / "ab.json").write_text('{"id": ')
    with track(TrackTo(("tensorboard",), tmp_path), "ab", "byol", {}) as session:
        session.log_values(3, {"loss": 1.0})
    assert "ab.json is damaged" in capsys.readouterr().err
    mark = Mark(**json.loads((tmp_path / "tracking" / "ab.json").read_text()))
    assert mark == Mark(recorder.begun[0].id, {"tensorboard": 3}, {"tensorboard": ""})


@pytest.mark.parametrize("name", registry.names("trackers"))
def test_a_missing_package_is_refused_with_its_extra(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    match = rf"--tracker {name} wants the package {name}, which is not installed: pip install 'kogen\[{name}\]'"
    with pytest.raises(ValueError, match=match):
        track_to([name], tmp_path)


def test_a_wrong_name_is_refused_with_the_nearest_one_and_a_name_counts_once():
    with pytest.raises(ValueError, match="--tracker wanbd: unknown name: did you mean 'wandb'"):
        validate(PretrainOptions, {"trackers": ("wanbd",)}, "pretrain")
    asked = validate(PretrainOptions, {"trackers": ("mlflow", "wandb", "mlflow")}, "pretrain")
    assert asked.trackers == ("mlflow", "wandb")
    assert validate(PretrainOptions, {}, "pretrain").trackers == ()
