"""Code of a user's own, as text of a file: one of everything that is right, and methods that are wrong."""

RIGHT = """
import numpy as np
import torch
from torch import nn

from kogen.extend import (
    Contributions, CorruptionKind, Method, Metric, Plane, Recipe, View, ema_copy, ema_update, mlp,
)


class Net(nn.Module):
    def __init__(self, in_chans=3, width=8):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(in_chans, width, 3, 2, 1), nn.BatchNorm2d(width)

    def forward(self, images):
        return self.norm(self.conv(images)).relu().mean((2, 3))


class MyByol(Method):
    recipe = Recipe(source="section 3", headline="none", family="own", views=2)

    def __init__(self, backbone, *, classes=0, images=0, dim=16):
        super().__init__()
        self.backbone, self.head = backbone, mlp(backbone.dim, 32, dim)
        self.predictor = mlp(dim, 32, dim)
        self.target = ema_copy(nn.Sequential(self.backbone, self.head))

    def forward(self, views):
        first, second = (self.predictor(self.head(self.backbone(crop))).float() for crop in views.crops)
        with torch.no_grad():
            one, other = (self.target(crop).float() for crop in views.crops)
        cosine = nn.functional.cosine_similarity
        return {"first": (2 - 2 * cosine(first, other)).mean(), "second": (2 - 2 * cosine(second, one)).mean()}

    def update(self, progress):
        ema_update(self.target, nn.Sequential(self.backbone, self.head), 0.99)


def nearest_mean(train, test):
    means = np.stack([train.values[train.labels == k].mean(0) for k in range(len(train.classes))])
    far = ((test.values[:, None] - means[None]) ** 2).sum(-1)
    near = np.exp(far.min(1, keepdims=True) - far)
    return near / near.sum(1, keepdims=True)


def compute(answers):
    each = answers.correct.astype(float)
    return Contributions(float(each.mean()), each)


right = Metric(compute, needs=frozenset({"labels"}))


def plain(size):
    view = View(size=size, crop=(0.5, 1.0), flip=0.5)
    return view, view


fog = CorruptionKind("weather", lambda images, strength, rng: images * (1 - strength) + strength, (.1, .2, .3, .4, .5))


def dots(variant="", *, n=120, split=None):
    rng = np.random.default_rng(1 if split == "test" else 0)
    labels = rng.integers(3, size=n)
    pixels = rng.integers(200, size=(n, 3, 16, 16), dtype=np.uint8)
    for place, label in enumerate(labels):
        pixels[place, label] += 30
    return pixels, labels, ("r", "g", "b")


def straight(at, *, plane=0, seed=0):
    generator = torch.Generator().manual_seed(seed + plane)
    return Plane(*({name: torch.randn(t.shape, generator=generator) * t.abs().mean() for name, t in at.items()}
                   for _ in range(2)))
"""

WRONG = """

class Plain:
    pass


class Raises(MyByol):
    def forward(self, views):
        raise KeyError("oh")


class Nan(MyByol):
    def forward(self, views):
        return {"loss": super().forward(views)["first"] * float("nan")}


class Positional(Method):
    recipe = MyByol.recipe

    def __init__(self, backbone, dim):
        super().__init__()

    def forward(self, views):
        return {}


class NoClasses(Positional):
    def __init__(self, backbone):
        super().__init__(backbone, 1)


class NoRecipe(Method):
    def __init__(self, backbone, *, classes=0, images=0):
        super().__init__()

    def forward(self, views):
        return {}


class Abstract(Method):
    recipe = MyByol.recipe


class Number(MyByol):
    def forward(self, views):
        return super().forward(views)["first"]


class Wide(MyByol):
    def forward(self, views):
        return {"loss": views.crops[0]}


class EachImage(MyByol):
    def forward(self, views):
        return {"loss": self.backbone(views.crops[0]).square().mean(dim=1)}


class Still(MyByol):
    def forward(self, views):
        return {"loss": sum(p.sum() for p in self.predictor.parameters())}


class Late(MyByol):
    steps = 0

    def forward(self, views):
        Late.steps += 1
        if Late.steps > 4:
            raise RuntimeError("late trouble")
        return super().forward(views)


nothing = lambda backbone: None
"""

STATISTIC = """

def by_model(rows):
    return rows.groupby("model", observed=True)["correct"].mean().reset_index()


def no_frame(rows):
    return 3


def no_rows():
    return None
"""

MORE_WRONG = """

class PerImage(MyByol):
    def forward(self, views):
        return {"loss": self.backbone(views.crops[0]).mean(1)}


class NoBackbone(MyByol):
    def __init__(self, backbone, *, classes=0, images=0):
        super().__init__(backbone)
        self.net = backbone
        del self.backbone


class Empty(MyByol):
    def forward(self, views):
        return {}


class Unseeded(MyByol):
    def forward(self, views):
        return {"loss": super().forward(views)["first"] * float(np.random.rand())}


class Judged(MyByol):
    def evaluation_backbone(self):
        return nn.Identity()


class Dropped(MyByol):
    def forward(self, views):
        noise = torch.randn_like(views.crops[0])
        return {"loss": super().forward(views)["first"] + (self.backbone(views.crops[0] + noise) ** 2).mean()}
"""
