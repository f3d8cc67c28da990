"""Seconds a point beside Li et al.'s procedure and PyPI's loss-landscapes; the teacher's cache; errors and passes.

Run: python benchmarks/landscape.py [--images 512] [--batch 32] [--points 5] [--rounds 3] [--parts speed]

speed     CPU seconds; the same network (supervised, 32 px) and images for each, one process, rounds interleaved:
          kogen   a surface of frozen batches of --batch
          li      per point: directions added, load_state_dict, a pass of a DataLoader (batch 128) that decodes and
                  normalises each image; cross-entropy, eval mode (its published procedure, written anew)
          pypi    loss_landscapes.random_plane with its Loss on all images as one batch (skipped where not installed)
          plain   the network called with the batches as they are, under inference mode: what the hardware gives
teacher   a point of RC-MAE with and without what the teacher said kept
accuracy  of surfaces against 51 x 51 points: landscape_accuracy.py, as it is without arguments
coupled   a plane of a loss that couples a batch, before and after its images were embedded once: landscape_coupled.py
          with the RUN and the DATA of --coupled
"""

import argparse
import importlib.util
import statistics
import time
from typing import Any

import landscape_accuracy
import landscape_coupled
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

from kogen.augmentation.views import evaluation_view
from kogen.config.plan import Plan
from kogen.data.images import Images, from_array
from kogen.loss_landscape.directions.random import random
from kogen.loss_landscape.frozen_batches import frozen_batches
from kogen.loss_landscape.grid import surface
from kogen.loss_landscape.objective import Objective
from kogen.study.plans import with_data
from kogen.training.batches import Batches
from kogen.training.build import build_method

