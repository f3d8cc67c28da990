"""Finished runs opened for a landscape, each with its own pre-training loss or that of a probe on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kogen.common import distributed
from kogen.common.devices import default_device, float64_device
from kogen.common.records import read_plan_record
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.evaluation.features import embed
from kogen.loss_landscape.frozen_batches import frozen_batches, split_batch
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.own_loss import OwnLoss
from kogen.loss_landscape.probe import fit_probe
from kogen.loss_landscape.training_facts import name_loss, name_with_decay, read_training
from kogen.modules.base import Method, Views
from kogen.options.landscape import LandscapeOptions, PlaneOptions
from kogen.options.model import validate
from kogen.results.landscape_facts import name_run
from kogen.training import checkpoint
from kogen.training.batches import Batches
from kogen.training.build import build_method
from kogen.training.run import load_run

OBJECTIVES = ("pretrain", "probe")
Opened = tuple[nn.Module, list[Views]]
FIT_IMAGES = 4096  # images at most that a probe is fitted to, none of which the landscape uses


@dataclass(frozen=True)
class LandscapeRun:
    """An opened run, or a model from outside: its module with the weights, and the frozen batches of its loss."""

    run_id: str
    model: str
    title: str  # its folder, for messages
    module: nn.Module
    batches: list[Any]
    options: PlaneOptions
    facts: dict[str, Any]  # of the loss, for the record
    about: dict[str, Any]  # what is known of the training, as RunFacts names it
    checkpoints: Callable[[], list[dict[str, Tensor]]]  # states that the training passed, in order
    terms: tuple[str, ...] = ()  # of the loss that count; none: all
    loss: OwnLoss | None = None  # of a model from outside

    @property
    def identity(self) -> dict[str, Any]:
        """The columns that identify its rows."""
        return {"run": self.run_id, "model": self.model, "objective": self.facts["objective"]}

    @property
    def label(self) -> str:
        """Its model and seed, for people."""
        return name_run(self.model, self.about["run_seed"], " seed ")

    def make_objective(self, images: int | None = None, parts: int = 1) -> Objective:
        """The loss on the first `images` of the frozen images, in whole batches, at least one; by default on all.

        Fewer batches than `parts` are cut into `parts` where no image's loss depends on the others of its batch, and
        the batches are kogen's own.
        """
        how = {name: getattr(self.options, name) for name in ("batch_norm", "moves", "weight_decay")}
        if self.loss is not None:
            whole = Objective(self.module, self.batches, loss=self.loss, **how)
            return whole if images is None else whole.take_first(images)
        how |= {"terms": self.terms}
        count = len(self.batches) if images is None else max(images // len(self.batches[0].labels), 1)
        whole = Objective(self.module, self.batches[:count], **how)
        if len(whole) >= parts or whole.facts["unit"] == "batch":
            return whole
        finer = [piece for views in whole.batches for piece in split_batch(views, -(-parts // len(whole)))]
        return Objective(self.module, finer, **how)


def torch_device() -> torch.device:
    """The device of this process: its own GPU where several share the points, otherwise the first GPU or the CPU."""
    device = float64_device(default_device())
    return torch.device("cuda", distributed.gpu_index()) if device.type == "cuda" else device


def split_step(run: Path) -> tuple[Path, str]:
    """The folder and the step of RUN@STEP; the step is "" for a plain RUN, the end of its training."""
    folder, _, step = str(run).rpartition("@")
    named = folder and step.isdecimal() and step.isascii() and not run.exists()
    return (Path(folder), str(int(step))) if named else (run, "")


def read_record(run: Path) -> tuple[dict[str, Any], Plan]:
    """Record and plan of a run; RUN@STEP has an id and a model name of its own.

    ValueError where the folder holds no run, one that is not finished, or no checkpoint of that step.
    """
    folder, step = split_step(run)
    record = read_plan_record(folder)
    if not (folder / "weights.safetensors").exists():
        raise ValueError(f"{folder} has no weights yet: its training is not finished; finish it first")
    plan = validate(Plan, {k: v for k, v in record.items() if k in Plan.model_fields}, f"{folder}/plan.json")
    if not step:
        return record, plan
    if not checkpoint_file(folder, step).exists():
        there = [str(int(file.stem)) for file in checkpoint_files(folder)]
        raise ValueError(
            f"{folder} keeps no checkpoint of step {step}; of these: {', '.join(there) or 'none'}; give one of them "
            "behind the @, or train again with --keep"
        )
    return record | {"id": f"{record['id']}@{step}", "model": f"{record['model']}@{step}"}, plan


def checkpoint_file(folder: Path, step: str) -> Path:
    """The file of a checkpoint that a training kept."""
    return folder / "checkpoint" / f"{int(step):09d}.safetensors"


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints that a training kept, in order, without the last state."""
    return sorted(file for file in (folder / "checkpoint").glob("*.safetensors") if file.stem.isdigit())


