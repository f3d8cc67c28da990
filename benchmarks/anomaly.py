"""PatchCore of kogen and of anomalib on the same features: CPU seconds of one thread, memory, AUROC, in turns.

Run: python benchmarks/anomaly.py --anomalib OTHER/bin/python                    (drawn surfaces, an untrained ResNet)
     ... --source mvtec:bottle --backbone resnet18 --image-size 224 --weights FILE     (any source of anomalies)

kogen makes the patches of good and test images once. In each round each of the two learns (coreset of a tenth, then a
memory) and scores, in a process of its own, whose peak memory beyond that of the features is measured (Linux).
anomalib (a Python that has it is named; `pip install --no-deps anomalib` and what it then misses) does the same with
its KCenterGreedy and PatchcoreModel. Each chooses a coreset by its own projection; that the scores are the same is
shown with one memory for both. AUROCs come with DeLong's 95 % interval.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SHARE, NEIGHBOURS = 0.1, 9
BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--anomalib", help="Python that has anomalib; without it kogen runs alone")
    parser.add_argument("--source", default="surfaces?n=1000&size=64")
    parser.add_argument("--normal", default="")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--weights", help="a published checkpoint in the place of --backbone")
    parser.add_argument("--good", type=int, default=200, help="good images to learn from, at most")
    parser.add_argument("--test", type=int, default=200, help="test images, at most")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--features", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(run_child(asked.child, asked.features)))
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "features.npz"
        write_features(asked, place)
        contenders = {"kogen": sys.executable} | ({"anomalib": asked.anomalib} if asked.anomalib else {})
        rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
        for number in range(asked.rounds):
            for name in sorted(contenders, reverse=bool(number % 2)):
                rounds[name].append(run_round(contenders[name], name, place))
        tell(rounds, np.load(place)["labels"])


def write_features(asked: argparse.Namespace, place: Path) -> None:
    """The patches of good images (n, D) and of test images (M, P, D), and the labels of these."""
    import torch

    from kogen.augmentation.views import evaluation_view
    from kogen.backbones import make_backbone
    from kogen.backbones.published import describe_checkpoint, published
    from kogen.config.study import make_study
    from kogen.evaluation.detectors._coreset import choose_coreset
    from kogen.evaluation.patches import patch_batches
    from kogen.study.splits import normalisation, open_splits

    options = {"source": asked.source, "task": "anomaly", "image_size": asked.image_size, "twins": "keep"}
    sets = open_splits(make_study(options | ({"normal": asked.normal} if asked.normal else {}), "anomaly.py"))
    train, test = sets.pool, next(iter(sets.tests.values()))
    rng = np.random.default_rng(0)
    train = train.subset(np.sort(rng.permutation(len(train))[: asked.good])).with_channels(3)
    test = test.subset(np.sort(rng.permutation(len(test))[: asked.test])).with_channels(3)
    torch.manual_seed(0)
    if asked.weights:
        facts = describe_checkpoint(asked.weights, image_size=asked.image_size)
        backbone = published(file=asked.weights, image_size=asked.image_size)
        view = evaluation_view(asked.image_size, mean=facts.mean, std=facts.std)
    else:
        backbone = make_backbone(asked.backbone, 3, asked.image_size)
        mean, std = normalisation(train)
        view = evaluation_view(asked.image_size, mean=mean, std=std)

    def rows(images: Any) -> np.ndarray:
        parts = [batch.flatten(2).transpose(1, 2).numpy() for batch in patch_batches(backbone, images, view)]
        return np.concatenate(parts)

    good, seen = rows(train), rows(test)
    flat = good.reshape(-1, good.shape[2])
    chosen = choose_coreset(torch.from_numpy(flat), round(SHARE * len(flat)), projected=128, seed=0)
    np.savez(place, good=flat, test=seen, labels=test.labels, memory=flat[chosen.numpy()])
    print(
        f"{asked.source}: {len(train)} good images, {len(test)} test images ({int(test.labels.sum())} with a defect), "
        f"{good.shape[1]} patches of {good.shape[2]} numbers each, {backbone.spec} at {asked.image_size} px"
    )


def run_round(python: str, name: str, place: Path) -> dict[str, Any]:
    """One round of one contender in a process of its own, with one thread."""
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [python, __file__, "--child", name, "--features", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run_child(name: str, place: Path) -> dict[str, Any]:
    """Learn and score; seconds of both, MiB of peak memory beyond what stood there before, and the scores."""
    import torch

    torch.set_num_threads(1)
    stored = np.load(place)
    good, test = torch.from_numpy(stored["good"]), torch.from_numpy(stored["test"])
    contender = {"kogen": Kogen, "anomalib": Anomalib}[name]()
    memory = torch.from_numpy(stored["memory"])
    before = reset_peak()
    with torch.inference_mode():
        start = time.process_time()
        contender.learn(good)
        learnt = time.process_time()
        scores = torch.cat([contender.score(part) for part in test.split(BATCH)])
        end = time.process_time()
    found = {"learn": learnt - start, "score": end - learnt, "peak": read_status("VmHWM") - before}
    with torch.inference_mode():
        contender.remember(memory)
        same = torch.cat([contender.score(part) for part in test.split(BATCH)])
    return found | {"scores": scores.tolist(), "same": same.tolist()}


def reset_peak() -> float:
    """Let the peak of this process's memory be what it is now, in MiB."""
    Path("/proc/self/clear_refs").write_text("5")
    return read_status("VmRSS")


