"""Parts of gpu.py that take times: the engine beside the bare step and lightly's loop, probes, a landscape."""

import copy
import importlib.util
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gpu_table import SMALL_RESNET, SMALL_VIT, Table, clear, clock, networks, noise, peak, plan_for, relative
from torch import nn

from kogen.augmentation.views import evaluation_view
from kogen.common.devices import exact_arithmetic
from kogen.config.plan import Plan
from kogen.data.images import Images
from kogen.evaluation.features import Features, embed
from kogen.evaluation.probes.knn import knn
from kogen.evaluation.probes.linear import linear
from kogen.loss_landscape.directions.random import random
from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.grid import ShiftedParameters, surface
from kogen.loss_landscape.hessian import Hessian
from kogen.loss_landscape.objective import Objective
from kogen.modules.base import Method, Views
from kogen.training.batches import Batches
from kogen.training.build import build_backbone, build_method
from kogen.training.fabric import start
from kogen.training.loop import prepare, pretrain, train_step

STEPS = 12  # that are timed


# b


@dataclass(frozen=True)
class Case:
    """What is trained for the clock."""

    name: str
    method: str
    backbone: str
    size: int
    batch: int
    settings: dict[str, Any]


def cases(small: bool) -> list[Case]:
    """ResNet-50 under BYOL's own heads and ViT-B/16 under MAE's own decoder, at 224 px; or what a rehearsal can do."""
    if small:
        tiny = {"width": 32, "depth": 1}
        return [
            Case("tiny byol", "byol", SMALL_RESNET, 32, 8, {}),
            Case("tiny mae", "mae", SMALL_VIT, 32, 8, tiny),
        ]
    wide, deep = {"hidden": 4096}, {"width": 512, "depth": 8}
    return [
        Case("ResNet-50 BYOL", "byol", "resnet50", 224, 256, wide),
        Case("ViT-B/16 MAE", "mae", "vit_base_patch16_224", 224, 256, deep),
    ]


def plan_of(case: Case, images: Images, device: torch.device) -> Plan:
    precision = "bf16" if device.type == "cuda" else "32"
    asked = {"backbone": case.backbone, "image_size": case.size, "batch_size": case.batch, "precision": precision}
    return plan_for(images, case.method, **asked, epochs=2, settings=case.settings)


