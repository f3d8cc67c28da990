"""TS2Vec: its losses against slow twins, stretches that show the same moments, and that it learns."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import plan_for, tones

from kogen.backbones import make_backbone
from kogen.common.rng import StepRng
from kogen.methods.ts2vec import TS2Vec, hierarchical_loss, instance_loss, temporal_loss
from kogen.modules.base import Views
from kogen.training.batches import Batches
from kogen.training.build import build_method
from kogen.training.loop import pretrain


def pair(count: int, length: int, dim: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.randn(2, count, length, dim, generator=torch.Generator().manual_seed(seed))
    return drawn[0], drawn[1]


def slow_term(anchor: np.ndarray, partner: np.ndarray, others: list[np.ndarray]) -> float:
    below = math.exp(anchor @ partner) + sum(math.exp(anchor @ other) for other in others)
    return -math.log(math.exp(anchor @ partner) / below)


def slow_temporal(one: np.ndarray, two: np.ndarray) -> float:
    """Eq. 1 as it is printed, and the same with the views changed over."""
    found = []
    for a, b in ((one, two), (two, one)):
        for i in range(len(a)):
            for t in range(a.shape[1]):
                rest = [u for u in range(a.shape[1]) if u != t]
                found.append(slow_term(a[i, t], b[i, t], [b[i, u] for u in rest] + [a[i, u] for u in rest]))
    return float(np.mean(found))


def slow_instance(one: np.ndarray, two: np.ndarray) -> float:
    """Eq. 2 as it is printed, and the same with the views changed over."""
    found = []
    for a, b in ((one, two), (two, one)):
        for i in range(len(a)):
            for t in range(a.shape[1]):
                rest = [j for j in range(len(a)) if j != i]
                found.append(slow_term(a[i, t], b[i, t], [b[j, t] for j in rest] + [a[j, t] for j in rest]))
    return float(np.mean(found))


def halve(x: np.ndarray) -> np.ndarray:
    return np.stack([np.maximum(x[:, t], x[:, t + 1]) for t in range(0, x.shape[1] - 1, 2)], axis=1)


@pytest.mark.parametrize(("count", "length"), [(4, 6), (1, 5), (3, 2), (2, 7)])
def test_losses_are_those_of_the_equations(count: int, length: int) -> None:
    first, second = pair(count, length)
    one, two = first.double().numpy(), second.double().numpy()
    assert temporal_loss(first, second).item() == pytest.approx(slow_temporal(one, two), rel=1e-5)
    assert instance_loss(first, second).item() == pytest.approx(slow_instance(one, two), rel=1e-5, abs=1e-7)
    series, moments, scales = 0.0, 0.0, 0
    while True:
        scales += 1
        series += slow_instance(one, two)
        if one.shape[1] == 1:
            break
        moments += slow_temporal(one, two)
        one, two = (halve(x) for x in (one, two))
    terms = hierarchical_loss(first, second)
    assert terms["series"].item() == pytest.approx(series / scales / 2, rel=1e-5, abs=1e-7)
    assert terms["moments"].item() == pytest.approx(moments / scales / 2, rel=1e-5)


class Echo(torch.nn.Module):
    """A backbone whose features are the moments themselves, from which one sees what was shown."""

    kind, channels, spec = "series", 1, "echo"

    def __init__(self, length: int, stride: int) -> None:
        super().__init__()
        self.image_size, self.stride = length, stride
        self.weight = torch.nn.Parameter(torch.ones(1))

    def steps(self, series: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.max_pool1d(series, self.stride, ceil_mode=True) * self.weight


@settings(max_examples=60, deadline=None)
@given(st.integers(16, 70), st.integers(1, 4), st.integers(0, 1000))
def test_both_stretches_show_the_same_moments_on_their_overlap(length: int, stride: int, step: int) -> None:
    method = TS2Vec(Echo(length, stride), masked=0.0)  # type: ignore[arg-type]
    windows = torch.arange(float(length)).expand(6, 1, -1)
    views = Views([windows], torch.zeros(6).long(), torch.arange(6), StepRng(0, step, 6), 0.0)
    first, second = method.embed(views)
    assert first.shape == second.shape
    assert torch.equal(first, second)
    assert first.shape[1] >= 2
    assert bool((first[:, 1:, 0] - first[:, :-1, 0] == stride).all())
    method.eval()
    first, second = method.embed(views)
    assert torch.equal(first, second)
    assert first.shape[1] == method.count - 2 * (method.count // 4)


def test_stretches_are_of_every_length_and_begin_anywhere() -> None:
    method = TS2Vec(Echo(40, 1), masked=0.0)  # type: ignore[arg-type]
    windows = torch.arange(40.0).expand(8, 1, -1)
    shown = [method.embed(Views([windows], torch.zeros(8).long(), torch.arange(8), StepRng(0, step, 8), 0.0))[0]
             for step in range(400)]  # fmt: skip
    lengths = np.array([one.shape[1] for one in shown])
    assert (lengths.min(), lengths.max()) == (2, 40)
    assert abs(lengths.mean() - 21) < 2
    begins = torch.stack([one[:, 0, 0] for one in shown])  # (400, 8)
    assert begins.min() == 0
    assert begins.max() > 34
    assert begins.std(1).max() > 3  # each window has a place of its own


def test_moments_are_hidden_in_all_channels_and_other_ones_in_each_view() -> None:
    method = TS2Vec(Echo(400, 1), masked=0.3)  # type: ignore[arg-type]
    views = Views([torch.ones(4, 1, 400)], torch.zeros(4).long(), torch.arange(4), StepRng(0, 3, 4), 0.0)
    first, second = method.embed(views)
    assert abs((first == 0).float().mean() - 0.3) < 0.06
    assert not torch.equal(first, second)
    method.eval()
    assert all(bool((one == 1).all()) for one in method.embed(views))


@pytest.mark.parametrize("backbone", ["dilated1d?width=8&out=16&depth=3", "tiny1d?width=8", "inception1d?width=4"])
def test_it_learns(backbone: str, tmp_path) -> None:
    images = tones(96, length=96)
    plan = plan_for(images, "ts2vec", backbone=backbone, epochs=5, batch_size=16, settings={"rate": 0.02})
    epochs = list(pretrain(plan, images, tmp_path))
    losses = [epoch.terms.get("loss", np.nan) for epoch in epochs]
    assert np.isfinite(losses[1:]).all()
    assert min(losses[-2:]) < 0.97 * losses[1], losses
    assert epochs[-1].rank_me > 0.1  # of 1, as many directions as there are
    assert epochs[-1].feature_std > 0.01


def test_a_batch_in_parts_and_in_eval_mode() -> None:
    """In eval mode a window's embeddings are its own, so that a landscape embeds it once for many batches."""
    images = tones(32)
    plan = plan_for(images, "ts2vec", batch_size=16)
    module, whole = build_method(plan).eval(), Batches(plan, images, torch.device("cpu")).render_views(2, 0)
    part = Views([whole.crops[0][4:12]], whole.labels[4:12], whole.index[4:12], whole.rng, 0.0)
    with torch.no_grad():
        for one, other in zip(module.embed(whole), module.embed(part), strict=True):
            torch.testing.assert_close(one[4:12], other, rtol=1e-4, atol=1e-5)
    module.train()
    part = Views([whole.crops[0][4:12]], whole.labels[4:12], whole.index[4:12], whole.rng.part(4, 12), 0.0)
    with torch.no_grad():
        for one, other in zip(module.embed(whole), module.embed(part), strict=True):
            torch.testing.assert_close(one[4:12], other, rtol=1e-4, atol=1e-5)  # dilated1d has no batch norm


@pytest.mark.parametrize(
    ("backbone", "length", "message"),
    [
        ("patch1d?width=48&depth=1", 64, "does not take stretches of 60 samples, as ts2vec has them"),
        ("tiny1d?width=8", 48, "ts2vec wants 4 steps or more, and tiny1d.* makes 3 steps of 48 samples"),
    ],
)
def test_networks_that_it_cannot_train_are_refused(backbone: str, length: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TS2Vec(make_backbone(backbone, 2, length, "series"))


def test_a_network_of_images_is_refused() -> None:
    with pytest.raises(ValueError, match="ts2vec trains networks of series that have `steps`, got resnet18"):
        TS2Vec(make_backbone("tiny?width=8", 3, 32))
