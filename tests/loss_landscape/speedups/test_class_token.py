"""A ViT whose class token alone is read answers as it did, with the same gradients, and in copies too."""

import copy
from typing import Any

import pytest
import timm
import torch
from torch import nn

from kogen.loss_landscape.speedups.class_token import skip_unread_tokens

KINDS: list[dict[str, Any]] = [
    {},
    {"qk_norm": True, "init_values": 0.1},
    {"reg_tokens": 2, "drop_path_rate": 0.3, "attn_drop_rate": 0.2, "proj_drop_rate": 0.2},
    {"qkv_bias": False, "pre_norm": True},
]


def vit(**more: Any) -> nn.Module:
    torch.manual_seed(0)
    small: dict[str, Any] = {
        "img_size": 16,
        "patch_size": 4,
        "embed_dim": 24,
        "depth": 3,
        "num_heads": 3,
        "num_classes": 0,
    }
    return timm.create_model("vit_tiny_patch16_224", **small | more).double().eval()


def gradients(network: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    answer = network(images)
    slopes = torch.autograd.grad(answer.pow(3).sum(), list(network.parameters()), allow_unused=True)
    return answer, [torch.zeros(1) if slope is None else slope for slope in slopes]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_it_answers_as_before(kind: dict[str, Any]) -> None:
    plain, short = vit(**kind), nn.Sequential(vit(**kind))
    images = torch.randn(3, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    skip_unread_tokens(short)
    (answer, slopes), (ours, our_slopes) = gradients(plain, images), gradients(short, images)
    torch.testing.assert_close(ours, answer, rtol=1e-10, atol=1e-10)
    for mine, theirs in zip(our_slopes, slopes, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-10)


def test_the_last_block_sees_one_token_through_its_mlp_and_only_while_the_whole_runs() -> None:
    network: Any = vit()
    skip_unread_tokens(network)
    seen: list[int] = []
    network.blocks[-1].mlp.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape[1]))
    network(torch.randn(2, 3, 16, 16).double())
    network.blocks[-1](torch.randn(2, 5, 24).double())
    assert seen == [1, 5]


def test_a_copy_has_weights_of_its_own() -> None:
    network = vit()
    skip_unread_tokens(network)
    twin = copy.deepcopy(network)
    images = torch.randn(2, 3, 16, 16).double()
    before = network(images)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(2)
    assert torch.equal(network(images), before)
    assert not torch.allclose(twin(images), before)


def test_other_networks_are_left_alone() -> None:
    distilled = timm.create_model("deit_tiny_distilled_patch16_224", depth=1)  # reads two tokens
    for network in (vit(global_pool="avg", class_token=False), nn.Sequential(nn.Linear(2, 2)), distilled):
        skip_unread_tokens(network)
        assert all("forward" not in part.__dict__ for part in network.modules())
