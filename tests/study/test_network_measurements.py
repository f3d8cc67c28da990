"""The networks of a study are measured once each, what is known stays, and no study fails because of it."""

from pathlib import Path
from typing import Any

import pytest
from small import blobs, plan_for

from kogen.common.running_costs import RUNNING_COSTS, RunningCost, network_key, read_running_costs
from kogen.study import network_measurements
from kogen.study.network_measurements import first_runs, measure_running_costs
from kogen.training.run import record_of, train_run


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Three runs on two networks: seeds and methods share one."""
    images = blobs(32)
    plans = [plan_for(images, "random", seed=seed, epochs=1) for seed in (0, 1)]
    plans.append(plan_for(images, "random", epochs=1, backbone="tiny?width=12"))
    for plan in plans:
        train_run(plan, images, tmp_path / "runs" / record_of(plan)["id"])
    return tmp_path


def count(work: Any, calls: list[Any]) -> Any:
    def counted(*given: Any) -> Any:
        calls.append(given)
        return work(*given)

    return counted


def test_each_network_is_measured_once(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(network_measurements, "measure_network", count(network_measurements.measure_network, calls))
    measure_running_costs(study, "torch")
    assert len(calls) == 2
    known = read_running_costs(study)
    assert set(known) == {f"tiny?width={width}, 16 px, 3 channels" for width in (8, 12)}
    assert all(one.watts == 10.0 * one.threads for one in known.values())
    content = (study / RUNNING_COSTS).read_bytes()
    measure_running_costs(study, "torch")
    assert len(calls) == 2
    assert (study / RUNNING_COSTS).read_bytes() == content


def test_onnx_that_is_asked_for_later_is_added_to_what_is_known(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure_running_costs(study, "torch")
    before, asked = read_running_costs(study), list[Any]()

    def add(known: RunningCost, backbone: Any) -> RunningCost:
        asked.append(known)
        from dataclasses import replace

        return replace(known, onnx_note="")

    monkeypatch.setattr(network_measurements, "measure_onnx", add)
    measure_running_costs(study, "onnx")
    measure_running_costs(study, "onnx")
    assert sorted(one.network for one in asked) == sorted(one.network for one in before.values())
    after = read_running_costs(study)
    assert {key: one.timings for key, one in after.items()} == {key: one.timings for key, one in before.items()}
    assert {one.onnx_note for one in after.values()} == {""}


def test_nothing_is_written_where_it_is_not_wanted_or_nothing_is_trained(study: Path) -> None:
    measure_running_costs(study, "none")
    for weights in study.glob("runs/*/weights.safetensors"):
        weights.unlink()
    measure_running_costs(study, "torch")
    assert not (study / RUNNING_COSTS).exists()
    assert read_running_costs(study) == {}


def test_what_cannot_be_measured_is_said_and_left_out(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory")

    monkeypatch.setattr(network_measurements, "measure_network", refuse)
    measure_running_costs(study, "torch")
    assert "is not measured: [enforce fail] DefaultCPUAllocator" in " ".join(capsys.readouterr().err.split())
    assert read_running_costs(study) == {}


def test_an_edited_record_is_refused(study: Path) -> None:
    measure_running_costs(study, "torch")
    place = study / RUNNING_COSTS
    place.write_text(place.read_text().replace('"threads"', '"treads"'))
    with pytest.raises(
        ValueError, match=r"running_costs.json is damaged or was edited .* the networks are measured anew"
    ):
        read_running_costs(study)


def test_the_key_says_what_changes_the_cost(study: Path) -> None:
    assert len(first_runs(sorted(study.glob("runs/*")))) == 2
    plan = {"backbone": "tiny", "image_size": 32, "channels": 1}
    assert network_key(plan | {"method": "byol", "seed": 3}) == network_key(plan | {"method": "random"})
    assert network_key(plan) != network_key(plan | {"channels": 3})
    assert network_key(plan) != network_key(plan | {"image_size": 64})
