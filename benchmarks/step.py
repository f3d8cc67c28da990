"""The engine's epoch against the bare network, and against lightly's BYOL loop, on the same cores in the same run.

Run: python benchmarks/step.py [--images 2048] [--backbone resnet18] [--batch 128] [--precision 32] [--rounds 3]

bare     forward, backward and optimiser of BYOL's own networks on one resident batch of float tensors: no views
kogen    the engine's epoch: order, reading, two views, the same steps, terms, NaN guard (as training.parquet has it)
lightly  the loop of lightly's BYOL example: its transform in a DataLoader with 2 workers, its heads and loss
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from kogen.config.plan import Plan
from kogen.data.images import Images, from_array
from kogen.study.plans import with_data
from kogen.training.batches import Batches
from kogen.training.fabric import start
from kogen.training.loop import prepare, pretrain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precision", default="32")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    pixels = np.random.default_rng(0).integers(0, 256, (asked.images, 3, 32, 32), dtype=np.uint8)
    images = from_array(pixels, name="noise")
    made = Plan(method="byol", backbone=asked.backbone, batch_size=asked.batch, epochs=1, precision=asked.precision)
    plan = with_data(made, images)
    rows = []
    for _ in range(asked.rounds):
        rows.append((bare(plan, images), engine(plan, images), lightly(plan, pixels)))
        print("seconds an epoch: bare {:.2f}, kogen {:.2f}, lightly {:.2f}".format(*rows[-1]), flush=True)
    over = statistics.median(ours / bare for bare, ours, _ in rows)
    beside = statistics.median(theirs / ours for _, ours, theirs in rows)
    print(f"kogen / bare: {over:.3f} (at most 1.07 wanted)    lightly / kogen: {beside:.2f}")


def bare(plan: Plan, images: Images) -> float:
    """Seconds of as many steps as an epoch has, on one resident batch."""
    fabric = start(plan.precision)
    method, optimiser, wrapped = prepare(plan, fabric)
    loader = Batches(plan, images, fabric.device)
    views = loader.render_views(0, 0)
    for group in optimiser.param_groups:
        group["lr"] = 0.01
    began = 0.0
    for step in range(loader.per_epoch + 1):
        if step == 1:
            began = clock()
        loss = sum(wrapped(views).values())
        fabric.backward(loss)
        optimiser.step()
        optimiser.zero_grad()
        method.update(0.5)
    return clock() - began


def engine(plan: Plan, images: Images) -> float:
    """Seconds of the engine's second epoch, as it records them."""
    longer = plan.model_copy(update={"epochs": 2})
    with tempfile.TemporaryDirectory() as folder:
        return list(pretrain(longer, images, Path(folder)))[-1].seconds


def lightly(plan: Plan, pixels: np.ndarray) -> float:
    """Seconds of lightly's BYOL example over as many images, the same backbone, two workers."""
    import copy

    from lightly.loss import NegativeCosineSimilarity
    from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead
    from lightly.models.utils import deactivate_requires_grad, update_momentum
    from lightly.transforms.byol_transform import BYOLTransform, BYOLView1Transform, BYOLView2Transform

    from kogen.training.build import build_backbone

    transform = BYOLTransform(
        BYOLView1Transform(input_size=32, gaussian_blur=0.0), BYOLView2Transform(input_size=32, gaussian_blur=0.0)
    )
    data = [Image.fromarray(p.transpose(1, 2, 0)) for p in pixels]
    loader = torch.utils.data.DataLoader(
        Transformed(data, transform),
        plan.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=2,
        persistent_workers=True,
    )
    backbone = build_backbone(plan)
    projector, predictor = BYOLProjectionHead(backbone.dim, 1024, 256), BYOLPredictionHead(256, 1024, 256)
    backbone_m, projector_m = copy.deepcopy(backbone), copy.deepcopy(projector)
    deactivate_requires_grad(backbone_m)
    deactivate_requires_grad(projector_m)
    criterion = NegativeCosineSimilarity()
    optimiser = torch.optim.SGD([*backbone.parameters(), *projector.parameters(), *predictor.parameters()], lr=0.06)

    def epoch() -> None:
        for first, second in loader:
            update_momentum(backbone, backbone_m, 0.99)
            update_momentum(projector, projector_m, 0.99)
            with torch.autocast("cpu", torch.bfloat16, enabled=plan.precision == "bf16"):
                online = [predictor(projector(backbone(x))) for x in (first, second)]
                with torch.no_grad():
                    target = [projector_m(backbone_m(x)) for x in (first, second)]
                loss = 0.5 * (criterion(online[0], target[1]) + criterion(online[1], target[0]))
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()

    next(iter(loader))  # starts the workers
    began = clock()
    epoch()
    return clock() - began


class Transformed(torch.utils.data.Dataset):
    """Images under lightly's transform, at module level so that workers can have it."""

    def __init__(self, images: list[Image.Image], transform) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int):
        return self.transform(self.images[index])


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
