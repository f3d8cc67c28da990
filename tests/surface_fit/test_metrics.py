"""The curvature of a spline by second differences, against a surface whose curvature is known and a slow twin."""

import numpy as np
import pytest

from kogen.surface_fit.interpolation import Spline2D
from kogen.surface_fit.metrics import smallest_curvature

AXIS = np.linspace(-1, 1, 9)
PLACES = np.linspace(-0.8, 0.8, 7)


def spline(hole: bool = False) -> Spline2D:
    values = np.sin(3 * AXIS)[:, None] * np.cos(2 * AXIS) + AXIS**2
    values[0, 0] = np.nan if hole else values[0, 0]
    return Spline2D(AXIS, AXIS, values)


def test_the_smallest_curvature_of_a_quadratic_is_its_smaller_eigenvalue():
    matrix = np.array([[2.0, 1.5], [1.5, -1.0]])
    bowl = Spline2D(
        AXIS,
        AXIS,
        np.einsum("iab,ij,jab->ab", (grid := np.stack(np.meshgrid(AXIS, AXIS, indexing="ij"))), matrix / 2, grid),
    )
    assert smallest_curvature(bowl, PLACES, PLACES) == pytest.approx(np.linalg.eigvalsh(matrix)[0], abs=1e-11)


@pytest.mark.parametrize("scale", [0.125, 0.05])
def test_the_smallest_curvature_is_that_of_each_place(scale):
    one = spline()
    found = smallest_curvature(one, PLACES, PLACES, scale)
    for a, alpha in enumerate(PLACES):
        for b, beta in enumerate(PLACES):
            at = {
                (i, j): float(one(np.array(alpha + i * scale), np.array(beta + j * scale)))
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
            }
            xx, yy = at[1, 0] - 2 * at[0, 0] + at[-1, 0], at[0, 1] - 2 * at[0, 0] + at[0, -1]
            xy = (at[1, 1] - at[1, -1] - at[-1, 1] + at[-1, -1]) / 4
            wanted = np.linalg.eigvalsh([[xx, xy], [xy, yy]])[0] / scale**2
            assert found[a, b] == pytest.approx(wanted, abs=1e-9)


def test_what_is_not_known_has_no_curvature():
    found = smallest_curvature(spline(hole=True), PLACES, PLACES)
    assert np.isnan(found[0, 0])
    assert np.isfinite(found[2:, 2:]).all()
