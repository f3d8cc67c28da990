"""A method of your own, pre-trained and judged beside kogen's: alignment and uniformity (Wang and Isola 2020).

Run: python examples/own_method.py [FOLDER]
Or name it on the command line: kogen pilot imgs/ --methods examples/own_method.py:Align,byol,random
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

import kogen
from kogen.extend import Backbone, Method, Recipe, Terms, Views, gather, mlp


class Align(Method):
    """Pull two views of an image together and spread the batch over the sphere (arXiv 2005.10242, section 4.1)."""

    recipe = Recipe(
        source="section 4.1 (loss); rate and weight decay as in the authors' code for STL-10",
        headline="section 5: STL-10, NYU depth, ImageNet-100",
        family="contrastive",
        views=2,
        rate=0.12,
        weight_decay=1e-4,
    )

    def __init__(
        self, backbone: Backbone, *, classes: int = 0, images: int = 0, dim: int = 128, spread: float = 2.0
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, backbone.dim, dim)
        self.spread = spread

    def forward(self, views: Views) -> Terms:
        first, second = (F.normalize(self.projector(self.backbone(x)), dim=1) for x in views.crops)  # (B, D) each
        alignment = (first - second).square().sum(dim=1).mean()
        uniform = (uniformity(first, self.spread) + uniformity(second, self.spread)) / 2
        return {"alignment": alignment, "uniformity": uniform}


def uniformity(points: Tensor, t: float) -> Tensor:
    """Log of the mean Gaussian potential of all pairs of unit vectors (B, D), those of all processes."""
    return torch.pdist(gather(points).float()).square().mul(-t).exp().mean().log()


def main(folder: Path) -> None:
    verdict = kogen.pilot(
        "surfaces?n=240&size=16", methods=[Align, "random"], settings={"Align": {"dim": 32}}, seeds=2, epochs=2,
        backbone="tiny?width=8", image_size=16, batch_size=32, costs="none", out=folder / "study",
    )  # fmt: skip
    print(*verdict["words"], sep="\n")
    print(folder / "study" / "report.html")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "work/example"))
