"""Random: the untrained network, the baseline that every method must beat to have learned anything."""

from kogen.modules.base import Backbone, Method, Recipe, Terms, Views

__all__ = ["Random"]


class Random(Method):
    """The backbone as it is made from the seed; there is nothing to train."""

    recipe = Recipe("none: the weights the network's library draws", "none", "baseline", views=0, trains=False)

    def __init__(self, backbone: Backbone, *, classes: int = 0, images: int = 0) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, views: Views) -> Terms:
        raise ValueError("the method 'random' has nothing to train: evaluate it as it is")
