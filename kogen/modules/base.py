"""The interfaces: Backbone (images to features), Method (views to named loss terms), Views, Terms, Recipe."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from kogen.common.kinds import Kind, input_shape
from kogen.common.rng import StepRng
from kogen.modules.blueprint import Blueprint

Terms = dict[str, Tensor]
"""Named, weighted terms of a loss: scalars that the training loop sums and logs, or (B,), one value an image."""


class Views:
    """A batch, or a part of one, as a method gets it: rendered views, labels, positions and random numbers.

    A plain class and not a dataclass, so that lightning-fabric passes it to `forward` unchanged.
    """

    def __init__(
        self, crops: list[Tensor], labels: Tensor, index: Tensor, rng: StepRng, progress: float, targets: Any = None
    ) -> None:
        self.crops = crops  # one tensor for each view, (B, C, S, S) or of series (B, C, T), float, normalised
        self.labels = labels  # (B,) int64, -1 where unknown
        self.index = index  # (B,) int64, position of each image in the training set
        self.rng = rng  # random numbers of this step (for masks ...), from seed, step and place in the batch alone
        self.progress = progress  # share of the training that is done, in [0, 1)
        self.targets = targets  # what else is known of each image, as it is seen in the first view: its boxes


@dataclass(frozen=True)
class Recipe:
    """How a method is trained unless the user says otherwise; each number with its source."""

    source: str  # paper and section the numbers come from
    headline: str  # the number the paper is known for
    family: str  # contrastive, distillation, clustering, information, masked, baseline
    views: int = 2  # how many views of an image a step takes
    optimiser: str = "sgd"  # one of OPTIMISERS, which training/optimizers.py makes
    rate: float = 0.06  # learning rate for a batch of 256; scaled linearly with the batch
    weight_decay: float = 5e-4  # lightly's CIFAR-10 benchmark
    momentum: float = 0.9  # sgd and lars
    betas: tuple[float, float] = (0.9, 0.999)  # adamw
    warmup: float = 0.05  # share of the training with a linearly rising rate
    constant: tuple[str, ...] = ()  # parts of the method whose rate stays at its peak (SimSiam's predictor)
    labels: bool = False  # the method reads labels: it trains on the labelled images only
    trains: bool = True  # False: there is nothing to train (random, published)
    looks: int = 0  # training items that a method without a training looks at before it is judged, see Method.look
    colour: bool = True  # False: views are only cropped, flipped and turned (MAE, appendix A.1)
    least_area: float = 0.0  # share of an image that a whole view shows at least, where the view set would show less
    revision: int = 1  # counts up where the same settings train other weights than before, so that ids of runs differ
    without_attention: Mapping[str, Any] = field(
        default_factory=dict
    )  # settings that ResNets and their like have instead
    authors: Mapping[str, "TheirValue"] = field(default_factory=dict)  # the authors' settings where ours differ
    cost: float | None = None  # seconds a training image, as a multiple of supervised (benchmarks/methods.py, 2 cores)


TheirValue = tuple[Any, str]
"""A setting as the authors have it, and where they say so."""

OPTIMISERS = ("sgd", "lars", "adamw")
# Of a recipe: they change no weight, or are merged into the other fields where a network is known.
DESCRIPTIVE_FIELDS = ("source", "headline", "family", "cost", "authors", "without_attention")
LATER_FIELDS = {
    "least_area": 0.0,
    "revision": 1,
    "looks": 0,
}  # left out of a record at these values, as before they existed


class Backbone(nn.Module, ABC):
    """A network without a head."""

    dim: int  # D, length of a feature
    channels: int  # C, of the images it takes
    image_size: int  # S, height and width of these images in pixels; of series T, the samples of a window
    kind: Kind = "image"  # what it takes: images (B, C, S, S), or windows of series (B, C, T)
    blueprint: Blueprint  # how the same network is made without kogen, untrained
    spec: str  # the name that makes it at any image size, with every setting, as `--backbone` takes it

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, S, S), or windows of series (B, C, T), normalised, to features (B, D)."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of an item that it takes: (C, S, S) of an image, (C, T) of a window of a series."""
        return input_shape(self.kind, self.channels, self.image_size)

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """The plain network inside, whose state dict is what `kogen export` writes."""


class Method(nn.Module, ABC):
    """One way to learn without (or with) labels.

    A subclass is final, lives in one file, and is made as `name(backbone, classes=K, images=N, **hyperparameters)`.
    """

    recipe: Recipe
    backbone: Backbone
    needs: str = ""  # the one family of networks it can train ("vit"); empty: any
    floor: float | None = None  # loss of a network that learns nothing (ln of its outputs), where known

    @abstractmethod
    def forward(self, views: Views) -> Terms:
        """Named, weighted terms of the loss over this part of the batch, each a scalar, to be summed."""

    def update(self, progress: float) -> None:
        """Called once after every optimiser step; `progress` in (0, 1] is the share of the training that is done."""

    def look(self, items: Tensor, rng: StepRng) -> None:
        """Called once where the recipe `looks` and does not train: with training items, as evaluation sees them.

        They are spread evenly through the set; `rng` is that of step 0.
        """

    def rate_shares(self) -> Mapping[nn.Parameter, float]:
        """Share of the rate that some parameters learn at; all others learn at the whole."""
        return {}

    def evaluation_backbone(self) -> Backbone:
        """The backbone that is evaluated and exported (the teacher's where the paper says so)."""
        return self.backbone


class PerImageMethod(Method):
    """A method whose loss is a mean over images as long as teachers, queues, centres and statistics are fixed."""

    @abstractmethod
    def losses(self, views: Views) -> Terms:
        """Named, weighted terms of the loss of each image, (B,); in eval mode they depend on no other image."""

    def forward(self, views: Views) -> Terms:
        return {name: each.mean() for name, each in self.losses(views).items()}


class CoupledMethod(Method):
    """A method whose loss compares the images of a batch, after each of them was embedded.

    In eval mode an image's embeddings do not depend on its batch, so that a landscape embeds it once for many batches.
    """

    @abstractmethod
    def embed(self, views: Views) -> list[Tensor]:
        """All that the loss needs of each image: tensors (B, ...); in eval mode a row depends on no other image."""

    @abstractmethod
    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        """Named, weighted terms of the loss of a batch of embeddings, each a scalar; `rng` is that of the step."""

    def forward(self, views: Views) -> Terms:
        return self.loss_of(self.embed(views), views.rng)
