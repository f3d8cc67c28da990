"""Label budgets for tests: predictions that are right on a known share of images, a verdict of curves alone."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.metric_facts import ACCURACY

SIZES = {"10%": 20.0, "50%": 100.0, "": 200.0}
CLASSES = ["a", "b"]


def predictions(shares: dict[str, dict[str, float]], draws: int = 3, seeds: int = 2, n: int = 200) -> pd.DataFrame:
    """Rows of models that are right on the first share of the images, a little more with each draw."""
    label, rows = np.where(np.arange(n) % 2, "a", "b"), []
    for model, budgets in shares.items():
        for budget, share in budgets.items():
            for seed in range(seeds):
                for draw in range(draws if budget else 1):
                    right = np.arange(n) < round(n * share) + 2 * (draw - 1) * bool(budget)
                    predicted = np.where(right, label, np.where(label == "a", "b", "a"))
                    frame = {"model": model, "seed": seed, "dataset": "test", "item": np.arange(n), "label": label}
                    frame |= {"predicted": predicted, "correct": right.astype(int), "cluster": np.arange(n)}
                    frame |= {"budget": budget or None, "draw": draw if budget else np.nan}
                    rows.append(pd.DataFrame(frame))
    found = pd.concat(rows, ignore_index=True)
    texts = {name: found[name].astype("category") for name in ("model", "dataset")}
    answers = {name: pd.Categorical(found[name], CLASSES) for name in ("label", "predicted")}
    return found.assign(**texts, **answers)


@dataclass
class Leader:
    leader: str = "byol"


@dataclass
class Judged:
    """What the section reads of a verdict."""

    labels: list[Any]
    matches: list[Any] = field(default_factory=list)
    depths: list[Any] = field(default_factory=list)
    reference: str = "test"
    metric: Any = ACCURACY
    judgement: Any = field(default_factory=Leader)
    methods: dict[str, str] = field(default_factory=lambda: {"byol": "byol", "random": "random", "sup": "supervised"})
