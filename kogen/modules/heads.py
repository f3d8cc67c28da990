"""Heads that sit on a backbone while it trains and are thrown away afterwards."""

from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn

from kogen.modules.losses import full_precision
from kogen.modules.masking import sincos_positions


def mlp(
    *sizes: int, norm: bool = True, last_norm: bool = False, last_bias: bool = True, gelu: bool = False
) -> nn.Sequential:
    """Linear layers of the given sizes with (BatchNorm and) ReLU or GELU between them, (B, sizes[0]) to (B, sizes[-1]).

    A bias is left out where a BatchNorm follows. `last_norm`: a BatchNorm without scale and shift on the output too.
    `last_bias`: whether the last layer has a bias, where no BatchNorm follows.
    """
    layers: list[nn.Module] = []
    for position, (inside, outside) in enumerate(pairwise(sizes)):
        last = position == len(sizes) - 2
        normed = last_norm if last else norm
        layers.append(nn.Linear(inside, outside, bias=not normed and (last_bias or not last)))
        if normed:
            layers.append(nn.BatchNorm1d(outside, affine=not last))
        if not last:
            layers.append(nn.GELU() if gelu else nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Prototypes(nn.Module):
    """Unit vectors to which features are compared: a linear layer whose rows and whose input have length 1.

    `kept_unit`: the rows are made unit vectors again by `normalise_rows`, after every step, and the gradient does not
    know it (SwAV's authors); else they are as they are used, and no gradient points along a row (weight norm, DINO).
    """

    def __init__(self, dim: int, count: int, *, kept_unit: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(F.normalize(torch.randn(count, dim), dim=1))  # (K, D)
        self.kept_unit = kept_unit

    def forward(self, features: Tensor, frozen: bool = False) -> Tensor:
        """Features (B, D) to cosines (B, K), in float32 also under autocast.

        `frozen`: the prototypes get a gradient of 0 instead of none, because processes wait for each other's gradients.
        """
        weight = self.weight.detach() + 0 * self.weight if frozen else self.weight
        with torch.autocast(features.device.type, enabled=False):
            rows = weight if self.kept_unit else F.normalize(weight, dim=1)
            return F.normalize(full_precision(features), dim=1) @ rows.T

    @torch.no_grad()
    def normalise_rows(self) -> None:
        """Make every row a unit vector again."""
        self.weight.copy_(F.normalize(self.weight, dim=1))


class Decoder(nn.Module):
    """From a ViT's tokens of visible patches to the values of all: a few blocks of a Transformer (MAE, section 3).

    A learnt token stands for every hidden patch; positions are fixed; weights are drawn Xavier uniform (appendix A.1).
    ValueError for a width that is no multiple of 32, and for patches of a single value.
    """

    def __init__(self, encoder: VisionTransformer, width: int, depth: int) -> None:
        super().__init__()
        if width < 32 or width % 32:
            raise ValueError(f"a decoder has heads of 32 values, got a width of {width}: use a multiple of 32")
        patches: Any = encoder.patch_embed
        self.patch: tuple[int, int] = patches.patch_size
        self.patches: int = patches.num_patches  # N
        self.embed = nn.Linear(encoder.embed_dim, width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.register_buffer("positions", sincos_positions(patches.grid_size, width))  # (N, W)
        self.positions: Tensor
        norm: Any = partial(nn.LayerNorm, eps=1e-6)  # as timm's ViTs
        self.blocks = nn.Sequential(*(Block(width, width // 32, qkv_bias=True, norm_layer=norm) for _ in range(depth)))
        self.norm = norm(width)
        values = patches.proj.in_channels * self.patch[0] * self.patch[1]  # K
        if values < 2:
            raise ValueError("patches of one value have no pattern to rebuild: give larger patches (patch_size=2)")
        self.values = nn.Linear(width, values)
        for layer in [m for m in self.modules() if isinstance(m, nn.Linear)]:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, tokens: Tensor, visible: Tensor) -> Tensor:
        """Tokens (B, P + V, D), the first P of no patch, and the places (B, V) of the others, to values (B, N, K)."""
        tokens = self.embed(tokens)
        prefix = tokens.shape[1] - visible.shape[1]
        nothing = self.mask_token.to(tokens.dtype).expand(len(tokens), self.patches, -1)  # (B, N, W)
        places = torch.arange(len(tokens), device=tokens.device)[:, None], visible
        patches = nothing.index_put(places, tokens[:, prefix:])  # (B, N, W)
        tokens = torch.cat([tokens[:, :prefix], patches + self.positions.to(tokens.dtype)], dim=1)  # (B, P + N, W)
        return self.values(self.norm(self.blocks(tokens))[:, prefix:])
