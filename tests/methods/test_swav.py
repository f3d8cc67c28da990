"""SwAV's prototypes: unit vectors between steps, outside the graph, against SGD by hand as the authors write it."""

import torch
import torch.nn.functional as F
from small import NARROW, blobs, plan_for
from torch import nn

from kogen.modules.heads import Prototypes
from kogen.training.batches import Batches
from kogen.training.build import build_method


def test_the_gradient_does_not_know_that_prototypes_are_unit_vectors():
    ours, x = Prototypes(6, 4, kept_unit=True), torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    plain = nn.Linear(6, 4, bias=False)
    plain.weight.data.copy_(ours.weight.data)
    other = Prototypes(6, 4)
    other.weight.data.copy_(ours.weight.data)
    for step in range(4):
        for layer in (ours, plain, other):
            layer.zero_grad()
        target = torch.tensor([0, 1, 2, 3, step])
        F.cross_entropy(ours(x) / 0.1, target).backward()
        F.cross_entropy(plain(F.normalize(x, dim=1)) / 0.1, target).backward()
        F.cross_entropy(other(x) / 0.1, target).backward()
        assert torch.allclose(ours.weight.grad, plain.weight.grad, atol=1e-6)
        along = (other.weight.grad * other.weight).sum(1)
        assert along.abs().max() < 1e-5 < (plain.weight.grad * plain.weight).sum(1).abs().max()
        with torch.no_grad():
            for layer in (ours, plain, other):
                layer.weight -= 0.5 * layer.weight.grad
            plain.weight.copy_(F.normalize(plain.weight, dim=1))
            other.weight.copy_(F.normalize(other.weight, dim=1))
        ours.normalise_rows()
        assert torch.allclose(ours.weight, plain.weight, atol=1e-6)


def test_swav_keeps_them_so():
    images = blobs(64)
    plan = plan_for(images, "swav", settings=NARROW["swav"])
    method = build_method(plan)
    assert method.prototypes.kept_unit
    views = Batches(plan, images, torch.device("cpu")).render_views(0, 0)
    views.progress = 0.5
    sum(method(views).values()).backward()
    with torch.no_grad():
        method.prototypes.weight.add_(method.prototypes.weight.grad, alpha=-5.0)
    method.update(0.5)
    assert torch.allclose(method.prototypes.weight.norm(dim=1), torch.ones(16))
