"""Series from values in memory, and which are refused."""

import numpy as np
import pytest

from kogen.data.image_facts import content_id
from kogen.extend import from_series


def test_values_labels_and_names():
    values = np.arange(24.0).reshape(3, 2, 4)
    found = from_series(values, np.array([0, 1, -1]), ("a", "b"), name="s", rate=10, channel_names=("u", "v"))
    assert (found.kind, found.rate, found.channel_names) == ("series", 10, ("u", "v"))
    assert np.asarray(found.pixels[:]).dtype == np.float32
    assert found.ids.tolist() == [content_id(one) for one in values.astype(np.float32)]
    assert found.sources.tolist() == ["s[0]", "s[1]", "s[2]"]
    assert found.read(np.array([2, 0])).tolist() == values[[2, 0]].tolist()


@pytest.mark.parametrize(
    ("values", "more", "message"),
    [
        (np.zeros((3, 4)), {}, r"series of shape \(3, 4\) and float64: wanted numbers \(N, C, T\)"),
        (np.zeros((0, 1, 4)), {}, "none of them 0"),
        (np.array([[["a"]]]), {}, "wanted numbers"),
        (np.array([[[0.0]], [[np.nan]]]), {}, "series 1 has values that are NaN"),
        (np.array([[[1e300]]]), {}, "series 0 has values that are NaN, infinite or beyond float32"),
        (np.zeros((1, 2, 4)), {"channel_names": ("u",)}, "1 channel_names for 2 channels"),
    ],
)
def test_values_that_are_no_series_are_refused(values, more, message: str):
    with pytest.raises(ValueError, match=message):
        from_series(values, **more)
