"""Stock: published weights from a file on disk, as they are: the baseline that costs nothing."""

from kogen.modules.base import Backbone, Method, Recipe, Terms, Views

__all__ = ["Stock"]


class Stock(Method):
    """The backbone with the weights that `--stock FILE` names; there is nothing to train."""

    recipe = Recipe(source="the file of weights", headline="as published", family="baseline", views=0, trains=False)

    def __init__(self, backbone: Backbone, *, classes: int = 0, images: int = 0) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, views: Views) -> Terms:
        raise ValueError("the method 'stock' has nothing to train; evaluate it as it is")