def read_status(name: str) -> float:
    """A line of /proc/self/status, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


class Kogen:
    """kogen's detector."""

    def learn(self, good: Any) -> None:
        from kogen.evaluation.detectors.patch_memory import learn

        self.found = learn(good, share=SHARE, neighbours=NEIGHBOURS)

    def remember(self, memory: Any) -> None:
        from kogen.evaluation.detectors.patch_memory import learn

        self.found = learn(memory, share=1.0, neighbours=NEIGHBOURS)

    def score(self, part: Any) -> Any:
        return self.found(part)[0]


class Anomalib:
    """anomalib's coreset and scores, of the model that its PatchCore trains."""

    def __init__(self) -> None:
        import torch
        from anomalib.models.components import KCenterGreedy
        from anomalib.models.image.patchcore.torch_model import PatchcoreModel

        torch.manual_seed(0)
        self.coreset = KCenterGreedy
        settings = {"layers": ("layer2",), "backbone": "resnet18", "pre_trained": False}  # its network is not used
        self.model = PatchcoreModel(**settings, num_neighbors=NEIGHBOURS)

    def learn(self, good: Any) -> None:
        self.model.memory_bank = self.coreset(embedding=good, sampling_ratio=SHARE).sample_coreset()

    def remember(self, memory: Any) -> None:
        self.model.memory_bank = memory

    def score(self, part: Any) -> Any:
        count, patches, _ = part.shape
        flat = part.flatten(0, 1)
        distances, places = self.model.nearest_neighbors(embedding=flat, n_neighbors=1)
        shape = (count, patches)
        return self.model.compute_anomaly_score(distances.view(shape), places.view(shape), flat)


def tell(rounds: dict[str, list[dict[str, Any]]], labels: np.ndarray) -> None:
    """A row a contender: medians of the rounds, and the AUROC with its interval."""
    from scipy.stats import norm, spearmanr

    from kogen.metrics.auroc import one_class

    print(f"{'':10} {'learn s':>9} {'score s':>9} {'memory MiB':>11} {'AUROC':>7}  95 %")
    for name, mine in rounds.items():
        learn, score, peak = (float(np.median([one[key] for one in mine])) for key in ("learn", "score", "peak"))
        area, moved = one_class(labels == 1, np.array(mine[0]["scores"]))
        half = norm.ppf(0.975) * moved.std() / len(labels) ** 0.5
        print(f"{name:10} {learn:9.2f} {score:9.2f} {peak:11.0f} {100 * area:7.2f}  +-{100 * half:.2f}")
    if len(rounds) == 2:
        ratios = [
            {key: theirs[key] / ours[key] for key in ("learn", "score")}
            for ours, theirs in zip(rounds["kogen"], rounds["anomalib"], strict=True)
        ]
        learn, score = (float(np.median([one[key] for one in ratios])) for key in ("learn", "score"))
        alike = spearmanr(rounds["kogen"][0]["scores"], rounds["anomalib"][0]["scores"])[0]
        print(f"anomalib / kogen, median of {len(ratios)} rounds: learn {learn:.2f}, score {score:.2f}")
        print(f"rank correlation of the scores of test images, each with its own coreset: {alike:.4f}")
        ours, theirs = (np.array(rounds[name][0]["same"]) for name in ("kogen", "anomalib"))
        print(f"with one memory for both: largest relative difference {np.abs(ours / theirs - 1).max():.1e}")


if __name__ == "__main__":
    main()