def find_runs(given: Sequence[Path], objective: str, notify: Callable[[str], None]) -> list[Path]:
    """The given runs (RUN or RUN@STEP), for a study its finished ones; `notify` gets a line for those left out.

    The objective `pretrain` leaves out runs without a loss of their own, such as the untrained network, unless no run
    has one. Raises ValueError where a folder holds no run, and where there is none.
    """
    found = []
    for folder in given:
        inside = sorted(plan.parent for plan in folder.glob("runs/*/plan.json"))
        finished = [run for run in inside if (run / "weights.safetensors").exists()]
        found += finished if inside and not (folder / "plan.json").exists() else [folder]
        if len(finished) < len(inside):
            notify(f"left out: runs of {folder} that are not finished ({len(inside) - len(finished)})")
    opened = {run: read_record(run) for run in found}
    lossless = [run for run, (_, plan) in opened.items() if objective == "pretrain" and not plan.recipe.trains]
    if not found:
        raise ValueError("got no runs: give the folder of one finished run or more, or of a study")
    if len(lossless) == len(opened):
        return found  # opening the first one says what it lacks
    if lossless:
        names = ", ".join(sorted({opened[run][0]["model"] for run in lossless}))
        notify(f"left out: runs without a loss of their own ({len(lossless)}: {names}); --objective probe has them too")
    return [run for run in found if run not in lossless]


def load_method(folder: Path, plan: Plan, step: str = "") -> Method:
    """The whole method of a run (heads, queues and teacher too) at the end of its training, or at a step.

    ValueError for a method without a loss, a run without a checkpoint, and a checkpoint of another network.
    """
    if not plan.recipe.trains:
        raise ValueError(
            f"{folder}: the method {plan.method!r} has no loss of its own: leave the run out, or ask --objective probe"
        )
    path = checkpoint_file(folder, step) if step else folder / "checkpoint" / "state.safetensors"
    if not path.exists():
        raise ValueError(
            f"{folder} has no checkpoint, and its heads are in no other file: train it again, or ask --objective probe"
        )
    method = build_method(plan.model_copy(update={"weights": ""}))
    shapes = {name: tensor.shape for name, tensor in checkpoint.state_of(method).items()}
    try:
        checkpoint.load(path, plan.fingerprint, method)
    except (RuntimeError, KeyError) as error:
        raise ValueError(
            f"the checkpoint {path} does not fit the network of its plan ({len(shapes)} tensors): {error}; give the "
            "run's own checkpoint"
        ) from error
    return method


