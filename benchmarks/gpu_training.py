"""Parts of gpu.py that train: every method beside the CPU, resume, out of memory, CIFAR-10."""

import copy
import io
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_table import RESNET, SMALL_RESNET, SMALL_VIT, VIT, Table, clear, clock, noise, plan_for, relative
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from kogen.augmentation.view_sets import view_set
from kogen.augmentation.views import evaluation_view, render_all
from kogen.common import registry
from kogen.common.devices import exact_arithmetic, resolve_precision
from kogen.common.rng import StepRng
from kogen.config.plan import Plan
from kogen.data.images import Images, from_array
from kogen.evaluation.features import embed
from kogen.evaluation.probes.knn import knn
from kogen.loss_landscape.runs import load_method
from kogen.modules.base import Method, Views
from kogen.training.batch_fitting import fit_batch
from kogen.training.batches import Batches
from kogen.training.build import build_method
from kogen.training.loop import pretrain
from kogen.training.optimizers import make_optimiser
from kogen.training.run import train_run

NARROW: dict[str, dict[str, Any]] = {
    "pcl": {"prototypes": 8, "queue": 64}
}  # what few images leave of a bank or a queue
NAMES = {"64": "float64", "32": "float32", "bf16": "bf16"}
# The published end of the curves (METHODS of the field): CIFAR-10, ResNet-18, k-NN after 200 epochs (lightly).
PUBLISHED = {"byol": 0.869, "simclr": 0.847}


# a


def methods(table: Table) -> None:
    """Every method: loss and gradient of a step on the device beside the CPU, three engine steps, the views."""
    size, count, batch = (16, 32, 8) if table.small else (32, 128, 32)
    images = noise(count, size)
    for method in registry.names("methods"):
        if registry.load("methods", method).recipe.trains:
            try:
                beside_the_cpu(table, method, images, size, batch)
            except Exception as error:  # the other methods still have something to say
                table.row(f"{method}: {type(error).__name__}: {str(error)[:200]}", math.nan, most=0)
    for name, side, stored in (("natural", 224, 256), ("natural", 32, 32), ("inspection", 96, 128), ("gentle", 32, 32)):
        views(table, name, *((side, stored) if not table.small else (24, 32)))


def beside_the_cpu(table: Table, method: str, images: Images, size: int, batch: int) -> None:
    """One method's rows."""
    asked: dict[str, Any] = {"image_size": size, "batch_size": batch, "epochs": 4, "precision": "32", "seed": 1}
    resnet, vit = (SMALL_RESNET, SMALL_VIT) if table.small else (RESNET, VIT)
    network = vit if registry.load("methods", method).needs == "vit" else resnet
    plan = plan_for(images, method, backbone=network, settings=NARROW.get(method, {}), **asked)
    module, views = warmed(plan, images, table.device)
    # Where a value lies within rounding of a kink of ReLU its slope is one or the other: that much float32 by itself
    # loses, on a CPU too, where float64 does not. So the two are held to 1e-4 in float64, and else to that loss.
    fine, cpu, rough = (run(module, views, torch.device("cpu"), precision) for precision in ("64", "32", "bf16"))
    for precision, beside, allowed in (
        ("64", fine, 1e-4),
        ("32", cpu, max(1e-4, 2 * relative(cpu[1], fine[1]))),
        ("bf16", cpu, 2 * max(relative(rough[1], cpu[1]), 2**-8)),
    ):
        here = run(module, views, table.device, precision)
        if precision != "bf16":
            gap = abs(here[0] - beside[0]) / max(abs(beside[0]), 1e-6)
            table.row(f"{method}: loss, {NAMES[precision]}", gap, "relative", most=1e-4)
        gap = relative(here[1], beside[1])
        table.row(f"{method}: gradient, {NAMES[precision]}", gap, "relative", most=float(f"{allowed:.2g}"))
    with tempfile.TemporaryDirectory() as folder:
        short = plan.model_copy(update={"epochs": 1})
        three = images.subset(np.arange(3 * batch)) if len(images) > 3 * batch else images
        losses = [epoch.terms["loss"] for epoch in pretrain(short, three, Path(folder)) if epoch.terms]
    table.row(f"{method}: {len(three) // batch} engine steps, mean loss", losses[-1])


def warmed(plan: Plan, images: Images, device: torch.device) -> tuple[Method, Views]:
    """A method after an epoch and a half, so that queues, centres and clusters hold something, and a batch."""
    module, loader = build_method(plan).train().to(device), Batches(plan, images, device)
    steps = make_optimiser(module, plan.recipe)
    for group in steps.param_groups:
        group["lr"] = 0.01
    half = loader.per_epoch + loader.per_epoch // 2
    for step in range(half):
        total(module(loader.render_views(step, 0))).backward()
        steps.step()
        steps.zero_grad()
        module.update(0.5)
    return module.cpu(), loader.render_views(half, 0)


