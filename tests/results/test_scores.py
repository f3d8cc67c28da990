"""Units and directions set by set: what is sure is said, what is not is asked, errors keep their unit."""

from typing import Any

import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions
from kogen.results.results import Results, read_results


def read(columns: dict[str, list[Any]], **asked: Any) -> Results:
    return read_results(pd.DataFrame(columns), LotteryOptions(**asked))


def values(found: Results, dataset: str) -> dict[str, float]:
    assert found.scores is not None
    rows = found.scores[found.scores["dataset"] == dataset]
    return dict(zip(rows["model"], rows["score"].round(9), strict=True))


def said(found: Results) -> dict[str, dict[str, Any]]:
    return {note.key: note.values for note in found.notes}


def test_each_set_has_its_own_unit() -> None:
    found = read({"model": ["A", "B"], "s": [80.1, 79.5], "t": [0.702, 0.71]}, reference="s")
    assert values(found, "s") == {"A": 80.1, "B": 79.5}
    assert values(found, "t") == {"A": 70.2, "B": 71.0}
    assert said(found)["read_units"] == {"names": ["t"], "others": ["s"]}
    alone = read({"model": ["A", "B"], "s": [0.8, 0.795], "t": [0.7, 0.71]}, reference="s")
    assert values(alone, "t") == {"A": 70, "B": 71}
    assert "read_units" not in said(alone)


def test_few_digits_beside_percent_are_asked_about() -> None:
    table = {"model": ["A", "B"], "s": [76.1, 74.2], "t": [0.0, 0.7]}
    with pytest.raises(ValueError, match=r"percent and fractions may be mixed: 's' goes up to 76.1, t not above 1"):
        read(table, reference="s")
    with pytest.raises(ValueError, match=r"unit='t=percent'\)$"):
        read(table, reference="s")
    assert values(read(table, reference="s", unit="t=percent"), "t") == {"A": 0, "B": 0.7}
    assert values(read(table, reference="s", unit="t=fraction"), "t") == {"A": 0, "B": 70}
    with pytest.raises(ValueError, match=r"--unit \(unit=\) names the data set 'u'"):
        read(table, unit="u=percent")
    with pytest.raises(ValueError, match="unknown unit 'percnt': did you mean 'percent'"):
        read(table, unit="t=percnt")


def test_percent_signs_are_percent() -> None:
    found = read({"model": ["A", "B"], "s": ["76.1%", "74.2%"], "t": ["0.0%", "0.7%"]}, reference="s")
    assert values(found, "t") == {"A": 0, "B": 0.7}


def test_errors_without_a_bound_keep_their_unit() -> None:
    table = {"model": ["A", "B", "C"], "s": [70.5, 75, 72], "mCE": [120, 80.5, 100]}
    with pytest.raises(ValueError, match=r"the column mCE seems to hold errors \(less is better\): say --lower"):
        read(table, reference="s")
    found = read(table, reference="s", higher_is_better={"mCE": False}, n={"mCE": 50_000, "s": 100})
    assert values(found, "mCE") == {"A": -120, "B": -80.5, "C": -100}
    assert found.unbounded == ("mCE",)
    assert said(found)["read_unbounded"] == {"names": ["mCE"]}
    assert said(found)["read_n_unused"] == {"names": ["mCE"]}
    assert found.scores is not None
    assert found.scores.loc[found.scores["dataset"] == "mCE", "n"].isna().all()
    assert set(found.scores.loc[found.scores["dataset"] == "s", "n"]) == {100}
    loss = read({"model": ["A", "B"], "val loss": [0.31, 0.29]}, higher_is_better=False)
    assert values(loss, "val loss") == {"A": -0.31, "B": -0.29}  # not 31 points
    with pytest.raises(ValueError, match=r"the errors of 'val loss' go down to -0.1: an error is 0 or more"):
        read({"model": ["A", "B"], "val loss": [-0.1, 0.29]}, higher_is_better=False)


def test_errors_with_a_bound_are_turned_round_and_typos_refused() -> None:
    found = read({"model": ["A", "B"], "err": [20, 100.0]}, higher_is_better={"err": False})
    assert values(found, "err") == {"A": 80, "B": 0}
    assert found.unbounded == ()
    with pytest.raises(ValueError, match=r"1 scores are outside 0 to 100 \(percent\), first 100.5 of 'B' on 'err'"):
        read({"model": ["A", "B", "C"], "err": [20, 100.5, 3]}, higher_is_better={"err": False})
    other = read({"model": ["A", "B", "C"], "badness": [20, 100.5, 3]}, higher_is_better={"badness": False})
    assert values(other, "badness") == {"A": -20, "B": -100.5, "C": -3}


