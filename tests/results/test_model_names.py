"""Whose row it is: the column of names, and what tells rows of one name apart."""

from typing import Any

import pandas as pd
import pytest

from kogen.options.lottery import TableOptions
from kogen.results.model_names import choose_model_columns, drop_copies, find_keys, name_models, plain_name, tell_apart
from kogen.results.questions import Questions
from kogen.results.raw_table import RawTable, table_from_frame


def raw_of(**columns: list[Any]) -> RawTable:
    return table_from_frame(pd.DataFrame({name.replace("_", " "): cells for name, cells in columns.items()}))


def chosen(raw: RawTable, **asked: Any) -> tuple[list[str], Questions]:
    options = TableOptions(**asked)
    questions = Questions(None, options)
    return choose_model_columns(raw, options, questions), questions


@pytest.mark.parametrize(
    ("heads", "column"),
    [
        (["model", "name", "x"], "model"),
        (["name", "Model ID", "x"], "Model ID"),
        (["Method", "Backbone", "x"], "Method"),
        (["モデル", "手法", "x"], "モデル"),
        (["Architecture", "data", "x"], "Architecture"),
        (["column 1", "data", "x"], "column 1"),
    ],
)
def test_the_most_telling_name_is_taken(heads: list[str], column: str) -> None:
    raw = table_from_frame(pd.DataFrame({head: ["a", "b"] if head != "x" else [1.5, 2] for head in heads}))
    found, questions = chosen(raw)
    assert found == [column]
    assert not questions.sentences


def test_names_are_text_and_two_candidates_are_asked_about() -> None:
    found, questions = chosen(raw_of(method=[1, 2], backbone=["a", "b"]))
    assert found == ["backbone"]
    found, questions = chosen(raw_of(method=["a", "b"], name=["c", "d"]))
    assert "which column names the models, method, name?" in questions.sentences[0]
    assert questions.answers == {"model_column": ("method",)}
    found, questions = chosen(raw_of(group=["a", "a"], what=["c", "d"], x=[1.5, 2]))
    assert found == ["what"]  # the first whose texts are all different
    assert "needs a column 'model', got group, what, x" in questions.sentences[0]
    with pytest.raises(ValueError, match="needs a column 'model', got x"):
        chosen(raw_of(x=[1.5, 2]))


def test_a_column_that_is_named_is_found_whatever_its_letters() -> None:
    raw = raw_of(Net_Name=["a", "b"], x=[1.5, 2])
    assert chosen(raw, model_column=("net_name",))[0] == ["Net Name"]
    with pytest.raises(
        ValueError, match=r"--model-column \(model_column=\) names 'nett', which is no column: choose one of"
    ):
        chosen(raw, model_column=("nett",))
    assert plain_name(" Model-ID ") == "modelid"


def test_names_are_joined_without_what_is_missing() -> None:
    raw = raw_of(name=[" a", "b", "c"], data=["x", "-", None], size=[224, 384, 1])
    assert list(name_models(raw, ["name"])) == ["a", "b", "c"]
    assert list(name_models(raw, ["name", "data", "size"])) == ["a / x / 224", "b / 384", "c / 1"]


def test_keys_are_columns_that_describe_and_not_results() -> None:
    raw = raw_of(model=["a", "a", "b"], score=[70.5, 71, 72], data=["x", "y", "x"], size=[224, 224, 384])
    codes = [raw.texts("model").cat.codes]
    assert find_keys(raw, ["model"], codes) == ["data"]
    two = raw_of(model=["a", "a", "a"], data=["x", "y", "x"], epochs=[100, 100, 200], score=[1.5, 2, 3])
    assert find_keys(two, ["model"], [two.texts("model").cat.codes]) == ["data", "epochs"]
    none = raw_of(model=["a", "a"], data=["x", "x"], score=[1.5, 2])
    assert find_keys(none, ["model"], [none.texts("model").cat.codes]) == []


def apart(raw: RawTable) -> tuple[list[str], Questions]:
    questions = Questions(None, TableOptions())
    return list(tell_apart(raw, ["model"], raw.texts("model"), questions)), questions


