"""Objectives: units and their losses, what is constant and computed once, batch norm, probes, frozen batches."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from small import NARROW, blobs, items_for, network_for, plan_for
from torch import Tensor, nn

from kogen.augmentation.views import evaluation_view
from kogen.common import registry
from kogen.data.images import Images
from kogen.evaluation.features import embed
from kogen.evaluation.probes.linear import linear
from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.hessian import Hessian
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.probe import fit_probe
from kogen.modules.base import Method, Views
from kogen.training.batches import Batches
from kogen.training.build import build_method

VIT = "vit_tiny_patch16_224?embed_dim=24&depth=2&num_heads=3"
METHODS = [name for name in registry.names("methods") if registry.load("methods", name).recipe.trains]


def made(method: str, images: Images | None = None, count: int = 32, batch: int = 16) -> tuple[Method, list]:
    """An untrained method and frozen batches of its own views."""
    images = items_for(method, 48) if images is None else images
    backbone = VIT if "mae" in method else network_for(method) if images.kind == "series" else "tiny?width=4"
    plan = plan_for(images, method, backbone=backbone, settings=NARROW.get(method, {}))
    views = Batches(plan, images, torch.device("cpu")).views
    return build_method(plan), frozen_batches(images, views, count=count, batch=batch)


def moved(at: dict[str, Tensor], by: float = 0.05) -> dict[str, Tensor]:
    """The parameters a little off, the statistics of batch norm as they are."""
    generator = torch.Generator().manual_seed(0)
    return {name: value * (1 + by * torch.randn(value.shape, generator=generator)) for name, value in at.items()}


@pytest.mark.parametrize("method", METHODS)
def test_the_loss_is_the_methods_own_wherever_the_parameters_are(method):
    module, batches = made(method)
    loss, twin = Objective(module, batches), copy.deepcopy(module).eval()
    for params in (loss.at, moved(loss.at), loss.at):
        with torch.no_grad():
            for name, parameter in twin.named_parameters():
                parameter.copy_(params.get(name, parameter))
            wanted = [sum(term.item() for term in twin(views).values()) for views in batches]
            found = [loss.unit_losses(params, number).mean().item() for number in range(len(loss))]
        assert found == pytest.approx(wanted, rel=1e-5)
    assert loss.facts["unit"] == ("image" if hasattr(module, "losses") else "batch")


LATER = {"deepcluster_v2", "sela_v2"}  # no image has a cluster before the first epoch: the loss is 0 everywhere


@pytest.mark.parametrize("method", [name for name in METHODS if name not in LATER])
def test_it_moves_with_every_parameter_that_trains(method):
    module, batches = made(method)
    loss = Objective(module, batches)
    assert set(loss.at) == {name for name, parameter in module.named_parameters() if parameter.requires_grad}
    with torch.no_grad():
        assert not torch.equal(loss(loss.at), loss(moved(loss.at)))


@pytest.mark.parametrize("method", METHODS)
def test_losses_are_as_fine_as_the_network(method):
    module, batches = made(method)
    coarse = Objective(module, batches)
    finer = [Views([c.double() for c in v.crops], v.labels, v.index, v.rng, v.progress) for v in batches]
    fine = Objective(module.double(), finer)
    with torch.no_grad():
        found, rough = fine(fine.at), coarse(coarse.at)
    assert (found.dtype, rough.dtype) == (torch.float64, torch.float32)
    assert found.mean().item() == pytest.approx(rough.mean().item(), rel=1e-3, abs=1e-6)
    if method not in LATER:
        assert (found != found.float()).any()  # computed so, not only called so


def test_a_variance_beyond_the_models_is_not_below_nothing():
    module, batches = made("supervised")
    loss = Objective(module, batches, batch_norm="interpolated")
    beyond = {name: value - 2 * name.endswith("running_var") for name, value in loss.at.items()}
    with torch.no_grad():
        assert loss(beyond).isfinite().all()
        none = {name: value * (not name.endswith("running_var")) for name, value in loss.at.items()}
        assert torch.equal(loss(beyond), loss(none))


def test_a_term_is_shown_by_itself():
    module, batches = made("rc_mae")
    whole = Objective(module, batches)
    parts = [Objective(module, batches, terms=[name]) for name in ("pixels", "teacher")]
    with torch.no_grad():
        for params in (whole.at, moved(whole.at)):
            torch.testing.assert_close(parts[0](params) + parts[1](params), whole(params))
        alone, batches = made("mae")
        for name, value in alone.named_parameters():
            value.copy_(dict(module.named_parameters())[name])
        torch.testing.assert_close(parts[0](whole.at), Objective(alone, batches)(whole.at))  # MAE's loss at its weights
    with pytest.raises(ValueError, match="no term 'pixel', its terms are pixels, teacher: give some of these"):
        Objective(module, batches, terms=["pixel"])


def test_the_module_is_left_as_it_was():
    module, batches = made("dino")
    module.train()
    before, luck = copy.deepcopy(module), torch.get_rng_state()
    loss = Objective(module, batches, batch_norm="batch")
    loss(moved(loss.at)).sum()
    assert torch.equal(torch.get_rng_state(), luck)
    assert module.training
    for one, other in zip(module.modules(), before.modules(), strict=True):
        assert one.training == other.training
        assert one.__dict__.keys() == other.__dict__.keys()
    for (name, one), (_, other) in zip(named(module), named(before), strict=True):
        assert torch.equal(one, other), name
        assert one.requires_grad == other.requires_grad
        assert one.grad is None
    assert module.notes.entries == {}


def named(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


@pytest.mark.parametrize("method", ["byol", "dino", "moco_v2", "moco_v3"])
def test_a_teacher_is_asked_once_a_batch(method, monkeypatch):
    module, batches = made(method)
    loss = Objective(module, batches)
    assert [part.name for part in loss.constant if part.name.startswith("target")]
    for part in loss.constant:
        monkeypatch.setattr(part, "compute", lambda *args: pytest.fail("asked again"))
    with torch.no_grad():
        loss(moved(loss.at))


def test_rc_maes_teacher_is_asked_once_a_batch(monkeypatch):
    module, batches = made("rc_mae")
    loss = Objective(module, batches)
    monkeypatch.setattr(loss.each.module, "make_targets", lambda views: pytest.fail("asked again"))
    with torch.no_grad():
        assert len(loss(moved(loss.at))) == 32  # one loss an image


def test_a_prefix_that_stands_still_is_computed_once(monkeypatch):
    module, batches = made("supervised")
    loss = Objective(module, batches, moves=("classifier",))
    assert set(loss.at) == {"classifier.weight", "classifier.bias"}
    assert [part.name for part in loss.constant] == ["backbone"]
    monkeypatch.setattr(loss.constant[0], "compute", lambda *args: pytest.fail("computed again"))
    with torch.no_grad():
        loss(moved(loss.at))


def test_a_still_part_behind_a_moving_one_is_computed_anew():
    module, batches = made("supervised")
    loss = Objective(module, batches, moves=("backbone",))
    assert [part.name for part in loss.constant] == ["classifier"]
    params = moved(loss.at)
    with torch.no_grad():
        found = loss(params)
        whole = Objective(module, batches)
        assert torch.equal(found, whole(params))
        assert not torch.equal(found, whole(whole.at))


def test_a_copy_for_another_thread_shares_what_is_constant():
    module, batches = made("byol")
    loss = Objective(module, batches)
    twin = copy.deepcopy(loss)
    assert twin.memory is loss.memory
    assert twin.batches is loss.batches
    assert twin.each is not loss.each
    assert all(part.memory is loss.memory for part in twin.constant)
    assert all(part not in loss.constant for part in twin.constant)
    params = moved(loss.at)
    with torch.no_grad():
        assert torch.equal(loss(params), twin(params))


def test_batch_norm_policies_differ_and_are_recorded():
    module, batches = made("supervised")
    losses = {}
    for policy in ("frozen", "batch", "interpolated"):
        loss = Objective(module, batches, batch_norm=policy)
        assert loss.facts["batch_norm"] == policy
        assert loss.facts["unit"] == ("batch" if policy == "batch" else "image")
        with torch.no_grad():
            losses[policy] = loss(loss.at)
    assert torch.equal(losses["frozen"], losses["interpolated"])  # at the model itself
    twin = copy.deepcopy(module).train()
    with torch.no_grad():
        wanted = torch.stack([torch.stack(list(twin(views).values())).sum() for views in batches])
    assert torch.allclose(losses["batch"], wanted, rtol=1e-5)
    names = {name for name in Objective(module, batches, batch_norm="interpolated").at if "running" in name}
    assert len(names) == 2 * sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


def test_closures_have_the_gradient_of_the_mean():
    module, batches = made("rc_mae")
    loss = Objective(module, batches)
    leaves = {name: value.clone().requires_grad_() for name, value in loss.at.items()}
    total = sum(weight * one(leaves) for weight, one in loss.weighted_losses()) / 32
    assert total.item() == pytest.approx(loss(loss.at).mean().item(), rel=1e-6)
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    terms = [module.eval()(views) for views in batches]
    (sum(sum(term.values()) for term in terms) / len(terms)).backward()  # type: ignore[union-attr]
    own = {name: parameter.grad for name, parameter in module.named_parameters()}
    for name, grad in zip(leaves, found, strict=True):
        if grad is not None:
            assert torch.allclose(grad, own[name], atol=1e-6), name


def test_frozen_batches_are_the_same_every_time_and_whole():
    images = blobs(48)
    view = evaluation_view(16, mean=(0.5,) * 3, std=(0.25,) * 3)
    one, two = (frozen_batches(images, [view, view], count=40, batch=16, seed=3) for _ in range(2))
    assert [len(views.labels) for views in one] == [16, 16]  # the third is not whole
    for first, second in zip(one, two, strict=True):
        assert torch.equal(first.index, second.index)
        assert all(torch.equal(a, b) for a, b in zip(first.crops, second.crops, strict=True))
    index = torch.cat([views.index for views in one])
    assert len(index.unique()) == 32
    other = frozen_batches(images, [view], count=40, batch=16, seed=4)
    assert not torch.equal(other[0].index, one[0].index)


def probe_parts(**settings: Any):
    images = blobs(96)
    plan = plan_for(images, "supervised", backbone="tiny?width=4")
    view = evaluation_view(16, mean=plan.mean, std=plan.std)
    backbone = build_method(plan).evaluation_backbone().eval()
    features = embed(backbone, images, view)
    return backbone, features, fit_probe(backbone, features), frozen_batches(images, [view], count=96, batch=32)


def test_a_probe_is_the_linear_probe():
    _, features, probe, batches = probe_parts()
    wanted = linear(features, features)
    loss = Objective(probe, batches)
    with torch.no_grad():
        found = loss(loss.at).numpy()
    index = torch.cat([views.index for views in batches]).numpy()
    own = -np.log(wanted.probability[index, features.labels[index]])
    assert found == pytest.approx(own, abs=1e-4)
    assert loss.facts["unit"] == "image"


def test_a_probes_head_alone_asks_the_backbone_once():
    _, _, probe, batches = probe_parts()
    loss = Objective(probe, batches, moves=("head",))
    assert [part.name for part in loss.constant] == ["backbone"]
    both, head = Objective(probe, batches), moved(loss.at)
    with torch.no_grad():
        assert torch.allclose(loss(head), both(head), atol=1e-5)  # where batch norms are folded, to rounding


def test_a_probe_wants_labels():
    backbone, features, probe, batches = probe_parts()
    batches[1].labels[3] = -1
    with pytest.raises(ValueError, match="images without a label: 1 of 32; give labelled images to a probe"):
        Objective(probe, batches)
    features.labels[features.labels == 2] = 1
    with pytest.raises(ValueError, match="the probe got images of 3 of 4 classes, wanted all of 2 or more"):
        fit_probe(backbone, features)


def test_what_cannot_be_shown_is_refused():
    module, batches = made("supervised")
    with pytest.raises(ValueError, match="20 images are fewer than a batch of 64"):
        frozen_batches(blobs(20), [evaluation_view(16)])
    with pytest.raises(ValueError, match="needs one frozen batch or more, got none"):
        Objective(module, [])
    with pytest.raises(ValueError, match="unknown batch_norm 'frosen': did you mean 'frozen'"):
        Objective(module, batches, batch_norm="frosen")
    with pytest.raises(ValueError, match="no parameter that trains begins with 'projector': nothing would move"):
        Objective(module, batches, moves=("projector",))


def test_inside_a_group_of_processes_it_refuses(monkeypatch):
    module, batches = made("supervised")
    monkeypatch.setattr("kogen.common.distributed.world_size", lambda: 2)
    with pytest.raises(ValueError, match="an objective works without a process group: share points"):
        Objective(module, batches)


class Shaped(nn.Module):
    """Any network as a method with a loss of each image."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def losses(self, views: Views) -> dict[str, torch.Tensor]:
        return {"square": self.network(views.crops[0]).pow(2).mean(1)}


