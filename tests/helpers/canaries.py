"""A study with a distinctive word in every place that a team can write, so that a bundle can be searched for them."""

import csv
from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np
from PIL import Image

import kogen

CODE = """
import numpy as np
from kogen.extend import Contributions, Method, Metric, Recipe, mlp


class ZqMethod(Method):
    recipe = Recipe(source="zqsource", headline="none", family="own", views=2)

    def __init__(self, backbone, *, classes=0, images=0, zqsetting=16):
        super().__init__()
        self.backbone, self.head = backbone, mlp(backbone.dim, 16, zqsetting)

    def forward(self, views):
        first, second = (self.head(self.backbone(crop)).float() for crop in views.crops)
        return {"zqterm": (first - second).square().mean() + 1 / (first.std() + 1)}


def zqprobe(train, test):
    found = np.full((len(test.values), len(train.classes)), 0.1)
    found[np.arange(len(found)), (test.values.argmax(1)) % len(train.classes)] += 1
    return found / found.sum(1, keepdims=True)


def compute(answers):
    each = answers.correct.astype(float)
    return Contributions(float(each.mean()), each)


zqmetric = Metric(compute, needs=frozenset({"labels"}))
"""
MARK = "zq"  # how every canary begins
CLASSES = ("zqscratch", "good", "zqdent", "sehr zqlangername")
OPTIONS: dict[str, Any] = {"epochs": 1, "seeds": 1, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 16}
OPTIONS |= {"precision": "32", "costs": "none", "budgets": ["50%"], "draws": 2, "prices": {"currency": "ZQEURO"}}


def write_images(folder: Path, part: str, count: int, seed: int, split: bool = False) -> Path:
    """Images in folder/PART/zqday with a table of names, classes, lots and lines; its path."""
    rng = np.random.default_rng(seed)
    place = folder / part / "zqday"
    place.mkdir(parents=True)
    rows = []
    for number in range(count):
        kind = number % len(CLASSES)
        pixels = rng.integers(0, 120, (16, 16, 3)).astype(np.uint8)
        pixels[kind * 4 : kind * 4 + 4] += 100
        name = f"zqpart-{seed}{number:03d}.png"
        Image.fromarray(pixels).save(place / name)
        told = [f"{part}/zqday/{name}", CLASSES[kind], f"zqlot{seed}{number // 2}", f"zqline{number % 2}"]
        rows.append([*told, "train" if number % 3 else "test"] if split else told)
    (place / "zqbroken.png").write_bytes(b"no picture")
    rows.append([f"{part}/zqday/zqbroken.png", CLASSES[0], "zqlot", "zqline0", *(["train"] if split else [])])
    with (folder / f"{part}_zqtable.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["zqfilecolumn", "zqlabelcolumn", "zqclustercolumn", "zqgroupcolumn", *(["split"] if split else [])]
        csv.writer(file).writerows([head, *rows])
    return folder / f"{part}_zqtable.csv"


def make_canary_study(root: Path) -> Path:
    """The study of a real pilot on such images, with code, a candidate, views and a transfer set of such names."""
    folder = root / "zqcustomer" / "Zq Plant"
    columns = "path=zqfilecolumn,label=zqlabelcolumn,cluster=zqclustercolumn,group=zqgroupcolumn"
    train, test, shift = (write_images(folder, f"zq{part}", 24, n) for n, part in enumerate(("train", "test", "shift")))
    transfer = write_images(folder, "zqtransfer", 24, 9, split=True)
    (folder / "zqcode.py").write_text(CODE, encoding="utf-8")
    (folder / "zqviews.toml").write_text('views = "natural"\nwithout = ["flip"]\n', encoding="utf-8")
    small = {"backbone": "tiny?width=8", "image_size": 16, "max_bad": 0.5}
    kogen.pretrain(f"{train}?columns={columns}", method="random", out=folder / "zqrun", **small)
    copy(folder / "zqrun" / "weights.safetensors", folder / "zqweights.safetensors")
    kogen.pilot(
        f"{train}?columns={columns}",
        test=f"zqacceptance={test}?columns={columns}",
        shifts={"zqnightshift": f"{shift}?columns={columns}"},
        transfers={"zqsister": f"{transfer}?columns={columns},split=split"},
        methods=[f"{folder / 'zqcode.py'}:ZqMethod", "byol", "random"],
        candidates={"zqcandidate": f"{folder / 'zqweights.safetensors'}"},
        compare_views={"zqcalm": str(folder / "zqviews.toml")},
        probes=["linear", f"{folder / 'zqcode.py'}:zqprobe"],
        metric=f"{folder / 'zqcode.py'}:zqmetric",
        max_bad=0.5,
        out=root / "zqstudyfolder",
        **OPTIONS,
    )
    return root / "zqstudyfolder"
