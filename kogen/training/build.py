"""Build the method and the backbone of a plan, with weights from its seed, a file, or those that it goes on from."""

from pathlib import Path

import torch

from kogen.backbones import check_kind, make_backbone
from kogen.backbones._network_facts import RESIZE, WHOLE_WINDOW, NetworkFacts
from kogen.backbones.published import load_weights, published
from kogen.common import registry
from kogen.common.records import RETRAIN
from kogen.common.tensors import load_tensors, save_tensors
from kogen.config.plan import Plan, check_settings, count_frozen
from kogen.modules.allocation import AllocationLimit
from kogen.modules.base import Backbone, Method
from kogen.training.freezing import freeze_stages
from kogen.training.start_weights import describe_start, load_start, start_method


def build_method(plan: Plan) -> Method:
    """The plan's method around its backbone; its weights depend on the plan's seed and on what it goes on from.

    ValueError for settings that are not the method's, that it cannot be built with, or that need too much memory, and
    for weights to go on from that do not fit.
    """
    method = draw_method(plan)
    if plan.init_file and not plan.weights:
        start_method(method, load_start(Path(plan.init_file)), plan.method)
    if plan.freeze:
        freeze_stages(method, count_frozen(plan.freeze))
    return method


def tell_start(plan: Plan) -> str:
    """What a plan goes on with and what of it begins anew, in words. ValueError as `build_method`."""
    method, start = draw_method(plan), load_start(Path(plan.init_file))
    return describe_start(start, method, start_method(method, start, plan.method))


def draw_method(plan: Plan) -> Method:
    """The plan's method with the weights that its seed draws, or with those of a file, `plan.weights`."""
    check_settings(plan.method, plan.settings)  # of a plan.json too, which anybody may have written
    title = f"{plan.method} with {plan.settings or 'its own settings'} on {plan.backbone}"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)  # libraries draw weights from the global generator; it is put back afterwards
        backbone, make = build_backbone(plan), registry.load("methods", plan.method)
        try:
            with AllocationLimit(title, 3 if plan.recipe.trains else 1):
                return make(backbone, classes=len(plan.classes), images=plan.images, **plan.hyperparameters)
        except (RuntimeError, ZeroDivisionError, AssertionError, TypeError) as error:  # sizes that fit nothing
            raise ValueError(f"{title} cannot be built ({error}): choose other values") from error


def build_backbone(plan: Plan) -> Backbone:
    """The plan's backbone, its weights from the global generator, or from the file `plan.weights` if there is one."""
    if plan.name and plan.weights:  # published weights, in any layout; a run's own are in timm's
        found = published(file=plan.weights, backbone=plan.backbone, in_chans=plan.channels, image_size=plan.image_size)
        if plan.data:  # before any images are known, nobody says what they are
            check_kind(plan.backbone, found, plan.items)
        return found
    backbone = make_backbone(plan.backbone, plan.channels, plan.image_size, plan.items)
    if plan.weights:
        load_weights(backbone, load_tensors(Path(plan.weights), RETRAIN)[0], Path(plan.weights))
    return backbone


def network_facts(plan: Plan, backbone: Backbone) -> dict[str, str]:
    """What a file of a run's weights says of its network, so that reading it as a candidate takes no option."""
    facts = NetworkFacts(
        architecture=backbone.spec,
        input_size=plan.image_size,
        channels=plan.channels,
        mean=plan.mean,
        std=plan.std,
        framework=plan.framework or plan.method,
        classes=plan.classes,
        resize=WHOLE_WINDOW if backbone.kind == "series" else RESIZE,
    )
    return facts.to_metadata()


def save_weights(backbone: Backbone, path: Path, facts: dict[str, str] | None = None) -> None:
    """Write a backbone's plain network, and facts, to a safetensors file, atomically."""
    tensors = {key: value.contiguous() for key, value in backbone.network.state_dict().items()}
    save_tensors(path, tensors, facts)
