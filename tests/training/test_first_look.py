"""What a method that does not train looks at: training items as evaluation sees them, spread through the set."""

import numpy as np
import torch
from small import plan_for, tones

from kogen.training.build import build_method
from kogen.training.first_look import look_at_items


def test_it_sees_items_spread_through_the_set_as_evaluation_does() -> None:
    images = tones(3000, channels=2, length=16)
    plan = plan_for(images, "minirocket")
    method, seen = build_method(plan), []
    method.look = lambda items, rng: seen.append((items, rng))  # type: ignore[method-assign]
    look_at_items(method, plan, images)
    ((items, rng),) = seen
    index = np.unique(np.linspace(0, 2999, plan.recipe.looks).astype(np.int64))
    assert len(items) == len(index) == len(rng) == 2048
    mean, std = (torch.tensor(one)[:, None] for one in (plan.mean, plan.std))
    torch.testing.assert_close(items, (images.read(index) - mean) / std)
    assert (rng.seed, rng.step) == (plan.seed, 0)
