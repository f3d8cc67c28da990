"""Several views of an image through one network: together through its batch norms, and small ones beside whole ones."""

from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from timm.layers import PatchEmbed
from timm.layers.format import Format
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from kogen.common.kinds import UNITS, input_shape
from kogen.modules.base import Backbone

Stage = Callable[[Tensor], Tensor]
LOCAL_SHARE = 96 / 224  # side of a local crop over that of a whole view (SwAV, section 4.1)


def embed_views(backbone: Stage, head: Stage, crops: Sequence[Tensor], together: bool) -> list[Tensor]:
    """What backbone and head make of each view, (B, C, S, S) each to (B, D) each.

    `together`: views of one size pass the backbone as one batch, and all views the head, so that a batch norm sees all
    of them, as in facebookresearch/swav (src/resnet50.py) and facebookresearch/dino (utils.py, MultiCropWrapper).
    Otherwise every view passes by itself.
    """
    if not together:
        return [head(backbone(x)) for x in crops]
    features = [backbone(torch.cat([*same])) for _, same in groupby(crops, key=lambda x: x.shape[-1])]
    return [*head(torch.cat(features)).split(len(crops[0]))]


def local_size(image_size: int) -> int:
    """Height and width in pixels of a local crop: a multiple of the patches that backbones/timm.py gives a ViT."""
    patch = max(image_size // 8, 1) if image_size < 128 else 16
    return patch * max(round(image_size * LOCAL_SHARE / patch), 1)


def take_local_crops(backbone: Backbone, count: int, method: str) -> None:
    """Make a backbone take `count` local crops beside whole views; ValueError for one that cannot.

    A ViT gets positions that are resampled to the patches of the crop (DINO, section 4.2); whole views are unchanged.
    """
    if not count:
        return
    network, size = backbone.network, local_size(backbone.image_size)
    if isinstance(network, VisionTransformer) and type(network.patch_embed) is PatchEmbed:
        resample_positions(network, network.patch_embed)
    was = backbone.training
    try:
        with torch.no_grad():
            backbone.eval()(torch.zeros(1, *input_shape(backbone.kind, backbone.channels, size)))
    except Exception as error:  # the code of timm meets an image of a size that it was not built for
        raise ValueError(
            f"{method}: local_crops={count} are of {size} {UNITS[backbone.kind]}, and {type(network).__name__} was "
            f"built for {backbone.image_size} ({error}): leave local_crops at 0, or choose a ResNet "
            "or a vit_ of timm whose patches divide both"
        ) from error
    backbone.train(was)


def resample_positions(network: VisionTransformer, patches: PatchEmbed) -> None:
    """Let a ViT take images of other sizes, as timm's own `dynamic_img_size` does; its weights stay as they are."""
    patches.strict_img_size, patches.flatten, patches.output_fmt = False, False, Format.NHWC
    network.dynamic_img_size = True
