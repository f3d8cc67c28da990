"""Protocols: a probe with all labels, or with a draw of a part of them; as text and as columns of predictions."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogen.common.protocols import (
    Protocol,
    is_share,
    parse_percent,
    pool_shares,
    protocol_keys,
    protocols_of,
    share_of,
    split_protocol,
)


def test_every_probe_has_all_labels_and_each_draw_of_each_budget() -> None:
    assert protocols_of(("linear", "knn"), (), (), 5) == ["linear", "knn"]
    found = protocols_of(("linear", "knn"), ("1%", "100%"), (5,), 2)
    wanted = ["linear", "knn", "linear@1%#0", "linear@1%#1", "linear@5 shots#0", "linear@5 shots#1"]
    assert found == [*wanted, *(name.replace("linear", "knn") for name in wanted[2:])]  # 100% are all labels


@given(
    st.sampled_from(["linear", "knn"]), st.sampled_from(["", "5%", "0.5%", "1 shot", "10 shots"]), st.integers(0, 99)
)
def test_a_protocol_is_read_as_it_is_written(probe: str, budget: str, draw: int) -> None:
    asked = Protocol(probe, budget, draw if budget else 0)
    assert split_protocol(str(asked)) == asked


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("5%", "5%"), (" 0.50 %", "0.5%"), ("100%", "100%"), (".5%", "0.5%"), ("1e1%", "10%"), ("1E-4%", "0.0001%")],
)
def test_a_share_is_written_in_one_way(text: str, wanted: str) -> None:
    assert parse_percent(text) == wanted


@pytest.mark.parametrize("text", ["0%", "101%", "5", "-1%", "five", "nan%", "inf%", "1e3%", "0e5%", ""])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"--budgets {re.escape(text)}: write shares of the labels above 0 and up to"):
        protocols_of(("linear",), (text,), (), 5)


@pytest.mark.parametrize("text", ["1e-9%", "0.00001%", "1e-999%"])
def test_a_share_below_all_names_is_refused_for_that(text: str) -> None:
    with pytest.raises(ValueError, match=f"--images {text}: so small a share of the images has no name: write 0.0001%"):
        pool_shares((text,))


def test_budgets_are_named_once_and_shots_are_images() -> None:
    with pytest.raises(ValueError, match="--budgets 5%,5% names 5% twice: name each once"):
        protocols_of(("linear",), ("5%", "5.0%"), (), 5)
    with pytest.raises(ValueError, match="--shots 0: wanted 1 or more labelled images a class"):
        protocols_of(("linear",), (), (0,), 5)
    with pytest.raises(ValueError, match="--shots 5,1,5 names 5 twice: name each once"):
        protocols_of(("linear",), (), (5, 1, 5), 5)
    with pytest.raises(ValueError, match="'@' is no protocol"):
        split_protocol("@")


def test_parts_of_the_images_stand_from_few_to_many_and_all_are_no_part() -> None:
    assert pool_shares(("30%", "100%", ".5%", "10.0 %")) == ("0.5%", "10%", "30%")
    assert share_of("0.5%") == 0.005
    assert is_share("10%")
    assert not is_share("10 shots")


def test_rows_of_predictions_say_their_protocol() -> None:
    rows = pd.DataFrame(
        {"protocol": ["linear", "linear", "knn"], "budget": [None, "5%", "1 shot"], "draw": [None, 2, 0]}
    )
    assert protocol_keys(rows).tolist() == ["linear", "linear@5%#2", "knn@1 shot#0"]
    assert protocol_keys(rows[["protocol"]]).tolist() == ["linear", "linear", "knn"]
    assert protocol_keys(rows[:1]).tolist() == ["linear"]
