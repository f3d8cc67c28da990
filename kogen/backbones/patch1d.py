"""A Vision Transformer over patches of time: a window is an image of height 1 to it."""

from typing import Any

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from kogen.backbones._series_network import SeriesBackbone, SeriesBlueprint
from kogen.backbones.timm import format_spec
from kogen.modules.base import Backbone

__all__ = ["patch1d"]


def patch1d(
    *, in_chans: int = 1, image_size: int = 256, patch: int = 0, width: int = 96, depth: int = 6, heads: int = 3
) -> Backbone:
    """A ViT whose patches are `patch` samples of all channels; features (B, width).

    `patch` 0: about a sixteenth of the window. Patches of time as tokens are those of PatchTST (Nie et al. 2023, arXiv
    2211.14730, section 3.1), here of all channels together. MAE hides some of them. ValueError where the window is no
    multiple of the patch.
    """
    divisors = [size for size in range(1, image_size + 1) if image_size % size == 0]
    patch = patch or min(divisors, key=lambda size: abs(size - image_size / 16))
    if patch not in divisors:
        known = ", ".join(map(str, divisors))
        raise ValueError(f"patch = {patch!r} samples do not divide a window of {image_size}: one of {known} does")
    settings = {"patch": patch, "width": width, "depth": depth, "heads": heads}
    told = {"length": image_size, "in_chans": in_chans, **settings}
    blueprint = SeriesBlueprint("patch1d", told, made_by=PatchTransformer)
    return PatchBackbone(blueprint, format_spec("patch1d", settings), in_chans, image_size)


class PatchTransformer(VisionTransformer):
    """timm's ViT for windows (B, C, T), whose grid of patches is one row."""

    def __init__(self, length: int, in_chans: int, patch: int, width: int, depth: int, heads: int) -> None:
        sizes = {"img_size": (1, length), "patch_size": (1, patch), "embed_dim": width, "depth": depth}
        super().__init__(**sizes, num_heads=heads, in_chans=in_chans, num_classes=0)  # type: ignore[arg-type]

    def forward(self, x: Tensor, *args: Any, **settings: Any) -> Tensor:
        return super().forward(x.unsqueeze(2), *args, **settings)

    def forward_intermediates(self, x: Tensor, *args: Any, **settings: Any) -> Any:
        """Maps of blocks, of one row, (B, D, 1, N) each."""
        return super().forward_intermediates(x.unsqueeze(2), *args, **settings)


class PatchBackbone(SeriesBackbone):
    """The backbone of a PatchTransformer."""

    def steps(self, series: Tensor) -> Tensor:
        network = self.inner
        assert isinstance(network, PatchTransformer)
        tokens = network.forward_features(series.unsqueeze(2))  # (B, P + N, D)
        return tokens[:, network.num_prefix_tokens :].mT