VIT = "vit_tiny_patch16_224?embed_dim=64&depth=4&num_heads=4"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=32, help="of kogen's frozen batches and of the plain network")
    parser.add_argument("--points", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", default="speed,teacher,accuracy,coupled")
    parser.add_argument("--coupled", nargs=2, metavar=("RUN", "DATA"), help="a finished run of SimCLR, images")
    parser.add_argument("--backbones", default="tiny;" + VIT)
    asked = parser.parse_args()
    if "speed" in asked.parts:
        for backbone in asked.backbones.split(";"):
            speed(backbone, asked)
    if "teacher" in asked.parts:
        teacher(asked)
    if "accuracy" in asked.parts:
        landscape_accuracy.main([])
    if "coupled" in asked.parts and asked.coupled:
        landscape_coupled.main([*asked.coupled, "--planes", "1"])


def noise(count: int) -> Images:
    """Images of noise with labels; for a clock their contents do not matter."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return from_array(pixels, rng.integers(0, 10, count), tuple("abcdefghij"), name="noise")


def speed(backbone: str, asked: argparse.Namespace) -> None:
    """Seconds a point of the three programs."""
    images = noise(asked.images)
    plan = with_data(Plan(method="supervised", backbone=backbone), images)
    method = build_method(plan).eval()
    view = evaluation_view(32, mean=plan.mean, std=plan.std)
    batches = frozen_batches(images, [view], count=asked.images, batch=asked.batch)
    loss = Objective(method, batches)
    plane = random(loss.at)
    net = nn.Sequential(method.backbone, method.classifier)  # type: ignore[arg-type]
    inputs, labels = torch.cat([v.crops[0] for v in batches]), torch.cat([v.labels for v in batches])
    rows = []
    for _ in range(asked.rounds):
        ours = clock(lambda: surface(loss, loss.at, plane.directions[:1], asked.points | 1, levels=1))
        theirs = clock(lambda: li(net, plane.first, plane.second, images, plan, asked.points))
        plain_seconds = clock(lambda: passed(net, [v.crops[0] for v in batches]))
        rows.append((ours / (asked.points | 1), theirs / asked.points, pypi(net, inputs, labels), plain_seconds))
        print("  CPU seconds a point: kogen {:.3f}, li {:.3f}, pypi {:.3f}, plain {:.3f}".format(*rows[-1]), flush=True)
    for number, (name, wanted) in enumerate(
        (("li", ", at most 0.8 wanted"), ("pypi", ", at most 0.6 wanted"), ("plain", "")), 1
    ):
        ratio = statistics.median(row[0] / row[number] for row in rows)
        print(f"{backbone.partition('?')[0]}: kogen / {name}: {ratio:.2f}{wanted}", flush=True)


@torch.inference_mode()
def passed(net: nn.Module, inputs: list[Tensor]) -> None:
    """Call the network with each of the inputs."""
    for images in inputs:
        net(images)


def li(net: nn.Module, first: dict, second: dict, images: Images, plan: Plan, points: int) -> list[float]:
    """The losses at some points, as Li et al. (2018) publish their procedure."""
    names = {name: name.replace("backbone.", "0.", 1).replace("classifier.", "1.", 1) for name in first}
    state = {name: value.clone() for name, value in net.state_dict().items()}
    loader = torch.utils.data.DataLoader(Decoded(images, plan), batch_size=128, shuffle=False)
    found = []
    for x in np.linspace(-1, 1, points):
        moved = dict(state)
        for name, inside in names.items():
            moved[inside] = state[inside] + float(x) * first[name] + float(x) * second[name]
        net.load_state_dict(moved)
        total, count = 0.0, 0
        with torch.no_grad():
            for pixels, labels in loader:
                total += F.cross_entropy(net(pixels), labels).item() * len(labels)
                count += len(labels)
        found.append(total / count)
    net.load_state_dict(state)
    return found


class Decoded(torch.utils.data.Dataset):
    """Each image through PIL, ToTensor and Normalize whenever it is asked for, as torchvision's CIFAR10 does."""

    def __init__(self, images: Images, plan: Plan) -> None:
        self.images = images
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(plan.mean, plan.std)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = Image.fromarray(np.array(self.images.pixels[index]).transpose(1, 2, 0))
        return self.transform(pixels), int(self.images.labels[index])


def pypi(net: nn.Module, inputs: Tensor, labels: Tensor, steps: int = 2) -> float:
    """Seconds a point of loss-landscapes; nan where it is not installed."""
    if importlib.util.find_spec("loss_landscapes") is None:
        return float("nan")
    import loss_landscapes
    from loss_landscapes.metrics import Loss

    metric = Loss(F.cross_entropy, inputs, labels)
    # Its filter normalisation divides by zero where a bias is 0; the time of a point does not depend on the scale.
    seconds = clock(lambda: loss_landscapes.random_plane(net, metric, 0.01, steps, None, deepcopy_model=True))
    return seconds / steps**2


def teacher(asked: argparse.Namespace) -> None:
    """How much faster a point of RC-MAE is where what the teacher says is kept."""
    images = noise(asked.images)
    plan = with_data(Plan(method="rc_mae", backbone=VIT), images)
    method = build_method(plan)
    kept = Objective(
        method, frozen_batches(images, Batches(plan, images, torch.device("cpu")).views, count=asked.images)
    )
    asking = Asking(kept)
    directions = random(kept.at).directions[:1]
    ratios = []
    for _ in range(asked.rounds):
        slow, fast = (clock(lambda o=o: surface(o, kept.at, directions, 3, levels=1)) for o in (asking, kept))
        ratios.append(slow / fast)
    print(f"rc_mae: asking the teacher at every point / once: {statistics.median(ratios):.2f} (at least 1.8 wanted)")


class Asking:
    """The same objective, but the teacher is asked whenever a batch is."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def __call__(self, params: dict[str, Tensor]) -> Tensor:
        self.objective.targets = [self.objective.each.make_targets(views) for views in self.objective.batches]
        return self.objective(params)


def clock(work: Any) -> float:
    """CPU seconds that work takes in this process: all its work is here, and other jobs disturb them less."""
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
