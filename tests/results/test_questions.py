"""Questions to the owner of a table: all in one refusal, with the command that answers them."""

from pathlib import Path

import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions
from kogen.results.questions import Questions, flag, option_words, table_paths


def test_options_are_named_as_on_the_command_line_and_in_python() -> None:
    assert flag("higher_is_better") == "--lower (higher_is_better=)"
    assert flag("model_column") == "--model-column (model_column=)"
    assert flag("sets") == "--sets (sets=)"


def test_what_was_given_and_the_answers_make_the_command() -> None:
    options = LotteryOptions(sets=("a", "b c"), higher_is_better={"a": False, "x": True}, n={"a": 5}, csv=True)
    asked = Questions([Path("t 1.csv"), Path("u.csv")], options)
    asked.check()  # nothing is asked
    asked.ask("one", reference="a")
    asked.ask("two", higher_is_better={"b c": False})
    with pytest.raises(
        ValueError, match=r"^one; two\.\nIf the guesses are right, this answers all:\n  kogen lottery 't 1"
    ):
        asked.check()
    assert asked.command() == (
        "kogen lottery 't 1.csv' u.csv --csv --lower a --lower 'b c' --n a=5 --sets 'a,b c' --reference a"
    )
    frame = Questions(pd.DataFrame(), LotteryOptions())
    frame.ask("one", reference="a")
    assert frame.command() == "kogen.lottery(table, reference='a')"


def test_words_of_options() -> None:
    assert option_words("groups", (("a", "b"), ("c", "d"))) == ["--group", "a,b", "--group", "c,d"]
    assert option_words("where", {"a": "b*"}) == ["--where", "a=b*"]
    assert option_words("margin", 2.0) == ["--margin", "2.0"]
    assert option_words("higher_is_better", True) == []
    assert option_words("reference", None) == []


def test_paths_of_a_table() -> None:
    assert table_paths("a.csv") == [Path("a.csv")]
    assert table_paths(["a.csv", Path("b.csv")]) == [Path("a.csv"), Path("b.csv")]
    assert table_paths(pd.DataFrame()) is None
