"""Recall of classes and groups, by hand."""

import numpy as np
import pandas as pd
import pytest

from kogen.statistics._intervals import wilson
from kogen.statistics.recall import COLUMNS, MAX_NAMES, mark_worst, recall


def table(groups: bool = True) -> pd.DataFrame:
    """Thirty images: 10 bad (6 right), 20 good (19 right); group x has the first 15, y 12, z 3."""
    right = [1] * 6 + [0] * 4 + [1] * 19 + [0]
    frame = {"model": "a", "dataset": "val", "seed": 0, "item": [f"i{n:02d}" for n in range(30)]}
    frame |= {"correct": right, "label": ["bad"] * 10 + ["good"] * 20}
    return pd.DataFrame(frame | ({"group": ["x"] * 15 + ["y"] * 12 + ["z"] * 3} if groups else {}))


def test_recall_of_each_class_and_group() -> None:
    found = recall(table()).set_index(["by", "name"])
    values = found["value"].to_dict()
    assert values["class", "bad"] == pytest.approx(60)
    assert values["class", "good"] == pytest.approx(95)
    assert values["group", "x"] == pytest.approx(100 * 11 / 15)
    assert values["group", "z"] == pytest.approx(100 * 2 / 3)
    assert found["n"].to_dict() == {
        ("class", "bad"): 10,
        ("class", "good"): 20,
        ("group", "x"): 15,
        ("group", "y"): 12,
        ("group", "z"): 3,
    }
    lo, hi = wilson(np.array([0.6]), np.array([10]), 0.95)
    assert found.loc[("class", "bad"), ["lo", "hi"]].tolist() == pytest.approx([100 * lo[0], 100 * hi[0]])
    assert np.isnan(found.loc[("group", "z"), "lo"])  # three images
    assert found["worst"].to_dict() == {
        ("class", "bad"): True,
        ("class", "good"): False,
        ("group", "x"): True,
        ("group", "y"): False,
        ("group", "z"): False,
    }


def test_five_images_have_an_interval_and_one_cluster_has_none() -> None:
    some = table(groups=False).iloc[[*range(5), *range(10, 20)]]
    assert recall(some).set_index("name")["lo"].notna().to_dict() == {"bad": True, "good": True}
    alone = some.assign(cluster=["p"] * 5 + list("qrqrqrqrqr"))
    assert recall(alone).set_index("name")["lo"].notna().to_dict() == {"bad": False, "good": True}


def test_one_group_and_no_labels_have_no_rows() -> None:
    assert set(recall(table().assign(group="x"))["by"]) == {"class"}
    assert len(recall(table(groups=False).drop(columns="label"))) == 0


def test_the_fifty_largest_classes_are_shown() -> None:
    many = pd.DataFrame(
        {"model": "a", "dataset": "val", "seed": 0, "item": [f"i{n:03d}" for n in range(111)], "correct": 1}
    )
    many["label"] = [f"c{n % 55:02d}" for n in range(110)] + ["c54"]
    found = recall(many)
    assert len(found) == 50
    assert "c54" in set(found["name"])
    assert "c50" not in set(found["name"])


def images(names: list[str], clusters: list[str] | None = None, by: str = "label") -> pd.DataFrame:
    count = len(names)
    table = pd.DataFrame(
        {"model": "a", "dataset": "s", "seed": 0, "item": [f"i{k:03d}" for k in range(count)], by: names}
    )
    table = table.assign(correct=[k % 2 for k in range(count)])
    return table if clusters is None else table.assign(cluster=clusters)


def test_five_images_in_two_clusters_are_needed_for_an_interval() -> None:
    found = recall(images(["x"] * 5 + ["y"] * 4)).set_index("name")
    assert found["n"].to_dict() == {"x": 5, "y": 4}
    assert found["lo"].isna().to_dict() == {"x": False, "y": True}
    one = recall(images(["x"] * 6 + ["y"] * 6, ["c"] * 6 + ["d"] * 3 + ["e"] * 3)).set_index("name")
    assert one["lo"].isna().to_dict() == {"x": True, "y": False}
    alone = recall(images(["x"] * 6, [None] * 6))  # each image stands for itself
    assert alone["lo"].notna().all()
    assert list(alone) == COLUMNS


def test_the_fifty_largest_are_shown_and_equals_by_name() -> None:
    names = [f"n{k:02d}" for k in range(52)] + ["n51", "n50"]
    found = recall(images(names))
    assert found["name"].tolist() == [*(f"n{k:02d}" for k in range(48)), "n50", "n51"]
    assert MAX_NAMES == 50


def test_one_group_is_none_and_images_without_one_are_left_out() -> None:
    assert recall(images(["g"] * 6, by="group")).empty
    two = recall(images(["g"] * 3 + ["h"] * 2 + [None], by="group"))
    assert two[["by", "name", "n"]].to_numpy().tolist() == [["group", "g", 3], ["group", "h", 2]]
    assert recall(images([None] * 3, by="group")).empty
    coded = images(["x"] * 3).astype({"dataset": pd.CategoricalDtype(["other", "s"])})
    assert recall(coded)["dataset"].tolist() == ["s"]


def test_the_worst_has_an_interval_and_company() -> None:
    table = pd.DataFrame({"dataset": "s", "by": "class", "model": list("aaab"), "value": [3.0, 1.0, 2.0, 1.0]})
    assert mark_worst(table.assign(lo=[1.0, None, 1.0, 1.0]))["worst"].tolist() == [False, False, True, False]
    assert mark_worst(table.assign(lo=1.0, value=2.0))["worst"].tolist() == [True, False, False, False]
