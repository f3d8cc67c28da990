"""Landscapes: a surface by definition, pure, resumable; grids, splines with holes, and numbers of known shapes."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from small import NARROW, blobs, plan_for
from torch import nn

from kogen.build import build
from kogen.directions.random import random
from kogen.engine import Batches
from kogen.landscape import surface
from kogen.objectives import Objective, frozen_batches

VIT = "vit_tiny_patch16_224?embed_dim=24&depth=2&num_heads=3"
METHODS = {"supervised": "tiny?width=4", "byol": "tiny?width=4", "mae": VIT}


def objective(method: str, count: int = 32, batch: int = 16, **changes: Any) -> tuple[nn.Module, Objective]:
    """A method and its own loss on a few frozen batches."""
    images = blobs(48)
    backbone = VIT if "mae" in method else METHODS.get(method, "tiny?width=4")
    plan = plan_for(images, method, backbone=backbone, settings=NARROW.get(method, {}))
    module = build(plan)
    views = Batches(plan, images, torch.device("cpu")).views
    return module, Objective(module, frozen_batches(images, views, count=count, batch=batch), **changes)


@pytest.mark.parametrize("method", METHODS)
def test_a_surface_is_the_loss_at_the_moved_weights(method):
    """The slow twin of Li et al.: write every weight, run the module as it is, average."""
    module, loss = objective(method)
    plane = random(loss.at, seed=3)
    found = surface(loss, loss.at, plane.directions, 3, levels=1)
    twin = copy.deepcopy(module).eval()
    for row in found.itertuples():
        with torch.no_grad():
            for name, parameter in twin.named_parameters():
                if name in plane.first:
                    moved = row.alpha * plane.first[name] + row.beta * plane.second[name]
                    parameter.copy_(loss.at[name] + moved)
            batches = [sum(term.item() for term in twin(views).values()) for views in loss.batches]
        assert row.loss == pytest.approx(np.mean(batches), rel=1e-5)
    assert found["loss"].nunique() == 9


def test_without_a_direction_it_is_constant():
    _, loss = objective("supervised")
    nothing = {name: torch.zeros_like(tensor) for name, tensor in loss.at.items()}
    assert surface(loss, loss.at, (nothing, nothing), 3)["loss"].nunique() == 1
