"""Surfaces that go wrong, through the numbers of their planes: a right answer or a clear error, no silent wrong one."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.statistics.geometry import geometry
from kogen.statistics.geometry_pairs import geometry_pairs
from kogen.surface_fit.interpolation import axis

PLACES = axis(9, (-1, 1))


def table(function: Any, model: str = "m", planes: int = 3, parts: int = 8) -> pd.DataFrame:
    """A surface table of losses f(plane, x, y), the parts of the images a little apart."""
    rows = [
        {"plane": plane, "alpha": x, "beta": y, "loss": function(plane, x, y)}
        for plane in range(planes)
        for x in PLACES
        for y in PLACES
    ]
    about = {"run": model, "model": model, "objective": "own", "direction": "random", "level": 0}
    found = pd.DataFrame(rows).assign(**about, loss_se=0.0, images=parts, units=parts)
    apart = np.linspace(-1, 1, parts) if parts > 1 else np.zeros(1)
    return found.assign(parts=[list(loss * (1 + 0.01 * apart)) for loss in found["loss"]])


def bowl(plane: int, x: float, y: float) -> float:
    return x * x + y * y + 0.1 * plane * x**4


def test_a_region_without_numbers_is_outside_and_the_rest_counts():
    whole = geometry(table(bowl)).set_index("metric")["value"]
    found = geometry(table(lambda p, x, y: np.nan if x > 0.6 else bowl(p, x, y))).set_index("metric")
    assert found["value"].notna().all()
    assert found.loc["basin", "value"] == pytest.approx(whole["basin"], abs=0.03)  # the basin lies elsewhere
    assert found.loc["convex", "value"] < whole["convex"] == 1


def test_without_its_centre_a_plane_has_no_numbers_and_nothing_is_called_larger():
    lost = table(lambda p, x, y: np.nan if p == 1 and x == y == 0 else bowl(p, x, y))
    found = geometry(lost).set_index("metric")
    assert found.loc[["width", "basin", "convex", "range"], ["value", "lo", "hi"]].isna().all(axis=None)
    pairs = geometry_pairs(pd.concat([lost, table(bowl, "n")]))
    assert set(pairs.loc[pairs["metric"] != "error", "verdict"]) == {"unknown"}


def test_a_surface_of_no_number_at_all():
    found = geometry(table(lambda p, x, y: np.nan))
    assert found["value"].isna().all()


@pytest.mark.parametrize("value", [0.0, -3.0, 1e6])
def test_a_constant_loss_is_flat_and_convex_everywhere(value):
    found = geometry(table(lambda p, x, y: value)).set_index("metric")["value"]
    assert found.to_dict() == {"width": 1, "basin": 1, "convex": 1, "range": 0, "error": 0}


def test_a_negative_loss_has_the_numbers_of_a_positive_one():
    one, other = (geometry(table(lambda p, x, y, c=c: bowl(p, x, y) + c)) for c in (0.0, -5.0))
    assert one["value"].to_numpy() == pytest.approx(other["value"].to_numpy(), abs=1e-6)


def test_one_plane_and_one_part_have_values_without_intervals():
    found = geometry(table(bowl, planes=1, parts=1))
    assert found["value"].notna().all()
    assert found[["lo", "hi"]].isna().all(axis=None)


def test_one_image_alone_says_nothing_of_others_but_planes_do():
    found = geometry(table(bowl, parts=1)).set_index("metric")
    assert found.loc["range", "lo"] < found.loc["range", "value"] < found.loc["range", "hi"]
