"""Images embedded once for many batches: the method's own loss, how often the network sees an image, refusals."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from small import NARROW, items_for, network_for, plan_for
from torch import Tensor

from kogen.common import registry
from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.grid import evaluate_point, surface
from kogen.loss_landscape.grouped_objective import GroupedObjective, default_few, first_images
from kogen.loss_landscape.image_groups import GROUPS, leave_groups_out
from kogen.loss_landscape.objective import Objective
from kogen.modules.base import CoupledMethod, Method, Views
from kogen.training.batches import Batches
from kogen.training.build import build_method

COUPLED = [name for name in registry.names("methods") if issubclass(registry.load("methods", name), CoupledMethod)]
SIZE = 12


def made(method: str, count: int = 36, batch: int = SIZE) -> tuple[Method, list[Views]]:
    """A method after two steps, so that queues, memories and clusters are not those of the start; frozen batches."""
    images = items_for(method, 48)
    backbone = network_for(method) if images.kind == "series" else "tiny?width=4"
    plan = plan_for(images, method, backbone=backbone, settings=NARROW.get(method, {}))
    loader = Batches(plan.model_copy(update={"batch_size": 24}), images, torch.device("cpu"))
    module = build_method(plan)
    for step in range(2):
        module(loader.render_views(step, 0))
        module.update(0.2)
    return module, frozen_batches(images, loader.views, count=count, batch=batch)


def moved(at: dict[str, Tensor]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: value * (1 + 0.05 * torch.randn(value.shape, generator=generator)) for name, value in at.items()}


def own_losses(module: Method, params: dict[str, Tensor], batches: list[Views], images: int) -> Tensor:
    """The method's own forward on every batch that leaves a group out, as pseudo-values: the slow twin."""
    twin = copy.deepcopy(module).eval()
    groups = leave_groups_out(images, SIZE)
    crops = [torch.cat(views) for views in zip(*(one.crops for one in batches), strict=True)]
    labels, index = (torch.cat([getattr(one, name) for one in batches]) for name in ("labels", "index"))
    losses = []
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            parameter.copy_(params.get(name, parameter))
        for places in groups.batches:
            rng = batches[places[0] // SIZE].rng
            views = Views([crop[places] for crop in crops], labels[places], index[places], rng, batches[0].progress)
            losses.append(torch.stack(list(twin(views).values())).sum())
    return groups.pseudo_losses(torch.stack(losses))


@pytest.mark.parametrize("images", [14, 28])
@pytest.mark.parametrize("method", COUPLED)
def test_the_losses_are_the_methods_own_on_batches_of_these_images(method: str, images: int):
    module, batches = made(method)
    loss = first_images(Objective(module, batches), images)
    assert isinstance(loss, GroupedObjective)
    assert loss.facts == {"images": images, "batch": SIZE, "unit": "group", "batch_norm": "frozen"}
    for params in (loss.at, moved(loss.at)):
        with torch.no_grad():
            found = loss(params)
        assert found.shape == (GROUPS,)
        wanted = own_losses(module, params, batches, images)
        assert found.mean().item() == pytest.approx(wanted.mean().item(), rel=1e-5)
        assert found.numpy() == pytest.approx(wanted.numpy(), rel=1e-3, abs=2e-5 * abs(wanted.mean().item()))


def test_the_error_of_a_point_is_the_jackknifes():
    module, batches = made("simclr")
    loss = first_images(Objective(module, batches), 14)
    point, pseudo = evaluate_point(loss, loss.at), own_losses(module, loss.at, batches, 14).numpy()
    assert point["units"] == len(point["parts"]) == GROUPS
    without = np.array([np.delete(pseudo, number).mean() for number in range(GROUPS)])
    jackknife = ((GROUPS - 1) / GROUPS * ((without - without.mean()) ** 2).sum()) ** 0.5
    assert point["loss_se"] == pytest.approx(jackknife, rel=1e-3)


def test_the_network_sees_each_image_once_a_point():
    module, batches = made("simclr")
    whole = Objective(module, batches)
    seen: list[int] = []
    whole.each.module.backbone.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    loss = first_images(whole, 28)
    seen.clear()
    with torch.no_grad():
        loss(loss.at)
    assert sum(seen) == 2 * 28  # two views
    assert len(loss.groups.batches) > 28 / SIZE  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["moco_v3", "pcl"])