def test_rows_of_one_name_are_told_apart_by_what_describes_them_and_else_kept_to_be_refused() -> None:
    names, asked = apart(
        raw_of(model=["a", "a", "b", "b", "b"], data=["x", "y", "x", "y", "z"], score=[1.5, 2, 3, 4, 5])
    )
    assert names == ["a / x", "a / y", "b / x", "b / y", "b / z"]
    assert asked.sentences[0].startswith(
        "names of models that stand in several rows: 2, first 'b' in 3: the column data"
    )
    assert asked.answers == {"model_column": ("model", "data")}
    for raw in (
        raw_of(model=["a", "b"], score=[1.5, 2]),  # each has one row
        raw_of(model=["a", "a"], seed=[0, 1], score=[1.5, 2]),  # trained twice
        raw_of(model=["a", "a"], score=[1.5, 2]),  # nothing tells them apart
    ):
        names, asked = apart(raw)
        assert names == list(raw.columns["model"])
        assert asked.sentences == []
    long = apart(raw_of(model=["x" * 70] * 2, data=["x", "y"]))[1]
    assert f"first '{'x' * 60}' in 2" in long.sentences[0]


def test_copies_of_a_row_count_once_and_blank_rows_not_at_all() -> None:
    raw = drop_copies(raw_of(model=["a", "a", None, "b", ""], x=[1.5, 1.5, None, 2, None]))
    assert list(raw.columns["model"]) == ["a", "b"]
    assert [(note.key, note.values) for note in raw.notes] == [("read_copies", {"n": 1})]


def test_the_column_that_is_taken_is_said_but_for_model() -> None:
    def notes(raw: RawTable) -> list[Any]:
        chosen(raw)
        return [note.values["name"] for note in raw.notes]

    assert notes(raw_of(Model=["a", "b"], x=[1.5, 2])) == []
    assert notes(raw_of(method=["a", "b"], x=[1.5, 2])) == ["method"]
    unnamed = table_from_frame(pd.DataFrame([["a", "c", 1.5], ["b", "d", 2]], columns=["", "other", "x"]))
    assert (chosen(unnamed)[0], [note.values["name"] for note in unnamed.notes]) == (["column 1"], ["column 1"])


def test_rows_that_say_nothing_or_repeat_another_are_dropped() -> None:
    raw = raw_of(model=["a", "a", "", "a", None], x=["1", "1", " ", "2", None])
    found = drop_copies(raw)
    assert found.texts("x").tolist() == ["1", "2"]
    assert [note.values for note in raw.notes] == [{"n": 1}]
    whole = raw_of(model=["a", "b"], x=[1.5, 2])
    assert drop_copies(whole) is whole
    assert whole.notes == []


def test_names_are_stripped_and_parts_that_say_nothing_are_left_out() -> None:
    raw = raw_of(model=[" a", "a ", "", "b"], more=["x", "-", "y", "n/a"])
    assert [None if pd.isna(one) else one for one in name_models(raw, ["model"])] == ["a", "a", None, "b"]
    assert list(name_models(raw, ["model", "more"])) == ["a / x", "a", "y", "b"]


def test_what_tells_rows_apart_is_text_before_settings_and_one_column_before_two() -> None:
    raw = raw_of(model=["a", "a", "b"], epochs=[1, 2, 3], data=["x", "y", "y"], acc=[70.5, 80.5, 90.5])
    assert find_keys(raw, ["model"], [raw.texts("model").cat.codes]) == ["data"]
    two = raw_of(model=["a"] * 4, data=list("xxyy"), size=["s", "t", "s", "t"], acc=[70.5, 80.5, 90.5, 60.5])
    assert find_keys(two, ["model"], [two.texts("model").cat.codes]) == ["data", "size"]
    none = raw_of(model=["a", "a"], acc=[70.5, 80.5])
    assert find_keys(none, ["model"], [none.texts("model").cat.codes]) == []
    questions = Questions(None, TableOptions())
    names = tell_apart(raw, ["model"], raw.texts("model"), questions)
    assert list(names) == ["a / x", "a / y", "b / y"]
    assert questions.answers == {"model_column": ("model", "data")}
    assert (
        "names of models that stand in several rows: 1, first 'a' in 2: the column data tells them apart"
        in questions.sentences[0]
    )


def test_thirty_columns_are_tried() -> None:
    columns = {f"c{i:02d}": ["s", "s"] for i in range(30)}
    raw = raw_of(model=["a", "a"], **columns)
    codes = [raw.texts("model").cat.codes]
    assert find_keys(raw, ["model"], codes) == []
    thirtieth = raw_of(model=["a", "a"], **(columns | {"c29": ["s", "t"]}))
    assert find_keys(thirtieth, ["model"], codes) == ["c29"]
    later = raw_of(model=["a", "a"], **columns, last=["s", "t"])
    assert find_keys(later, ["model"], codes) == []
