"""Published weights from a file on disk, as they are: what a candidate of a study is."""

from kogen.modules.base import Backbone, Method, Recipe, Terms, Views

__all__ = ["Published"]


class Published(Method):
    """The backbone with the weights of a file; there is nothing to train."""

    recipe = Recipe(source="the file of weights", headline="as published", family="baseline", views=0, trains=False)

    def __init__(self, backbone: Backbone, *, classes: int = 0, images: int = 0) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, views: Views) -> Terms:
        raise ValueError("published weights have nothing to train: evaluate them as they are")
