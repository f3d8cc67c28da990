"""Fine-tuning: a trained network and a new linear classifier learn together from labels, all layers or some of them."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import nn

from kogen.modules.base import Backbone, PerImageMethod, Recipe, Terms, Views
from kogen.modules.losses import full_precision
from kogen.modules.network_layers import split_layers

__all__ = ["FineTuning"]

LAYER_DECAY = 0.75  # share of the rate of each layer in that of the next (MAE, table 9)


class FineTuning(PerImageMethod):
    """Cross-entropy on one view; `layers` says what learns beside the classifier.

    head: nothing; norm: gains and offsets of the norms; last2: the last two stages or blocks and what is behind them;
    all; decay: all, each layer at .75 of the rate of the next. A layer that does not learn stays bit for bit as it is,
    its batch norm with the statistics that it has; batch norm that learns takes those of the batch, as in BYOL.
    """

    recipe = Recipe(
        source="MAE, table 9: AdamW, base rate 1e-3, decay .05; without attention BYOL, D.3: SGD with momentum .9, no "
        "decay; rate and steps are chosen on a validation part of the labels",
        headline="MAE 83.6 (ViT-B, all labels); BYOL 53.2 with 1 % of the labels, 68.8 with 10 % (ResNet-50)",
        family="baseline",
        views=1,
        optimiser="adamw",
        rate=1e-3,
        weight_decay=0.05,
        labels=True,
        colour=False,
        without_attention={"optimiser": "sgd", "rate": 0.1, "weight_decay": 0.0},
    )

    def __init__(self, backbone: Backbone, *, classes: int, images: int = 0, layers: str = "all") -> None:
        super().__init__()
        self.backbone, self.layers = backbone, layers
        self.classifier = nn.Linear(backbone.dim, classes)
        if layers in ("head", "norm"):
            backbone.requires_grad_(False)
        if layers == "norm":
            keep_norms_learning(backbone)
        elif layers.startswith("last"):
            freeze_before_last(backbone.network, int(layers.removeprefix("last")))

    def train(self, mode: bool = True) -> "FineTuning":
        """As of any module, but parts that have weights and do not learn stay in eval mode."""
        super().train(mode)
        for part in self.backbone.modules():
            weights = list(part.parameters())
            if weights and not any(weight.requires_grad for weight in weights):
                part.eval()
        return self

    def rate_shares(self) -> Mapping[nn.Parameter, float]:
        """With `decay`, .75 to the number of layers between a parameter and the classifier (BEiT, MAE)."""
        if self.layers != "decay":
            return {}
        stem, stages, beside = known_layers(self.backbone.network, "decay")
        before = [*beside, *(weight for part in stem for weight in part.parameters())]
        shares = dict.fromkeys(before, LAYER_DECAY ** (len(stages) + 1))
        for number, stage in enumerate(stages):
            shares |= dict.fromkeys(stage.parameters(), LAYER_DECAY ** (len(stages) - number))
        return shares

    def losses(self, views: Views) -> Terms:
        logits = full_precision(self.classifier(self.backbone(views.crops[0])))  # (B, K)
        return {"cross_entropy": F.cross_entropy(logits, views.labels, reduction="none")}


def keep_norms_learning(backbone: Backbone) -> None:
    """Let the gains and offsets of all norms learn. ValueError for a network without any."""
    norms = [part for part in backbone.modules() if "Norm" in type(part).__name__]
    weights = [weight for part in norms for weight in part.parameters(recurse=False)]
    if not weights:
        raise ValueError(f"tune:norm: {type(backbone.network).__name__} has no norm that learns: use tune:head")
    for weight in weights:
        weight.requires_grad_(True)


def freeze_before_last(network: nn.Module, count: int) -> None:
    """Take all before the last `count` stages out of the training. ValueError for a network that has no more."""
    stem, stages, beside = known_layers(network, f"last{count}")
    if count >= len(stages):
        got = f"tune:last{count}: this {type(network).__name__} has {len(stages)} stages or blocks"
        raise ValueError(f"{got}: use tune:all, or fewer than {len(stages)}")
    for part in [*stem, *stages[:-count]]:
        part.requires_grad_(False)
    for weight in beside:
        weight.requires_grad_(False)


def known_layers(network: nn.Module, asked: str) -> tuple[list[nn.Module], list[nn.Module], list[nn.Parameter]]:
    """The layers of a network, see `split_layers`. ValueError for a network whose stages are not known."""
    found = split_layers(network)
    if not found.stages:
        kind = type(network).__name__
        raise ValueError(
            f"tune:{asked}: no stages or blocks are known of a {kind}: use tune:head, tune:norm or tune:all"
        )
    return found
