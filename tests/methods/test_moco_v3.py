"""MoCo v3 against a twin made from the authors' description, on a ResNet and on a ViT: value, gradient, three steps."""

import copy

import pytest
import torch
import torch.nn.functional as F
from small import NETWORKS, blobs, plan_for
from torch import Tensor, nn

from kogen.modules.masking import sincos_positions
from kogen.training.batches import Batches
from kogen.training.build import build_method

HEADS = {"resnet": (2, False, 1.0), "vit": (3, True, 0.2)}  # layers of the projector, predictor's norm, temperature


def linear_norm_relu(dims: list[int], last_norm: bool) -> nn.Sequential:
    """The authors' heads: no bias anywhere, a batch norm after every layer, the last one plain or left out."""
    layers: list[nn.Module] = []
    for place in range(len(dims) - 1):
        layers.append(nn.Linear(dims[place], dims[place + 1], bias=False))
        if place < len(dims) - 2:
            layers += [nn.BatchNorm1d(dims[place + 1]), nn.ReLU()]
        elif last_norm:
            layers.append(nn.BatchNorm1d(dims[place + 1], affine=False))
    return nn.Sequential(*layers)


def slow_contrast(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    total = query.new_zeros(())
    for i in range(len(query)):
        logits = [F.cosine_similarity(query[i], k, dim=0) / temperature for k in key]
        total = total - (logits[i].exp() / torch.stack(logits).exp().sum()).log()
    return 2 * temperature * total / len(query)


@pytest.mark.parametrize("family", NETWORKS)
def test_it_is_the_authors_on_both_families(family):
    images, (layers, norm, temperature) = blobs(32), HEADS[family]
    plan = plan_for(images, "moco_v3", backbone=NETWORKS[family], batch_size=16, settings={"hidden": 24, "dim": 8})
    method = build_method(plan).double()
    assert (method.temperature, plan.recipe.least_area) == (temperature, 0.2 if family == "resnet" else 0.0)
    wide = method.backbone.dim
    student = copy.deepcopy(method.backbone)
    projector, predictor = linear_norm_relu([wide, *[24] * (layers - 1), 8], True), linear_norm_relu([8, 24, 8], norm)
    twins = {"projector": projector.double(), "predictor": predictor.double()}
    for name, twin in twins.items():
        twin.load_state_dict(getattr(method, name).state_dict())  # the same layers in the same places
    teacher = copy.deepcopy(nn.Sequential(student, projector))
    loader = Batches(plan, images, torch.device("cpu"))
    for step in range(3):
        views = loader.render_views(step, 0)
        views.crops = [x.double() for x in views.crops]
        loss = torch.stack([*method(views).values()]).sum()
        queries = [predictor(projector(student(x))) for x in views.crops]
        with torch.no_grad():
            keys = [teacher(x) for x in views.crops]
        twin_loss = sum(slow_contrast(queries[i], keys[1 - i], temperature) for i in (0, 1))
        assert loss.item() == pytest.approx(twin_loss.item(), rel=1e-10)
        mine = [p for p in method.parameters() if p.requires_grad]
        theirs = [p for part in (student, projector, predictor) for p in part.parameters() if p.requires_grad]
        for ours, other in zip(torch.autograd.grad(loss, mine), torch.autograd.grad(twin_loss, theirs), strict=True):
            assert torch.allclose(ours, other, atol=1e-9, rtol=1e-6)
        with torch.no_grad():
            for p, q in zip(mine, theirs, strict=True):
                p.add_(0.01)
                q.add_(0.01)
        method.update(1.0)  # a teacher that stands still


def test_what_the_network_decides_can_be_set():
    plan = plan_for(blobs(), "moco_v3", settings={"temperature": 0.2, "layers": 3, "predictor_norm": True})
    method = build_method(plan)
    assert method.temperature == 0.2
    assert len([m for m in method.projector if isinstance(m, nn.Linear)]) == 3
    assert isinstance(method.predictor[-1], nn.BatchNorm1d)


def test_a_vit_has_fixed_positions_unless_asked_otherwise():
    settings = {"hidden": 24, "dim": 8}
    for fixed in (True, False):
        plan = plan_for(blobs(), "moco_v3", backbone=NETWORKS["vit"], settings={**settings, "fixed_positions": fixed})
        place = build_method(plan).backbone.network.pos_embed
        assert place.requires_grad != fixed
        assert torch.equal(place[0, 1:], sincos_positions((8, 8), 48)) == fixed
        assert bool((place[0, 0] == 0).all()) == fixed