def speed(table: Table) -> None:
    """Images a second: the engine on resident images, the bare step, lightly's loop; bf16, channels last."""
    listed = cases(table.small)
    images = noise(2 * listed[0].batch, listed[0].size * 8 // 7)
    images = images.subset(np.tile(np.arange(len(images)), STEPS))  # an epoch is long enough for its end not to count
    for case in listed:
        plan = plan_of(case, images, table.device)
        bare = {}
        for name, guarded in (("bare step, as torch comes", False), ("bare step, the same bits twice", True)):
            clear(table.device)
            bare[name] = bare_step(plan, images, table.device, guarded)
            table.row(f"{case.name}: {name}", bare[name], "images/s")
            table.row(f"{case.name}: {name}, memory", peak(table.device), "GiB")
        clear(table.device)
        ours = engine(plan, images)
        table.row(f"{case.name}: kogen's engine", ours, "images/s")
        table.row(f"{case.name}: kogen's engine, memory", peak(table.device), "GiB")
        least = None if table.small else 0.9
        table.row(f"{case.name}: engine / bare step", ours / bare["bare step, as torch comes"], "", least=least)
        where_it_goes(table, case, plan, images)
        clear(table.device)
        if importlib.util.find_spec("lightly") is None:
            table.say("lightly is not here: its loop is left out")
            continue
        theirs = {"byol": lightly_byol, "mae": lightly_mae}[case.method](plan, images, table.device)
        table.row(f"{case.name}: lightly's loop on the same views", theirs, "images/s")
        table.row(f"{case.name}: lightly's loop, memory", peak(table.device), "GiB")
        table.row(f"{case.name}: kogen / lightly", ours / theirs)


def bare_step(plan: Plan, images: Images, device: torch.device, guarded: bool, change: Callable = lambda m: m) -> float:
    """Images a second of forward, backward, optimiser and update on views that were made before."""
    fabric = start(plan.precision)
    method, optimiser, wrapped = prepare(plan, fabric)
    change(method)
    loader = Batches(plan, images, device)
    batches = [loader.render_views(step, 0) for step in range(2)]
    for group in optimiser.param_groups:
        group["lr"] = 0.01

    def step(number: int) -> None:
        loss = torch.stack(list(wrapped(batches[number % 2]).values())).sum()
        fabric.backward(loss)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        method.update(0.5)

    if guarded:
        with exact_arithmetic(plan.precision):
            return paced(step, plan.batch_size, device)
    torch.backends.cudnn.benchmark = True  # as whoever wants speed sets it
    try:
        return paced(step, plan.batch_size, device)
    finally:
        torch.backends.cudnn.benchmark = False


def paced(step: Callable[[int], None], batch: int, device: torch.device) -> float:
    """Images a second of a step, after four that do not count."""
    for number in range(4):
        step(number)
    began = clock(device)
    for number in range(STEPS):
        step(number)
    return STEPS * batch / (clock(device) - began)


def engine(plan: Plan, images: Images) -> float:
    """Images a second of the engine as it records them, in the last epoch."""
    with tempfile.TemporaryDirectory() as folder:
        return list(pretrain(plan, images, Path(folder)))[-1].images_per_second


def where_it_goes(table: Table, case: Case, plan: Plan, images: Images) -> None:
    """Milliseconds of a step's views and of the whole step, and of launching them alone, which the processor does."""
    fabric = start(plan.precision)
    method, optimiser, wrapped = prepare(plan, fabric)
    loader = Batches(plan, images, fabric.device)
    spent: dict[str, float] = {}

    def timed(name: str, work: Callable[[int], Any], rounds: int = 4) -> None:
        work(0)
        began = clock(table.device)
        for number in range(rounds):
            work(number)
        called = time.perf_counter() - began
        spent[name] = 1000 * (clock(table.device) - began) / rounds
        table.row(f"{case.name}: {name}", spent[name], "ms")
        table.row(f"{case.name}: {name}, launching alone", 1000 * called / rounds, "ms")

    def whole(step: int) -> None:
        with exact_arithmetic(plan.precision):
            train_step(fabric, wrapped, optimiser, loader, step % 2, plan.accumulate)
            method.update(0.5)

    for step in range(2):
        loader.render_views(step, 0)  # their pixels are resident from here on
    timed("views of a step", lambda step: loader.render_views(step % 2, 0))
    timed("whole step", whole)


def lightly_byol(plan: Plan, images: Images, device: torch.device) -> float:
    """Images a second of lightly's BYOL example, its heads and its loss, on kogen's views made before."""
    from lightly.loss import NegativeCosineSimilarity
    from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead
    from lightly.models.utils import deactivate_requires_grad, update_momentum

    backbone, hidden = build_backbone(plan), plan.settings.get("hidden", 1024)
    student = nn.Sequential(backbone, BYOLProjectionHead(backbone.dim, hidden, 256)).to(device)
    predictor, criterion = BYOLPredictionHead(256, hidden, 256).to(device), NegativeCosineSimilarity()
    teacher = copy.deepcopy(student)
    deactivate_requires_grad(teacher)
    optimiser = torch.optim.SGD([*student.parameters(), *predictor.parameters()], lr=0.06, momentum=0.9)
    loader = Batches(plan, images, device)
    batches = [loader.render_views(step, 0).crops for step in range(2)]

    def step(number: int) -> None:
        first, second = batches[number % 2]
        update_momentum(student, teacher, 0.99)
        with torch.autocast(device.type, torch.bfloat16, enabled=plan.precision == "bf16"):
            online = [predictor(student(x)) for x in (first, second)]
            with torch.no_grad():
                target = [teacher(x) for x in (first, second)]
            loss = 0.5 * (criterion(online[0], target[1]) + criterion(online[1], target[0]))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    return paced(step, plan.batch_size, device)


def lightly_mae(plan: Plan, images: Images, device: torch.device) -> float:
    """Images a second of lightly's MAE example on kogen's views made before."""
    from lightly.models import utils
    from lightly.models.modules import MAEDecoderTIMM, MaskedVisionTransformerTIMM

    vit: Any = build_backbone(plan).network
    encoder = MaskedVisionTransformerTIMM(vit=vit).to(device)
    patch, length = vit.patch_embed.patch_size[0], encoder.sequence_length
    width, depth = int(plan.settings["width"]), int(plan.settings["depth"])
    sizes = {"decoder_embed_dim": width, "decoder_depth": depth, "decoder_num_heads": width // 32}
    decoder = MAEDecoderTIMM(
        num_patches=vit.patch_embed.num_patches, patch_size=patch, embed_dim=vit.embed_dim, **sizes
    ).to(device)
    optimiser = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters()], lr=1.5e-4)
    loader = Batches(plan, images, device)
    batches = [loader.render_views(step, 0).crops[0] for step in range(2)]

    def step(number: int) -> None:
        pixels = batches[number % 2]
        with torch.autocast(device.type, torch.bfloat16, enabled=plan.precision == "bf16"):
            keep, mask = utils.random_token_mask(size=(len(pixels), length), mask_ratio=0.75, device=device)
            seen = decoder.embed(encoder.encode(images=pixels, idx_keep=keep))
            tokens = utils.repeat_token(decoder.mask_token, (len(pixels), length))
            tokens = utils.set_at_index(tokens, keep, seen.type_as(tokens))
            found = decoder.predict(utils.get_at_index(decoder.decode(tokens), mask))
            wanted = utils.get_at_index(utils.patchify(pixels, patch), mask - 1)
            loss = F.mse_loss(found, wanted)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    return paced(step, plan.batch_size, device)


