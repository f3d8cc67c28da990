"""Labels as objects: texts, numbers, none; wrong lengths and shapes are said."""

import numpy as np
import pandas as pd
import pytest
import torch

from kogen.data.objects.label_column import column_texts, hold_labels


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        (["a", None, " b "], ["a", "", "b"]),
        ([1, np.int64(2), 3.0], ["1", "2", "3"]),
        (np.array([1.0, np.nan]), ["1", ""]),
        (np.array([[4], [5]]), ["4", "5"]),
        (torch.tensor([0, 1]), ["0", "1"]),
        (pd.Series(["x", pd.NA], dtype="string"), ["x", ""]),
        (pd.Categorical(["x", "y"]), ["x", "y"]),
        ((True, False), ["True", "False"]),
        ([1, True, "1"], ["1", "True", "1"]),
    ],
)
def test_values_as_text(given, texts: list[str]):
    assert column_texts(given, "labels").tolist() == texts


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((4, 3)), r"shape \(4, 3\): wanted \(N,\).*argmax"),
        (np.zeros((4, 3, 2)), r"shape \(4, 3, 2\): wanted \(N,\)"),
        ({"a": 1}, "type dict: wanted a list or an array"),
        ([[1, 2]], r"holds \[1, 2\], a list: wanted texts or numbers"),
        (["x" * 300], "text of 300 letters, at most 250"),
    ],
)
def test_what_is_no_column_is_refused(given, said: str):
    with pytest.raises(ValueError, match=said):
        column_texts(given, "labels")


def test_the_text_names_the_content():
    assert hold_labels([0, 1], "labels").text == hold_labels(["0", "1"], "labels").text
    assert hold_labels([0, 1], "labels").text != hold_labels([1, 0], "labels").text