class Around(nn.Module):
    """Two ways: a moving layer and, around it, a frozen one that reads the sum of both; or one that is tied to it."""

    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.first, self.second, self.after = (nn.Linear(12, 12, bias=False) for _ in range(3))
        if tied:
            self.second.weight = self.first.weight

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        flat = images.mean(dim=(2, 3)).repeat(1, 4)
        return self.after(self.first(flat) + self.second(flat)) + self.first(flat)


@pytest.mark.parametrize("tied", [False, True])
def test_constants_leave_values_and_gradients_what_they_are(tied: bool):
    module = Shaped(Around(tied)).double()
    _, batches = made("supervised")
    batches = [Views([c.double() for c in v.crops], v.labels, v.index, v.rng, v.progress) for v in batches]
    loss = Objective(module, batches, moves=("network.first",))

    def true(weight: torch.Tensor) -> torch.Tensor:
        names = ("network.first.weight", "network.second.weight") if tied else ("network.first.weight",)
        return torch.cat(
            [torch.func.functional_call(Whole(module), {f"m.{n}": weight for n in names}, (v,)) for v in batches]
        )

    for weight in (module.network.first.weight.detach(), torch.full((12, 12), 0.1, dtype=torch.float64)):
        with torch.inference_mode():
            torch.testing.assert_close(loss({"network.first.weight": weight}), true(weight), rtol=1e-12, atol=0)
        leaf = weight.clone().requires_grad_()
        (ours,) = torch.autograd.grad(loss({"network.first.weight": leaf}).sum(), leaf)
        (wanted,) = torch.autograd.grad(true(leaf).sum(), leaf)
        torch.testing.assert_close(ours, wanted, rtol=1e-10, atol=1e-14)  # in float64 throughout


