"""Each method's loss against an independent implementation, value and gradient; each trap others fell into."""

import lightly.loss
import pytest
import torch
import torch.nn.functional as F
from small import blobs, plan_for

from kogen.methods.byol import regression_loss
from kogen.methods.simclr import nt_xent
from kogen.training.batches import Batches
from kogen.training.build import build_method


def pair(size: int, dim: int = 16, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(size)
    first, second = (torch.randn(size, dim, generator=generator) * scale for _ in range(2))
    return first.requires_grad_(), second.requires_grad_()


def same(ours: torch.Tensor, theirs: torch.Tensor, leaves: tuple[torch.Tensor, ...]) -> None:
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    for mine, other in zip(torch.autograd.grad(ours, leaves), torch.autograd.grad(theirs, leaves), strict=True):
        assert torch.allclose(mine, other, atol=1e-5)


@pytest.mark.parametrize("size", [2, 3, 64])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize("scale", [1.0, 1e-2])
def test_nt_xent_is_lightlys(size, temperature, scale):
    first, second = pair(size, scale=scale)
    theirs = lightly.loss.NTXentLoss(temperature=temperature)(first, second)
    ours = nt_xent(first, second, temperature)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    for mine, other in zip(
        torch.autograd.grad(ours, (first, second)), torch.autograd.grad(theirs, (first, second)), strict=True
    ):
        assert torch.allclose(mine * scale, other * scale, atol=1e-5)


def test_nt_xent_by_its_equation():
    first, second = pair(5)
    z = F.normalize(torch.cat([first, second]), dim=1)
    total = torch.tensor(0.0)
    for i in range(10):
        partner = (i + 5) % 10
        others = [torch.exp(z[i] @ z[k] / 0.2) for k in range(10) if k != i]
        total = total - torch.log(torch.exp(z[i] @ z[partner] / 0.2) / torch.stack(others).sum())
    same(nt_xent(first, second, 0.2), total / 10, (first, second))


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_regress_is_lightlys(size):
    online, target = pair(size)
    same(
        regression_loss(online, target).mean(),
        2 + 2 * lightly.loss.NegativeCosineSimilarity()(online, target),
        (online, target),
    )


def test_byol_sums_both_orders():
    images = blobs(32)
    plan = plan_for(images, "byol", batch_size=32)
    method = build_method(plan)
    views = Batches(plan, images, torch.device("cpu")).render_views(0, 0)
    terms = method(views)
    assert set(terms) == {"first", "second"}
    with torch.no_grad():
        online = [method.predictor(method.projector(method.backbone(x))) for x in views.crops]
        target = [method.target(x) for x in views.crops]
    wanted = (regression_loss(online[0], target[1]) + regression_loss(online[1], target[0])).mean()
    assert sum(terms.values()).item() == pytest.approx(wanted.item(), abs=1e-5)


def test_byols_target_has_no_gradient_and_follows():
    images = blobs(32)
    plan = plan_for(images, "byol", batch_size=32, settings={"momentum": 0.9})
    method = build_method(plan)
    sum(method(Batches(plan, images, torch.device("cpu")).render_views(0, 0)).values()).backward()
    assert all(p.grad is None for p in method.target.parameters())
    with torch.no_grad():
        method.backbone.inner.conv1.weight.add_(1.0)
    before = method.target[0].inner.conv1.weight.clone()
    method.update(0.0)
    moved = method.target[0].inner.conv1.weight - before
    assert torch.allclose(moved, 0.1 * (method.backbone.inner.conv1.weight - before), atol=1e-6)
    at_the_end = method.target[0].inner.conv1.weight.clone()
    method.update(1.0)  # tau is 1 at the end of the training
    assert torch.equal(method.target[0].inner.conv1.weight, at_the_end)


@pytest.mark.parametrize("method", ["byol", "simclr", "supervised"])
def test_forward_is_deterministic(method):
    images = blobs(32)
    plan = plan_for(images, method, batch_size=32)
    module = build_method(plan)
    views = Batches(plan, images, torch.device("cpu")).render_views(0, 0)
    with torch.no_grad():
        first, second = module(views), module(views)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("method", "message"),
    [("random", "the method 'random' has nothing to train"), ("stock", "published weights have nothing to train")],
)
def test_baselines_have_nothing_to_train(method, message):
    with pytest.raises(ValueError, match=message):
        build_method(plan_for(blobs(), method))(None)


def test_supervised_needs_classes():
    with pytest.raises(ValueError, match="supervised training needs 2 classes or more, got 0"):
        build_method(plan_for(blobs(), "supervised").model_copy(update={"classes": ()}))
