"""Whether two checkouts do the same: a small study, a landscape and a lottery by each, compared byte by byte.

Run: python benchmarks/same_bytes.py make CHECKOUT FOLDER     (once for each checkout, with the same Python)
     python benchmarks/same_bytes.py compare FOLDER OTHER

What may differ is left out: seconds, speeds, energy, paths and sentences.
"""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file

LOOSE = {
    "seconds",
    "images_per_second",
    "minutes",
    "kwh",
    "source",
    "words",
    "machine",
    "headline",
    "lights",
    "said",
    "times_supervised",
    "sha256",  # of study.toml, whose layout may differ
}
NETWORK = "tiny?width=8"
VIT = "vit_tiny_patch16_224?embed_dim=24&depth=2&num_heads=2"


def make(checkout: Path, folder: Path) -> None:
    """Everything by one checkout, through its command line."""
    folder.mkdir(parents=True)
    environment = os.environ | {
        "PYTHONPATH": str(checkout),
        "KOGEN_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }

    def kogen(*words: str) -> None:
        print("kogen", *words, flush=True)
        command = [sys.executable, "-m", "kogen.cli", *words]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)

    few = ["--epochs", "2", "--batch-size", "32", "--image-size", "16", "--precision", "32"]
    images = "surfaces?n=96&size=16"
    kogen("pilot", images, "--methods", "byol,swav,supervised,random", "--seeds", "2", "--corrupt", "noise:3", *few,
          "--backbone", NETWORK, "--views", "inspection", "--shift", "night=surfaces:night?n=60&size=16&split=test",
          "--keep", "2", "--out", "study")  # fmt: skip
    for method in ("dino", "moco_v3", "deepcluster_v2", "vicreg"):
        kogen("pretrain", method, images, *few, "--backbone", NETWORK, "--out", f"runs/{method}")
    kogen(
        "pretrain", "mae", images, *few, "--backbone", VIT, "--set", "width=32", "--set", "depth=1", "--out", "runs/mae"
    )
    kogen("evaluate", "runs/dino", "runs/mae", "--train", images, "--test", "a=surfaces?n=60&size=16&split=test",
          "--test", "b=surfaces:line2?n=60&size=16&split=test", "--out", "judged")  # fmt: skip
    small = ["--data", images, "--images", "32", "--batch-size", "16", "--steps", "3"]
    kogen("landscape", "study", *small, "--few", "32", "--planes", "2", "--levels", "2", "--sharp", "16",
          "--out", "landscape")  # fmt: skip
    kogen("landscape", "runs/mae", *small, "--few", "16", "--planes", "1", "--levels", "1", "--sharp", "0",
          "--map", "2", "--objective", "probe", "--out", "map")  # fmt: skip
    kogen("export", "runs/mae", "--out", "mae.safetensors")
    kogen("export", "landscape", "--plane", "1", "--out", "plane.npz")
    rng = np.random.default_rng(0)
    scores = rng.normal([70, 60, 50, 40], 4, (12, 4)).round(2)
    table = pd.DataFrame(scores, columns=["val", "sketch", "rendition", "real"])
    table.insert(0, "model", [f"m{number}" for number in range(12)])
    table.to_csv(folder / "scores.csv", index=False)
    sizes = [word for size in ("val=5000", "sketch=2000", "rendition=3000", "real=4000") for word in ("--n", size)]
    kogen("lottery", "scores.csv", "--reference", "val", *sizes, "--csv", "--out", "lottery")


def compare(one: Path, other: Path) -> int:
    """Print what differs; how many files do."""
    files = [
        sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if counts(file)) for folder in (one, other)
    ]
    odd = sorted(set(files[0]) ^ set(files[1]))
    for name in odd:
        print("only in one:", name)
    both = sorted(set(files[0]) & set(files[1]))
    same = [name for name in both if same_file(one / name, other / name)]
    for name in sorted(set(both) - set(same)):
        print("differs:", name)
    equal = sum((one / name).read_bytes() == (other / name).read_bytes() for name in both)
    print(f"{len(same)} of {len(both)} files are the same, {equal} of them to the byte; {len(odd)} are in one only")
    return len(both) - len(same) + len(odd)


def counts(file: Path) -> bool:
    """Whether a file is compared: results, and neither pictures nor pages nor the cache."""
    kinds = (".parquet", ".json", ".safetensors", ".npz", ".csv", ".toml")
    return file.suffix in kinds and "cache" not in file.parts and "landscape" not in file.parts[-4:-2]


def same_file(one: Path, other: Path) -> bool:
    """Whether two files hold the same, but for what may differ."""
    if one.read_bytes() == other.read_bytes():
        return True
    if one.suffix == ".json":
        return tight(json.loads(one.read_text())) == tight(json.loads(other.read_text()))
    if one.suffix == ".toml":
        return tight(tomllib.loads(one.read_text())) == tight(tomllib.loads(other.read_text()))
    if one.suffix == ".parquet":
        frames = [pd.read_parquet(file) for file in (one, other)]
        kept = [column for column in frames[0].columns if column not in LOOSE]
        return list(frames[0].columns) == list(frames[1].columns) and frames[0][kept].equals(frames[1][kept])
    if one.suffix == ".safetensors":
        tensors = [load_file(file) for file in (one, other)]
        return tensors[0].keys() == tensors[1].keys() and all(
            np.array_equal(tensors[0][key], tensors[1][key]) for key in tensors[0]
        )
    return False


def tight(data: Any) -> Any:
    """JSON without what may differ."""
    if isinstance(data, dict):
        return {key: tight(value) for key, value in data.items() if key not in LOOSE and value not in (None, {})}
    return [tight(value) for value in data] if isinstance(data, list) else data


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve())
    else:
        sys.exit(compare(Path(sys.argv[2]), Path(sys.argv[3])) > 0)
