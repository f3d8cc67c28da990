"""How many more images would decide an undecided pair."""

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

__all__ = ["required_images"]

POWER_FACTOR = 2.80  # minimum detectable difference over standard error: 1.96 + 0.84
POWER_QUANTILE = 0.84  # normal quantile of 80 % power
QUANTILE_90 = 1.645  # of a 90 % interval
TEXT_COLUMNS = ("dataset", "first", "second", "verdict")


def required_images(pairs: pd.DataFrame, *, margin: float | None = None) -> pd.DataFrame:
    """The images that would decide each undecided pair in 80 % of studies, were the true difference the observed one.

    Input: the table of `paired` and the margin it was made with, in points.
    Output: dataset, first, second, n, images (the size of test set wanted), more (images - n), decides (`better` or
    `equivalent`, whichever takes fewer images). images, more, decides are null where no number of images would do: the
    difference is 0 or within the error of training, for which more seeds (not images) are needed.
    Definition: the minimum detectable difference falls with the root of the number of images, its part from seeds does
    not. `better` requires the family's half-width, with 80 % power, within the difference; `equivalent` requires the
    same of the 90 % interval within the margin less the difference. More images are also more clusters, so that
    quantiles that have `df` degrees of freedom now become normal ones.
    """
    table = pairs[pairs["verdict"] == "undecided"].reset_index(drop=True)
    column = {name: np.asarray(table[name], dtype=np.float64) for name in table if name not in TEXT_COLUMNS}
    gap, n = np.abs(column["difference"]), column["n"]
    training = column["seed_error"] ** 2
    items = np.maximum((column["minimum_detectable"] / POWER_FACTOR) ** 2 - training, 0)  # variance at n images
    family = (column["family_hi"] - column["family_lo"]) / 2
    ninety = (column["hi90"] - column["lo90"]) / 2
    wide, wide90 = (cluster_widening(column["df"], tail) for tail in (0.025, 0.05))
    better = images_to_fit(n, items, training, gap, column["critical"], wide, family)
    same = images_to_fit(n, items, training, (margin or 0) - gap, np.full(len(table), QUANTILE_90), wide90, ninety)
    fewest = np.fmax(np.fmin(better, same), n + 1)
    word = np.where(better <= np.nan_to_num(same, nan=np.inf), "better", "equivalent")
    size = pd.Series(fewest).where(~np.isnan(np.fmin(better, same))).astype("Int64")
    decides = pd.Series(word, dtype="str").where(size.notna())
    about = pd.DataFrame(table, columns=["dataset", "first", "second", "n"])
    return about.assign(images=size, more=size - table["n"], decides=decides)


def cluster_widening(df: np.ndarray, tail: float) -> np.ndarray:
    """Student's over the normal quantile that leaves `tail` above it; 1 where `df` is null."""
    return student.isf(tail, np.where(np.isnan(df), np.inf, df)) / norm.isf(tail)


def images_to_fit(
    n: np.ndarray,
    items: np.ndarray,
    training: np.ndarray,
    room: np.ndarray,
    quantile: np.ndarray,
    widening: np.ndarray,
    half: np.ndarray,
) -> np.ndarray:
    """The number of images at which a half-width of `half` now, with 80 % power, fits in `room`; nan if there is none.

    half^2 = (quantile widening)^2 items + rest; power widens both by (quantile + 0.84) / quantile. The rest stays where
    it is of training; else it is of Bonett and Price's two imagined items, whose variance falls with n^2: it decides
    alone between two models that never differ.
    """
    rest = np.maximum(half**2 - (quantile * widening) ** 2 * items, 0)
    stays, falls = np.where(training > 0, rest, 0), np.where(training > 0, 0, rest / widening**2)
    wide = ((quantile + POWER_QUANTILE) / quantile) ** 2
    left = np.where(room > 0, room, 0) ** 2 - wide * stays
    once = wide * quantile**2 * items  # (n / N) once + (n / N)^2 twice = left
    root = np.sqrt(once**2 + 4 * wide * falls * np.maximum(left, 0))
    return np.ceil(np.divide((once + root) * n, 2 * left, out=np.full(len(n), np.nan), where=left > 0))
