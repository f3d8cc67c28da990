"""A trial step of a user's own method on a few drawn images, before anything is decoded or trained."""

import copy

import numpy as np
import torch
from torch import Tensor

from kogen.common.devices import resolve_precision
from kogen.common.plugins import describe_error, find_plugin
from kogen.common.rng import seeded_torch
from kogen.config.plan import Plan
from kogen.data.images import from_array
from kogen.modules.base import Backbone, Method, Terms, Views
from kogen.training.batches import Batches

TRIAL_IMAGES = 4


def try_method(method: Method, plan: Plan) -> None:
    """ValueError where a plug-in's method breaks off in a step, or its loss is none. Other methods are not tried.

    `method` is used up: its weights and what it remembers are those after a step.
    """
    if find_plugin("methods", plan.method) is None:
        return
    title = f"the method {plan.method!r}"
    if not isinstance(getattr(method, "backbone", None), Backbone):
        raise ValueError(f"{title} keeps no backbone: its constructor has to set self.backbone = backbone")
    rng = np.random.default_rng(0)
    shape = TRIAL_IMAGES, *plan.input_shape
    images = from_array(rng.integers(256, size=shape, dtype=np.uint8), np.arange(TRIAL_IMAGES) % 2, ("a", "b"))
    update = {"batch_size": TRIAL_IMAGES, "accumulate": 1, "classes": images.classes, "epochs": 1}
    update |= {"mean": (0.5,) * plan.channels, "std": (0.25,) * plan.channels}
    small = plan.model_copy(update=update)
    views = Batches(small, images, torch.device("cpu")).render_views(0, 0)
    try:
        again = copy.deepcopy(method)
        terms = run_forward(method, views, plan)
        check_terms(title, terms)
        if different := unequal_terms(terms, run_forward(again, views, plan)):
            raise ValueError(
                f"{title}: the term {different!r} is another one in the same step again, so that no run could be "
                "resumed or repeated: take what is random from views.rng, or from torch"
            )
        if plan.recipe.trains:
            total = torch.stack([term.float() for term in terms.values()]).sum()
            total.backward()
        method.update(1.0)
        check_judged(title, method, views)
    except (RuntimeError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError, OSError) as error:
        raise ValueError(f"{title} broke off in a trial step: {describe_error(error)}") from error
    if plan.recipe.trains and not any(p.grad is not None for p in method.backbone.parameters()):
        raise ValueError(
            f"{title}: no gradient reaches its backbone in a trial step: compute the loss from self.backbone"
        )


def run_forward(method: Method, views: Views, plan: Plan) -> Terms:
    """The terms of a step, in the precision and with the chance of torch that it would have in a training."""
    bf16 = resolve_precision(plan.precision) == "bf16"
    with seeded_torch(plan.seed, 0), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        return method.train()(views)


def unequal_terms(terms: Terms, again: Terms) -> str:
    """The first term that is not the same twice; "" for none."""
    return next((name for name in terms if name not in again or not torch.equal(terms[name], again[name])), "")


def check_judged(title: str, method: Method, views: Views) -> None:
    """ValueError where the network that would be judged makes no features of images."""
    judged = method.evaluation_backbone()
    with torch.no_grad():
        features = judged.eval()(views.crops[0])
    if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(views.crops[0]):
        raise ValueError(f"{title}: evaluation_backbone() gives no features (B, D): return self.backbone, or its like")


def check_terms(title: str, terms: object) -> None:
    """ValueError for what are no named terms of a loss, finite scalars."""
    wanted = "wanted named terms of a loss, such as {'loss': loss}"
    if not isinstance(terms, dict) or not terms:
        got = "no term" if isinstance(terms, dict) else f"a {type(terms).__name__}"
        raise ValueError(f"{title}: forward returned {got}, {wanted}")
    for name, term in terms.items():
        if not isinstance(term, Tensor) or not isinstance(name, str):
            raise ValueError(f"{title}: forward returned {name!r}: a {type(term).__name__}, {wanted}")
        if term.shape != ():
            raise ValueError(
                f"{title}: the term {name!r} has the shape {tuple(term.shape)}, wanted a scalar, such as its mean "
                "(terms of (B,) are what losses of a PerImageMethod returns)"
            )
        if not bool(torch.isfinite(term).all()):
            raise ValueError(f"{title}: the term {name!r} is {float(term.detach())} in a trial step")
