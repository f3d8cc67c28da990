"""A detector of kogen beside torchvision's own: seconds and memory of a step; COCO's numbers beside those of a peer.

Run: python benchmarks/detect.py [--size 128] [--rounds 5] [--images 500]

Training: FCOS on a ResNet-18 without weights, a batch of 8 drawn images with boxes, SGD, one thread. `kogen` is a step
of its one loop (images are read, mirrored and normalised in it, and so are boxes); `torchvision` is a bare loop over
tensors that are ready: torchvision.models.detection.FCOS with resnet_fpn_backbone, on the same maps (strides 4 to 64);
`as fcos_resnet50_fpn` has the maps of torchvision's own reference (8 to 128). In each round each runs in a process of
its own, in turns; peak memory is that of its process less that after its imports (Linux).

Evaluation: the same found boxes through kogen (COCO's numbers; and with each image left out, which its intervals need)
and through faster-coco-eval (its numbers alone), in one process, in turns.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from itertools import islice
from typing import Any

import numpy as np

BATCH, CLASSES, WIDTH = 8, 6, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6, help="timed steps a round, after two that are not")
    parser.add_argument("--images", type=int, default=500, help="of the evaluation")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(CONTENDERS[asked.child](asked.size, asked.steps)))
        return
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for number in range(asked.rounds):
        for name in sorted(CONTENDERS, reverse=bool(number % 2)):
            rounds[name].append(run_child(name, asked))
    tell_training(rounds)
    tell_evaluation(asked.images, asked.rounds)


def run_child(name: str, asked: argparse.Namespace) -> dict[str, float]:
    """What a contender measures in a process of its own, with one thread."""
    command = [sys.executable, __file__, "--child", name, "--size", str(asked.size), "--steps", str(asked.steps)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def peak() -> float:
    """MB that this process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def drawn_set(size: int, count: int = 4 * BATCH) -> Any:
    """Noise with rectangles of six classes, as kogen holds images with boxes."""
    from kogen.boxes.image_boxes import ImageBoxes
    from kogen.data.boxes.box_images import BoxImages
    from kogen.data.images import from_array

    rng, boxes = np.random.default_rng(0), []
    pixels = rng.integers(0, 256, (count, 3, size, size)).astype(np.uint8)
    for _ in range(count):
        n = int(rng.integers(3, 10))
        low = rng.integers(0, size // 2, (n, 2))
        corners = np.hstack([low, low + rng.integers(size // 12, size // 2, (n, 2))]).astype(np.float32)
        area = np.prod(corners[:, 2:] - corners[:, :2], axis=1).astype(np.float64)
        boxes.append(ImageBoxes(corners, rng.integers(0, CLASSES, n), np.zeros(n, bool), np.zeros(n, bool), area))
    names = tuple(f"class {number}" for number in range(CLASSES))
    return BoxImages(from_array(pixels), tuple(boxes), names, np.full((count, 2), size))


def train_kogen(size: int, steps: int) -> dict[str, float]:
    """Seconds of a step of kogen's loop, and MB."""
    import torch

    from kogen.config.plan import Plan
    from kogen.detection.detectors import DetectorRecipe, detector_plan, training_data
    from kogen.training.loop import trial_steps

    torch.set_num_threads(1)
    boxes, before = drawn_set(size), peak()
    network = Plan(method="random", backbone="resnet18", channels=3, mean=(0.5,) * 3, std=(0.25,) * 3)
    plan = detector_plan(network, None, boxes, DetectorRecipe("fcos", 100, size, {"width": WIDTH}))
    images, targets = training_data(boxes, plan)
    ends = [time.perf_counter() for _ in islice(trial_steps(plan, images, targets), steps + 2)]
    return {"seconds": (ends[-1] - ends[1]) / steps, "mb": peak() - before}


def train_torchvision(size: int, steps: int, *, reference: bool = False) -> dict[str, float]:
    """The same of a bare loop over torchvision's FCOS."""
    import torch
    from torchvision.models.detection import FCOS
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops.feature_pyramid_network import LastLevelP6P7

    import kogen.training.loop  # noqa: F401 - the same imports lie in memory before

    torch.set_num_threads(1)
    boxes, before = drawn_set(size), peak()
    own: dict[str, Any] = {"weights": None, "backbone_name": "resnet18", "trainable_layers": 5}
    own |= {"norm_layer": torch.nn.BatchNorm2d}
    if reference:
        own |= {"returned_layers": [2, 3, 4], "extra_blocks": LastLevelP6P7(256, 256)}
    strides = (8, 16, 32, 64, 128) if reference else (4, 8, 16, 32, 64)
    anchors = AnchorGenerator(tuple((stride,) for stride in strides), ((1.0,),) * 5)
    same = {"min_size": size, "max_size": size, "size_divisible": 1, "_skip_resize": True}
    model = FCOS(resnet_fpn_backbone(**own), CLASSES, anchor_generator=anchors, **same).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9, weight_decay=1e-4)
    images = [torch.from_numpy(boxes.images.fetch(np.array([n]))[0]).float() / 255 for n in range(len(boxes))]
    wanted = [{"boxes": torch.from_numpy(one.corners), "labels": torch.from_numpy(one.classes)} for one in boxes.boxes]
    ends = []
    for step in range(steps + 2):
        rows = [(step * BATCH + place) % len(images) for place in range(BATCH)]
        losses = model([images[row] for row in rows], [wanted[row] for row in rows])
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        ends.append(time.perf_counter())
    return {"seconds": (ends[-1] - ends[1]) / steps, "mb": peak() - before}


def train_reference(size: int, steps: int) -> dict[str, float]:
    """The same with the maps of torchvision's own reference."""
    return train_torchvision(size, steps, reference=True)


CONTENDERS = {"kogen": train_kogen, "torchvision": train_torchvision, "as fcos_resnet50_fpn": train_reference}


def tell_training(rounds: dict[str, list[dict[str, float]]]) -> None:
    """Print seconds, memory and ratios to torchvision on the same maps, with the range over rounds."""
    print(f"a training step, {BATCH} images, one thread")
    for name, found in rounds.items():
        ratios = [one["seconds"] / other["seconds"] for one, other in zip(found, rounds["torchvision"], strict=True)]
        seconds, mb = (np.median([one[key] for one in found]) for key in ("seconds", "mb"))
        print(
            f"{name}: {1000 * seconds:.0f} ms, {mb:.0f} MB, {np.median(ratios):.2f} of torchvision's time "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


def found_set(count: int) -> Any:
    """A run that finds most boxes a little beside where they are, and many others."""
    from kogen.boxes.image_boxes import FoundBoxes
    from kogen.results.boxes.box_runs import BoxRun

    rng, boxes = np.random.default_rng(1), drawn_set(128, count)
    found = []
    for one in boxes.boxes:
        corners = np.repeat(one.corners, 8, axis=0) + rng.normal(0, 6, (8 * len(one), 4)).astype(np.float32)
        corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2] + 1)
        labels = np.where(rng.random(len(corners)) < 0.8, np.repeat(one.classes, 8), rng.integers(0, CLASSES))
        found.append(FoundBoxes(corners, labels, rng.random(len(corners))))
    ids = boxes.images.ids
    return BoxRun("set", "a", 0, boxes.classes, ids, ids, boxes.boxes, tuple(found))


def tell_evaluation(count: int, rounds: int) -> None:
    """Print seconds of COCO's numbers, by kogen alone and with all leave-one-outs, and by faster-coco-eval."""
    from kogen.boxes.average_precisions import all_precisions, coco_numbers
    from kogen.results.boxes.box_values import measure_run

    run = found_set(count)
    once = lambda: coco_numbers(all_precisions(run.matches(), np.ones((1, count))))  # noqa: E731
    ways: dict[str, Any] = {"kogen, the numbers": once, "kogen, with each image left out": lambda: measure_run(run)}
    try:
        import faster_coco_eval

        ways[f"faster-coco-eval {faster_coco_eval.__version__}"] = lambda: peer_numbers(run)
    except ImportError:
        print("faster-coco-eval is not installed (pip install 'kogen[detect]'): kogen runs alone")
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    boxes = sum(map(len, run.found))
    print(f"evaluation of {count} images, {sum(map(len, run.true))} boxes, {boxes} found, {CLASSES} classes")
    for name, each in seconds.items():
        print(f"{name}: {np.median(each):.2f} s ({min(each):.2f} to {max(each):.2f})")
    if len(ways) == 3:
        print(f"AP: {100 * float(once()['ap'][0]):.10f} and {100 * peer_numbers(run):.10f}")


def peer_numbers(run: Any) -> float:
    """AP by faster-coco-eval."""
    from contextlib import redirect_stdout
    from io import StringIO

    from faster_coco_eval import COCO, COCOeval_faster

    document: dict[str, Any] = {"images": [{"id": n + 1} for n in range(len(run.items))], "annotations": []}
    document |= {"categories": [{"id": n + 1, "name": name} for n, name in enumerate(run.classes)]}
    for image, one in enumerate(run.true):
        for (x1, y1, x2, y2), label, area in zip(one.corners.tolist(), one.classes, one.areas, strict=True):
            box = {"id": len(document["annotations"]) + 1, "image_id": image + 1, "category_id": int(label) + 1}
            document["annotations"].append(box | {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": area, "iscrowd": 0})
    rows = [
        {"image_id": image + 1, "category_id": int(k) + 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": float(s)}
        for image, one in enumerate(run.found)
        for (x1, y1, x2, y2), k, s in zip(one.corners.tolist(), one.classes, one.scores, strict=True)
    ]
    with redirect_stdout(StringIO()):
        true = COCO(document)
        judged = COCOeval_faster(true, true.loadRes(rows), "bbox")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return float(judged.stats[0])


if __name__ == "__main__":
    main()
