"""What a few labels buy on CIFAR-10 and ELPV: the studies of docs/labels.md, every step a command of kogen.

Run: python benchmarks/label_studies.py --cifar cifar10_jpeg_train.npz --elpv elpv128.zip --lite0 WEIGHTS.pth
     ... --only elpv --jobs 2 --epochs elpv=200 --minutes 60     (part of it, on two cores)
     ... --small                                                 (a rehearsal with tiny sizes on a CPU)

CIFAR-10: the JPEGs of the 50,000 training images, 10,000 of them with their label, judged on the 10,000 test images.
ELPV: 2,624 photographs of solar cells, `defect` where its experts said 2/3 or 1, judged on a fifth of the cells.
ResNet-18 is trained by BYOL, SimCLR and labels, a small ViT by MAE and RC-MAE, EfficientNet-Lite0 goes on by BYOL; then
all of them and Lite0 as it came are candidates of one study each, whose runs are shared by --jobs processes.
Prints every command; what is done is kept, so the same call goes on. It stops by itself after --minutes.
"""

import argparse
import csv
import os
import shlex
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np

from kogen.evaluation.validation import deal_parts

LABELLED = 10_000  # of CIFAR-10's training images
VITS = {"cifar": "vit_tiny_patch16_224?patch_size=4&depth=6", "elpv": "vit_tiny_patch16_224?patch_size=8&depth=6"}
BUDGETS = {"cifar": "1%,10%", "elpv": "3%,10%,30%"}
SIZES, LITE_SIZES = {"cifar": 32, "elpv": 64}, {"cifar": 64, "elpv": 96}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, help="the training file; the test file lies beside it")
    parser.add_argument("--elpv", type=Path, help="zip with labels.csv")
    parser.add_argument("--lite0", type=Path, required=True, help="weights of EfficientNet-Lite0")
    parser.add_argument("--out", type=Path, default=Path("work/labels"))
    parser.add_argument("--only", default="elpv,cifar")
    parser.add_argument("--jobs", type=int, default=8, help="processes for each study")
    parser.add_argument("--epochs", default="elpv=120,cifar=16", help="Lite0 goes on for a quarter of them")
    parser.add_argument("--tune-steps", default="elpv=100,cifar=200")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--bring", type=Path, help="folder for archives of the studies, without the weights")
    parser.add_argument("--small", action="store_true")
    asked = parser.parse_args()
    asked.end = time.monotonic() + 60 * asked.minutes
    asked.out.mkdir(parents=True, exist_ok=True)
    works = [Work(asked, name) for name in asked.only.split(",")]
    for phase in (Work.pretrain, Work.judge, Work.tune, Work.tune_more):
        run_together([command for work in works for command in phase(work)], asked)
        for work in works:
            work.bring()


