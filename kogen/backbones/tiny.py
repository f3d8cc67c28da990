"""A ResNet-10 of half width that two CPU cores can train: the default for pilots."""

from kogen.backbones.timm import timm
from kogen.modules.base import Backbone

__all__ = ["tiny"]


def tiny(*, in_chans: int = 3, image_size: int = 32, width: int = 32, stem: str = "auto") -> Backbone:
    """One basic block a stage, stages of `width`, 2, 4 and 8 `width` channels; features (B, 8 * width).

    The proportions are those of He et al. 2015 (arXiv 1512.03385, table 1) at half width and one block a stage.
    """
    stages = (width, 2 * width, 4 * width, 8 * width)
    return timm("resnet18", in_chans=in_chans, image_size=image_size, stem=stem, layers=(1, 1, 1, 1), channels=stages)
