"""torch.compile: recorded where it is asked for, resumed bit for bit, exported as any run, and where it is refused."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small import blobs, plan_for

import kogen
from kogen.common import distributed
from kogen.common.tasks import Stopped
from kogen.config.plan import LATER
from kogen.training import compiled, loop
from kogen.training.run import load_run, record_of, train_run


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How often a graph of a backbone was computed; it is traced as always and computed by torch itself, at once."""
    torch.compiler.reset()
    runs: list[int] = []

    def backend(graph: Any, inputs: list[torch.Tensor]) -> Any:
        def compute(*values: Any) -> Any:
            runs.append(1)
            return graph(*values)

        return compute

    monkeypatch.setattr(compiled, "BACKEND", backend)
    yield runs
    torch.compiler.reset()


def test_a_plan_says_it_only_where_it_is_asked_for():
    images = blobs()
    plan, other = plan_for(images), plan_for(images, compile=True)
    assert "compile" in LATER
    assert "compile" not in record_of(plan)
    assert record_of(other)["compile"] is True
    assert record_of(plan)["id"] != record_of(other)["id"]
    assert plan.fingerprint != other.fingerprint


@pytest.mark.parametrize("method", ["byol", "dino", "supervised"])
def test_the_networks_compute_compiled_and_learn_the_same(method: str, traced: list[int], tmp_path: Path):
    images = blobs()
    train_run(plan_for(images, method, epochs=1), images, tmp_path / "plain")
    assert not traced
    plan = plan_for(images, method, epochs=1, compile=True)
    train_run(plan, images, tmp_path / "compiled")
    assert len(traced) >= 3  # a step at least
    ours, theirs = (load_file(tmp_path / name / "weights.safetensors") for name in ("plain", "compiled"))
    assert list(ours) == list(theirs)
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in ours)
    seen = torch.randn(2, 3, 16, 16)
    before = len(traced)
    with torch.inference_mode():
        assert load_run(tmp_path / "compiled")[2](seen).shape[0] == 2
    assert len(traced) == before  # what is loaded is not compiled
    kogen.export(tmp_path / "compiled", out=tmp_path / "out.safetensors")


def test_a_run_that_was_stopped_goes_on_bit_for_bit(traced: list[int], tmp_path: Path):
    images = blobs()
    plan = plan_for(images, "byol", epochs=2, compile=True)
    train_run(plan, images, tmp_path / "whole")
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        list(loop.pretrain(plan, images, tmp_path / "stopped", stop=lambda: next(asked)))
    train_run(plan, images, tmp_path / "stopped")
    ours, theirs = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_is_measured_on_the_way_is_not_compiled_anew(traced: list[int], tmp_path: Path):
    images = blobs()
    plan = plan_for(images, "byol", epochs=0, compile=True)
    list(loop.pretrain(plan, images, tmp_path / "run"))
    assert not traced


def test_the_option_reaches_runs_of_a_pilot(traced: list[int], tmp_path: Path):
    images = np.random.default_rng(0).integers(0, 255, (40, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(40) % 2)
    small = {"image_size": 16, "backbone": "tiny?width=8", "batch_size": 16, "epochs": 1, "precision": "32"}
    kogen.pretrain(tmp_path / "a.npz", method="byol", out=tmp_path / "run", compile=True, **small)
    assert traced
    assert json.loads((tmp_path / "run" / "plan.json").read_text())["compile"] is True
    with pytest.raises(ValueError, match="holds another run"):
        kogen.pretrain(tmp_path / "a.npz", method="byol", out=tmp_path / "run", **small)


def test_where_it_cannot_be_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    images = blobs()

    def train(method: str = "byol") -> None:
        train_run(plan_for(images, method, compile=True), images, tmp_path / method)

    with pytest.raises(ValueError, match="--compile: mae computes inside its network, part by part; leave it out"):
        train("mae")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match=r"--compile takes a C\+\+ compiler .*, and there is none: install one"):
        train()
    monkeypatch.setattr(compiled, "default_device", lambda: "mps")
    with pytest.raises(ValueError, match="--compile was never tried on Apple's GPU: leave it out"):
        train()
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    with pytest.raises(ValueError, match="--compile works in one process: leave it out, or --processes 1"):
        compiled.compile_backbones(loop.build_method(plan_for(images)), plan_for(images, compile=True))


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, compiled.COMPILERS)), reason="there is no C++ compiler")
def test_the_compiler_itself_gives_the_same_network(tmp_path: Path):
    images = blobs()
    for name, compile in (("plain", False), ("compiled", True)):
        train_run(plan_for(images, "byol", epochs=1, compile=compile), images, tmp_path / name)
    ours, theirs = (load_file(tmp_path / name / "weights.safetensors") for name in ("plain", "compiled"))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-4) for name in ours)
