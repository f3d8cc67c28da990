"""A plane's surface without each part of its images: by hand, of parts that are not all as large."""

import numpy as np
import pandas as pd
import pytest

from kogen.statistics._surface_metrics import splines_without_parts


def plane(parts: list[float], units: int) -> pd.DataFrame:
    side = np.linspace(-1, 1, 3)
    alpha, beta = (one.ravel() for one in np.meshgrid(side, side, indexing="ij"))
    points = pd.DataFrame({"alpha": alpha, "beta": beta, "level": 0, "loss": 2.0, "images": 64, "units": units})
    return points.assign(parts=[parts] * 9)


def test_without_a_part_the_others_weigh_by_their_sizes() -> None:
    found = splines_without_parts(plane([1.0, 2.0, 4.0], 7))  # three units, two and two: 15 in all
    assert [float(one.values[1, 1]) for one in found] == pytest.approx([2.0, 12 / 4, 11 / 5, 7 / 5])
    even = splines_without_parts(plane([1.0, 2.0, 4.0], 6))
    assert [float(one.values[0, 2]) for one in even] == pytest.approx([2.0, 3.0, 2.5, 1.5])


def test_one_part_cannot_be_left_out() -> None:
    assert len(splines_without_parts(plane([2.0], 4))) == 1
