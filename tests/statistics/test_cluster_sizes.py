"""Sizes of clusters and the warning about them, by hand."""

import numpy as np
import pandas as pd
import pytest

from kogen.statistics.cluster_sizes import cluster_sizes, cluster_warning


def rows(sizes: list[int], dataset: str = "d") -> pd.DataFrame:
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    names = [f"{dataset}{i}" for i in range(len(cluster))]
    table = {"model": "a", "dataset": dataset, "seed": 0, "item": names, "cluster": cluster.astype(str), "correct": 1}
    return pd.DataFrame(table)


def test_clusters_of_each_set_by_hand() -> None:
    alone = rows([1] * 5, "alone")
    found = cluster_sizes(pd.concat([rows([7, 1, 1, 1, 1, 1, 1, 1], "b"), rows([2] * 9, "a"), alone]))
    assert found["dataset"].tolist() == ["a", "b"]  # items that stand alone have no clusters
    assert found["clusters"].tolist() == [9, 8]
    assert found["n"].tolist() == [18, 14]
    assert found["effective"].tolist() == pytest.approx([9, 14**2 / 56])
    assert found["largest_share"].tolist() == pytest.approx([1 / 9, 0.5])
    assert found["warning"].tolist()[1] == "few"
    assert pd.isna(found["warning"][0])
    assert cluster_sizes(alone).empty


@pytest.mark.parametrize(
    ("effective", "share", "warning"),
    [(7.99, 0.1, "few"), (8.0, 0.1, None), (9, 1 / 3, None), (9, 0.34, "large"), (3, 0.5, "few")],
)
def test_the_warning_at_its_limits(effective: float, share: float, warning: str | None) -> None:
    assert cluster_warning(effective, share) == warning
