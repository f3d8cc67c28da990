"""Effective robustness: accuracy on a shifted set above what the accuracy on the source predicts."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import expit

from kogen.statistics.scores_of_sets.score_matrix import ScoreMatrix, make_score_matrix

__all__ = ["robustness"]

COLUMNS = ["model", "source", "target", "expected", "observed", "effective"]
TEXT_COLUMNS = ("source", "target")  # the same in all rows of a target
MIN_MODELS = 3  # models that a line is fitted to


def robustness(
    scores: pd.DataFrame,
    *,
    source: str,
    targets: Sequence[str] | None = None,
    baseline: Sequence[str] | None = None,
    counterpart: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Accuracy on each target, expected from the source and observed, and the difference.

    Input: scores (model, dataset, score[, n]) in points; `baseline`, the models the line is fitted to (all unless
    given); `counterpart`, the source of a target that has one of its own, as ImageNet-A has the same classes of val.
    Output: model, source, target, expected, observed, effective (observed - expected); points; expected and effective
    null where fewer than 3 baseline models were measured on both sets or all of them tie on the source.
    Definition: least squares of logit((right + 1/2) / (n + 1)) on the target on the same of the source (10,000 items
    where n is unknown); expected is the line at the model's own source accuracy.
    Source: Taori et al. (2020, NeurIPS), Recht et al. (2019, ICML); axes: Miller et al. (2021, ICML).
    Assumes: the baseline lies about one line in logit axes. Fitted to all models, the residuals sum to about 0.
    Raises ValueError for unknown models and sets.
    """
    table, pairs = make_score_matrix(scores), dict(counterpart or {})
    if odd := [model for model in baseline or () if model not in table.models]:
        raise ValueError(f"the baseline names {odd[0]!r}, which is no model of the table: give models that have scores")
    for name in (*pairs, *pairs.values()):
        table.column(name)
    chosen = table.choose_targets(source, targets)
    chosen = chosen if targets is not None else [name for name in chosen if name not in pairs.values()]
    place = {model: i for i, model in enumerate(table.models)}
    base = np.array([place[model] for model in baseline]) if baseline is not None else np.arange(len(place))
    logits = table.logits()
    found = [columns_of(table, logits, pairs.get(target, source), target, base) for target in chosen]
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    sizes = [len(each["model"]) for each in found]
    texts = {name: np.repeat(np.array([each[name] for each in found], dtype=object), sizes) for name in TEXT_COLUMNS}
    whole = {name: np.concatenate([each[name] for each in found]) for name in COLUMNS if name not in TEXT_COLUMNS}
    return pd.DataFrame(texts | whole, columns=COLUMNS)


def columns_of(
    table: ScoreMatrix, logits: np.ndarray, source: str, target: str, base: np.ndarray
) -> dict[str, str | np.ndarray]:
    """The columns of one target; a frame of each would take most of the time of many targets."""
    both = table.common_models(source, target)
    one, two = logits[:, table.column(source)], logits[:, table.column(target)]
    fitted = fit_line(one, two, base[np.isin(base, both)])
    observed = table.values[both, table.column(target)]
    expected = 100 * expit(fitted[0] + fitted[1] * one[both])
    names = np.array(table.models, dtype=object)[both]
    values = {"expected": expected, "observed": observed, "effective": observed - expected}
    return {"model": names, "source": source, "target": target} | values


def fit_line(x: np.ndarray, y: np.ndarray, base: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of least squares over the baseline; nan from too few models or models that all tie."""
    if len(base) < MIN_MODELS or np.ptp(x[base]) < 1e-9:
        return np.nan, np.nan
    apart = x[base] - x[base].mean()
    slope = float(apart @ y[base] / (apart @ apart))
    return float(y[base].mean() - slope * x[base].mean()), slope