def test_what_is_an_error_by_its_name_is_never_more_is_better() -> None:
    table = {"model": ["A", "B"], "s": [70.5, 75], "loss": [0.501, 0.402]}
    with pytest.raises(ValueError, match="the column loss seems to hold errors"):
        read(table, reference="s", sets=["s", "loss"])
    assert read(table, sets=["s"]).excluded == {"loss": "excluded_choice"}
    assert values(read(table, reference="s", higher_is_better={"loss": True}), "loss") == {"A": 50.1, "B": 40.2}
    long = {
        "model": ["A", "A", "B", "B"],
        "dataset": ["v"] * 4,
        "metric": ["acc", "loss"] * 2,
        "score": [70, 0.5, 75, 2],
    }
    with pytest.raises(ValueError, match="the column v loss seems to hold errors"):
        read(long, reference="v acc")
    assert values(read(long, reference="v acc", higher_is_better={"loss": False}), "v loss") == {"A": -0.5, "B": -2}


def test_the_attackers_rows() -> None:
    found = read(
        {"model": ["r18", "r50"], "top1": [69.8, 76.1], "mCE": [84.7, 76.7], "top1_err": [30.2, 23.9]},
        reference="top1",
        higher_is_better={"mCE": False},
    )
    assert found.excluded == {"top1_err": "excluded_mirror"}
    assert max(values(found, "mCE"), key=values(found, "mCE").get) == "r50"  # type: ignore[arg-type]
    costs = read({"model": ["r18", "vit"], "val": [69.8, 81.2], "params_M": [11.7, 86.6], "epochs": [90, 30]})
    assert costs.datasets == ("val",)
    assert costs.excluded == {"params_M": "excluded_cost", "epochs": "excluded_setting"}
    assert costs.axes == {"params_M": {"r18": 11.7, "vit": 86.6}, "epochs": {"r18": 90, "vit": 30}}
    cells = read({"model": ["A", "B"], "r": [90, 79.5], "s": [None, 71], "t": ["–", 60]}, reference="r")
    assert cells.scores is not None
    assert len(cells.scores) == 4
    with pytest.raises(
        ValueError, match=r"the column 'avg' is not taken for a data set \(summary\): choose on one of a"
    ):
        read({"model": ["A", "B"], "a": [1.5, 2], "avg": [1.5, 2]}, reference="avg")


def test_intervals_of_the_table_reach_its_scores() -> None:
    found = read({"model": ["A", "B"], "s": ["0.713 ± 0.002", "0.72"], "err": ["20 (0.5)", "30"]}, reference="s",
                 higher_is_better={"err": False}, unit="auto")  # fmt: skip
    assert found.scores is not None
    ends = found.scores.set_index(["model", "dataset"])[["lo", "hi"]]
    assert ends.loc[("A", "s")].tolist() == pytest.approx([71.1, 71.5])
    assert ends.loc[("A", "err")].tolist() == pytest.approx([79.5, 80.5])
    assert ends.loc[("B", "s")].isna().all()
    assert said(found)["read_intervals"] == {"names": ["err", "s"]}


def test_a_comma_that_may_be_a_decimal_one_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"the column 'val' holds '80,123', which may be 80.123 or a number of thousand"
    ):
        read({"model": ["A", "B"], "val": ["80,123", "79,456"]})
    found = read({"model": ["A", "B"], "val": [80.5, 79], "params": ["80,123", "79,456"]})
    assert found.axes == {"params": {"A": 80_123, "B": 79_456}}


def test_known_sizes_are_used_where_nothing_else_is_said() -> None:
    table = {"model": ["A", "B"], "ImageNet": [80.1, 81], "CIFAR-10": [95.123, 96]}
    found = read(table, reference="ImageNet")
    assert found.scores is not None
    assert said(found)["read_known_n"] == {"names": ["ImageNet 50,000"]}  # 95.123 is no share of 10,000
    assert found.scores.groupby("dataset")["n"].max().to_dict()["ImageNet"] == 50_000
    own = read(table, reference="ImageNet", n={"ImageNet": 500})
    assert own.scores is not None
    assert own.scores.groupby("dataset")["n"].max().to_dict()["ImageNet"] == 500


def test_errors_that_are_turned_are_said() -> None:
    """A page that shows 78.0 under `val err` tells that it is 100 less the error of 22."""
    table = {"model": ["a", "b"], "val err": [22.0, 24.0], "night": [60.0, 61.0]}
    found = read(table, reference="night", higher_is_better={"val err": False})
    assert said(found)["read_turned"] == {"names": ["val err"]}
    assert values(found, "val err") == {"a": 78, "b": 76}
