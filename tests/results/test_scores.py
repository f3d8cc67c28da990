"""Units and directions set by set: what is sure is said, what is not is asked, errors keep their unit."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions, TableOptions
from kogen.results.questions import Questions
from kogen.results.results import Results, read_results
from kogen.results.scores import (
    SetFacts,
    add_counts,
    asked_units,
    choose_units,
    convert_columns,
    describe_sets,
    higher_better_rows,
    most_digits,
    refuse_mixed_units,
    refuse_repeated_scores,
    to_points,
)


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
    with pytest.raises(ValueError, match=r"scores outside 0 to 100 \(percent\): 1, first 100.5 of 'B' on 'err'"):
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


# each step by itself


def frame(**columns: Any) -> pd.DataFrame:
    return convert_columns(pd.DataFrame({"model": "A", **columns}))


def facts(name: str, top: float, **known: Any) -> SetFacts:
    return SetFacts(name, top, known.pop("more", True), known.pop("percent", 0.0), **known)


def test_columns_have_their_defaults_and_rows_without_a_name_are_refused() -> None:
    found = frame(dataset=["s", "t"], score=[1.0, 2.0], lo=[0.5, 1.5])
    assert list(found) == ["model", "dataset", "score", "n", "seed", "metric", "base", "lo"]
    assert found["seed"].tolist() == [0, 0]
    assert found["base"].tolist() == ["s", "t"]
    assert found["n"].isna().all()
    named = frame(dataset="s", score=[1.0, 2.0], seed=[3, None], n=["10", None], metric=["acc", "acc"], base="b")
    assert (named["seed"].tolist(), named["n"][0], named["base"].tolist()) == ([3, 0], 10.0, ["b", "b"])
    with pytest.raises(ValueError, match=r"the column 'dataset' has empty cells \(2\): fill them"):
        frame(dataset=["", None, "s"], score=1.0)
    with pytest.raises(ValueError, match=r"the column 'metric' has empty cells \(1\): fill them"):
        frame(dataset="s", score=1.0, metric=["acc", "f1", ""])
    with pytest.raises(ValueError, match=r"the column 'n' holds text in some cells \(1\)"):
        frame(dataset="s", score=1.0, n=["many"])


def test_more_is_better_by_metric_then_by_the_column_then_by_the_set() -> None:
    table = frame(dataset=["s", "t", "u"], base=["s", "t0", "u0"], score=1.0, metric=["acc", "loss", "acc"])
    assert higher_better_rows(table, False).tolist() == [False] * 3
    assert higher_better_rows(table, {"loss": False}).tolist() == [True, False, True]
    assert higher_better_rows(table, {"acc": False, "u0": True}).tolist() == [False, True, False]
    assert higher_better_rows(table, {"t0": False, "t": True}).tolist() == [True, False, True]
    assert higher_better_rows(table, {"u": False}).tolist() == [True, True, False]
    with pytest.raises(ValueError, match="names 'los': did you mean 'loss'"):
        higher_better_rows(table, {"los": False})


def test_units_are_asked_for_all_sets_or_by_name() -> None:
    assert asked_units("auto", ["s", "t"]) == {}
    assert asked_units("percent", ["s", "t"]) == {"s": "percent", "t": "percent"}
    assert asked_units("s=percent, t = fraction", ["s", "t"]) == {"s": "percent", "t": "fraction"}
    assert asked_units("s=auto,t=percent", ["s", "t"]) == {"t": "percent"}
    assert asked_units("a=b=percent", ["a=b"]) == {"a=b": "percent"}
    with pytest.raises(ValueError, match="unknown unit 'percents'"):
        asked_units("percents", ["s"])
    with pytest.raises(ValueError, match="names the data set 'q'"):
        asked_units("q=percent", ["s"])


@pytest.mark.parametrize(
    ("values_", "digits"),
    [([0.5, 0.25], 2), ([76.0], 0), ([0.1234567], 6), ([float("nan")], 0), ([float("nan"), 1.5], 1), ([], 0)],
)
def test_the_most_decimals_of_a_set(values_: list[float], digits: int) -> None:
    assert most_digits(np.array(values_)) == digits
    late = np.array([*range(999), 999.5, 1000.25])  # of very many the first thousand are looked at
    assert most_digits(late) == 1


def test_an_error_without_a_bound_is_in_its_own_unit() -> None:
    def own(name: str, scores: list[float], metric: str = "", unit: str = "auto", more: bool = False) -> bool:
        table = frame(dataset=name, score=scores, metric=metric)
        (found,) = describe_sets(table, np.full(len(table), more), {name: 0.25}, TableOptions(unit=unit))
        assert (found.name, found.top, found.more, found.percent) == (name, max(scores), more, 0.25)
        assert (found.unit, found.asked) == (("", False) if unit == "auto" else (unit, True))
        return found.own

    assert own("mCE", [60.0, 76.7])
    assert own("s", [60.0], metric="mCE")
    assert not own("mCE", [60.0], more=True)
    assert not own("mCE", [60.0], unit="percent")
    assert not own("s", [100.0])
    assert own("s", [100.1])
    assert not own("s", [100.1], unit="percent")
    assert not own("s", [100.1], more=True)
    assert not own("top-1 error", [100.1])
    assert not own("s", [100.1], metric="top-1 error")
    assert own("latency", [5.0])
    assert not own("latency", [5.0], more=True)
    assert own("mCE", [0.0, 3.0])
    with pytest.raises(ValueError, match=rf"the errors of 'mCE {'s' * 56}' go down to -0.5: an error is 0 or more"):
        own("mCE " + "s" * 57, [-0.5, 3.0])


def test_decimals_are_counted_where_sets_up_to_1_stand_beside_others() -> None:
    table = frame(dataset=["s", "s", "t"], score=[76.1, 70.25, 0.705])
    assert [one.digits for one in describe_sets(table, np.ones(3, bool), {}, TableOptions())] == [2, 3]
    small = table[table["dataset"] == "t"]
    assert [one.digits for one in describe_sets(small, np.ones(1, bool), {}, TableOptions())] == [0]
    one = frame(dataset=["s", "t"], score=[1.0, 1.5])  # up to 1, and not more, is small
    assert [each.digits for each in describe_sets(one, np.ones(2, bool), {}, TableOptions())] == [0, 1]


def test_the_unit_of_each_set() -> None:
    def units(*given: SetFacts) -> tuple[list[str], list[str], list[str]]:
        asked = Questions(pd.DataFrame(), TableOptions())
        found, notes = choose_units(list(given), TableOptions(), asked)
        names = [name for note in notes for name in note.values["names"]]
        return [one.unit for one in found], names, [asked.answers.get("unit", "")]

    assert units(facts("s", 0.9), facts("t", 1.0)) == (["fraction", "fraction"], [], [""])
    assert units(facts("s", 1.1), facts("t", 80.0)) == (["percent", "percent"], [], [""])
    assert units(facts("s", 80.0, digits=1), facts("t", 0.705, digits=3)) == (["percent", "fraction"], ["t"], [""])
    assert units(facts("s", 80.0, digits=1), facts("t", 0.7, digits=1)) == (["percent"] * 2, [], ["t=percent"])
    assert units(facts("s", 80.0), facts("t", 0.0)) == (["percent", "percent"], [], [""])
    assert units(facts("s", 0.9), facts("t", 0.0)) == (["fraction", "fraction"], [], [""])
    assert units(facts("s", 0.7, percent=0.5), facts("t", 0.0))[0] == ["percent", "percent"]
    assert units(facts("s", 0.7, percent=0.5), facts("t", 0.9, digits=1)) == (["percent", "fraction"], ["t"], [""])
    assert units(facts("s", 0.7, unit="percent"), facts("t", 0.9))[2] == ["t=percent"]
    assert units(facts("s", 0.7, unit="fraction"), facts("t", 0.9))[0] == ["fraction", "fraction"]
    assert units(facts("s", 300.0, own=True), facts("t", 0.9)) == (["own", "fraction"], [], [""])


def test_points_are_more_is_better() -> None:
    table = frame(dataset=["s", "t", "e", "o"], score=[80.0, 0.7, 12.0, 3.0], lo=[79.0, 0.6, 11.0, 2.0],
                  hi=[81.0, 0.8, 13.0, 4.0])  # fmt: skip
    known = [facts("s", 80, unit="percent"), facts("t", 0.7, unit="fraction")]
    known += [facts("e", 12, unit="percent", more=False), facts("o", 3, unit="own", own=True, more=False)]
    found = to_points(table, known)
    assert found["score"].tolist() == pytest.approx([80.0, 70.0, 88.0, -3.0])
    assert found["lo"].tolist() == pytest.approx([79.0, 60.0, 87.0, -4.0])
    assert found["hi"].tolist() == pytest.approx([81.0, 80.0, 89.0, -2.0])


@pytest.mark.parametrize(
    ("unit", "score", "words"),
    [
        *[
            ("percent", 100.0, ""),
            ("percent", 100 + 5e-10, ""),
            ("percent", 100 + 5e-9, "0 to 100 .percent.: 1, first 100"),
        ],
        *[
            ("fraction", 1.0, ""),
            ("fraction", 1.1, "0 to 1 .fraction.: 1, first 1.1 of 'A' on 's'"),
            ("percent", 0.0, ""),
        ],
        ("percent", -0.1, "scores outside 0 to 100 .*: 1, first"),
    ],
)
def test_scores_out_of_range_are_refused(unit: str, score: float, words: str) -> None:
    table, known = frame(dataset="s", score=[score]), [facts("s", score, unit=unit)]
    if words:
        with pytest.raises(ValueError, match=words):
            to_points(table, known)
    else:
        assert 0 <= to_points(table, known)["score"][0] <= 100


def test_percent_and_fractions_on_one_set_are_refused_where_they_are_ten_times_apart() -> None:
    refuse_mixed_units("s", np.array([1.0, 10.0]))  # ten times and no more
    refuse_mixed_units("s", np.array([0.0, 80.0]))
    refuse_mixed_units("s", np.array([0.5, 0.6]))
    with pytest.raises(ValueError, match=r"percent and fractions seem mixed on 's': 0.9 beside 70"):
        refuse_mixed_units("s", np.array([0.8, 0.9, 70.0, 80.0]))
    table = frame(dataset="s", score=[0.9, 70.0])
    for known in (facts("s", 70, unit="percent", asked=True), facts("s", 70, unit="percent", percent=1.0)):
        assert to_points(table, [known])["score"].tolist() == [0.9, 70.0]
    with pytest.raises(ValueError, match="seem mixed"):
        to_points(table, [facts("s", 70, unit="percent", percent=0.9)])


def test_numbers_of_images_are_as_asked_or_as_written_or_known() -> None:
    table = frame(dataset=["s", "cifar10", "o"], score=[80.0, 90.0, -3.0], n=[100.0, None, 50.0])
    found, notes = add_counts(table, {"s": 200}, [facts("o", 3, own=True)])
    assert found["n"].tolist()[:2] == [200.0, 10_000.0]
    assert np.isnan(found["n"][2])
    assert [(note.key, note.values["names"]) for note in notes] == [
        ("read_n_unused", ["o"]),
        ("read_known_n", ["cifar10 10,000"]),
    ]
    assert table["n"].tolist()[0] == 100.0  # what was given stays as it was
    written, notes = add_counts(frame(dataset="cifar10", score=[90.0], n=[100.0]), {}, [])
    assert (written["n"].tolist(), notes) == ([100.0], [])
    assert add_counts(frame(dataset="o", score=[-3.0]), {}, [facts("o", 3, own=True)])[1] == []
    odd, notes = add_counts(frame(dataset="cifar10", score=[90.001]), {}, [])  # on no grid of 10,000 images
    assert (bool(odd["n"].isna().all()), notes) == (True, [])
    for count in (0.0, 0.5, 1.5, -1.0):
        with pytest.raises(ValueError, match=f"number of items of 's' is {count:g}: a score wants a whole number"):
            add_counts(frame(dataset="s", score=[80.0], n=[count]), {}, [])
    assert add_counts(frame(dataset="s", score=[80.0], n=[1.0]), {}, [])[0]["n"].tolist() == [1.0]


def test_two_scores_of_one_run_are_refused() -> None:
    refuse_repeated_scores(frame(dataset="s", score=1.0, seed=[0, 1]))
    with pytest.raises(ValueError, match=r"rows that repeat \(model, dataset, seed\): 2, first \(A, s, 0\)"):
        refuse_repeated_scores(frame(dataset=["t", "s", "s"], score=1.0))


def test_a_message_names_sixty_letters_of_a_set() -> None:
    with pytest.raises(ValueError, match=rf"the number of items of '{'s' * 60}' is 0:"):
        add_counts(frame(dataset="s" * 61, score=[80.0], n=[0.0]), {}, [])
    asked = Questions(pd.DataFrame(), TableOptions())
    choose_units([facts("s" * 61, 80.0), facts("t", 0.5)], TableOptions(), asked)
    assert f"'{'s' * 60}' goes up to 80" in asked.sentences[0]
