"""Devices: what is exact while a GPU computes, values on their way, pixels that stay, what training does not load."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from small import blobs

from kogen.common import devices
from kogen.common.devices import PendingTensor, exact_arithmetic, is_out_of_memory, resolve_precision, to_device
from kogen.loss_landscape.runs import torch_device
from kogen.training.batch_fitting import describe_memory
from kogen.training.batches import DevicePixels
from kogen.training.loop import LossGuard, NonFiniteLoss


def settings() -> tuple:
    backends = torch.backends
    cudnn = (backends.cudnn.benchmark, backends.cudnn.deterministic, backends.cudnn.allow_tf32)
    return (torch.are_deterministic_algorithms_enabled(), backends.cuda.matmul.allow_tf32, *cudnn)


@pytest.fixture
def _as_if_on_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.mark.usefixtures("_as_if_on_a_gpu")
@pytest.mark.parametrize(("precision", "short"), [("32", False), ("bf16", False), ("tf32", True)])
def test_exact_is_deterministic_and_without_tf32_and_is_put_back(precision, short):
    before = settings()
    with exact_arithmetic(precision):
        assert settings() == (True, short, False, True, short)
        with exact_arithmetic():  # an evaluation inside a training
            assert settings() == (True, False, False, True, False)
        assert settings() == (True, short, False, True, short)
    with pytest.raises(KeyError), exact_arithmetic(precision):
        raise KeyError
    assert settings() == before


def test_on_a_cpu_nothing_is_set():
    before = settings()
    with exact_arithmetic("tf32"):
        assert settings() == before


def test_precision_of_a_gpu_and_of_a_cpu(monkeypatch):
    with pytest.raises(ValueError, match="precision 'tf32' is known to GPUs only, and this machine has none"):
        resolve_precision("tf32")
    monkeypatch.setattr(devices, "default_device", lambda: "cuda")
    assert [resolve_precision(name) for name in ("auto", "32", "tf32", "bf16")] == ["bf16", "32", "tf32", "bf16"]


def test_values_come_and_go_as_they_are():
    values = torch.arange(6).view(2, 3).T
    assert torch.equal(to_device(values, "cpu"), values)
    assert torch.equal(PendingTensor(values.requires_grad_() if values.is_floating_point() else values).wait(), values)


def test_who_looks_later_adds_up_the_same_and_still_stops_at_nan():
    now, later, sums = LossGuard("cpu"), LossGuard("cuda"), ({}, {})
    for step in range(40):
        terms = {"a": torch.tensor(step / 7), "b": torch.tensor(1.0)}
        now.add_step(step, terms, sums[0])
        later.add_step(step, terms, sums[1])
    assert now.last["a"] > later.last["a"]
    later.check_steps()
    assert sums[0] == sums[1]
    assert now.last == later.last
    later.add_step(40, {"a": torch.tensor(float("inf"))}, {})
    with pytest.raises(NonFiniteLoss, match="step 40: the term 'a' of the loss is inf"):
        later.check_steps()


def test_resident_pixels_are_those_of_the_set_and_each_is_read_once(monkeypatch):
    images = blobs(40).subset(np.arange(5, 37))
    expected, fetch, asked = images.read(np.arange(len(images))), type(images).fetch, []
    monkeypatch.setattr(type(images), "fetch", lambda self, batch: asked.extend(batch) or fetch(self, batch))
    resident = DevicePixels(images, torch.device("cpu"))
    rng = np.random.default_rng(0)
    for _ in range(3):
        for batch in rng.permutation(len(images)).reshape(4, 8):
            found = resident.read(batch, torch.from_numpy(batch))
            assert torch.equal(found, expected[batch])
    assert sorted(asked) == list(range(len(images)))


def test_out_of_memory_is_known_by_its_kinds():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_training_loads_nothing_that_only_pages_need(tmp_path):
    code = f"""
import sys, kogen
done = kogen.pretrain("surfaces?n=32", method="byol", image_size=16, backbone="tiny?width=8", epochs=1, batch_size=16,
                      out={str(tmp_path / "run")!r})
assert done["status"] == "done", done
print({{"plotly", "jinja2", "sklearn", "lightly", "matplotlib"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout.strip()) == (0, "set()"), done.stderr


def test_apples_gpu_is_chosen_after_cuda_and_what_needs_float64_stays_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.default_device() == "mps"
    assert resolve_precision("auto") == "32"
    assert resolve_precision("bf16") == "bf16"
    with pytest.raises(ValueError, match="precision 'tf32' is known to CUDA GPUs only, and this machine has none"):
        resolve_precision("tf32")
    assert devices.float64_device("mps") == torch_device() == torch.device("cpu")
    assert devices.float64_device("cuda:1") == torch.device("cuda:1")
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB)"))
    assert describe_memory() == "the memory this process may have"
    asked = []
    monkeypatch.setattr(torch.mps, "synchronize", lambda: asked.append("wait"))
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: asked.append("free"))
    devices.wait_for_device(torch.device("mps"))
    devices.free_cached_memory()
    devices.wait_for_device(torch.device("cpu"))
    assert asked == ["wait", "free"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert devices.default_device() == "cuda"


def test_values_of_another_device_are_there_when_the_copy_returns(monkeypatch):
    """Without an event nothing says when a copy in the background has ended."""
    asked = []

    class Elsewhere:
        device = torch.device("mps")

        def detach(self):
            return self

        def to(self, target, *, non_blocking):
            asked.append((target, non_blocking))
            return torch.ones(1)

    assert PendingTensor(Elsewhere()).wait().item() == 1
    assert asked == [("cpu", False)]
