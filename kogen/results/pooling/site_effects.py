"""Site effects: the value of each method at each site, and the difference of each pair with its error."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from kogen.results.pooling.sites import Site
from kogen.statistics._intervals import pair_differences
from kogen.statistics._item_matrix import ItemMatrix

EFFECT_COLUMNS = ["site", "first", "second", "difference", "error", "item_error", "seed_error", "n", "seeds"]
VALUE_COLUMNS = ["site", "model", "value", "n", "seeds", "seed_sd"]


def site_values(sites: Sequence[Site]) -> Any:
    """The value of each method at each site, in the metric's unit (gains: more is better); of one site the mean."""
    rows: list[dict[str, Any]] = []
    for site in sites:
        matrices = [study.matrix for study in site.studies]
        for model in sorted({name for matrix in matrices for name in matrix.models}):
            there = [(one, one.models.index(model)) for one in matrices if model in one.models]
            value = float(np.mean([100 * one.means[place] for one, place in there]))
            seeds = sum(int(one.runs[place]) for one, place in there)
            spread = [100 * float(one.seed_sd[place]) for one, place in there]
            row = {"site": site.name, "model": model, "value": value, "n": min(one.n for one, _ in there)}
            rows.append(row | {"seeds": seeds, "seed_sd": float(np.mean(spread))})
    return pd.DataFrame(rows, columns=VALUE_COLUMNS)


def site_effects(sites: Sequence[Site]) -> Any:
    """The difference of each pair at each site, first minus second (in the order of names), and its standard error.

    item_error is of the images, seed_error of training. Studies of the same data share their images: of them the mean
    counts, with the largest error, as though they were one.
    """
    rows: list[dict[str, Any]] = []
    for site in sites:
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for study in site.studies:
            for row in matrix_effects(study.matrix):
                found.setdefault((row["first"], row["second"]), []).append(row)
        for (first, second), each in sorted(found.items()):
            row = {"site": site.name, "first": first, "second": second}
            row |= {"difference": float(np.mean([one["difference"] for one in each]))}
            row |= {name: max(one[name] for one in each) for name in ("error", "item_error", "seed_error")}
            rows.append(row | {name: min(one[name] for one in each) for name in ("n", "seeds")})
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS)


def matrix_effects(matrix: ItemMatrix) -> list[dict[str, Any]]:
    """The pairs of one study."""
    pairs, rows = pair_differences(matrix), []
    place = {name: number for number, name in enumerate(matrix.models)}
    for first, second in combinations(sorted(matrix.models), 2):
        at = place[first], place[second]
        items, training = float(pairs.item_variance[at]), float(pairs.training_variance[at])
        rows.append(
            {
                "first": first,
                "second": second,
                "difference": 100 * float(pairs.difference[at]),
                "error": 100 * float(np.sqrt(items + training)),
                "item_error": 100 * float(np.sqrt(items)),
                "seed_error": 100 * float(np.sqrt(training)),
                "n": matrix.n,
                "seeds": int(min(matrix.runs[at[0]], matrix.runs[at[1]])),
            }
        )
    return rows