def test_teachers_are_asked_once_and_copies_share_it(method: str, monkeypatch: pytest.MonkeyPatch):
    module, batches = made(method)
    loss = first_images(Objective(module, batches), 28)
    with torch.no_grad():
        wanted = loss(moved(loss.at))
        for part in loss.constant:
            monkeypatch.setattr(part, "compute", lambda *_: pytest.fail("asked again"))
        assert torch.equal(loss(moved(loss.at)), wanted)
        assert torch.equal(copy.deepcopy(loss)(moved(loss.at)), wanted)


def test_threads_give_the_same_surface():
    module, batches = made("swav")
    loss = first_images(Objective(module, batches, moves=("backbone",)), 28)  # prototypes of the queue stand still
    direction = {name: 0.1 * value for name, value in loss.at.items()}
    alone = surface(loss, loss.at, [direction], 3, levels=1)
    from kogen.loss_landscape.point_log import Sharing

    both = surface(loss, loss.at, [direction], 3, levels=1, sharing=Sharing(workers=2))
    assert alone["loss"].to_list() == both["loss"].to_list()


def test_a_term_alone_and_its_name():
    module, batches = made("vicreg")
    parts = [first_images(Objective(module, batches, terms=[name]), 14) for name in ("invariance", "variance")]
    with torch.no_grad():
        both = first_images(Objective(module, batches, terms=["invariance", "variance"]), 14)
        assert torch.allclose(parts[0](both.at) + parts[1](both.at), both(both.at), rtol=1e-4)
    with pytest.raises(ValueError, match="no term 'spread', its terms are invariance, variance, covariance"):
        Objective(module, batches, terms=["spread"])


@pytest.mark.parametrize("moves", [("",), ("projector",)])
def test_weight_decay_adds_the_same_number_in_groups_and_in_batches(moves: tuple[str, ...]):
    """Half of the decay times the squares of all weights that train, to the value and to each part of it."""
    module, batches = made("simclr")
    plain, decayed = (Objective(module, batches, moves=moves, weight_decay=decay) for decay in (0.0, 0.02))
    squares = lambda params: sum(  # noqa: E731
        params.get(name, weight).double().square().sum().item()
        for name, weight in module.named_parameters()
        if weight.requires_grad
    )
    for params in (plain.at, moved(plain.at)):
        with torch.no_grad():
            added = [
                first_images(decayed, images)(params) - first_images(plain, images)(params) for images in (14, 28, SIZE)
            ]
            added.append(decayed(params) - plain(params))
        assert [len(one) for one in added] == [GROUPS, GROUPS, 1, 3]
        assert torch.cat(added).numpy() == pytest.approx(0.01 * squares(params), rel=1e-4)
    assert first_images(decayed, 14).facts == {**first_images(plain, 14).facts, "weight_decay": 0.02}


def test_where_batches_count_they_stay_the_unit():
    module, batches = made("simclr")
    whole = Objective(module, batches)
    assert first_images(whole, 12).facts | {"unit": "batch", "images": 12} == first_images(whole, 12).facts
    assert default_few(whole) == 14
    frozen = Objective(module, batches, batch_norm="batch")  # an image is then seen through the others of its batch
    assert (first_images(frozen, 28).facts["unit"], default_few(frozen)) == ("batch", 8 * SIZE)
    many = Objective(*made("simclr", count=48, batch=6))
    assert (first_images(many, 48).facts["unit"], first_images(many, 47).facts["images"]) == ("batch", 42)
    with torch.no_grad():
        assert torch.equal(first_images(many, 48)(many.at), many(many.at))  # as before, batch for batch
    grouped = first_images(many, 40)
    assert first_images(grouped, 7).facts["images"] == 7
    images = Objective(*made("byol"))
    assert (first_images(images, 24).facts["unit"], default_few(images)) == ("image", 64)


def test_embeddings_that_depend_on_the_batch_are_refused():
    module, batches = made("simclr")
    embed = type(module).embed

    def centred(self: Any, views: Views) -> list[Tensor]:
        return [rows - rows.mean(dim=0) for rows in embed(self, views)]

    odd = copy.deepcopy(module)
    odd.__class__ = type("Centred", (type(module),), {"embed": centred})
    with pytest.raises(ValueError, match=r"Centred\.embed: the embeddings of 2 images are others in a batch"):
        first_images(Objective(odd, batches), 14)
