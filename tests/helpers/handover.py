"""Small studies to hand over: folders of striped images, and an untrained network judged on them."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from small import blobs

import kogen
from kogen.data.images import Images
from kogen.training.run import train_run

SMALL = {"image_size": 16, "backbone": "tiny?width=8", "precision": "32"}


def write_images(root: Path, count: int, seed: int, *, channels: int = 1, bits: int = 8, size: int = 72) -> Path:
    """Class folders `ok`, `bad` and `odd` of noise without, with level and with upright stripes."""
    rng = np.random.default_rng(seed)
    for name in ("ok", "bad", "odd"):
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(40, 200, (size + 8, size, channels)).astype(np.float32)
            pixels[:: 4 if name == "bad" else size] += 40
            pixels[:, :: 8 if name == "odd" else size] += 30
            whole = pixels.clip(0, 255).astype(np.uint16 if bits == 16 else np.uint8)
            whole = whole * 257 if bits == 16 else whole
            Image.fromarray(whole[:, :, 0] if channels == 1 else whole).save(root / name / f"{i}.png")
    return root


def small_study(root: Path, channels: int = 1) -> Path:
    """A study of the untrained network on two sets; the folder of its one run. Labels lie in folders."""
    train = write_images(root / "train", 20, 0, channels=channels)
    test, line2 = (write_images(root / name, 12, seed, channels=channels) for seed, name in ((1, "test"), (2, "line2")))
    asked = {"methods": ("random",), "seeds": 1, "test": str(test), "shifts": {"line2": str(line2)}, **SMALL}
    kogen.pilot(train, out=root / "study", **asked)
    return next((root / "study" / "runs").iterdir())


def lone_run(folder: Path, images: Images) -> Path:
    """An untrained run that lies in no study."""
    from small import plan_for

    train_run(plan_for(images, "random"), images, folder)
    return folder


def rows_of(run: Path) -> pd.DataFrame:
    """What the study says of the linear probe of a run, by item."""
    rows = pd.read_parquet(run / "predictions.parquet")
    return rows[rows.protocol == "linear"].set_index("item")


def write_model(root: Path, *names: str) -> Path:
    """The folder with one small gray model under each of the names, which end in its format."""
    images = blobs(channels=1)
    np.savez(root / "train.npz", images=images.pixels, labels=images.labels)
    run = lone_run(root / "run", images)
    for name in names:
        kogen.export(run, head="linear", train=str(root / "train.npz"), out=root / name)
    return root
