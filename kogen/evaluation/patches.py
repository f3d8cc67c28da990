"""Patches: what the middle blocks of a frozen backbone say of each place of an image."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from kogen.augmentation.rendering import AnyView
from kogen.common.devices import exact_arithmetic
from kogen.data.images import Images
from kogen.evaluation.features import NonFiniteFeatures, evaluating, rendered_batches
from kogen.modules.base import Backbone

NEIGHBOURHOOD = 3  # places across that are averaged
IMAGES_AT_ONCE = 32


def patch_batches(backbone: Backbone, images: Images, view: AnyView) -> Iterator[Tensor]:
    """Patches (B, D, h, w) of all images in order, float32 on the backbone's device, in eval mode; it is restored.

    Of the chosen blocks (see `middle_blocks`) every place is averaged with its neighbours; deeper ones are enlarged to
    the first and joined with it (Roth et al. 2022, section 3.1). ValueError as `middle_blocks`; NonFiniteFeatures.
    """
    blocks, device = middle_blocks(backbone), next(backbone.parameters()).device
    with evaluating(backbone):
        for _, batch in rendered_batches(images, view, device, IMAGES_AT_ONCE):
            with torch.inference_mode(), exact_arithmetic():
                patches = join_maps(block_maps(backbone, batch, blocks))
            if not torch.isfinite(patches).all():
                raise NonFiniteFeatures("the features of patches are not finite: the weights are broken")
            yield patches


def join_maps(maps: list[Tensor]) -> Tensor:
    """Maps (B, C, h, w) of several blocks as one (B, D, h, w), of the size of the first."""
    smooth = [F.avg_pool2d(part.float(), NEIGHBOURHOOD, 1, NEIGHBOURHOOD // 2) for part in maps]
    size = smooth[0].shape[2:]
    alike = [
        part if part.shape[2:] == size else F.interpolate(part, size, mode="bilinear", align_corners=False)
        for part in smooth
    ]
    return torch.cat(alike, dim=1)


def block_maps(backbone: Backbone, batch: Tensor, blocks: list[int]) -> list[Tensor]:
    """What blocks of the network give, maps (B, C, h, w) each."""
    network: Any = backbone.network
    return list(network.forward_intermediates(batch, indices=blocks, intermediates_only=True))


def middle_blocks(backbone: Backbone) -> list[int]:
    """Which two of the maps that a network has on its way are used.

    Where maps become smaller from stage to stage: the two stages before the last (of a ResNet the second and the third,
    as in PatchCore); where all are of one size (ViTs): the blocks at a half and at three quarters of the depth.
    ValueError for a network that shows no maps on its way.
    """
    network: Any = backbone.network
    title = f"the network {backbone.spec} shows no maps of its middle blocks"
    cure = "choose another --backbone, or detectors of pooled features: --probe mahalanobis, --probe knn_distance"
    if not hasattr(network, "forward_intermediates"):
        raise ValueError(f"{title}: {cure}")
    with evaluating(backbone), torch.inference_mode():
        blank = torch.zeros(1, *backbone.input_shape, device=next(backbone.parameters()).device)
        try:
            sizes = [tuple(part.shape) for part in network.forward_intermediates(blank, intermediates_only=True)]
        except Exception as error:  # timm's code of a network that cannot do it at this size
            raise ValueError(f"{title} ({type(error).__name__}: {error}): {cure}") from error
    if not sizes or any(len(size) != 4 for size in sizes):
        raise ValueError(f"{title} ({sizes[:1]}, wanted (B, C, h, w)): {cure}")
    count = len(sizes)
    if len({size[2:] for size in sizes}) == 1:
        return sorted({count // 2, (3 * count) // 4})
    return list(range(max(0, count - 3), max(1, count - 1)))
