"""Directions: draws that depend on names alone, lengths as asked, what stands still, planes through given models."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from kogen.common import registry
from kogen.loss_landscape.directions._plane import cosine, dot
from kogen.loss_landscape.directions.between import between
from kogen.loss_landscape.directions.random import random
from kogen.loss_landscape.directions.sharpest import sharpest
from kogen.loss_landscape.directions.trajectory import trajectory

Params = dict[str, Tensor]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def at() -> Params:
    shapes = {
        "conv.weight": (4, 3, 3, 3),
        "qkv.weight": (6, 5),
        "fc.weight": (2, 5),
        "fc.bias": (2,),
        "norm.weight": (4,),
    }
    tokens = {"pos_embed": (1, 9, 5), "cls_token": (1, 1, 5), "mask_token": (1, 1, 5), "x.reg_token": (1, 4, 5)}
    return {name: normal(*shape, seed=i) for i, (name, shape) in enumerate((shapes | tokens).items())}


def test_the_shelf_is_whole():
    assert registry.names("directions") == ["between", "random", "sharpest", "trajectory"]
    assert all(callable(registry.load("directions", name)) for name in registry.names("directions"))


def test_filters_get_the_length_of_their_weights(at):
    plane = random(at)
    for direction in plane.directions:
        for name in ("conv.weight", "qkv.weight", "fc.weight"):
            assert torch.allclose(direction[name].flatten(1).norm(dim=1), at[name].flatten(1).norm(dim=1))


def test_layers_and_their_fused_thirds_get_the_length_of_their_weights(at):
    direction = random(at, normalise="layer").first
    assert direction["conv.weight"].norm().item() == pytest.approx(at["conv.weight"].norm().item())
    for third, weight in zip(direction["qkv.weight"].split(2), at["qkv.weight"].split(2), strict=True):
        assert third.norm().item() == pytest.approx(weight.norm().item())


def test_adaptive_directions_are_draws_times_sizes(at):
    adaptive, plain = random(at, normalise="adaptive").first["fc.weight"], random(at).first["fc.weight"]
    draw = adaptive / at["fc.weight"].abs()
    assert torch.allclose(cosines(draw, plain), torch.ones(2))  # the same draw under either
    assert (adaptive < 0).any()  # not all positive, as a public tool's were
    assert (adaptive > 0).any()


def cosines(first: Tensor, second: Tensor) -> Tensor:
    return torch.cosine_similarity(first, second, dim=1)


def test_what_stands_still_is_said(at):
    plane = random(at)
    assert set(plane.first) == {"conv.weight", "qkv.weight", "fc.weight"}
    reasons = {"fc.bias": "bias or norm", "norm.weight": "bias or norm"}
    tokens = dict.fromkeys(("pos_embed", "cls_token", "mask_token", "x.reg_token"), "position or token")
    assert plane.facts["excluded"] == reasons | tokens


def test_a_tensor_without_a_telling_name_is_known_by_its_shape():
    assert random({"w": normal(3, 3), "latents": normal(1, 7, 3)}).facts["excluded"] == {"latents": "one row of tokens"}


def test_a_draw_depends_on_seed_plane_axis_and_name_alone(at):
    first = random(at, plane=2, seed=5)
    other = random({name: 2 * at[name] for name in reversed(at)}, plane=2, seed=5)
    for name in first.first:
        assert torch.allclose(cosines(first.first[name].flatten(1), other.first[name].flatten(1)), torch.ones(1))
    for changed in (random(at, plane=3, seed=5), random(at, plane=2, seed=6)):
        assert abs(cosine(first.first, changed.first)) < 0.5
    assert abs(first.facts["cosine"]) < 0.5
    assert first.facts["cosine"] == cosine(first.first, first.second)


def test_memory_layout_does_not_change_a_draw(at):
    last = at | {"conv.weight": at["conv.weight"].to(memory_format=torch.channels_last)}
    assert torch.allclose(random(last).first["conv.weight"], random(at).first["conv.weight"])


def test_a_model_without_matrices_is_refused():
    with pytest.raises(ValueError, match="none of the 1 parameters is a matrix or a filter"):
        random({"bias": normal(3)})


@given(st.integers(0, 1000), st.integers(3, 6))
def test_a_training_that_stays_in_a_plane_is_shown_whole(seed, count):
    at = {"a": normal(4, 3, seed=seed), "b": normal(5, seed=seed + 1)}
    one, two = ({"a": normal(4, 3, seed=seed + i), "b": normal(5, seed=seed + i + 1)} for i in (7, 17))
    steps = normal(count, 2, seed=seed + 3).double()
    path = [{name: at[name] + x * one[name] + y * two[name] for name in at} for x, y in steps]
    plane = trajectory(at, path)
    assert sum(plane.facts["share"]) == pytest.approx(1, abs=1e-5)
    assert max(plane.facts["residual"]) < 1e-2
    assert abs(cosine(plane.first, plane.second)) < 1e-4
    for checkpoint, (x, y) in zip(path, plane.facts["positions"], strict=True):
        assert max(abs(x), abs(y)) <= 1 / 1.1 + 1e-9
        for name in at:
            assert torch.allclose(
                at[name] + x * plane.first[name] + y * plane.second[name], checkpoint[name], atol=1e-3
            )


def test_what_a_plane_does_not_show_is_the_residual():
    at = {"w": torch.zeros(3, 1)}
    path = [{"w": torch.tensor(p).view(3, 1)} for p in ([5.0, 0, 0], [0.0, 4, 0], [0.0, 0, 1])]
    plane = trajectory(at, path)
    assert plane.facts["residual"] == pytest.approx([0, 0, 1])
    assert plane.facts["share"] == pytest.approx([25 / 42, 16 / 42])


def test_a_trajectory_needs_two_directions():
    at = {"w": torch.zeros(3, 1)}
    for path in ([], [{"w": torch.ones(3, 1)}], [{"w": torch.ones(3, 1)}, {"w": 2 * torch.ones(3, 1)}]):
        with pytest.raises(ValueError, match=f"{len(path)} checkpoints lie in less than two directions"):
            trajectory(at, path)
    with pytest.raises(
        ValueError, match=r"checkpoint 0 does not fit in 1 of 1 tensors.* wanted \(3, 1\), got \(2, 1\)"
    ):
        trajectory(at, [{"w": torch.ones(2, 1)}])


def test_a_line_ends_in_the_other_model(at):
    end = {name: normal(*tensor.shape, seed=99) for name, tensor in at.items()}
    plane = between(at, [end])
    assert len(plane.directions) == 1
    assert all(torch.allclose(at[name] + plane.first[name], end[name], atol=1e-6) for name in at)  # biases move too


def test_a_plane_goes_through_three_models_with_true_angles(at):
    ends = [{name: normal(*tensor.shape, seed=seed) for name, tensor in at.items()} for seed in (98, 99)]
    plane = between(at, ends)
    for end, (x, y) in zip(ends, plane.facts["positions"][1:], strict=True):
        for name in at:
            assert torch.allclose(at[name] + x * plane.first[name] + y * plane.second[name], end[name], atol=1e-5)
    assert abs(cosine(plane.first, plane.second)) < 1e-6
    assert dot(plane.first, plane.first) == pytest.approx(dot(plane.second, plane.second), rel=1e-5)
    low, high = zip(*plane.facts["span"], strict=True)
    assert all(a < p < b for position in plane.facts["positions"] for a, p, b in zip(low, position, high, strict=True))


def test_batch_norm_between_models_must_be_decided():
    first, second = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    second.weight.data += 1
    at, end = dict(first.named_parameters()), second.state_dict()
    with pytest.raises(ValueError, match=r"statistics of batch norm \(2, first 'running_mean'\) that would stay those"):
        between(at, [end])
    assert between(at, [end], batch_norm="batch").facts["batch_norm"] == "batch"
    whole = at | {name: end[name] for name in ("running_mean", "running_var")}
    assert set(between(whole, [end], batch_norm="interpolated").first) == set(whole)


def test_models_without_a_way_between_them_are_refused(at):
    one = {name: tensor + 1 for name, tensor in at.items()}
    two = {name: tensor + 2 for name, tensor in at.items()}
    with pytest.raises(ValueError, match="got 0 models beside the first: give one for a line, two for a plane"):
        between(at, [])
    with pytest.raises(ValueError, match="two of the models are the same"):
        between(at, [at])
    with pytest.raises(ValueError, match="the three models lie on one line"):
        between(at, [one, two])
    with pytest.raises(ValueError, match=r"model 2 does not fit in 1 of 9 tensors, first 'fc.bias'.*got nothing"):
        between(at, [{name: tensor for name, tensor in one.items() if name != "fc.bias"}])


def test_the_sharpest_directions_are_those_of_the_largest_eigenvalues():
    scales = torch.tensor([1.0, 9.0, 4.0, 2.0, 0.5, 0.1])

    def loss(params: Params) -> Tensor:
        return 0.5 * (scales * torch.cat([params["a"].flatten(), params["b"]]).square()).sum()

    at = {"a": torch.ones(2, 2), "b": torch.ones(2)}
    plane = sharpest(loss, at, length=0.5, tolerance=1e-5)
    assert plane.facts["eigenvalues"] == pytest.approx([9, 4], rel=1e-4)
    reach = 0.5 * math.sqrt(6)
    assert torch.allclose(plane.first["a"], torch.tensor([[0.0, reach], [0, 0]]), atol=1e-3)
    assert torch.allclose(plane.second["a"], torch.tensor([[0.0, 0], [reach, 0]]), atol=1e-3)
    assert plane.facts["excluded"] == {}