def total(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def run(module: Method, views: Views, place: torch.device, precision: str) -> tuple[float, Tensor]:
    """Loss and gradient (P,) of one step of a copy of the module on a device."""
    kind = torch.float64 if precision == "64" else torch.float32
    twin = copy.deepcopy(module).to(place, kind).train()
    crops = [x.to(place, kind) for x in views.crops]
    moved = Views(crops, views.labels.to(place), views.index.to(place), views.rng, 0.6)
    with exact_arithmetic():
        with torch.autocast(place.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = total(twin(moved))
        loss.backward()
    slopes = [p.grad.flatten() for p in twin.parameters() if p.grad is not None]
    return float(loss.detach()), torch.cat(slopes).cpu()


def views(table: Table, name: str, size: int, stored: int) -> None:
    """A view set on the device beside the CPU, not normalised, and how many images a second it makes there."""
    count = 16 if table.small else 64
    pixels, pair, rng = torch.from_numpy(noise(count, stored).pixels), view_set(name, size), StepRng(3, 5, count)
    for what, stored_as in (("float", pixels / 255), ("uint8", pixels)):
        here, cpu = (render_all(p, pair, rng, tags=("0", "1")) for p in (stored_as.to(table.device), stored_as))
        gaps = [(x.cpu() - y).abs() for x, y in zip(here, cpu, strict=True)]
        largest, mean = max(float(gap.max()) for gap in gaps), max(float(gap.mean()) for gap in gaps)
        if what == "float":
            table.row(f"views {name} {stored} to {size} px, {what}: largest difference", largest, "of 1", most=2e-3)
            continue
        # A CPU resizes large uint8 images in whole values and cuts them off between rows and columns, as torchvision
        # does; a GPU does not. That is a half of 1/255 and more beside sharp edges.
        table.row(f"views {name} {stored} to {size} px, {what}: mean difference", mean, "of 1", most=2e-3)
        table.row(f"views {name} {stored} to {size} px, {what}: largest difference", largest, "of 1")
    count = 32 if table.small else 256 if size > 64 else 2048
    many = torch.from_numpy(noise(count, stored).pixels).to(table.device)
    rng, rounds = StepRng(3, 5, count), 2 if table.small else 8
    render_all(many, pair, rng, tags=("0", "1"))
    began = clock(table.device)
    for _ in range(rounds):
        render_all(many, pair, rng, tags=("0", "1"))
    table.row(f"views {name} {stored} to {size} px: both", rounds * count / (clock(table.device) - began), "images/s")


# c


def resume(table: Table) -> None:
    """Killed at a step and continued: the same bits as undisturbed."""
    size, count, batch = (16, 64, 16) if table.small else (32, 512, 64)
    images = noise(count, size)
    resnet, vit = (SMALL_RESNET, SMALL_VIT) if table.small else (RESNET, VIT)
    for method, network in [("byol", resnet), ("mae", vit)][: 1 if table.small else 2]:
        asked = {"image_size": size, "batch_size": batch, "epochs": 3, "precision": resolve_precision("auto")}
        plan = plan_for(images, method, backbone=network, **asked)
        with tempfile.TemporaryDirectory() as folder:
            whole, cut = Path(folder, "whole"), Path(folder, "cut")
            list(pretrain(plan, images, whole))
            Path(folder, "plan.json").write_text(plan.model_dump_json())
            killed_at(Path(folder), cut, count, size, step=2 * (count // batch) + 3)
            list(pretrain(plan, images, cut))
            again = Path(folder, "again")
            list(pretrain(plan, images, again))
            states = [load_file(run / "checkpoint" / "state.safetensors") for run in (whole, cut, again)]
        for what, other in (("killed and continued", states[1]), ("done twice", states[2])):
            odd = sum(not torch.equal(states[0][key], other[key]) for key in states[0])
            table.row(f"{method} {plan.precision}: {what}, tensors that differ of {len(states[0])}", odd, most=0)


def killed_at(folder: Path, out: Path, count: int, size: int, step: int) -> None:
    """Train the plan in `folder` in a process of its own, which kills itself after so many steps."""
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from gpu_table import noise; from kogen.training.loop import pretrain; from kogen.config.plan import Plan\n"
        f"plan = Plan.model_validate_json(Path({str(folder / 'plan.json')!r}).read_text())\n"
        "def tell(step, *_): step == int(sys.argv[1]) and os.kill(os.getpid(), signal.SIGKILL)\n"
        f"list(pretrain(plan, noise({count}, {size}), Path({str(out)!r}), on_step=tell))"
    )
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(step)], cwd=here, capture_output=True, text=True, timeout=120
    )
    if done.returncode != -9 or not (out / "checkpoint" / "state.safetensors").exists():
        raise RuntimeError(f"the process was to be killed and ended with {done.returncode}: {done.stderr[-2000:]}")


# g


def room(table: Table) -> None:
    """Out of memory: a sentence with the size that fits, and --batch-size auto finds it."""
    batch = 256
    images = noise(batch, 32 if table.small else 128)
    network = "vit_tiny_patch16_224?embed_dim=96&depth=1&num_heads=3" if table.small else "resnet50"
    asked = {"backbone": network, "image_size": images.pixels.shape[2], "batch_size": batch, "epochs": 1}
    plan = plan_for(images, "byol", **asked, precision="32" if table.small else "bf16")
    fewest = fit_batch(
        plan.model_copy(update={"accumulate": batch // 4}), images
    )  # libraries are loaded, threads there
    most = 120 << 20 if table.small else 4 << 30
    with tempfile.TemporaryDirectory() as folder:
        with limited(table.device, most):
            try:
                train_run(plan, images, Path(folder, "whole"))
                table.row("a batch that cannot fit was trained", math.nan, most=0)
            except ValueError as error:
                table.say(str(error))
            cut = fit_batch(plan, images)
            table.row(f"a batch of {batch} as --batch-size auto cuts it", cut.accumulate, "parts", least=2)
            done = train_run(cut, images, Path(folder, "cut"))
        table.row("images seen by it", done["images_seen"], "images", least=batch, most=batch)
    table.row("parts where there is room for 4 images", fewest.accumulate, "parts", most=batch // 4)


@contextmanager
def limited(device: torch.device, most: int) -> Iterator[None]:
    """While inside, no more bytes than `most` beyond what is used now (of a CPU) or in all (of a GPU)."""
    if device.type == "cuda":
        clear(device)
        torch.cuda.set_per_process_memory_fraction(most / torch.cuda.get_device_properties(device).total_memory)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    import ctypes
    import resource

    ctypes.CDLL(None).mallopt(-3, 65536)  # what is freed goes back to the system, and does not lie in pieces
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before, threads = resource.getrlimit(resource.RLIMIT_AS), torch.get_num_threads()
    torch.set_num_threads(1)  # each more reserves room of its own
    resource.setrlimit(resource.RLIMIT_AS, (used + most, before[1]))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        resource.setrlimit(resource.RLIMIT_AS, before)


# f


def cifar(table: Table, file: Path | None, seconds: float) -> None:
    """BYOL and SimCLR with a ResNet-18 for as many epochs as fit: k-NN on the way, beside the published end."""
    train, test = decoded(file) if file else halves(table)
    table.say(f"{train.name}: {len(train)} images to train on, {len(test)} to judge on")
    batch = 64 if table.small else 512
    network = SMALL_RESNET if table.small else RESNET
    for method in ("byol", "simclr"):
        asked = {"backbone": network, "image_size": train.pixels.shape[2], "batch_size": batch}
        plan, some = plan_for(train, method, **asked, epochs=1), min(8, len(train) // batch)
        with tempfile.TemporaryDirectory() as folder:
            first = list(
                pretrain(plan.model_copy(update={"epochs": 2}), train.subset(np.arange(some * batch)), Path(folder))
            )
        pace = first[-1].seconds / some * (len(train) // batch)  # seconds an epoch
        epochs = int(min(max(seconds / 2 / (1.35 * pace + 0.5), 2), 200))
        plan = plan.model_copy(update={"epochs": epochs})
        curve(table, plan, train, test, method)


def curve(table: Table, plan: Plan, train: Images, test: Images, method: str) -> None:
    """Train and say k-NN on the way."""
    view, last = evaluation_view(plan.image_size, mean=plan.mean, std=plan.std), plan.epochs
    shown = {last * part // 4 for part in range(5)}
    with tempfile.TemporaryDirectory() as folder:
        for epoch in pretrain(plan, train, Path(folder)):
            if epoch.epoch not in shown or not epoch.terms:
                continue
            backbone = load_method(Path(folder), plan).evaluation_backbone().to(table.device)
            known, asked = embed(backbone, train, view, batch_size=2048), embed(backbone, test, view, batch_size=2048)
            chosen = knn(known, asked, device=table.device).probability.argmax(axis=1)
            right = float((chosen == test.labels).mean())
            table.row(f"{method}, epoch {epoch.epoch} of {last}: k-NN", right, f"{epoch.images_per_second:.0f} img/s")
    table.say(f"{method}: published after 200 epochs {PUBLISHED[method]} on the originals, batch 128 (lightly)")


def decoded(file: Path) -> tuple[Images, Images]:
    """CIFAR-10 from `..._train.npz` with JPEGs, and from the file beside it with `test` in its name."""
    found = []
    for place in (file, file.with_name(file.name.replace("train", "test"))):
        with np.load(place, allow_pickle=False) as arrays:
            data, offsets, labels = arrays["jpeg"].tobytes(), arrays["offsets"], arrays["labels"]
            names = tuple(map(str, arrays["class_names"]))
        pixels = np.stack([np.asarray(Image.open(io.BytesIO(data[a:b])).convert("RGB")) for a, b in pairwise(offsets)])
        found.append(from_array(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), labels, names, name=place.stem))
    return found[0], found[1]


def halves(table: Table) -> tuple[Images, Images]:
    """Drawn surfaces to train on and to judge on, where no CIFAR-10 was given."""
    surfaces = registry.load("datasets", "surfaces")
    count = 128 if table.small else 20_000
    return surfaces(n=count, size=32), surfaces(n=count // 4, size=32, split="test")
