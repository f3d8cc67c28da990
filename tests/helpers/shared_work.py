"""Studies whose runs are worked on at once: a small one, as one process leaves it, and what is compared with it."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
from pictures import write_set

import kogen

QUICK: dict[str, Any] = {"epochs": 3, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 8, "precision": "32"}
QUICK |= {"methods": ("simclr", "random"), "probes": ("knn",), "costs": "none", "seeds": 2}
KEY = ["run", "dataset", "protocol", "item"]


def small_sets(root: Path) -> dict[str, str]:
    """Two folders of images, to train and to judge on."""
    return {name: write_set(root / name, n, seed) for seed, (name, n) in enumerate((("a", 12), ("b", 6)))}


def study_alone(sets: dict[str, str], out: Path) -> Path:
    """The small study as this process leaves it."""
    kogen.pilot(sets["a"], test=sets["b"], out=out, **QUICK)
    return out


def children_of(parent: int) -> list[int]:
    """Numbers of the processes that a process has started and that are at work."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            state, above = file.read_text().rpartition(")")[2].split()[:2]
            found += [int(file.parent.name)] if int(above) == parent and state != "Z" else []
    return found


def is_at_work(number: int) -> bool:
    """Whether a process lives, and is no zombie that nobody has buried yet."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def same_results(one: Path, other: Path) -> None:
    weights = [
        {file.parent.name: file.read_bytes() for file in at.glob("runs/*/weights.safetensors")} for at in (one, other)
    ]
    assert weights[0] == weights[1]
    tables = [pd.read_parquet(at / "predictions.parquet").set_index(KEY).sort_index() for at in (one, other)]
    pd.testing.assert_frame_equal(*tables)
