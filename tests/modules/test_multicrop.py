"""Views that pass together through batch norm, against batch norm by hand; sizes of local crops."""

import pytest
import torch
from small import NARROW, NETWORKS, blobs, plan_for
from torch import Tensor, nn

from kogen.modules.multicrop import embed_views, local_size
from kogen.training.batches import Batches
from kogen.training.build import build_method


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


def standard(values: Tensor) -> Tensor:
    """Batch norm without scale and shift, by its equation; (B, C)."""
    return (values - values.mean(0)) / (values.var(0, correction=0) + 1e-5).sqrt()


def test_batch_norm_sees_views_of_one_size_together_and_the_head_all_views():
    crops = [draw(4, 3, 6, 6, seed=1), 2 + draw(4, 3, 6, 6, seed=2), draw(4, 3, 2, 2, seed=3)]
    body = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(3, affine=False)).double()
    head = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5, affine=False)).double()
    means = [x.mean((2, 3)) for x in crops]
    inside = torch.cat([standard(torch.cat(means[:2])), standard(means[2])])
    wanted = standard(inside @ head[0].weight.T + head[0].bias).chunk(3)
    for ours, theirs in zip(embed_views(body, head, crops, together=True), wanted, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-12)
    for ours, mean in zip(embed_views(body, head, crops, together=False), means, strict=True):
        alone = standard(standard(mean) @ head[0].weight.T + head[0].bias)
        assert torch.allclose(ours, alone, atol=1e-12)


@pytest.mark.parametrize("name", ["deepcluster_v2", "dino", "lejepa", "sela_v2", "simclr", "swav"])
def test_views_pass_together_unless_asked_otherwise(name):
    """Without batch norm it changes nothing; with it, both ways are real."""
    for backbone, alike in ((NETWORKS["vit"], name == "dino"), (NETWORKS["resnet"], False)):
        images, found = blobs(64), []
        for together in (True, False):
            settings = {**NARROW.get(name, {}), "together": together}
            settings |= {"batch_norm": False} if alike else {}
            plan = plan_for(images, name, backbone=backbone, settings=settings)
            method, loader = build_method(plan), Batches(plan, images, torch.device("cpu"))
            for step in range(3):  # the first epoch of those with a memory has no loss
                loss = torch.stack([*method(loader.render_views(step, 0)).values()]).sum()
                method.update(0.1 * step)
            found.append(loss.item())
        assert (found[0] == pytest.approx(found[1], rel=2e-5)) == alike  # float32 rounds at 1e-6
        assert build_method(plan_for(images, name, settings=NARROW.get(name, {}))).together


@pytest.mark.parametrize(("whole", "local"), [(8, 3), (16, 6), (32, 12), (64, 24), (96, 36), (128, 48), (224, 96)])
def test_local_crops_are_three_sevenths_in_whole_patches(whole, local):
    assert local_size(whole) == local
