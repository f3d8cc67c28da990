"""What a method that does not train takes from training items before it is judged."""

import numpy as np
import torch

from kogen.augmentation.rendering import render_view
from kogen.common.rng import StepRng
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.modules.base import Method


def look_at_items(method: Method, plan: Plan, images: Images) -> None:
    """Show a method that does not train as many training items as its recipe says, as evaluation sees them."""
    index = np.unique(np.linspace(0, len(images) - 1, min(plan.recipe.looks, len(images))).astype(np.int64))
    rng = StepRng(plan.seed, 0, len(index))
    aspect = torch.from_numpy(images.aspect[index])
    method.look(render_view(images.read(index), plan.evaluation_view, rng, tag="look", aspect=aspect), rng)
