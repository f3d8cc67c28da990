"""Coded tables: lists follow their classes, whatever is missing in them."""

import pyarrow as pa

from kogen.results.sharing.coded_tables import reorder_lists, replace_texts

LISTS = pa.list_(pa.float32())


def test_lists_follow_the_order_of_the_classes_and_gaps_stay_gaps():
    column = pa.chunked_array([pa.array([[0.5, 0.25, 0.125], None], LISTS), pa.array([[None, 1, 0]], LISTS)])
    assert reorder_lists(column, [2, 0, 1]).to_pylist() == [[0.125, 0.5, 0.25], None, [0, None, 1]]
    assert reorder_lists(column, [0, 1]).to_pylist() == [None] * 3  # of other classes than those that are known
    assert reorder_lists(column, []).to_pylist() == [None] * 3
    assert reorder_lists(pa.chunked_array([pa.array([None, None], LISTS)]), [0, 1]).to_pylist() == [None, None]


def test_texts_are_replaced_and_null_stays():
    column = pa.chunked_array([["a", None], ["b", "a"]])
    assert replace_texts(column, {"a": "1", "b": "2"}).to_pylist() == ["1", None, "2", "1"]
