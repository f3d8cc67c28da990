"""Labels, answers and probabilities of a table, in one form."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kogen.results.answers.answer_columns import (
    as_text_categories,
    check_probabilities,
    drop_ends,
    join_probabilities,
    number_rows,
    probability_columns,
    probability_rows,
    read_lists,
    share_classes,
    sort_classes,
    to_lists,
    with_stored_probabilities,
)


def test_classes_are_in_order_and_shared() -> None:
    assert sort_classes(["10", "9"]) == ["9", "10"]
    assert sort_classes(["b", "10", "9"]) == ["10", "9", "b"]
    frame = share_classes(pd.DataFrame({"label": ["b", "a"], "predicted": ["b", "c"]}))
    assert list(frame["label"].cat.categories) == list(frame["predicted"].cat.categories) == ["a", "b", "c"]
    bare = pd.DataFrame({"label": ["b", None], "predicted": ["b", "c"]})
    assert share_classes(bare) is bare
    with pytest.raises(ValueError, match="the table names the class 'c', and its probabilities are of a, b"):
        share_classes(pd.DataFrame({"label": ["b", "a"], "predicted": ["b", "c"]}), ["a", "b"])


def test_columns_of_probabilities_become_lists_that_are_filtered() -> None:
    frame = pd.DataFrame({"label": ["a", "b", "b"], "predicted": ["a", "a", "b"]})
    frame = join_probabilities(frame.assign(prob_b=[0.25, 0.5, 0.75], prob_a=[0.75, 0.5, 0.25]))
    assert probability_columns(["prob_", "prob_x", "item", 3]) == ["prob_x"]
    assert list(frame["label"].cat.categories) == ["b", "a"]  # the order of the columns
    kept = frame[frame["label"] == "b"]
    found = probability_rows(kept["probabilities"], np.array([1, 0]))
    assert found is not None
    assert found.tolist() == [[0.75, 0.25], [0.5, 0.5]]


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match=r"prob_a, prob_b hold no probabilities in some rows .2., first \[0.9, 0.3\]"):
        check_probabilities(np.array([[0.9, 0.3], [0.5, 0.5], [-0.5, 1.5]]), ["prob_a", "prob_b"])
    check_probabilities(np.array([[0.49, 0.5]]), ["prob_a", "prob_b"])  # rounded


def test_rows_without_probabilities_have_none() -> None:
    column = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array([[0.5, 0.5], None])])))
    assert probability_rows(column, np.array([0, 1])) is None
    found = probability_rows(column, np.array([0, 0]))
    assert found is not None
    assert found.shape == (2, 2)


@pytest.mark.parametrize("classes", [b'["b", "a"]', b""])
def test_a_file_says_of_which_classes_its_probabilities_are(tmp_path: Path, classes: bytes) -> None:
    frame = pd.DataFrame({"label": ["a", "b"], "predicted": ["a", "a"]})
    table = pa.table({**frame, "probabilities": pa.array([[0.2, 0.8], [0.4, 0.6]], pa.list_(pa.float32()))})
    pq.write_table(table.replace_schema_metadata({b"classes": classes} if classes else {}), tmp_path / "t.parquet")
    read = with_stored_probabilities(frame, tmp_path / "t.parquet")
    assert ("probabilities" in read) == bool(classes)
    assert list(read["label"].cat.categories) == (["b", "a"] if classes else ["a", "b"])


def test_lists_have_a_width() -> None:
    assert len(to_lists(np.ones((3, 2), dtype=np.float32))) == 3


def test_rows_of_probabilities_sum_to_one_within_two_hundredths() -> None:
    check_probabilities(np.array([[0.5, 0.519], [0.5, 0.481], [0.0, 1.0]]), ["prob_a", "prob_b"])
    for bad in ([0.5, 0.521], [0.5, 0.479], [-0.01, 1.01], [np.nan, 1.0]):
        with pytest.raises(ValueError, match=r"hold no probabilities in some rows \(1\)"):
            check_probabilities(np.array([[0.5, 0.5], bad]), ["prob_a", "prob_b"])


def test_columns_of_probabilities_have_a_class_in_their_names() -> None:
    assert probability_columns(["prob_a", "prob_", "probability", 3, "prob_b c"]) == ["prob_a", "prob_b c"]
    assert sort_classes(["10", "9", "1"]) == ["1", "9", "10"]
    assert sort_classes(["10", "9", "x"]) == ["10", "9", "x"]
    assert sort_classes(["２", "1", "-1"]) == ["-1", "1", "２"]


def test_lists_are_read_row_by_row_and_none_where_one_is_missing() -> None:
    column = pd.Series(to_lists(np.array([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]], np.float32)))
    found = probability_rows(column, np.array([2, 0]))
    assert found is not None
    assert found == pytest.approx(np.array([[0.3, 0.7], [0.1, 0.9]]))
    assert probability_rows(column, np.array([], int)) is None
    holes = pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array([[0.5, 0.5], None])])))
    assert probability_rows(holes, np.array([0, 1])) is None
    assert probability_rows(holes, np.array([0])) is not None


@pytest.mark.parametrize(
    "lists", [[[0.25, 0.75]] * 6, [[0.25, 0.75], None] * 3, [[0.5]] * 3 + [[0.25, 0.75]] * 3, [[]] * 6]
)
def test_lists_are_read_a_row_group_at_a_time_and_held_once(tmp_path: Path, lists: list[list[float] | None]) -> None:
    column = pa.array(lists, pa.list_(pa.float32()))
    pq.write_table(pa.table({"probabilities": column}), tmp_path / "t.parquet", row_group_size=3)
    read = read_lists(tmp_path / "t.parquet", ["probabilities"])["probabilities"]
    assert read.to_pylist() == lists
    rows = np.array([4, 1, 2])
    found, wanted = (probability_rows(pd.Series(each), rows) for each in (number_rows(read), as_lists(column)))
    assert (found is None) == (wanted is None)
    if found is not None:
        assert wanted is not None
        assert (found == wanted).all()


def as_lists(column: pa.Array) -> pd.arrays.ArrowExtensionArray:
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([column]))


def test_lists_of_one_length_are_held_without_their_ends() -> None:
    same, other = pa.array([[1.0, 2.0]] * 3), pa.array([[1.0], [2.0, 3.0], [4.0, 5.0, 6.0]])
    assert drop_ends(same).type.list_size == 2
    assert drop_ends(other) is other


def test_classes_are_those_that_occur_as_text() -> None:
    coded = pd.Series(pd.Categorical([2, 1, 2], categories=[3, 2, 1]))
    assert as_text_categories(coded).cat.categories.tolist() == ["2", "1"]
    assert as_text_categories(coded).tolist() == ["2", "1", "2"]
    mixed = pd.Series(pd.Categorical([1, "1"], categories=[1, "1"]))  # one class, written in two ways
    assert as_text_categories(mixed).tolist() == ["1", "1"]
    assert as_text_categories(mixed).cat.categories.tolist() == ["1"]
