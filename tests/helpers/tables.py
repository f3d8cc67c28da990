"""Tables of a judgement for tests: values and pairs of sets, with verdicts as `paired` gives them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from kogen.results.decide import make_judgement
from kogen.results.judgement import Judgement
from kogen.statistics.paired import verdict

PAIR_COLUMNS = ["dataset", "first", "second", "n", "difference", "verdict", "family_lo", "family_hi", "lo90", "hi90"]
PAIR_COLUMNS += ["lottery", "minimum_detectable"]
Scores = Mapping[str, Mapping[str, float]]  # data set -> model -> points


def make_tables(
    scores: Scores,
    halves: Mapping[tuple[str, str, str], float] | None = None,
    *,
    half: float = 0.5,
    margin: float = 1.0,
    more: Mapping[tuple[str, str], int | None] | None = None,
    floors: Mapping[str, tuple[str, float]] | None = None,
) -> dict[str, pd.DataFrame]:
    """`halves`: half-widths of the simultaneous interval of (data set, model, model), in either order, else `half`.

    The 90 % interval is .7 times as wide. `more`: further images that would decide a pair; `floors`: of a data set, the
    constant answer and what it reaches; each model's difference to it has the half-width `half`.
    """
    values, pairs, needed, against = [], [], [], []
    for dataset, models in scores.items():
        order = sorted(models, key=lambda model: (-models[model], model))
        values += [{"model": m, "dataset": dataset, "n": 400, "value": models[m]} for m in order]
        for i, first in enumerate(order):
            for second in order[i + 1 :]:
                pairs.append(pair_row(dataset, models, first, second, halves or {}, half, margin))
                if pairs[-1]["verdict"] == "undecided":
                    known = (more or {}).get((first, second))
                    needed.append({"dataset": dataset, "first": first, "second": second, "more": known})
        if floors and dataset in floors:
            constant, floor = floors[dataset]
            for model, value in models.items():
                row = {"dataset": dataset, "model": model, "constant": constant, "floor": floor}
                gap = value - floor
                against.append(row | {"difference": gap, "lo": gap - half, "hi": gap + half})
    frame = pd.DataFrame(values)
    return {
        "values": frame.assign(lo=frame["value"] - 2, hi=frame["value"] + 2),
        "pairs": pd.DataFrame(pairs, columns=PAIR_COLUMNS),
        "needed": pd.DataFrame(needed, columns=["dataset", "first", "second", "more"]),
        "floors": pd.DataFrame(against, columns=["dataset", "model", "constant", "floor", "difference", "lo", "hi"]),
    }


def pair_row(
    dataset: str,
    models: Mapping[str, float],
    first: str,
    second: str,
    halves: Mapping[tuple[str, str, str], float],
    half: float,
    margin: float,
) -> dict[str, Any]:
    """One row of `pairs`."""
    gap = models[first] - models[second]
    wide = halves.get((dataset, first, second), halves.get((dataset, second, first), half))
    lo, lo90, hi90 = gap - wide, gap - 0.7 * wide, gap + 0.7 * wide
    word = str(verdict(np.array(lo > 0), np.array(lo90), np.array(hi90), margin))
    ends = {"family_lo": lo, "family_hi": gap + wide, "lo90": lo90, "hi90": hi90}
    about = {"dataset": dataset, "first": first, "second": second, "n": 400, "difference": gap, "verdict": word}
    return about | ends | {"lottery": 0.2, "minimum_detectable": 3.0}


def judge_scores(scores: Scores, **known: Any) -> Judgement:
    """The judgement of these scores on the first data set, with margin 1; the models are methods of their names."""
    first, *others = scores
    methods = {name: name for models in scores.values() for name in models}
    return make_judgement(make_tables(scores, **known), reference=first, targets=others, margin=1.0, methods=methods)