class Work:
    """The commands of one study."""

    def __init__(self, asked: argparse.Namespace, name: str) -> None:
        epochs, self.steps = (dict(part.split("=") for part in given.split(","))[name]
                              for given in (asked.epochs, asked.tune_steps))  # fmt: skip
        self.asked, self.name, self.folder = asked, name, asked.out / name
        self.folder.mkdir(exist_ok=True)
        self.source = write_cifar(asked, self.folder) if name == "cifar" else write_elpv(asked, self.folder)
        self.lite = f"{asked.lite0}?image_size={LITE_SIZES[name]}"
        size = ["--image-size", str(SIZES[name])]
        views = ["--views", "inspection"] if name == "elpv" else []
        self.vit = VITS[name] if not asked.small else "vit_tiny_patch16_224?embed_dim=24&depth=2&num_heads=3"
        resnet = "resnet18" if not asked.small else "tiny?width=8"
        self.made = [*self.source, *views, "--epochs", epochs, "--batch-size", "64" if asked.small else "256"]
        self.study = [*self.made, *size, "--backbone", resnet, "--seeds", str(asked.seeds)]
        self.study += ["--methods", "byol,simclr,supervised,random", "--costs", "none"]
        self.study += ["--metric", "auroc"] if name == "elpv" else ["--twins", "keep"]  # 60,000 images take a while
        self.size = size

    def pretrain(self) -> list[list[str]]:
        """Every training, beside each other."""
        short = ["--epochs", str(max(1, int(self.made[self.made.index("--epochs") + 1]) // 4))]
        lite = [*short, "--init", self.lite, "--image-size", str(LITE_SIZES[self.name])]
        return [
            ["pretrain", "mae", *self.made, *self.size, "--backbone", self.vit, "--out", self.folder / "mae"],
            ["pretrain", "rc_mae", *self.made, *self.size, "--backbone", self.vit, "--out", self.folder / "rc_mae"],
            ["pretrain", "byol", *self.made, *lite, "--out", self.folder / "lite0-byol"],
            *[["pilot", *self.study, "--probe", "linear", "--out", self.folder / "study"] for _ in range(3)],
        ]

    def judge(self) -> list[list[str]]:
        """Linear probes of all candidates, with all and with few labels."""
        return [self.whole("--probe", "linear") for _ in range(min(4, self.asked.jobs))]

    def tune(self) -> list[list[str]]:
        """Fine-tunings of all layers; each job takes the runs that no other is at work on."""
        return [self.whole("--probe", "linear", "--probe", "tune:all")] * self.asked.jobs

    def tune_more(self) -> list[list[str]]:
        """Fine-tunings of the last layers too."""
        return [self.whole("--probe", "linear", "--probe", "tune:all", "--probe", "tune:last1")] * self.asked.jobs

    def whole(self, *more: str) -> list[str]:
        """The study with its candidates."""
        known = {name: self.folder / name / "weights.safetensors" for name in ("mae", "rc_mae", "lite0-byol")}
        known |= {"lite0": self.lite}
        named = [word for name, file in known.items() for word in ("--candidates", f"{name}={file}")]
        budgets = [
            "--budgets",
            BUDGETS[self.name] if not self.asked.small else "20%",
            "--draws",
            "5",
            "--tune-steps",
            self.steps,
        ]
        return ["pilot", *self.study, *named, *budgets, *more, "--out", self.folder / "study"]

    def bring(self) -> None:
        """Archive what a page is made of."""
        if not self.asked.bring or not (self.folder / "study").exists():
            return
        self.asked.bring.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "kogen", "report", self.folder / "study"]
        print(subprocess.run(command, capture_output=True, text=True, check=False).stdout[-3000:], flush=True)
        with tarfile.open(self.asked.bring / f"{self.name}.tar.gz", "w:gz") as archive:
            for file in sorted(self.folder.rglob("*")):
                wanted = self.name == "elpv" or file.name != "predictions.parquet"  # CIFAR-10's are large
                if wanted and file.suffix in (".parquet", ".json", ".toml", ".html"):
                    archive.add(file, file.relative_to(self.folder))


def run_together(commands: list[list[str]], asked: argparse.Namespace) -> None:
    """Run commands of kogen beside each other, and say how each ended; what takes too long is ended."""
    if asked.end - time.monotonic() < 10:
        return
    threads = str(max(1, (os.cpu_count() or 1) // len(commands)))
    environment = os.environ | {"OMP_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1"}
    began, started = time.monotonic(), []
    for number, words in enumerate(commands):
        command = [sys.executable, "-W", "ignore", "-m", "kogen", *map(str, words)]
        log = asked.out / f"{number}-{words[0]}-{int(began)}.log"
        print("$ kogen", shlex.join(map(str, words)), flush=True)
        with log.open("w") as stream:
            started.append((subprocess.Popen(command, stdout=stream, stderr=stream, env=environment), log))
        time.sleep(0.3)
    for process, _ in started:
        try:
            process.wait(max(1.0, asked.end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
    for process, log in started:
        print(f"    {time.monotonic() - began:.0f} s, ended with {process.returncode}: {log.name}", flush=True)
        if process.returncode:
            print("    " + log.read_text()[-1200:].replace("\n", "\n    "), flush=True)


def write_cifar(asked: argparse.Namespace, folder: Path) -> list[str]:
    """CIFAR-10 as one file with its two splits; most training images lose their label."""
    place, files = folder / "cifar10.npz", (asked.cifar, Path(str(asked.cifar).replace("train", "test")))
    if not place.exists():
        train, test = (dict(np.load(file, allow_pickle=False)) for file in files)
        most = (600, 300) if asked.small else (len(train["labels"]), len(test["labels"]))
        parts, splits = [], []
        for (arrays, count), split in zip(((train, most[0]), (test, most[1])), ("train", "test"), strict=True):
            ends = arrays["offsets"][: count + 1]
            parts.append((arrays["jpeg"][: ends[-1]], np.diff(ends), arrays["labels"][:count].astype(np.int64)))
            splits += [split] * count
        labels = parts[0][2]
        kept = np.random.default_rng(0).permutation(len(labels))[: LABELLED if not asked.small else 300]
        hidden = np.full_like(labels, -1)
        hidden[kept] = labels[kept]
        offsets = np.concatenate([[0], np.cumsum(np.concatenate([parts[0][1], parts[1][1]]))])
        np.savez(
            place, jpeg=np.concatenate([parts[0][0], parts[1][0]]), offsets=offsets, splits=np.array(splits),
            labels=np.concatenate([hidden, parts[1][2]]), class_names=train["class_names"],
        )  # fmt: skip
    return [str(place)]


def write_elpv(asked: argparse.Namespace, folder: Path) -> list[str]:
    """ELPV's pictures, with tables of two classes and of four grades."""
    place = folder / "cells"
    if not (folder / "grades.csv").exists():
        with zipfile.ZipFile(asked.elpv) as archive:
            table = next(name for name in archive.namelist() if name.endswith("labels.csv"))
            lines = list(csv.DictReader(archive.read(table).decode().splitlines()))
            lines = lines[:: 8 if asked.small else 1]
            (place / "images").mkdir(parents=True, exist_ok=True)
            for line in lines:
                file = place / line["path"]
                file.write_bytes(archive.read(str(Path(table).parent / line["path"])))
        for name, naming in (
            ("defects", lambda p: "defect" if p > 0.5 else "none"),
            ("grades", lambda p: round(3 * p)),
        ):
            rows = [
                (line["path"], naming(float(line["defect_probability"])), line["cell_type"], part)
                for line, part in zip(lines, hold_out(lines), strict=True)
            ]
            with (folder / f"{name}.csv").open("w", newline="") as stream:
                csv.writer(stream).writerows([("path", "label", "line", "split"), *rows])
    return [str(place), "--labels", str(folder / "defects.csv")]


def hold_out(lines: list[dict[str, str]]) -> list[str]:
    """The split of each cell: a fifth of each grade and type is judged on, and no training sees it."""
    kinds = [f"{line['defect_probability']} {line['cell_type']}" for line in lines]
    part = deal_parts(np.unique(kinds, return_inverse=True)[1], 5, seed=0)
    return np.where(part == 0, "test", "train").tolist()


if __name__ == "__main__":
    main()
