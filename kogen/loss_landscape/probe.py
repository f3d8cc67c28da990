"""A probe as an objective: a backbone under a fitted linear classifier."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.evaluation.features import Features
from kogen.evaluation.probes._linear import choose_classifier
from kogen.modules.base import Backbone, Views
from kogen.modules.losses import full_precision


class Probe(nn.Module):
    """A backbone under a linear classifier, its loss the cross-entropy of each image; labels (B,) in [0, K).

    An Objective moves the backbone under the fixed classifier (`moves=("backbone",)`), or the classifier over fixed
    features (`moves=("head",)`: they are then computed once), or both.
    """

    def __init__(self, backbone: Backbone, weight: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.backbone, self.head = copy.deepcopy(backbone), nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))
        self.requires_grad_(True)
        self.to(next(backbone.parameters()))

    def make_targets(self, views: Views) -> Tensor:
        """The labels, (B,). ValueError where one is unknown."""
        if (unknown := int((views.labels < 0).sum())) > 0:
            raise ValueError(
                f"images without a label: {unknown} of {len(views.labels)}; give labelled images to a probe"
            )
        return views.labels

    def losses(self, views: Views, targets: Tensor) -> dict[str, Tensor]:
        """The cross-entropy of each image, (B,)."""
        logits = full_precision(self.head(self.backbone(views.crops[0])))  # (B, K)
        return {"cross_entropy": F.cross_entropy(logits, targets, reduction="none")}


def fit_probe(backbone: Backbone, train: Features, seed: int = 0) -> Probe:
    """The backbone under the classifier that the linear probe fits to its features, of the strength it chooses.

    Raises ValueError where a class has no labelled image.
    """
    present = np.unique(train.labels)
    if len(present) != len(train.classes) or len(present) < 2:
        raise ValueError(
            f"the probe got images of {len(present)} of {len(train.classes)} classes, wanted all of 2 or more and "
            "every label known: give labelled images of every class"
        )
    device = next(backbone.parameters()).device
    found = choose_classifier(train.values, train.labels, seed=seed, device=device).classifier
    weight = (found.coefficient * found.scale[:, None]).T  # (K, D)
    return Probe(backbone, weight, found.bias - weight @ found.mean)
