"""The leader of a set against each other model from scores alone: a lead that passes is real."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, studentized_range

from kogen.statistics.paired import POWER_FACTOR, verdict
from kogen.statistics.reported_scores import score_cells, score_interval

__all__ = ["unpaired"]

MAX_TUKEY = 100  # models for which the studentized range is computed
COLUMNS = [
    *("kind", "dataset", "first", "second", "n", "difference", "lo", "hi", "lo90", "hi90", "family_lo", "family_hi"),
    *("critical", "correction", "verdict", "lottery", "minimum_detectable", "seed_error"),
]


def unpaired(scores: pd.DataFrame, *, dataset: str, margin: float | None = None) -> pd.DataFrame:
    """The model with the highest score on a set against each other one, as if each had images of its own.

    Input: model, dataset, score in points, n (images)[, seed]; `margin` in points.
    Output: kind (`unpaired`), dataset, first (the leader; equals by name), second, n (the smaller of the two),
    difference, lo, hi (95 %, of this pair alone), lo90, hi90, family_lo, family_hi (95 % for all pairs at once),
    critical (the normal quantile of these), correction (`none`, `tukey`, `bonferroni`), verdict (as in `paired`:
    better, small, equivalent, undecided), lottery (0-1), minimum_detectable, seed_error; points. Best opponent first;
    no rows where the leader or all others have no n.
    Definition: Newcombe's hybrid score interval of p1 - p2 (1998, Stat. Med. 17, method 10; its limits are Wilson's,
    and with several runs those of `reported_scores`). The leader is chosen by its score, so the family is all pairs of
    models: the studentized range (Tukey and Kramer), for more than 100 models Bonferroni over all pairs.
    Two models judged on the same images err together, which makes the true error of their difference smaller: a lead
    that passes is real at least as surely as it says, a lead that does not may still be. lo and lo90 are too low, hi
    and hi90 too high, lottery and minimum_detectable are upper bounds.
    Assumes: the score is a share of right answers; the two models' errors on the same images are not opposed.
    """
    cells = score_cells(scores)
    cells = cells[(cells["dataset"] == dataset) & cells["n"].notna()]
    every = scores.loc[scores["dataset"] == dataset].groupby("model", observed=True)["score"].mean()
    cells = cells.assign(rounded=-cells["value"].round(9)).sort_values(["rounded", "model"], ignore_index=True)
    if len(cells) < 2 or cells["value"].iloc[0] < every.max() - 1e-9:
        return pd.DataFrame(columns=COLUMNS)  # nobody knows the error of the leader
    critical, correction = family_quantile(len(every))
    share, n = cells["value"].to_numpy() / 100, cells["n"].to_numpy(dtype=np.float64)
    training, runs = cells["training_variance"].to_numpy(), cells["runs"].to_numpy()
    apart = share[0] - share[1:]
    names = np.array(list(map(str, cells["model"])), object)
    table: dict[str, Any] = {"kind": "unpaired", "dataset": dataset, "first": names[0], "second": names[1:]}
    table |= {"n": np.minimum(n[0], n[1:]).astype(int), "difference": 100 * apart}
    for lo, hi, quantile in (("lo", "hi", norm.isf(0.025)), ("lo90", "hi90", norm.isf(0.05)), (*FAMILY, critical)):
        low, high = score_interval(share, n, training, runs, float(norm.sf(quantile)))
        table[lo] = 100 * (apart - np.hypot(share[0] - low[0], high[1:] - share[1:]))
        table[hi] = 100 * (apart + np.hypot(high[0] - share[0], share[1:] - low[1:]))
    table |= {"critical": critical, "correction": correction}
    table["verdict"] = verdict(table["family_lo"] > 0, table["lo90"], table["hi90"], margin)
    items = share * (1 - share) / n
    error = np.sqrt(items[0] + items[1:] + training[0] + training[1:])
    score = np.divide(apart, error, out=np.where(apart > 0, np.inf, 0.0), where=error > 1e-12)
    table |= {"lottery": norm.sf(score), "minimum_detectable": 100 * POWER_FACTOR * error}
    table["seed_error"] = 100 * np.sqrt(training[0] + training[1:])
    return pd.DataFrame(table, columns=COLUMNS)


FAMILY = ("family_lo", "family_hi")


def family_quantile(models: int) -> tuple[float, str]:
    """The normal quantile for all pairs of so many models at once, 5 %, and what it is."""
    if models < 3:
        return float(norm.isf(0.025)), "none"
    if models <= MAX_TUKEY:
        return float(studentized_range.isf(0.05, models, np.inf) / 2**0.5), "tukey"
    return float(norm.isf(0.05 / (models * (models - 1)))), "bonferroni"