# p


def profile(table: Table) -> None:
    """Where the time of a step goes, by kernel (torch.profiler); not among the parts unless asked for."""
    for case in cases(table.small):
        images = noise(2 * case.batch, case.size * 8 // 7)
        plan = plan_of(case, images, table.device)
        fabric = start(plan.precision)
        method, optimiser, wrapped = prepare(plan, fabric)
        loader = Batches(plan, images, fabric.device)
        batches = [loader.render_views(step, 0) for step in range(2)]

        def bare(step: int, batches: list[Views] = batches, wrapped: Any = wrapped, fabric: Any = fabric) -> None:
            fabric.backward(torch.stack(list(wrapped(batches[step % 2]).values())).sum())

        def update(step: int, optimiser: Any = optimiser, method: Method = method) -> None:
            optimiser.step()
            method.update(0.5)

        profiled(table, f"{case.name}: views", lambda step, loader=loader: loader.render_views(step % 2, 0))
        profiled(table, f"{case.name}: forward and backward", bare)
        profiled(table, f"{case.name}: optimiser and update", update)
        if importlib.util.find_spec("lightly") is not None:
            theirs = {"byol": lightly_byol, "mae": lightly_mae}[case.method]
            with traced() as found:
                theirs(plan, images, table.device)
            add_kernel_rows(table, f"{case.name}: lightly's loop", found[0], STEPS + 4)
        clear(table.device)


def profiled(table: Table, name: str, work: Callable[[int], Any], rounds: int = 3) -> None:
    """The kernels of some calls."""
    work(0)
    clock(table.device)
    with traced() as found:
        for number in range(rounds):
            work(number)
    add_kernel_rows(table, name, found[0], rounds)


@contextmanager
def traced() -> Iterator[list[Any]]:
    """While inside, torch's profiler runs; afterwards the list holds it."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    found: list[Any] = []
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    with profiler(activities=kinds) as running:
        yield found
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    found.append(running)


def add_kernel_rows(table: Table, name: str, profile: Any, rounds: int) -> None:
    """The sum over kernels, how many there are, and the costliest operations."""
    events = [(e.key, e.self_device_time_total / 1000 / rounds, e.count / rounds) for e in profile.key_averages()]
    operations = sorted((e for e in events if e[0].startswith("aten::")), key=lambda e: -e[1])
    table.row(f"{name}: on the device", sum(spent for _, spent, _ in operations), "ms")
    for key, spent, times in operations[:12]:
        table.say(f"    {spent:8.3f} ms {times:7.1f} x {key[:90]}")


# h


def compiled(table: Table, seconds: float) -> None:
    """b's bare step under torch.compile, in a process of its own with a limit."""
    for case in cases(table.small)[: 1 if table.small else 2]:
        command = [sys.executable, __file__, case.name, table.device.type, "small" if table.small else "full"]
        began = time.perf_counter()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=max(seconds, 1))
        except subprocess.TimeoutExpired:
            table.say(f"{case.name}: not compiled within {seconds:.0f} s")
            continue
        if done.returncode:
            table.row(f"{case.name}: {done.stderr.strip().splitlines()[-1][:200]}", math.nan, most=0)
            continue
        for line in done.stdout.splitlines():
            name, value, unit = line.split("\t")
            table.row(f"{case.name}, compiled: {name}", float(value), unit)
        seconds -= time.perf_counter() - began


def compile_in_place(method: Method) -> None:
    """Compile what of a method is large: whole ResNets, or the blocks of a ViT and of a decoder."""
    backend = "inductor" if torch.cuda.is_available() else "aot_eager"  # what a rehearsal has time for
    for network in networks(method):
        (network.blocks if hasattr(network, "blocks") else network).compile(backend=backend)  # type: ignore[union-attr]
    if hasattr(method, "decoder"):
        method.decoder.blocks.compile(backend=backend)  # type: ignore[union-attr]


