"""Digests of values: equal for equal values wherever they lie, different for every difference."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from kogen.loss_landscape.value_digest import value_digest


@dataclass
class Pair:
    x: Any
    y: Any


def test_equal_values_have_one_digest():
    x = torch.arange(6.0).reshape(2, 3)
    value = {"x": x, "y": [1, "a", None, 2.5, True], "z": np.arange(3), "b": x.bool()}
    same = {"x": x.T.contiguous().T.clone(), "y": (1, "a", None, 2.5, True), "z": np.arange(3), "b": x.bool()}
    assert value_digest(value, "a batch") == value_digest(same, "a batch")
    assert value_digest(Pair(x, 1), "") == value_digest({"x": x, "y": 1}, "")


def test_every_difference_gives_another_digest():
    x = torch.arange(6.0)
    values = [
        x,
        x.double(),
        x.reshape(2, 3),
        x + 1e-6,
        x.numpy(),
        [x],
        [x, x],
        x.bfloat16(),
        x.int(),
        torch.tensor(0.0),
    ]
    values += [{"x": x}, {"y": x}, 1, True, 1.0, "1", None, [], {}, ["ab", "c"], ["a", "bc"], torch.zeros(0), [[]]]
    found = {value_digest(value, "") for value in values}
    assert len(found) == len(values)


def test_what_cannot_be_compared_is_named():
    with pytest.raises(ValueError, match="a batch holds a function, which cannot be compared"):
        value_digest([{"x": [value_digest]}], "a batch")
    with pytest.raises(ValueError, match="a batch holds a ndarray"):
        value_digest(np.array([{}], dtype=object), "a batch")