class Whole(nn.Module):
    """A module's losses through its forward."""

    def __init__(self, m: nn.Module) -> None:
        super().__init__()
        self.m = m

    def forward(self, views: Views) -> torch.Tensor:
        return self.m.losses(views)["square"]  # type: ignore[operator]


def test_an_answer_that_others_write_into_is_not_remembered():
    backbone = registry.load("backbones", "timm")("resnet10t", image_size=32)
    module = Shaped(backbone)
    _, batches = made("supervised")
    loss = Objective(module, batches, moves=("network.inner.layer4.0.downsample",))
    module.eval()
    with torch.inference_mode():
        wanted = torch.cat([module.losses(v)["square"] for v in batches])
        for _ in range(3):
            torch.testing.assert_close(loss(loss.at), wanted, rtol=1e-5, atol=1e-6)


def test_the_slope_of_a_backbone_under_a_fixed_probe():
    _, _, probe, batches = probe_parts()
    loss, whole = (Objective(probe, batches[:1], moves=moves) for moves in (("backbone",), ("",)))
    part, every = (Hessian(one.weighted_losses(), one.at) for one in (loss, whole))
    wanted = {name: tensor for name, tensor in every.unflatten(every.gradient).items() if name in loss.at}
    torch.testing.assert_close(part.unflatten(part.gradient), wanted, rtol=1e-4, atol=1e-6)
