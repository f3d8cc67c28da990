"""Folding: which batch norms go into convolutions, that nothing changes by it, and that slopes reach all that moves."""

import copy

import pytest
import torch
from small import blobs, plan_for
from torch import Tensor, nn
from torch.func import functional_call

from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.hessian import Hessian
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.parameters import flatten
from kogen.loss_landscape.speedups.folded_batch_norm import fold_batch_norms
from kogen.training.batches import Batches
from kogen.training.build import build_method

IMAGES = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def lived_in(module: nn.Module) -> nn.Module:
    """The module in float64 and eval mode, its batch norms with statistics, scales and shifts of their own."""
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.weight, part.bias, part.running_mean, part.running_var):
                if tensor is not None:
                    tensor.data = torch.rand(tensor.shape, generator=generator) + 0.3
    return module.double().eval()


class Block(nn.Module):
    """A convolution, its norm and a way around them that starts at the image, at the convolution or at the norm."""

    def __init__(self, around: str = "image", affine: bool = True, bias: bool = False, times: int = 1) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1, bias=bias), nn.BatchNorm2d(3, affine=affine)
        self.around, self.times = around, times

    def forward(self, images: Tensor) -> Tensor:
        for _ in range(self.times):
            out = self.conv(images)
            normed = self.norm(out)
            images = normed + {"image": images, "conv": out, "norm": normed}[self.around]
        return images.relu()


def folded(module: nn.Module) -> tuple[nn.Module, list, dict[str, Tensor]]:
    """A folded copy, its folds, and the parameters it was folded for."""
    twin, at = copy.deepcopy(module), {name: p.detach() for name, p in module.named_parameters()}
    return twin, fold_batch_norms(twin, at, lambda: functional_call(twin, at, (IMAGES,))), at


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("around", ["image", "norm"])
def test_a_folded_network_is_the_network(around, affine, bias, times):
    module = lived_in(Block(around, affine, bias, times))
    twin, folds, at = folded(module)
    assert [(one.conv, one.norm) for one in folds] == [("conv", "norm")]
    assert isinstance(twin.norm, nn.Identity)
    moved = {name: value * 1.3 + 0.1 for name, value in at.items()}
    for params in (at, moved, {"conv.weight": moved["conv.weight"]}, {}):  # what is not named is as it was
        ready = dict(params)
        folds[0](ready)
        assert set(ready) == {"conv.weight", "conv.bias"}
        wanted = functional_call(module, params, (IMAGES,))
        assert torch.allclose(functional_call(twin, ready, (IMAGES,)), wanted, rtol=1e-12)


def test_what_more_than_the_norm_reads_is_left_alone():
    twin, folds, _ = folded(lived_in(Block("conv")))
    assert folds == []
    assert isinstance(twin.norm, nn.BatchNorm2d)
    assert set(twin.state_dict()) == set(Block().state_dict())


class Two(nn.Module):
    """Two convolutions and two norms, joined in ways that one convolution and one norm each are not."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.one, self.other = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        if way == "tied":
            self.second.weight = self.first.weight

    def forward(self, images: Tensor) -> Tensor:
        if self.way == "one conv, two norms":
            return self.one(self.first(images)) + self.other(self.first(images))
        if self.way == "two convs, one norm":
            return self.one(self.first(images)) + self.one(self.second(images))
        if self.way == "a norm once without":
            return self.one(self.first(images)) + self.first(images)
        if self.way == "a norm of images too":
            return self.one(self.first(images)) + self.one(images)
        if self.way == "no norm of its own":
            return self.first(images).relu() + self.one(images)
        return self.one(self.first(images)) + self.second(images)


@pytest.mark.parametrize(
    "way",
    [
        *("one conv, two norms", "two convs, one norm", "a norm once without", "a norm of images too"),
        *("no norm of its own", "tied"),
    ],
)
def test_only_pairs_that_are_always_together_are_folded(way):
    assert folded(lived_in(Two(way)))[1] == []


def test_convolutions_that_stand_still_keep_their_norms():
    twin = lived_in(Block())
    assert fold_batch_norms(twin, {"norm.weight", "norm.bias"}, lambda: twin(IMAGES)) == []


def objectives(batch_norm: str) -> tuple[nn.Module, Objective]:
    """A lived-in ResNet in float64 and its objective."""
    images = blobs(48)
    plan = plan_for(images, "supervised", backbone="tiny?width=4")
    module = lived_in(build_method(plan))
    batches = frozen_batches(images, Batches(plan, images, torch.device("cpu")).views, count=32, batch=16)
    for views in batches:
        views.crops = [crop.double() for crop in views.crops]
    return module, Objective(module, batches, batch_norm=batch_norm)


@pytest.mark.parametrize(("batch_norm", "left"), [("frozen", 0), ("interpolated", 0), ("batch", 13)])
def test_all_norms_of_a_resnet_are_folded_unless_batches_are_their_own_measure(batch_norm, left):
    _, loss = objectives(batch_norm)
    assert len(loss.folds) == 13 - left
    assert sum(isinstance(part, nn.BatchNorm2d) for part in loss.each.modules()) == left


def test_losses_slopes_and_curvature_are_those_of_the_network():
    """The slow twin: the module as it is, called with the same parameters."""
    module, loss = objectives("frozen")
    generator = torch.Generator().manual_seed(0)
    draw = {n: torch.randn(v.shape, generator=generator, dtype=v.dtype) for n, v in loss.at.items()}
    params = {name: value + 0.01 * draw[name] for name, value in loss.at.items()}

    def twin(params: dict[str, Tensor]) -> Tensor:
        terms = functional_call(module, params, (loss.batches[0],))
        return torch.stack(list(terms.values())).sum()

    hessians = [Hessian(one, params) for one in (loss.weighted_losses()[0][1], twin)]
    vector = flatten(draw, params)
    assert hessians[0].value == pytest.approx(hessians[1].value, rel=1e-6)  # losses are summed in float32
    for found, wanted in ((h.gradient for h in hessians), (h(vector) for h in hessians)):
        assert float(wanted.norm()) > 1e-3
        assert torch.allclose(found, wanted, rtol=1e-6, atol=1e-9 * float(wanted.norm()))
