"""How many predictions differ between features in float32 and in bf16, of k-NN and of the linear probe, on CIFAR-10.

`python benchmarks/embedding_precision.py ../shared/data/cifar10 [--network tiny] [--epochs 3] [--threads 1]`

A network is trained with SimCLR (and, of the same seed, one is left as it was drawn); each probe learns from features
of training images in one precision and judges test images in the same one. bf16 is torch's autocast, as in trainings.
"""

import argparse
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kogen.augmentation.views import View, evaluation_view
from kogen.config.plan import Plan
from kogen.data.images import Images, from_array
from kogen.evaluation.features import Features, embed
from kogen.evaluation.probe_shelf import load_probe
from kogen.modules.base import Backbone
from kogen.modules.schedules import learning_rate
from kogen.study.plans import with_data
from kogen.training.batches import Batches
from kogen.training.fabric import start
from kogen.training.loop import prepare, train_step

PROBES = ("knn", "linear")


class Bf16(torch.nn.Module):
    """A backbone that computes under autocast to bf16."""

    def __init__(self, inner: Backbone) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.inner(images)


def read(file: Path, count: int) -> Images:
    """The first images of a file of JPEGs, with labels."""
    with np.load(file, allow_pickle=False) as found:
        jpeg, offsets, labels = found["jpeg"], found["offsets"], found["labels"][:count].astype(np.int64)
        names = tuple(map(str, found["class_names"]))
    files = [jpeg[low:high].tobytes() for low, high in pairwise(offsets[: count + 1])]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(each)).convert("RGB")) for each in files])
    return from_array(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)), labels, names, name=file.stem)


def trained(plan: Plan, images: Images) -> tuple[Backbone, Backbone]:
    """The plan's backbone as it is drawn, and trained."""
    fabric = start(plan.precision)
    drawn, _, _ = prepare(plan, fabric)
    method, optimiser, wrapped = prepare(plan, fabric)
    loader = Batches(plan, images, fabric.device)
    for step in range(loader.steps):
        rate = learning_rate((step + 0.5) / loader.steps, plan.recipe.rate * plan.batch_size / 256, plan.recipe.warmup)
        for group in optimiser.param_groups:
            group["lr"] = group["share"] * rate
        terms = train_step(fabric, wrapped, optimiser, loader, step, 1)
        method.update((step + 1) / loader.steps)
    print(f"trained for {loader.steps} steps, the last loss is {float(sum(terms.values())):.3f}", flush=True)
    return drawn.evaluation_backbone(), method.evaluation_backbone()


def predict(probe: str, known: Features, judged: Features) -> np.ndarray:
    """The class that a probe answers for each image (N,)."""
    return load_probe(probe)(known, judged, device="cpu").probability.argmax(1)


def compare(name: str, backbone: Backbone, known: Images, shown: Images, view: View) -> None:
    """Print for each probe how many answers differ, and how many are right in each precision."""
    both = [[embed(each, images, view) for images in (known, shown)] for each in (backbone, Bf16(backbone))]  # type: ignore[arg-type]
    (_, full), (_, half) = both
    error = np.linalg.norm(half.values - full.values, axis=1) / np.linalg.norm(full.values, axis=1)
    print(f"{name}: features differ by {100 * np.median(error):.2f} % of their length (median image)")
    for probe in PROBES:
        first, second = (predict(probe, *pair) for pair in both)
        mixed = predict(probe, both[0][0], half)
        right = [100 * (answers == full.labels).mean() for answers in (first, second)]
        differ = int((first != second).sum())
        print(
            f"  {probe}: {differ} of {len(first)} predictions differ ({100 * differ / len(first):.2f} %); right "
            f"{right[0]:.2f} % in float32, {right[1]:.2f} % in bf16; {int((first != mixed).sum())} differ where the "
            "probe learnt in float32",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of cifar10_jpeg_train.npz and cifar10_jpeg_test.npz")
    parser.add_argument("--network", default="tiny")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--images", type=int, default=5000, help="to train on, and for the probes to learn from")
    parser.add_argument("--tests", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    known = read(asked.folder / "cifar10_jpeg_train.npz", asked.images)
    shown = read(asked.folder / "cifar10_jpeg_test.npz", asked.tests)
    made = Plan(method="simclr", backbone=asked.network, batch_size=128, epochs=asked.epochs, precision="bf16")
    plan = with_data(made, known)
    view = evaluation_view(plan.image_size, mean=plan.mean, std=plan.std)
    drawn, learnt = trained(plan, known)
    compare("as drawn", drawn, known, shown, view)
    compare("trained", learnt, known, shown, view)


if __name__ == "__main__":
    main()
