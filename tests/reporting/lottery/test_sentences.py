"""Notes of a lottery: each refusal has words in every language."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions
from kogen.reporting.lottery.sentences import refusals
from kogen.reporting.words import say
from kogen.results.judge import judge_results


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
