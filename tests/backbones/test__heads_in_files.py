"""Heads of official files under kogen's names: each computes what the authors' own layers compute."""

from functools import partial
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from checkpoints import at, resnet, vit
from small import blobs, plan_for
from timm.models.vision_transformer import Block
from torch import nn

from kogen.backbones._heads_in_files import Heads, find_heads
from kogen.backbones.published import read_checkpoint
from kogen.training.build import draw_method
from kogen.training.checkpoint import state_of
from kogen.training.start_weights import head_parts


def drawn(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in eval mode with every tensor drawn."""
    rng = torch.Generator().manual_seed(seed)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=rng) * 0.4 + (0.3 if value.ndim == 1 else -0.2))
    return module.eval()


def with_heads(method: str, heads: Heads, **plan) -> nn.Module:
    """The method of kogen with a head of these sizes and values, all of it taken."""
    made = draw_method(plan_for(blobs(channels=3), method, settings=dict(heads.settings), **plan)).eval()
    mine = state_of(made)
    wanted = {key for key in mine if key.split(".")[0] in head_parts(made)}
    assert {key for key in wanted if not key.endswith("num_batches_tracked")} <= set(heads.tensors)
    with torch.no_grad():
        for key, value in heads.tensors.items():
            mine[key].copy_(value)
    return made


class AuthorsDecoder(nn.Module):
    """The decoder of facebookresearch/mae, models_mae.py, by its names: sequences begin with a class token."""

    def __init__(self, encoder: nn.Module, width: int, depth: int) -> None:
        super().__init__()
        patch = encoder.patch_embed.patch_size[0]
        self.patch_embed = encoder.patch_embed
        self.decoder_embed = nn.Linear(encoder.embed_dim, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, 1 + encoder.patch_embed.num_patches, width))
        norm = partial(nn.LayerNorm, eps=1e-6)
        self.decoder_blocks = nn.ModuleList(
            Block(width, width // 32, qkv_bias=True, norm_layer=norm) for _ in range(depth)
        )
        self.decoder_norm = norm(width)
        self.decoder_pred = nn.Linear(width, 3 * patch * patch)

    def forward(self, tokens: torch.Tensor, restore: torch.Tensor) -> torch.Tensor:
        """Tokens (B, 1 + V, D) of shuffled patches and the places that put them back, (B, N), to values (B, N, K)."""
        x = self.decoder_embed(tokens)
        hidden = self.mask_token.repeat(len(x), restore.shape[1] + 1 - x.shape[1], 1)
        patches = torch.cat([x[:, 1:], hidden], dim=1)
        patches = torch.gather(patches, 1, restore[:, :, None].repeat(1, 1, x.shape[2]))
        x = torch.cat([x[:, :1], patches], dim=1) + self.decoder_pos_embed
        for block in self.decoder_blocks:
            x = block(x)
        return self.decoder_pred(self.decoder_norm(x))[:, 1:]


def test_the_decoder_of_mae_rebuilds_the_authors_pixels(tmp_path):
    encoder = vit()
    theirs = drawn(AuthorsDecoder(encoder, 64, 2))
    theirs.state_dict()["decoder_pos_embed"][:, 0] = 0  # of the class token, in all files of the authors
    state = at("", encoder) | theirs.state_dict()
    torch.save({"model": state}, tmp_path / "mae.pth")
    found, _, heads = read_checkpoint(str(tmp_path / "mae.pth"), "mae", {"num_heads": 3})
    assert (found.framework, heads.method, heads.settings) == ("mae", "mae", {"width": 64, "depth": 2})
    shown = {"backbone": found.backbone, "image_size": 32}
    ours = with_heads("mae", heads, **shown).decoder
    tokens = torch.rand(2, 1 + 4, encoder.embed_dim)
    order = torch.stack([torch.randperm(16, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)])
    visible, places = order[:, :4].sort(dim=1)
    tokens[:, 1:] = torch.gather(tokens[:, 1:], 1, places[..., None].expand(-1, -1, tokens.shape[2]))
    shuffled = torch.cat([visible, order[:, 4:]], dim=1)  # the same, with the visible ones in rising order
    with torch.no_grad():
        wanted = theirs(tokens, shuffled.argsort(dim=1))  # (B, N, p * q * C)
        got = ours(tokens, visible)  # (B, N, C * p * q)
    pixels = wanted.unflatten(2, (8, 8, 3)).permute(0, 1, 4, 2, 3).flatten(2)
    assert torch.allclose(got, pixels, atol=1e-5)
    state["decoder_pos_embed"][:, 0] = 1  # which kogen's decoder has no place for
    assert find_heads(state, "", "mae") == Heads()


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("prefix", ["teacher/", "teacher/module."])
def test_the_head_of_dino_gives_the_authors_cosines(prefix: str, norm: bool):
    width, mlp = 48, nn.Sequential()
    for size in (width, 64):
        mlp.append(nn.Linear(size, 64))
        if norm:
            mlp.append(nn.BatchNorm1d(64))
        mlp.append(nn.GELU())
    mlp.append(nn.Linear(64, 32))
    drawn(mlp)
    rows = torch.randn(80, 32)
    state = {f"{prefix}head.mlp.{key}": value for key, value in mlp.state_dict().items()}
    state |= {f"{prefix}head.last_layer.weight_g": torch.ones(80, 1), f"{prefix}head.last_layer.weight_v": rows}
    heads = find_heads(state, f"{prefix}backbone.", "dino")
    assert heads.settings == {"hidden": 64, "bottleneck": 32, "outputs": 80, "batch_norm": norm}
    ours = with_heads("dino", heads, backbone="vit_tiny_patch16_224?embed_dim=48&depth=1&num_heads=3")
    features = torch.rand(4, width)
    with torch.no_grad():
        wanted = F.normalize(mlp(features), dim=1) @ F.normalize(rows, dim=1).T
        assert torch.allclose(ours.prototypes(ours.projector(features)), wanted, atol=1e-5)
    state[f"{prefix}head.last_layer.weight_g"][0] = 2.0  # kogen has unit vectors alone
    assert "prototypes.weight" not in find_heads(state, f"{prefix}backbone.", "dino").tensors


def test_the_head_of_moco_v2_is_read_beside_its_query_encoder(tmp_path):
    network, head = resnet(), drawn(nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 16)))
    state = at("module.encoder_q.", network) | at("module.encoder_k.", network)
    state |= {f"module.encoder_q.fc.{key}": value for key, value in head.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "moco.pth.tar")
    found, _, heads = read_checkpoint(str(tmp_path / "moco.pth.tar"), "moco_v2", {})
    assert (found.framework, heads.settings) == ("moco_v2", {"hidden": 64, "dim": 16})
    ours, features = with_heads("moco_v2", heads, backbone="resnet18"), torch.rand(3, 512)
    assert torch.allclose(ours.projector(features), head(features), atol=1e-5)


def test_the_heads_of_moco_v3_are_read(tmp_path):
    def layers(*sizes: int) -> nn.Sequential:
        """`_build_mlp` of facebookresearch/moco-v3."""
        made = nn.Sequential()
        for number, (inside, outside) in enumerate(pairwise(sizes)):
            last = number == len(sizes) - 2
            made += nn.Sequential(nn.Linear(inside, outside, bias=False), nn.BatchNorm1d(outside, affine=not last))
            made += nn.Sequential() if last else nn.Sequential(nn.ReLU())
        return drawn(made)

    projector, predictor = layers(192, 64, 64, 16), layers(16, 64, 16)
    state = at("module.base_encoder.", vit()) | at("module.momentum_encoder.", vit())
    state |= {f"module.base_encoder.head.{key}": value for key, value in projector.state_dict().items()}
    state |= {f"module.predictor.{key}": value for key, value in predictor.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "moco.pth.tar")
    found, _, heads = read_checkpoint(str(tmp_path / "moco.pth.tar"), "moco_v3", {"num_heads": 3})
    assert heads.settings == {"hidden": 64, "dim": 16, "layers": 3, "predictor_norm": True}
    ours, features = with_heads("moco_v3", heads, backbone=found.backbone, image_size=32), torch.rand(3, 192)
    assert torch.allclose(ours.projector(features), projector(features), atol=1e-5)
    assert torch.allclose(ours.predictor(projector(features)), predictor(projector(features)), atol=1e-5)


@pytest.mark.parametrize("framework", ["mae", "rc_mae", "dino", "moco_v2", "pcl", "moco_v3", "simclr", "published"])
def test_a_file_without_a_head_has_none(framework: str):
    assert find_heads({"backbone.conv1.weight": torch.zeros(4, 3, 3, 3)}, "backbone.", framework) == Heads()
