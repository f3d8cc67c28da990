"""Parts of gpu.py about whole studies: several small runs on one card at once, and the engine under --compile."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from gpu_speed import STEPS, cases, plan_of
from gpu_table import SMALL_RESNET, Table, clear, noise

from kogen.training.loop import pretrain

# s


def shared_card(table: Table) -> None:
    """Four small runs on one card, one at a time and four at once: images a second of all together."""
    count, epochs, network, size = (64, 2, SMALL_RESNET, 16) if table.small else (20_480, 2, "resnet18", 32)
    words = ["--methods", "byol", "--seeds", "4", "--backbone", network, "--image-size", str(size)]
    words += ["--batch-size", str(min(256, count // 2)), "--epochs", str(epochs), "--probe", "knn"]
    images = noise(count + 100, size)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, some in (("train", slice(0, count)), ("test", slice(count, None))):
            np.savez(
                folder / f"{part}.npz", images=images.pixels[some].transpose(0, 2, 3, 1), labels=images.labels[some]
            )
        words = [str(folder / "train.npz"), "--test", str(folder / "test.npz"), *words]
        speeds = {}
        for jobs in (1, 4):
            began, out = time.perf_counter(), folder / f"{jobs}"
            command = [sys.executable, "-m", "kogen", "pilot", *words, "--jobs", str(jobs), "--out", str(out)]
            done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
            if done.returncode:
                raise RuntimeError(done.stderr[-1500:])
            table.row(f"4 runs, {jobs} at a time: the whole command", time.perf_counter() - began, "s")
            speeds[jobs] = 4 * epochs * count / seconds_at_work(out)
            table.row(f"4 runs, {jobs} at a time", speeds[jobs], "images/s")
            said = [json.loads(file.read_text(encoding="utf-8")) for file in out.glob("runs/*/summary.json")]
            steps = sum(summary["images_per_second"] for summary in said) / len(said)
            table.row(f"4 runs, {jobs} at a time: one run, its steps alone", steps, "images/s")
        table.row("4 runs, 4 at a time / one at a time", speeds[4] / speeds[1])


def seconds_at_work(study: Path) -> float:
    """Seconds in which at least one run of a study was trained: from its list of images on disk to its weights."""
    runs = [file.parent for file in study.glob("runs/*/weights.safetensors")]
    spans = [((run / "images.npy").stat().st_mtime, (run / "weights.safetensors").stat().st_mtime) for run in runs]
    covered, until = 0.0, 0.0
    for begin, end in sorted(spans):
        covered, until = covered + max(0.0, end - max(begin, until)), max(until, end)
    return covered


# k


def engine_compiled(table: Table) -> None:
    """The engine under --compile beside the engine as it is; the first epoch compiles, the second is timed."""
    case = cases(table.small)[0]
    images = noise(2 * case.batch, case.size * 8 // 7)
    images = images.subset(np.tile(np.arange(len(images)), STEPS))
    speeds = {}
    for name, compiled in (("as it is", False), ("under --compile", True)):
        clear(table.device)
        plan = plan_of(case, images, table.device).model_copy(update={"compile": compiled})
        with tempfile.TemporaryDirectory() as folder:
            epochs = list(pretrain(plan, images, Path(folder)))
        speeds[name] = epochs[-1].images_per_second
        table.row(f"{case.name}: the engine {name}", speeds[name], "images/s")
        table.row(f"{case.name}: the engine {name}: first epoch", epochs[1].seconds, "s")
    table.row(f"{case.name}: under --compile / as it is", speeds["under --compile"] / speeds["as it is"])
