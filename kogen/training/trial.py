"""A trial step of a user's own method on a few drawn images, before anything is decoded or trained."""

import numpy as np
import torch
from torch import Tensor

from kogen.common.devices import resolve_precision
from kogen.common.plugins import describe_error, find_plugin
from kogen.config.plan import Plan
from kogen.data.images import from_array
from kogen.modules.base import Method
from kogen.training.batches import Batches

TRIAL_IMAGES = 4


def try_method(method: Method, plan: Plan) -> None:
    """ValueError where a plug-in's method breaks off in a step, or its loss is none. Other methods are not tried.

    `method` is used up: its weights and what it remembers are those after a step.
    """
    if find_plugin("methods", plan.method) is None:
        return
    title = f"the method {plan.method!r}"
    rng = np.random.default_rng(0)
    shape = TRIAL_IMAGES, plan.channels, plan.image_size, plan.image_size
    images = from_array(rng.integers(256, size=shape, dtype=np.uint8), np.arange(TRIAL_IMAGES) % 2, ("a", "b"))
    update = {"batch_size": TRIAL_IMAGES, "accumulate": 1, "classes": images.classes, "epochs": 1}
    update |= {"mean": (0.5,) * plan.channels, "std": (0.25,) * plan.channels}
    small = plan.model_copy(update=update)
    views = Batches(small, images, torch.device("cpu")).render_views(0, 0)
    try:
        with torch.autocast("cpu", torch.bfloat16, enabled=resolve_precision(plan.precision) == "bf16"):
            terms = method.train()(views)
        check_terms(title, terms)
        if plan.recipe.trains:
            total = torch.stack([term.float() for term in terms.values()]).sum()
            total.backward()
        method.update(1.0)
    except (RuntimeError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError, OSError) as error:
        raise ValueError(f"{title} broke off in a trial step: {describe_error(error)}") from error
    if plan.recipe.trains and not any(p.grad is not None for p in method.backbone.parameters()):
        raise ValueError(
            f"{title}: no gradient reaches its backbone in a trial step: compute the loss from self.backbone"
        )


def check_terms(title: str, terms: object) -> None:
    """ValueError for what are no named terms of a loss: finite scalars."""
    wanted = "wanted named terms of a loss, such as {'loss': loss}"
    if not isinstance(terms, dict) or not terms:
        raise ValueError(f"{title}: forward returned a {type(terms).__name__}, {wanted}")
    for name, term in terms.items():
        if not isinstance(term, Tensor) or not isinstance(name, str):
            raise ValueError(f"{title}: forward returned {name!r}: a {type(term).__name__}, {wanted}")
        if term.shape:
            shape = tuple(term.shape)
            raise ValueError(f"{title}: the term {name!r} has the shape {shape}, wanted a scalar: return its mean")
        if not bool(torch.isfinite(term).all()):
            raise ValueError(f"{title}: the term {name!r} is {float(term.detach())} in a trial step")
