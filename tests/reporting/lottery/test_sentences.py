"""Notes of a lottery: each refusal has words in every language."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions
from kogen.reporting.lottery.sentences import notes, refusals
from kogen.reporting.words import say
from kogen.results.judge import judge_results
from kogen.results.lottery_summary import LotterySummary


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        ({"a": [70.0, 60.0], "b": [50.0, 51.0]}, "why_left_out"),
        ({"a": [70.0, None], "b": [50.0, 51.0], "c": [50.0, 51.0]}, "why_two_models"),
    ],
)
def test_what_was_refused_is_said_in_the_language_of_the_page(columns: dict[str, Any], key: str) -> None:
    table = pd.DataFrame({"model": ["x", "y"], **columns})
    summary, _ = judge_results(table, LotteryOptions(reference="a"))
    found = {row["name"]: row for row in refusals(summary)}
    assert found["left_out"]["key"] == key
    for row in found.values():
        assert row["what"]
        assert row["key"], f"{row['name']} would be told in English: {row['text']}"
        assert say("ja", row["key"], **row["with"]) != say("en", row["key"], **row["with"])


def test_too_many_models_and_models_that_were_not_measured_everywhere_have_words() -> None:
    summary, _ = judge_results(pd.DataFrame({"model": ["x", "y", "z"], "a": [70.0, 60.0, 50.0]}), LotteryOptions())
    texts = {
        "wilcoxon": "41 models are too many for all pairs over data sets: choose at most 40",
        "friedman": "Friedman's test wants 3 models or more that were measured on every set, there are 2",
        "left_out": "leaving 9 sets out one by one of 9 models on 9 sets takes too long: choose sets",
    }
    found = {row["name"]: row["key"] for row in refusals(replace(summary, refused=texts))}
    assert found == {"wilcoxon": "why_too_many", "friedman": "why_models", "left_out": "why_too_many"}


def summary_of(**change: Any) -> LotterySummary:
    """A real lottery of three models on three sets, with other facts."""
    table = pd.DataFrame(
        {"model": ["x", "y", "z"], "a": [70.0, 60.0, 50.0], "b": [50.0, 51.0, 40.0], "c": [31.0, 20.5, 10.0]}
    )
    found, _ = judge_results(table, LotteryOptions(reference="a", draws=50))
    return replace(found, **change)


def test_a_refusal_counts_the_sets_with_a_weight_or_all_of_them() -> None:
    texts = {
        "left_out": "leaving a set out wants 3 sets",
        "friedman": "tests over data sets want 8",
        "pairs": "no items",
    }
    found = {row["name"]: row for row in refusals(summary_of(refused=texts))}
    assert {name: row["with"] for name, row in found.items()} == {
        "left_out": {"n": 3},
        "friedman": {"n": 3},
        "pairs": {},
    }
    assert {name: row["key"] for name, row in found.items()} == {
        "left_out": "why_left_out",
        "friedman": "why_sets",
        "pairs": "why_items",
    }
    weighed = refusals(summary_of(refused=texts, weights={"a": 1.0, "b": 0.0}))
    assert next(row for row in weighed if row["name"] == "left_out")["with"] == {"n": 1}
    other = refusals(summary_of(refused={"something": "a sentence of its own"}))
    assert other == [{"what": None, "name": "something", "key": None, "with": {}, "text": "a sentence of its own"}]


@pytest.mark.parametrize(("models", "key"), [(2, "why_models"), (3, "why_sets")])
def test_two_models_are_too_few_for_tests_over_sets_whatever_else_is_missing(models: int, key: str) -> None:
    texts = {"friedman": "tests over data sets want 8", "left_out": "leaving a set out wants 3 sets"}
    found = {row["name"]: row["key"] for row in refusals(summary_of(refused=texts, models=models))}
    assert found == {"friedman": key, "left_out": "why_left_out"}


def test_notes_say_what_is_missing_ignored_weighed_and_grouped_and_nothing_else() -> None:
    plain = summary_of(said=[], excluded={})
    assert notes(plain) == []
    missing = replace(plain.missing, cells=2, models=1, examples=["x"])
    found = notes(replace(plain, missing=missing, ignored=["path"], families=2, weights={"a": 2.0}))
    assert [one.key for one in found] == ["note_missing", "note_ignored", "note_families", "note_weights"]
    assert found[2].values == {"n": 2, "models": 3}
    assert found[3].values == {"names": ["a 2.0"]}
    assert notes(replace(plain, families=1)) == notes(replace(plain, families=None)) == []
