"""What a network costs to run: FLOPs and bytes counted by hand, medians with their intervals, ONNX or why not."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from torch import nn

from kogen.backbones import make_backbone
from kogen.evaluation import cost_measurement
from kogen.evaluation.cost_measurement import (
    count_flops,
    measure_network,
    measure_onnx,
    median_interval,
    peak_bytes,
    time_passes,
)
from kogen.training.build import save_weights


def test_flops_are_two_a_multiply_add() -> None:
    convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    assert count_flops(convolution, torch.zeros(2, 3, 16, 16)) == 2 * 3 * 9 * 8 * 16 * 16
    product = nn.Linear(10, 4)
    assert count_flops(product, torch.zeros(5, 10)) == 2 * 10 * 4


def test_attention_is_counted() -> None:
    """The fused attention of CPUs is unknown to torch's counter: a transformer would seem cheaper than it is."""
    backbone = make_backbone("vit_tiny_patch16_224?patch_size=4&embed_dim=24&depth=1&num_heads=1", 3, 16)
    tokens, width = 17, 24
    patches = 2 * (tokens - 1) * 3 * 4 * 4 * width
    products = 2 * tokens * width * width * (3 + 1 + 4 + 4)  # query, key and value; projection; two of the MLP
    attention = 2 * 2 * tokens * tokens * width
    assert count_flops(backbone, torch.zeros(1, 3, 16, 16)) == patches + products + attention


def test_memory_is_weights_input_and_what_lives_at_once() -> None:
    """Three layers of 1,000 numbers an image: two tensors live at once, the input stays."""
    network = nn.Sequential(*(nn.Linear(1000, 1000, bias=False) for _ in range(3)))
    weights, batch = 3 * 4 * 1000 * 1000, 4 * 8 * 1000
    assert peak_bytes(network, torch.zeros(8, 1000)) == weights + batch + 2 * batch
    assert peak_bytes(nn.Flatten(), torch.zeros(8, 10, 10)) == 4 * 8 * 100  # a view holds nothing of its own
    in_place = nn.Sequential(nn.Linear(1000, 1000, bias=False), nn.ReLU(inplace=True))
    assert peak_bytes(in_place, torch.zeros(8, 1000)) == weights / 3 + 2 * batch


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=40))
def test_the_interval_of_a_median_holds_it_and_covers(values: list[float]) -> None:
    lo, hi = median_interval(values)
    n = len(values)
    if n < 6:
        assert lo is None
        assert hi is None
        return
    assert lo is not None
    assert hi is not None
    assert lo <= np.median(values) <= hi
    k = sorted(values).index(lo) + 1
    assert 2 * binom.cdf(k - 1, n, 0.5) <= 0.05 or len(set(values)) < n


def test_medians_of_known_intervals() -> None:
    assert median_interval([float(i) for i in range(1, 7)]) == (1, 6)
    assert median_interval([float(i) for i in range(1, 31)]) == (10, 21)  # the textbook's ranks for n = 30


class Clock:
    """A clock on which each pass takes as long as is said."""

    def __init__(self, *seconds: float) -> None:
        self.now, self.seconds, self.passes = 0.0, list(seconds), 0

    def __call__(self) -> float:
        return self.now

    def compute(self) -> None:
        self.now += self.seconds[min(self.passes, len(self.seconds) - 1)]
        self.passes += 1


def test_a_fast_network_is_repeated_and_its_warm_up_is_left_out() -> None:
    clock = Clock(1.0, 0.5, 0.001)
    found = time_passes(clock.compute, 32, clock)
    assert (found.batch, found.repeats, clock.passes) == (32, 30, 32)
    assert (found.ms, found.lo, found.hi) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    assert found.images_per_second == pytest.approx(32_000)


def test_a_slow_network_stops_early_without_an_interval() -> None:
    clock = Clock(2.0)
    found = time_passes(clock.compute, 1, clock)
    assert (found.repeats, clock.passes, found.lo, found.hi) == (2, 3, None, None)
    clock = Clock(0.4)
    assert time_passes(clock.compute, 1, clock).repeats == 6  # 2.4 s: as many as an interval takes


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    backbone = make_backbone("tiny?width=8", 3, 16)
    place = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_weights(backbone, place)
    return backbone, place


def test_a_network_is_measured_on_its_device(tiny: tuple[Any, Path]) -> None:
    backbone, place = tiny
    backbone.train()
    found = measure_network(backbone, place, watts=10.0)
    assert found.parameters == sum(each.numel() for each in backbone.parameters())
    assert found.file_bytes == place.stat().st_size
    assert [one.batch for one in found.timings] == [1, 32]
    assert all(one.ms > 0 for one in found.timings)
    assert found.memory_bytes[1] > found.memory_bytes[0] > 4 * found.parameters
    assert (found.device, found.threads, found.watts) == ("cpu", torch.get_num_threads(), 10.0 * found.threads)
    assert (found.onnx, found.onnx_note) == ((), "not_asked")
    assert not backbone.training


def test_through_onnx_it_is_timed_and_compared(tiny: tuple[Any, Path]) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    backbone, place = tiny
    found = measure_onnx(measure_network(backbone, place, 10.0), backbone)
    assert [one.batch for one in found.onnx] == [1, 32]
    assert found.onnx_note == ""
    assert found.onnx_difference is not None
    assert 0 <= found.onnx_difference < 1e-4


def test_without_its_packages_the_columns_are_empty_and_it_is_said(
    tiny: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone, place = tiny
    known = measure_network(backbone, place, 10.0)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    found = measure_onnx(known, backbone)
    assert (found.onnx, found.onnx_difference, found.onnx_note) == ((), None, "no_packages")


def test_what_the_exporter_does_not_know_is_said(tiny: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise ValueError("no operator aten::odd")

    backbone, place = tiny
    monkeypatch.setattr(cost_measurement, "export_program", refuse)
    assert measure_onnx(measure_network(backbone, place, 10.0), backbone).onnx_note == "no operator aten::odd"
