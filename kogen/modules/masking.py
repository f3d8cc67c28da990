"""Images as patches: cut, standardised, hidden at random, with fixed positions, the visible ones through a ViT."""

from typing import Any

import torch
from timm.layers import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from kogen.common.rng import StepRng


@torch.no_grad()
def prepare_vit(network: nn.Module, method: str) -> VisionTransformer:
    """The network, its positions fixed, if patches can be hidden from it one by one; ValueError for any other.

    A convolution, or patches that overlap, would mix what is hidden into what is visible.
    """
    patches: Any = getattr(network, "patch_embed", None)
    place: Any = getattr(network, "pos_embed", None)
    fits = isinstance(network, VisionTransformer) and network.attn_pool is None
    if not isinstance(network, VisionTransformer) or not fits or type(patches) is not PatchEmbed or place is None:
        with_patches = f" with {type(patches).__name__}" if patches is not None else ""
        raise ValueError(
            f"{method} hides patches of an image and needs a plain Vision Transformer of timm, got "
            f"{type(network).__name__}{with_patches}: use --backbone vit_tiny_patch16_224 or another vit_ of timm, "
            "of series patch1d"
        )
    fix_positions(network)
    return network


@torch.no_grad()
def fix_positions(network: nn.Module) -> None:
    """Give a ViT of timm fixed positions; a network without positions stays as it is."""
    place, patches = getattr(network, "pos_embed", None), getattr(network, "patch_embed", None)
    if isinstance(network, VisionTransformer) and isinstance(place, nn.Parameter) and isinstance(patches, PatchEmbed):
        fixed = sincos_positions(patches.grid_size, network.embed_dim)  # (N, D)
        place.requires_grad_(False).zero_()  # not trained, but saved and exported; tokens of no patch have position 0
        place[0, -len(fixed) :] = fixed


def sincos_positions(grid: tuple[int, int], dim: int) -> Tensor:
    """Sines and cosines of row and column, (rows * columns, D), a quarter of D each; ValueError unless D / 4 is whole.

    Angles are the place times 10000^(-i / (D / 4)) (Vaswani et al. 2017, section 3.5; in two axes MoCo v3, section 5).
    """
    if dim % 4:
        raise ValueError(f"fixed positions need a width that is a multiple of 4, got {dim}: choose another width")
    frequencies = 10000.0 ** (-torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))  # (D / 4,)
    places = torch.cartesian_prod(torch.arange(grid[0]), torch.arange(grid[1]))  # (N, 2)
    angles = places[:, :, None] * frequencies  # (N, 2, D / 4)
    return torch.cat([angles.sin(), angles.cos()], dim=2).flatten(1).float()


def as_rows(items: Tensor) -> Tensor:
    """Images as they are, windows of series (B, C, T) as images of one row, (B, C, 1, T)."""
    return items.unsqueeze(2) if items.ndim == 3 else items


def patchify(images: Tensor, patch: tuple[int, int]) -> Tensor:
    """Images (B, C, H, W) as patches row by row, (B, N, C * p * q); a remainder at the right and below is cut off."""
    (high, wide), (rows, columns) = patch, (images.shape[2] // patch[0], images.shape[3] // patch[1])
    whole = images[:, :, : rows * high, : columns * wide].unflatten(3, (columns, wide)).unflatten(2, (rows, high))
    return whole.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)  # (B, rows, columns, C, p, q) before it is flat


def standardise_patches(patches: Tensor) -> Tensor:
    """Each patch with mean 0 and std 1 over its values, (B, N, K) to the same (MAE, section 3, last paragraph).

    The variance is the unbiased one, over K - 1, as in facebookresearch/mae, models_mae.py `forward_loss`.
    """
    variance, mean = torch.var_mean(patches, dim=2, keepdim=True)  # (B, N, 1) each
    return (patches - mean) / (variance + 1e-6).sqrt()


def visible_count(patches: int, masked: float) -> int:
    """How many of an image's patches stay visible; ValueError unless some do and some do not.

    The part is cut off, as in facebookresearch/mae, models_mae.py `random_masking`: of 49 with .6 masked, 19.
    """
    shown = int(patches * (1 - masked))
    if not 0 < shown < patches:
        raise ValueError(
            f"masked={masked} leaves {shown} of {patches} patches visible, wanted some but not all: "
            "choose a share such as 0.75, or a backbone with smaller patches"
        )
    return shown


def sample_visible(rng: StepRng, patches: int, shown: int) -> Tensor:
    """Places of each image's visible patches, increasing, drawn without replacement, (B, shown), on the CPU."""
    return rng.uniform("mask", patches).argsort(dim=1, stable=True)[:, :shown].sort(dim=1).values


def encode_visible(network: nn.Module, images: Tensor, visible: Tensor) -> Tensor:
    """Tokens of the visible patches alone, after the network's own prefix (class token), (B, P + V, D).

    With all patches visible these are the tokens of the plain network. `visible` (B, V) are places, from 0.
    """
    assert isinstance(network, VisionTransformer)  # see prepare_vit
    tokens = network._pos_embed(network.patch_embed(images))  # (B, P + N, D)
    prefix, each = network.num_prefix_tokens, torch.arange(len(visible), device=visible.device)[:, None]  # (B, 1)
    kept = tokens[:, prefix:][each, visible]  # (B, V, D); a gather's gradient is slow where bits must be the same twice
    tokens = network.norm_pre(torch.cat([tokens[:, :prefix], kept], dim=1))
    return network.fc_norm(network.norm(network.blocks(tokens)))  # one of the two norms does nothing
