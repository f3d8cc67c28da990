"""Long tables: which column holds the scores, and what each set is."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.options.lottery import TableOptions
from kogen.results.long_table import aligned_values, find_score_column, read_long, sort_sets
from kogen.results.questions import Questions
from kogen.results.raw_table import RawTable, table_from_frame
from kogen.results.wide_table import Sorted


def raw(**columns: Any) -> RawTable:
    return table_from_frame(pd.DataFrame({"model": ["a", "b"], **columns}))


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"dataset": "s", "score": [1.5, 2.5], "acc": [70.5, 80.5]}, "score"),
        ({"dataset": "s", "acc": [70.5, 80.5]}, "acc"),
        ({"dataset": "s", "acc": [70.5, 80.5], "f1": [70.5, 80.5]}, None),
        ({"dataset": "s", "acc": [70.5, 80.5], "n": [100, 100], "seed": [0, 1]}, "acc"),
        ({"dataset": "s", "error": [20.5, 30.5]}, "error"),
        ({"dataset": "s", "acc": [70.5, 80.5], "error": [20.5, 30.5]}, "acc"),
        ({"dataset": "s", "text": ["x", "y"]}, None),
        ({"acc": [70.5, 80.5]}, None),
        ({"dataset": "s", "item": ["i", "j"], "score": [0.5, 0.6]}, None),
        ({"dataset": "s", "correct": [0, 1], "score": [0.5, 0.6]}, None),
    ],
)
def test_the_column_of_scores_is_named_or_the_only_one(columns: dict[str, Any], found: str | None) -> None:
    assert find_score_column(raw(**columns)) == found


def long(
    column: str = "score", options: TableOptions | None = None, **columns: Any
) -> tuple[pd.DataFrame, Sorted, dict[str, float], RawTable]:
    table, options = raw(**columns), options or TableOptions()
    return *read_long(table, table.texts("model"), column, options, Questions(None, options)), table


def test_several_metrics_name_the_sets_and_one_does_not() -> None:
    found, sets, percent, _ = long(dataset="s", score=["80 %", "70"], metric=["acc", "f1"], n=["10", None])
    assert found["dataset"].tolist() == ["s acc", "s f1"]
    assert (found["base"].tolist(), found["metric"].tolist()) == (["s", "s"], ["acc", "f1"])
    assert (sets.sets, percent) == (["s acc", "s f1"], {"s acc": 0.5, "s f1": 0.5})
    assert found["n"].tolist() == pytest.approx([10.0, np.nan], nan_ok=True)
    one, _, percent, table = long(dataset=["s", "t"], score=[80.5, 70.5], metric="acc")
    assert (one["dataset"].tolist(), percent) == (["s", "t"], {})
    assert table.notes == []
    named, _, _, table = long("acc", dataset=["s", "t"], acc=["80 [79, 81]", "70"])
    assert (named["metric"].tolist(), named["lo"].tolist()[0], named["hi"].tolist()[0]) == (["acc", "acc"], 79.0, 81.0)
    assert [(note.key, note.values) for note in table.notes] == [("read_score_column", {"name": "acc"})]
    with pytest.raises(ValueError, match="the column 'n' holds text"):
        long(dataset="s", score=[1.5, 2.5], n=["many", 1])


def sets_of(rows: list[tuple[str, str, str, str, float]], **asked: Any) -> tuple[Sorted, Questions]:
    frame = pd.DataFrame(rows, columns=["model", "dataset", "base", "metric", "score"])
    options = TableOptions(**asked)
    questions = Questions(None, options)
    return sort_sets(frame, options, questions), questions


ROWS = [
    ("a", "s acc", "s", "acc", 80.0),
    ("b", "s acc", "s", "acc", 70.0),
    ("a", "s error", "s", "error", 21.5),
    ("b", "s error", "s", "error", 33.5),
]


def test_the_name_of_a_metric_says_what_its_sets_are_before_their_own_name_does() -> None:
    found, asked = sets_of(ROWS)
    assert (found.errors, asked.answers) == (["s error"], {"higher_is_better": {"s error": False}})
    assert found.sets == ["s acc", "s error"]
    own, _ = sets_of([("a", "top-1 error", "e", "", 21.5), ("b", "top-1 error", "e", "", 30.5)])
    assert own.errors == ["top-1 error"]
    for name in ("error", "s", "s error"):  # of the metric, of the column, of both
        _, asked = sets_of(ROWS, higher_is_better={name: False})
        assert asked.sentences == [], name
    mixed, _ = sets_of(ROWS, sets=("s acc", "gone"))
    assert (mixed.sets, mixed.excluded) == (["s acc"], {})


def test_an_error_beside_its_score_is_a_mirror_model_by_model() -> None:
    rows = [
        ("a", "acc", "acc", "", 80.0),
        ("b", "acc", "acc", "", 70.0),
        ("b", "error", "error", "", 30.0),
        ("a", "error", "error", "", 20.0),
    ]
    found, asked = sets_of(rows)
    assert (found.sets, asked.sentences) == (["acc"], [])
    assert found.excluded == {"error": "excluded_mirror"}
    frame = pd.DataFrame(rows, columns=["model", "dataset", "base", "metric", "score"])
    assert aligned_values(frame)["error"].tolist() == [20.0, 30.0]
    twice = pd.concat([frame, frame.assign(score=frame["score"] + 2)]).iloc[:-1]
    assert aligned_values(twice)["acc"].tolist() == [81.0, 71.0]


def test_the_metric_alone_may_say_that_a_set_is_of_errors() -> None:
    rows = [("a", "s", "s", "error", 21.5), ("b", "s", "s", "error", 30.5)]
    assert sets_of(rows)[0].errors == ["s"]
    assert sets_of([(model, "error", "s", "", score) for model, _, _, _, score in rows])[0].errors == ["error"]
    assert sets_of([(model, "s", "s", "acc", score) for model, _, _, _, score in rows])[0].errors == []
