"""Checked scores as a matrix of models by data sets, in points, nan where not measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from kogen.common.text import join_names

REQUIRED_COLUMNS = ("model", "dataset", "score")


@dataclass(frozen=True)
class ScoreMatrix:
    """The input of every statistic of scores.

    Models are in the order of their scores (first data set first, best first; equals by name), so that neither the
    order of the rows nor the names of the models change a number.
    """

    models: tuple[str, ...]  # k
    datasets: tuple[str, ...]  # D, sorted
    values: np.ndarray  # (k, D) points, more is better, nan where it was not measured; see `is_minus_error`
    n: np.ndarray  # (k, D) items behind each score, nan where unknown
    families: np.ndarray | None  # (k,) int, 0 .. F-1; a model without a family has its own

    @cached_property
    def places(self) -> dict[str, int]:
        """The index of each data set."""
        return {name: place for place, name in enumerate(self.datasets)}

    def column(self, dataset: str) -> int:
        """The index of a data set; ValueError names the known ones."""
        if dataset not in self.places:
            raise ValueError(f"no data set {dataset!r}: there are {join_names(self.datasets)}")
        return self.places[dataset]

    def common_models(self, *datasets: str) -> np.ndarray:
        """Indices of the models that were measured on all of these sets, (m,)."""
        columns = [self.column(name) for name in datasets]
        return np.flatnonzero(~np.isnan(self.values[:, columns]).any(axis=1))

    def ranks(self) -> np.ndarray:
        """Rank on each set among the models measured there, (k, D), 1 is best, equals share; nan where not measured."""
        return pd.DataFrame(self.values).round(9).rank(ascending=False).to_numpy()

    def logits(self) -> np.ndarray:
        """`score_logits` of all scores, (k, D); nan on sets of errors without a bound, which are no shares."""
        return score_logits(np.where(is_minus_error(self.values), np.nan, self.values), self.n)

    def choose_targets(self, source: str, targets: Sequence[str] | None) -> list[str]:
        """The sets to compare the source with: `targets`, or all others."""
        self.column(source)
        chosen = [name for name in self.datasets if name != source] if targets is None else list(targets)
        for name in chosen:
            self.column(name)
        return chosen


def score_logits(values: np.ndarray, n: np.ndarray) -> np.ndarray:
    """logit((right + 1/2) / (n + 1)) of scores in points, finite at 0 and 100; unknown n count as 10,000 items."""
    n = np.where(np.isnan(n), 10_000, n)
    right = values / 100 * n
    return np.log((right + 0.5) / (n - right + 0.5))


def make_score_matrix(scores: pd.DataFrame) -> ScoreMatrix:
    """The score matrix of a table of scores: model, dataset, score[, n][, family], one row a model and set.

    Raises ValueError for missing columns, no rows, a model and set named twice, scores outside 0 to 100 points (but for
    sets of minus an error), a set of no items, a model in two families.
    """
    if missing := [name for name in REQUIRED_COLUMNS if name not in scores]:
        raise ValueError(f"scores need the columns {', '.join(REQUIRED_COLUMNS)}; missing: {', '.join(missing)}")
    if not len(scores):
        raise ValueError("the scores have no rows: give at least one model and one data set")
    (model, models), (dataset, datasets) = (pd.factorize(scores[name], sort=True) for name in ("model", "dataset"))
    names, sets = pd.Index(models), pd.Index(datasets)
    check_unique(scores, model * len(sets) + dataset)
    values, n = np.full((2, len(names), len(sets)), np.nan)
    values[model, dataset] = scores["score"].to_numpy(dtype=np.float64)
    n[model, dataset] = scores["n"].to_numpy(dtype=np.float64, na_value=np.nan) if "n" in scores else np.nan
    check_scores(values, n, sets)
    columns = [-np.where(np.isnan(values[:, place]), -np.inf, values[:, place]) for place in range(len(sets))]
    order = np.lexsort([np.arange(len(names)), *reversed(columns)])
    family, title = family_codes(scores, model, names), (tuple(map(str, names[order])), tuple(map(str, sets)))
    return ScoreMatrix(*title, values[order], n[order], None if family is None else family[order])


def is_minus_error(values: np.ndarray) -> np.ndarray:
    """Sets (D,) whose scores are minus an error that has no bound, such as mCE or a loss: none is above 0, some below.

    Their differences are points of their own unit; nothing that is of shares alone (logits, noise of n items) is.
    """
    with np.errstate(invalid="ignore"):
        return np.any(values < 0, axis=0) & ~np.any(values > 0, axis=0)


def check_unique(scores: pd.DataFrame, cell: np.ndarray) -> None:
    """ValueError for two rows of one model and set."""
    _, count = np.unique(cell, return_counts=True)
    if (count > 1).any():
        row = scores[pd.Series(cell).duplicated(keep=False).to_numpy()].iloc[0]
        raise ValueError(
            f"models that are named more than once on a data set: {np.count_nonzero(count > 1)}, first "
            f"{row['model']!r} on {row['dataset']!r}: keep one row for each, or mark repeated "
            "trainings by a column 'seed'"
        )


def check_scores(values: np.ndarray, n: np.ndarray, sets: pd.Index) -> None:
    """ValueError for scores outside 0 to 100 and sets without items."""
    with np.errstate(invalid="ignore"):
        odd = np.argwhere(((values < 0) & ~is_minus_error(values)) | (values > 100))
        none = np.argwhere(n < 1)
    if len(odd):
        raise ValueError(
            f"scores outside 0 to 100 points: {len(odd)}, first {values[tuple(odd[0])]} on {sets[odd[0][1]]!r}: "
            "give shares of right answers (0 to 1) or points (0 to 100), or leave that column out"
        )
    if len(none):
        raise ValueError(f"the data set {sets[none[0][1]]!r} has 0 items: a score wants at least 1, or no 'n' at all")


def family_codes(scores: pd.DataFrame, model: np.ndarray, names: pd.Index) -> np.ndarray | None:
    """The family of each model as a code, (k,) int; None without the column."""
    if "family" not in scores or not np.any(scores["family"].notna()):
        return None
    code, labels = pd.factorize(scores["family"])
    of = np.full(len(names), -1)
    of[model[code >= 0]] = code[code >= 0]
    torn = np.flatnonzero((code >= 0) & (of[model] != code))
    if len(torn):
        raise ValueError(f"the model {str(names[model[torn[0]]])!r} is in two families: give each model one")
    return np.where(of >= 0, of, len(labels) + np.arange(len(names)))