def open_run(run: Path, images: Images, options: LandscapeOptions, model: str = "") -> LandscapeRun:
    """A run with its loss on frozen images: the same images, views and masks for every run with these options.

    RUN@STEP is the run at a checkpoint that its training kept. `pretrain`: the loss it was trained with. `probe`:
    cross-entropy of a linear probe, fitted to up to FIT_IMAGES labelled images that are not frozen; images are then
    uncropped and have the classes of the source. `model`: its name, where that is not the record's. ValueError as of
    `read_record`, `load_method`, `frozen_batches` and `fit_probe`, and for images that do not fit.
    """
    (folder, step), (record, plan) = split_step(run), read_record(run)
    images = images.with_channels(plan.channels)
    how = {"count": options.images, "batch": options.batch_size, "seed": options.seed, "device": torch_device()}
    opened = open_probe if options.objective == "probe" else open_pretrain
    module, batches = opened(folder, step, plan, images, how)
    facts: dict[str, Any] = {"objective": "-".join([options.objective, *options.terms]), "data": images.digest}
    facts |= {"seed": options.seed, "moves": list(options.moves)}
    if options.objective == "probe":
        facts["count"] = options.images  # decides which images are frozen, and so which the probe was fitted to
    about = {"run_seed": plan.seed, "method": plan.method, "backbone": plan.backbone}
    called = name_with_decay(name_loss(plan, facts["objective"]), options.weight_decay)
    about |= {"loss": called, "training": read_training(folder, plan, step)}
    who = record["id"], model or record["model"], str(folder)
    passed = lambda: read_checkpoints(folder, step, plan, options.objective)  # noqa: E731
    return LandscapeRun(*who, module.to(torch_device()), batches, options, facts, about, passed, options.terms)


def read_checkpoints(folder: Path, step: str, plan: Plan, objective: str) -> list[dict[str, Tensor]]:
    """The states that a training kept before its weights, or before a step. ValueError for fewer than two."""
    files = [file for file in checkpoint_files(folder) if not step or int(file.stem) < int(step)]
    if len(files) < 2 or objective == "probe":
        raise ValueError(
            f"{folder} keeps {len(files)} checkpoints before its weights: a trajectory needs two or more (files "
            "checkpoint/*.safetensors in the order of their names) and the objective pretrain"
        )
    return [checkpoint.state_of(load_method(folder, plan, file.stem)) for file in files]


def open_pretrain(folder: Path, step: str, plan: Plan, images: Images, how: dict[str, Any]) -> Opened:
    """The trained method, and frozen batches with the views of its training."""
    method = load_method(folder, plan, step)
    if plan.recipe.labels:
        images = images.with_classes(plan.classes).labelled_subset()
    if hasattr(method, "bank") and images.digest != plan.data:
        raise ValueError(
            f"{folder}: {plan.method} remembers each of its {plan.images} training images, so its loss is known on "
            "these alone: give them as --data, or ask --objective probe"
        )
    small = plan.model_copy(update={"batch_size": 2, "accumulate": 1})
    return method, frozen_batches(images, Batches(small, images, torch_device()).views, **how)


def open_probe(folder: Path, step: str, plan: Plan, images: Images, how: dict[str, Any]) -> Opened:
    """The backbone under a fitted probe, and frozen batches of other, uncropped images."""
    images = images.labelled_subset()
    order = np.random.default_rng([how["seed"], 7]).permutation(len(images))
    shown, rest = images.subset(order[: how["count"]]), images.subset(order[how["count"] :][:FIT_IMAGES])
    if len(rest) < len(shown) // 2:
        raise ValueError(
            f"{len(images)} labelled images: {len(shown)} are frozen, which leaves {len(rest)} to fit the probe to: "
            f"ask for --images {max(len(images) // 2, 1)} or fewer, or give more labelled images"
        )
    backbone = load_method(folder, plan, step).evaluation_backbone().eval() if step else load_run(folder)[2]
    backbone = backbone.to(torch_device())
    view = plan.evaluation_view
    return fit_probe(backbone, embed(backbone, rest, view), how["seed"]), frozen_batches(shown, [view], **how)


def model_states(runs: Sequence[LandscapeRun], moving: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Parameters and buffers of each run; ValueError where they do not fit the first run's `moving` parameters."""
    found = [checkpoint.state_of(one.module) for one in runs]
    for one, state in zip(runs, found, strict=True):
        if odd := [name for name in moving if name not in state or state[name].shape != moving[name].shape]:
            raise ValueError(
                f"{one.title} is of another architecture (tensors that differ: {len(odd)}, first {odd[0]!r}): "
                "give runs of one method and one network for directions between them"
            )
    return found
