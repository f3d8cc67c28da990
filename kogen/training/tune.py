"""Fine-tuning: a run's network learns from labels; how fast and how long is chosen on a validation part of these."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from kogen.common import distributed
from kogen.common.files import json_digest, read_sealed_json, write_sealed_json
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.evaluation.features import LinearHead, embed
from kogen.evaluation.validation import FOLDS, assign_parts
from kogen.modules.base import Backbone, Method
from kogen.training import checkpoint, loop
from kogen.training.batch_fitting import explain_out_of_memory
from kogen.training.build import build_method
from kogen.training.run import interruptible

BATCH = 64  # images a step; the rate is for 256, as everywhere, and scaled
PASS_STEPS = 100  # few labels are repeated until a pass, after which is measured and saved, has as many (or is a fit)
RATE_FACTORS = (0.1, 1.0, 5.0)  # of the recipe's rate, to choose from
SCORES = "delete it, and the choice is made anew"
OnFit = Callable[[str], Any]  # what is under way -> a context whose value is called after every step


@dataclass(frozen=True)
class Tuning:
    """What is fine-tuned: the network of a run, and which of its layers."""

    plan: Plan  # of the run
    run: str  # its id
    weights: str  # file of its weights; "" for a network as it is drawn
    layers: str  # head, norm, last2, decay or all
    lengths: Sequence[int]  # numbers of steps to choose from

    def plan_for(self, images: Images, factor: float, steps: int) -> Plan:
        """The plan of one fit on these images, with a factor of the recipe's rate; whole passes, at least `steps`."""
        data = json_digest([self.run, images.digest])
        facts = {"classes": images.classes, "images": len(images), "data": data, "weights": self.weights}
        plan = tuning_plan(self.plan, self.layers).model_copy(update=facts)
        epochs = math.ceil(steps / (len(images) // BATCH))
        settings = {"layers": self.layers, "rate": plan.recipe.rate * factor}
        return plan.model_copy(update={"epochs": epochs, "settings": settings})


def tuning_plan(plan: Plan, layers: str) -> Plan:
    """The plan of a run as that of a fine-tuning of its network, which is drawn anew, without images."""
    nothing = {"weights": "", "init": "", "init_file": "", "freeze": "", "data": "", "images": 0, "epochs": 0}
    nothing |= {"compile": False}  # a few hundred steps take less than compiling
    facts = {"method": "tune", "settings": {"layers": layers}, "classes": ("a", "b")}
    return plan.model_copy(update=nothing | facts | {"batch_size": BATCH, "accumulate": 1})


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned network, and what was chosen for it."""

    backbone: Backbone
    head: LinearHead
    chosen: dict[str, float]
    held: tuple[np.ndarray, np.ndarray] | None  # labels (m,) and probabilities (m, K) of images that chose


def fine_tune(tuning: Tuning, images: Images, folder: Path, on_fit: OnFit) -> Tuned:
    """A run's network after learning from labelled images, all of them; it resumes from `folder`.

    One part in five of each class, whole clusters at a time, is held out; each of three rates and each length is tried
    on the rest, and the smallest log loss of what is held out decides. With too few labels to hold out any, it is the
    recipe's rate and the most steps. Every process of a job must call it. ValueError where every rate ends in NaN.
    """
    part = assign_parts(images.labels, images.clusters, 0)
    rest, held = images.subset(np.flatnonzero(part != 0)), images.subset(np.flatnonzero(part == 0))
    seen, scores = repeat_images(rest, tuning.lengths) if len(rest) else rest, list[dict[str, Any]]()
    if len(held) and set(rest.labels.tolist()) == set(images.labels.tolist()):
        for factor, steps in product(RATE_FACTORS, tuning.lengths):
            plan = tuning.plan_for(seen, factor, steps)
            scores.append({"factor": factor, "steps": steps} | try_plan(plan, seen, held, folder, on_fit))
        if all(score["loss"] is None for score in scores):
            raise ValueError(f"{folder}: fine-tuning ended in NaN at every rate: the network's weights are broken")
    best = min((score for score in scores if score["loss"] is not None), key=lambda score: score["loss"], default=None)
    factor, steps = (best["factor"], best["steps"]) if best else (1.0, max(tuning.lengths))
    seen = repeat_images(images, tuning.lengths)
    plan = tuning.plan_for(seen, factor, steps)
    backbone, head = network_of(fit(plan, seen, folder / "final", "all labels", on_fit), seen)
    chosen = {"rate": plan.recipe.rate, "steps": float(steps), "validation_images": float(len(held) if best else 0)}
    chosen |= {"validation_loss": best["loss"]} if best else {}
    told = best and best["probability"]
    answers = (held.labels, np.array(told, np.float32)) if told else None
    return Tuned(backbone, head, chosen, answers)


def try_plan(plan: Plan, images: Images, held: Images, folder: Path, on_fit: OnFit) -> dict[str, Any]:
    """The log loss of a plan on held-out images, None where it ended in NaN; kept, so that it is tried once.

    With two classes also the probabilities of these images, from which thresholds are chosen.
    """
    title = f"rate {plan.recipe.rate:.2g}, {plan.epochs * (plan.images // BATCH)} steps"
    name = f"try-{plan.recipe.rate:.2g}-{plan.epochs}"
    place = folder / f"{name}.json"
    known: dict[str, Any] = {}
    if distributed.rank() == 0 and place.exists():
        known = read_sealed_json(place, SCORES)
    known = distributed.from_first(known)
    if known.get("plan") != plan.fingerprint:
        known = {"plan": plan.fingerprint, "loss": None, "probability": None}
        try:
            backbone, head = network_of(fit(plan, images, folder / name, title, on_fit), images)
            if distributed.rank() == 0:
                view = plan.evaluation_view
                chance = head.probability(embed(backbone, held, view).values)
                right = chance[np.arange(len(held)), held.labels]
                known["loss"] = float(-np.log(np.maximum(right, 1e-12)).mean())
                known["probability"] = chance.tolist() if len(held.classes) == 2 else None
        except loop.NonFiniteLoss:
            pass  # on every process at once; the other rates are tried
        if distributed.rank() == 0:
            write_sealed_json(place, known)
            shutil.rmtree(folder / name, ignore_errors=True)
        known = distributed.from_first(known)
    return {key: known[key] for key in ("loss", "probability")}


def repeat_images(images: Images, lengths: Sequence[int]) -> Images:
    """The images, as often as it takes for a pass of enough steps; they are not copied."""
    times = math.ceil(min(PASS_STEPS, *lengths) * BATCH / len(images))
    return images.subset(np.tile(np.arange(len(images)), times)) if times > 1 else images


def count_steps(labels: int, lengths: Sequence[int]) -> int:
    """Steps of a whole fine-tuning on so many labels: of everything that is tried, and of the last fit on all."""

    def whole_passes(images: int, steps: int) -> int:
        a_pass = max(images * math.ceil(min(PASS_STEPS, *lengths) * BATCH / max(images, 1)) // BATCH, 1)
        return math.ceil(steps / a_pass) * a_pass

    tried = sum(whole_passes(labels - labels // FOLDS, steps) for steps in lengths)
    return len(RATE_FACTORS) * tried + whole_passes(labels, max(lengths))


def fit(plan: Plan, images: Images, folder: Path, title: str, on_fit: OnFit) -> Method:
    """The method of a plan after its training in `folder`."""
    explained = distributed.explain_lost_peer(), explain_out_of_memory(plan, images)
    with on_fit(title) as on_step, interruptible() as stop, explained[0], explained[1]:
        for _ in loop.pretrain(plan, images, folder, stop=stop, on_step=on_step):
            pass
    method = build_method(plan)
    checkpoint.load(folder / "checkpoint" / "state.safetensors", plan.fingerprint, method)
    distributed.check_agreement(
        {"fit": plan.fingerprint}, f"what is fine-tuned in {folder}"
    )  # all have read: it may go
    return method


def network_of(method: Method, images: Images) -> tuple[Backbone, LinearHead]:
    """The backbone of a fine-tuned method and its classifier; a class that `images` never show has no chance."""
    learnt = (method.get_parameter(f"classifier.{name}") for name in ("weight", "bias"))
    weight, bias = (part.detach().double().numpy() for part in learnt)  # (K, D), (K,)
    unseen = ~np.isin(np.arange(len(bias)), images.labels)
    zeros = np.zeros(weight.shape[1])
    head = LinearHead(zeros, zeros + 1, np.ascontiguousarray(weight.T), np.where(unseen, -np.inf, bias))
    backbone = method.evaluation_backbone().eval()
    return backbone, head
