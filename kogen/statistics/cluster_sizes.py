"""How many clusters a test set has in effect, and whether they are too few or too unequal to rest much on."""

from typing import Any

import pandas as pd

from kogen.statistics._item_matrix import Items, item_matrices
from kogen.statistics.clusters.cluster_quantiles import effective_count

__all__ = ["cluster_sizes"]

FEW_CLUSTERS = 8  # effective ones, below which an interval hangs on single clusters
LARGE_SHARE = 1 / 3  # of the images, in one cluster
COLUMNS = ["dataset", "n", "clusters", "effective", "largest_share", "warning"]


def cluster_sizes(predictions: Items) -> pd.DataFrame:
    """The clusters of every data set whose items are not independent; no rows where all are.

    Input: predictions of one protocol. Output: dataset, n (items), clusters, effective ((sum n_g)^2 / sum n_g^2 of the
    sizes n_g), largest_share (0-1, of the items), warning: `few` (below 8 effective clusters), `large` (one holds more
    than a third of the items), or null.
    Raises ValueError for tables that are incomplete or contradict themselves.
    """
    found: list[dict[str, Any]] = []
    for matrix in item_matrices(predictions):
        if matrix.cluster_count == matrix.n:
            continue
        effective, share = effective_count(matrix.cluster_sizes), float(matrix.cluster_sizes.max() / matrix.n)
        row = {"dataset": matrix.dataset, "n": matrix.n, "clusters": matrix.cluster_count, "effective": effective}
        found.append(row | {"largest_share": share, "warning": cluster_warning(effective, share)})
    return pd.DataFrame(found, columns=COLUMNS)


def cluster_warning(effective: float, largest_share: float) -> str | None:
    """`few` below 8 effective clusters, `large` where one holds more than a third of the items, otherwise None."""
    if effective < FEW_CLUSTERS - 1e-9:
        return "few"
    return "large" if largest_share > LARGE_SHARE + 1e-9 else None
