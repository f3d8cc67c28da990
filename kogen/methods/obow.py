"""OBoW: predict which visual words a slow teacher sees in another view (Gidaris et al. 2020, arXiv 2012.11552)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.common.devices import to_device
from kogen.common.distributed import gather, sum_over_processes, world_size
from kogen.modules.base import Backbone, PerImageMethod, Recipe, Terms, Views
from kogen.modules.ema import ema_copy, ema_update
from kogen.modules.losses import full_precision
from kogen.modules.multicrop import take_local_crops
from kogen.modules.queue import Queue, StepBuffer
from kogen.modules.schedules import cosine_schedule

__all__ = ["OBoW"]


class OBoW(PerImageMethod):
    """Section 3: words are a queue of the teacher's local features, and the classifier is generated from the words.

    The paper's teacher sees the whole image, unperturbed; here it sees the other one of two views, in both orders. The
    mean distance to the nearest word starts at that of the first step, where the authors start at .5, which only fits
    the features of their networks. Maps of fewer than three cells keep their border.
    """

    recipe = Recipe(
        source="sections 3 and 4.1 (words, bags, classifier, rate for a batch of 128, weight decay)",
        headline="ImageNet linear 73.8 (ResNet-50, 200 epochs, multi-crop)",
        family="distillation",
        rate=0.06,
        weight_decay=1e-4,
        revision=2,
        authors={
            "rate": (0.1, "ResNet-18: .05 for 128 images; ResNet-50: .03 for 256 (valeoai/obow, config/)"),
            "weight_decay": (5e-4, "ResNet-18; 1e-4 for ResNet-50 (config/)"),
            "words": (8192, "section 4.1, for 1.28 million images"),
            "sharpness": (1 / 15, "ResNet-50; .1 for ResNet-18 (config/)"),
            "scale": (8.0, "ResNet-50; 5 for ResNet-18 (config/)"),
            "local_crops": (5, "of 96 px beside two of 160, which show 8 to 60 % (config/)"),
        },
        cost=3.7,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        words: int = 2048,
        scales: int = 2,  # maps of the last stages that have words of their own (section 3.2)
        sharpness: float = 0.1,  # delta_base: width of an assignment over the mean squared distance to the nearest word
        memory: float = 0.99,  # momentum of that mean (section 3.1)
        scale: float = 5.0,  # gamma, length of a generated weight (section 3.3)
        momentum: float = 0.99,  # section 3.1, with a cosine to 1
        border: int = 1,  # cells at each side of a map that give no word (obow/builder_obow.py, BoWExtractor)
        local_crops: int = 0,  # small images have no small parts to show
    ) -> None:
        super().__init__()
        if words < 2:
            raise ValueError(f"obow predicts which of several words an image has, got words={words}: use 2 or more")
        take_local_crops(backbone, local_crops, "obow")
        self.backbone = backbone
        self.target = ema_copy(backbone)
        widths = [x.shape[1] for x in dry_run_maps(backbone, scales)]
        self.words = nn.ModuleList(Queue(words, width) for width in widths)
        self.generators = nn.ModuleList(word_generator(width, backbone.dim) for width in widths)
        self.register_buffer("distance", torch.zeros(scales))  # (L,) mean squared, to the nearest word; 0: not yet
        self.distance: Tensor
        self.notes, self.border = StepBuffer(), border
        self.floor = math.log(words)
        self.scales, self.sharpness, self.memory, self.scale, self.momentum = scales, sharpness, memory, scale, momentum

    def losses(self, views: Views) -> Terms:
        features = [full_precision(self.backbone(x)) for x in views.crops]  # (B, D) each
        with torch.no_grad():
            maps = [feature_maps(self.target, x, self.scales) for x in views.crops[:2]]  # type: ignore[arg-type]  L maps each
            seen = [[drop_border(x, self.border) for x in levels] for levels in maps]
        losses: list[list[Tensor]] = [[], []]
        for level, (queue, generate) in enumerate(zip(self.words, self.generators, strict=True)):
            words: Tensor = queue.rows  # type: ignore[assignment]
            weights = self.scale * F.normalize(full_precision(generate(F.normalize(words, dim=1))), dim=1)  # (K, D)
            predicted = [predict_words(z, weights) for z in features]  # (B, K) each
            bags = self.bags([levels[level] for levels in seen], words, level, views)
            for place, bag in enumerate(bags):
                losses[place] += [-(bag * g).sum(1) for view, g in enumerate(predicted) if view != place]
        return {name: torch.stack(losses[place]).mean(0) / 2 for place, name in enumerate(("first", "second"))}

    @torch.no_grad()
    def bags(self, seen: list[Tensor], words: Tensor, level: int, views: Views) -> list[Tensor]:
        """The bag of words of both views' maps, (B, K) each; buffers new words and the distance to the old ones.

        The width of an assignment knows the distances of this step already, as the authors' does.
        """
        near = [word_distances(local, words) for local in seen]
        distance = sum_over_processes(torch.stack([nearest.mean() for _, nearest in near]).mean()) / world_size()
        width = self.distance[level]
        if self.training:
            self.notes.put(views.rng, distance, 2 * level)
            self.notes.put(views.rng, gather(sample_feature(seen[0], views.rng.uniform(f"word{level}"))), 2 * level + 1)
            width = self.follow_distance(level, distance)
        width = self.sharpness * torch.where(width > 0, width, distance).clamp_min(1e-12)
        return [bag_of_words(further / width) for further, _ in near]

    def follow_distance(self, level: int, now: Tensor) -> Tensor:
        """The running mean of a level's distance after a step whose mean is `now`, a scalar (section 3.1)."""
        old = self.distance[level]
        return torch.where(old > 0, old.lerp(now, 1 - self.memory), now)

    @torch.no_grad()
    def update(self, progress: float) -> None:
        ema_update(self.target, self.backbone, cosine_schedule(progress, self.momentum, 1.0))
        for level, queue in enumerate(self.words):
            if distances := self.notes.take(2 * level):
                self.distance[level] = self.follow_distance(level, torch.stack(distances).mean())
            for rows in self.notes.take(2 * level + 1):
                queue.push(rows)  # type: ignore[operator]