def compiled_child(name: str, kind: str, size: str) -> None:
    """What `compiled` runs: prints name, value and unit of each row."""
    device = torch.device(kind)
    case = next(case for case in cases(size == "small") if case.name == name)
    images = noise(2 * case.batch, case.size * 8 // 7)
    plan = plan_of(case, images, device)
    for what, guarded in (("bare step, as torch comes", False), ("bare step, the same bits twice", True)):
        began = time.perf_counter()
        found = bare_step(plan, images, device, guarded, compile_in_place)
        print(what, found, "images/s", sep="\t", flush=True)
        print(f"{what}, with compiling", time.perf_counter() - began, "s", sep="\t", flush=True)
    print("memory", peak(device), "GiB", sep="\t")


# d


def probes(table: Table) -> None:
    """Embedding, k-NN and the linear probe, beside scikit-learn on the CPU."""
    count, asked, dim, size = (200, 50, 64, 32) if table.small else (50_000, 10_000, 2048, 64)
    images = noise(count, size)
    network = SMALL_RESNET if table.small else "resnet50"
    plan = plan_for(images, "byol", backbone=network, image_size=size, batch_size=32)
    backbone = build_method(plan).backbone.to(table.device)
    view = evaluation_view(size, mean=plan.mean, std=plan.std)
    embed(backbone, images.subset(np.arange(64)), view)
    began = clock(table.device)
    found = embed(backbone, images, view, batch_size=1024)
    table.row(
        f"embedding {count} images of {size} px, {found.values.shape[1]} values", clock(table.device) - began, "s"
    )
    few = images.subset(np.arange(32))
    cpu = embed(copy.deepcopy(backbone).cpu(), few, view).values
    table.row(
        "features beside the CPU's", relative(torch.from_numpy(found.values[:32]), torch.from_numpy(cpu)), most=1e-4
    )
    train, test = features(count, dim, 0), features(asked, dim, 1)
    for name, probe in (("k-NN", knn), ("linear probe", linear)):
        probe(features(64, dim, 2), features(16, dim, 3), device=table.device)
        began = clock(table.device)
        here = probe(train, test, device=table.device)
        table.row(f"{name} of {count} x {dim} on {asked}", clock(table.device) - began, "s")
        accuracy = float((here.probability.argmax(axis=1) == test.labels).mean())
        table.row(f"{name}: right", accuracy)
        part, few_asked = features(min(count, 2000), min(dim, 512), 0), features(asked, min(dim, 512), 1)
        both = [probe(part, few_asked, device=place).probability.argmax(axis=1) for place in (table.device, "cpu")]
        table.row(f"{name}: share predicted otherwise than by the CPU", float((both[0] != both[1]).mean()), most=1e-3)
    beside_sklearn(table, train, test)


def features(count: int, dim: int, seed: int, classes: int = 10) -> Features:
    """Gaussian classes that overlap, (count, dim)."""
    rng, world = np.random.default_rng(seed), np.random.default_rng(99)
    centres = (1.4 / math.sqrt(dim)) * 2 * world.normal(size=(classes, dim))
    labels, names = np.arange(count) % classes, np.array([str(i) for i in range(count)])
    values = rng.standard_normal((count, dim), dtype=np.float32) + centres[labels].astype(np.float32)
    return Features(values, labels, tuple("abcdefghij"[:classes]), names, names)


def beside_sklearn(table: Table, train: Features, test: Features) -> None:
    """Scikit-learn's k-NN, and its logistic regression at one strength (ours tries thirteen)."""
    if importlib.util.find_spec("sklearn") is None:
        table.say("scikit-learn is not here: it is left out")
        return
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import normalize

    began = time.perf_counter()
    near = KNeighborsClassifier(20, algorithm="brute", metric="euclidean", n_jobs=-1)
    near.fit(normalize(train.values), train.labels)
    right = float((near.predict(normalize(test.values)) == test.labels).mean())
    table.row("scikit-learn's k-NN (votes alike)", time.perf_counter() - began, "s")
    table.row("scikit-learn's k-NN: right", right)
    began = time.perf_counter()
    fitted = LogisticRegression(C=1 / len(train), max_iter=50).fit(train.values, train.labels)
    right = float((fitted.predict(test.values) == test.labels).mean())
    table.row("scikit-learn's logistic regression, one strength", time.perf_counter() - began, "s")
    table.row("scikit-learn's logistic regression: right", right)


# e


def landscape(table: Table) -> None:
    """A point, a plane of 17 x 17 and a product with the Hessian, against bare passes and beside the CPU."""
    count, batch, size, side = (32, 16, 16, 5) if table.small else (256, 128, 32, 17)
    for name, network in (("ResNet-18", "resnet18"), ("ViT", "vit_tiny_patch16_224?depth=6&embed_dim=192&num_heads=3")):
        if table.small:
            network = SMALL_RESNET if name == "ResNet-18" else SMALL_VIT
        images = noise(count, size)
        plan = plan_for(images, "supervised", backbone=network, image_size=size, batch_size=batch, seed=2)
        method = build_method(plan)
        view = [evaluation_view(size, mean=plan.mean, std=plan.std)]
        here = objective(method, images, view, batch, count, table.device)
        plane = random(here.at)
        surface(here, here.at, plane.directions, 3, levels=1)
        began = clock(table.device)
        drawn = surface(here, here.at, plane.directions, side, levels=1)
        point = (clock(table.device) - began) / len(drawn)
        bare = bare_passes(method, here.batches, table.device)
        table.row(f"{name}: a plane of {side} x {side}, {count} images", point * len(drawn), "s")
        table.row(f"{name}: a point / a bare pass", point / bare, "", most=None if table.small else 1.25)
        cpu = objective(method, images, view, batch, count, torch.device("cpu"))
        same = [random(here.at), random(cpu.at)]
        gap = relative_gap(here, cpu, same)
        table.row(f"{name}: losses beside the CPU's, largest difference", gap, "relative", most=1e-4)
        fine = [objective(copy.deepcopy(method).double(), images, view, batch, count, p) for p in (table.device, "cpu")]
        curvature(table, name, [here, cpu, *fine], bare)


def objective(
    method: Method, images: Images, view: list, batch: int, count: int, device: torch.device | str
) -> Objective:
    """The loss of the method on frozen batches, on a device, in the method's own precision."""
    batches = frozen_batches(images, view, count=count, batch=batch, device=device)
    kind = next(method.parameters()).dtype
    batches = [Views([x.to(kind) for x in v.crops], v.labels, v.index, v.rng, v.progress) for v in batches]
    return Objective(copy.deepcopy(method).to(device), batches)


def relative_gap(here: Objective, cpu: Objective, planes: list) -> float:
    """Largest relative difference of losses at nine places of a plane whose directions have the same draws."""
    gaps = []
    walks = [ShiftedParameters(loss.at, plane.directions) for loss, plane in zip((here, cpu), planes, strict=True)]
    with torch.inference_mode(), exact_arithmetic():
        for place in [(a, b) for a in (-1.0, 0.0, 0.6) for b in (-0.7, 0.0, 1.0)]:
            first, second = here(walks[0].shift_to(place)), cpu(walks[1].shift_to(place))
            gaps.append(abs(float(first.mean()) - float(second.mean())) / abs(float(second.mean())))
    return max(gaps)


def bare_passes(method: Method, batches: list[Views], device: torch.device) -> float:
    """Seconds of the plain network on all batches, eval mode, float32 without tf32."""
    twin = copy.deepcopy(method).to(device).eval()
    net = nn.Sequential(twin.backbone, twin.classifier)  # type: ignore[arg-type]

    def once() -> None:
        for views in batches:
            net(views.crops[0])

    with torch.inference_mode(), exact_arithmetic():
        once()
        began = clock(device)
        for _ in range(5):
            once()
        return (clock(device) - began) / 5


def curvature(table: Table, name: str, losses: list[Objective], bare: float) -> None:
    """A product with the Hessian: seconds in bare passes, and beside the CPU's.

    `losses`: on the device and on the CPU in float32, then both in float64.
    """
    maps = [Hessian(loss.weighted_losses(), loss.at) for loss in losses]
    vector = torch.randn(maps[1].size, generator=torch.Generator().manual_seed(0))
    fast, slow, fine, finest = (of(vector.to(of.device, of.dtype)) for of in maps)
    kinks = max(1e-4, 2 * relative(slow, finest))  # what float32 by itself loses, see gpu_training
    table.row(f"{name}: product with the Hessian, float64", relative(fine, finest), "relative", most=1e-4)
    table.row(f"{name}: product with the Hessian", relative(fast, slow), "relative", most=float(f"{kinks:.2g}"))
    began, moved = clock(table.device), vector.to(table.device)
    for _ in range(3):
        maps[0](moved)
    table.row(f"{name}: product with the Hessian / a bare pass", (clock(table.device) - began) / 3 / bare)


if __name__ == "__main__":
    compiled_child(*sys.argv[1:])