def feature_maps(backbone: Backbone, images: Tensor, count: int) -> list[Tensor]:
    """The maps of the last `count` stages of a network of timm (of a ViT: blocks), (B, C, H, W) each, float32 or finer.

    Raises ValueError for a network without maps, or with fewer.
    """
    inside = getattr(backbone.network, "forward_intermediates", None)
    if inside is None:
        kind = type(backbone.network).__name__
        raise ValueError(f"obow needs feature maps, and {kind} gives none: choose a ResNet or ViT of timm as backbone")
    found = inside(images, indices=count, norm=True, intermediates_only=True)
    return [full_precision(x) for x in found]


def drop_border(local: Tensor, cells: int) -> Tensor:
    """A map (B, C, H, W) without `cells` at each side, where convolutions see padding; as it is if none were left."""
    if not cells or min(local.shape[2:]) <= 2 * cells:
        return local
    return local[:, :, cells:-cells, cells:-cells]


def dry_run_maps(backbone: Backbone, count: int) -> list[Tensor]:
    """The maps of one black image, to know their shapes; leaves no trace on the network."""
    was = backbone.training
    with torch.no_grad():
        found = feature_maps(backbone.eval(), torch.zeros(1, *backbone.input_shape), count)
    backbone.train(was)
    return found


def word_generator(width: int, dim: int) -> nn.Sequential:
    """The two layers that make a word's weights in the classifier of it, (K, C) to (K, D) (section 3.3).

    Between them are 2 D values (obow/builder_obow.py, OBoW).
    """
    norm = nn.BatchNorm1d(2 * dim, track_running_stats=False)  # each process sees all words: nothing to remember
    first, second = nn.Linear(width, 2 * dim, bias=False), nn.Linear(2 * dim, dim)
    return nn.Sequential(first, norm, nn.ReLU(inplace=True), second)


def word_distances(local: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance of each place to each word, less that to the nearest word, and that to the nearest word.

    A map (B, C, H, W) and words (K, C) to (B, HW, K) and (B, HW).
    """
    with torch.autocast(local.device.type, enabled=False):
        places = local.flatten(2).mT  # (B, HW, C)
        near = 2 * places @ words.T - words.square().sum(1)  # (B, HW, K), |x|^2 less the squared distance
        best = near.amax(dim=2)
        return best[..., None] - near, (places.square().sum(2) - best).clamp_min(0)


def bag_of_words(further: Tensor) -> Tensor:
    """Distances in widths (B, HW, K) to bags (B, K): the largest share of each word anywhere, summing to 1 (eq. 2)."""
    largest = F.softmax(-further, dim=2).amax(dim=1)
    return largest / largest.sum(dim=1, keepdim=True)


def sample_feature(local: Tensor, where: Tensor) -> Tensor:
    """A local feature (B, C) of each map (B, C, H, W), at `where` (B,) in [0, 1) (section 3.2).

    It is the mean of 3 x 3 cells that lie in the map, of fewer where a map has fewer.
    """
    window = (min(3, local.shape[2]), min(3, local.shape[3]))
    smooth = F.avg_pool2d(local, window, stride=1).flatten(2)  # (B, C, P), P places of the window
    place = to_device((where * smooth.shape[2]).long().clamp_max(smooth.shape[2] - 1), local.device)
    return smooth[torch.arange(len(smooth), device=local.device), :, place]


def predict_words(features: Tensor, weights: Tensor) -> Tensor:
    """Log-shares of the words, (B, K), from features (B, D) and generated weights (K, D) (eq. 4)."""
    with torch.autocast(features.device.type, enabled=False):
        return F.log_softmax(features @ weights.T, dim=1)
