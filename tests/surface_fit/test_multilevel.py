"""Tiers of images: a surface of all of them from few, as exact as it says, for as few passes as can be."""

from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kogen.surface_fit.interpolation import axis, fit_grid
from kogen.surface_fit.metrics import surface_metrics
from kogen.surface_fit.multilevel import (
    choose_corrections,
    correction_chains,
    image_deviations,
    multilevel_error,
    multilevel_spline,
    possible_strides,
)

Losses = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Places (A, 1), (1, B) to the loss of every image there, (N, A, B)."""


def drawn(losses: Losses, images: int, steps: int = 9, levels: int = 1, parts: int = 8) -> pd.DataFrame:
    """The points that a surface of so many images has on whole grids."""
    rows = []
    for level in range(levels):
        places = axis((steps - 1) * 2**level + 1, (-1, 1))
        found = losses(places[:, None], places[None, :])[:images]
        for i, j in np.ndindex(len(places), len(places)):
            if level == 0 or i % 2 or j % 2:
                means = [part.mean() for part in np.array_split(found[:, i, j], min(parts, images))]
                row = {"alpha": places[i], "beta": places[j], "level": level, "parts": means, "images": images}
                rows.append(row | {"loss": found[:, i, j].mean()})
    return pd.DataFrame(rows)


def bowls(count: int, seed: int = 0, rough: float = 0.0, waves: float = 2.0) -> Losses:
    """Images whose losses are bowls with waves of their own: length 1 / `waves`, and ten times shorter ones."""
    rng = np.random.default_rng(seed)
    steep, height, short = (rng.standard_normal((count, 1, 1)) for _ in range(3))
    turn, phase = rng.uniform(0, 2 * np.pi, (2, count, 1, 1))

    def losses(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        along = x * np.cos(turn) + y * np.sin(turn)
        own = 0.3 * height * np.cos(waves * along + phase) + rough * short * np.cos(10 * waves * along + phase)
        return (2 + 0.4 * steep) * (x**2 + y**2) + own

    return losses


def test_strides_keep_a_grid_with_a_middle():
    assert possible_strides(9, 9) == [1, 2, 4]
    assert possible_strides(17, 1) == [1, 2, 4, 8]
    assert possible_strides(7, 7) == possible_strides(3, 3) == [1]
    assert possible_strides(9, 5) == [1, 2]


@given(st.integers(1, 200), st.integers(1, 4000), st.integers(1, 4))
def test_chains_go_up_in_images_and_down_in_points(images: int, more: int, strides: int):
    count, found = images + more, 0
    for chain in correction_chains(images, count, [2**power for power in range(strides)]):
        sizes = [images, *(size for size, _ in chain)]
        assert sizes[-1] == count
        assert all(less < more for less, more in pairwise(sizes))
        assert all(fine < coarse for (_, fine), (_, coarse) in pairwise(chain))
        assert all(size % images == 0 for size in sizes[:-1])
        found += 1
    assert found >= strides  # all images on each of the grids at least


def test_three_tiers_are_one_surface():
    losses = bowls(512)
    places = axis(51, (-1, 1))
    truth = losses(places[:, None], places[None, :]).mean(axis=0)
    few = drawn(losses, 32, levels=2)
    table = pd.concat([few, drawn(losses, 128, 5), drawn(losses, 512, 3)], ignore_index=True)
    found = multilevel_spline(table)
    assert found.values.shape == (17, 17)
    assert (
        np.abs(found.on_grid(places, places) - truth).max()
        < np.abs(fit_grid(few).spline.on_grid(places, places) - truth).max() / 5
    )
    for points in (drawn(losses, 512, 3), table[table["images"] == 512]):  # exact where all images were looked at
        assert found(points["alpha"].to_numpy(), points["beta"].to_numpy()) == pytest.approx(points["loss"].to_numpy())
    assert np.array_equal(multilevel_spline(few).values, fit_grid(few).spline.values)
    with pytest.raises(ValueError, match="20 of 25 points of more images are missing for fewer images"):
        multilevel_spline(pd.concat([few, drawn(losses, 512, 5).assign(alpha=lambda rows: rows["alpha"] * 0.9)]))


def test_what_a_grid_misses_is_what_its_spline_misses():
    """Against every image's own surface: parts of eight images tell the spread of single ones."""
    losses, places = bowls(4096), axis(17, (-1, 1))
    each = losses(places[:, None], places[None, :])
    rise = each - each.mean(axis=0)
    rise -= rise[:, 8:9, 8:9]
    for images in (4096, 128):
        missed, spread = image_deviations(drawn(losses, images, levels=2), [1, 2, 4])
        assert spread == pytest.approx(np.sqrt((rise**2).mean()), rel=0.6 if images == 128 else 0.4)
        assert missed[1] < missed[2] < missed[4] < spread
    bowl = lambda x, y: np.random.default_rng(0).random((64, 1, 1)) * (x**2 + y**2)  # noqa: E731
    missed, spread = image_deviations(drawn(bowl, 64), [1, 2, 4])
    assert max(missed.values()) < 1e-9 * spread  # three places make a parabola


@pytest.mark.parametrize("rough", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("waves", [1.0, 2.0, 3.0])
def test_the_surface_is_as_exact_as_was_allowed(rough: float, waves: float):
    """On average over draws of the images the coarse grids add less than what they may, and are far cheaper."""
    places, ratios, costs = axis(33, (-1, 1)), [], []
    for seed in range(8):
        losses = bowls(1024, seed, rough, waves)
        few = drawn(losses, 64, levels=2)
        chain = choose_corrections(few, 1024)
        coarse = [drawn(losses, images, 8 // stride + 1) for images, stride in chain]
        found = multilevel_spline(pd.concat([few, *coarse], ignore_index=True)).on_grid(places, places)
        every = losses(places[:, None], places[None, :])
        truth = every.mean(axis=0)
        rise = every - truth - (every - truth)[:, 16:17, 16:17]
        allowed = max(0.25 * np.sqrt((rise**2).mean() / 1024), 0.0025 * np.ptp(truth))
        ratios.append(((found - truth) ** 2).mean() / allowed**2)
        costs.append(sum(images * (8 // stride + 1) ** 2 for images, stride in chain) / 1024)
    assert np.mean(ratios) ** 0.5 < 1.5
    assert np.mean(costs) <= (81 if rough else 36)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.05]), st.sampled_from([128, 300, 1024]))
def test_no_cheaper_chain_would_do(seed: int, rough: float, count: int):
    few = drawn(bowls(64, seed, rough), 64)
    missed, spread = image_deviations(few, [1, 2, 4])
    allowed = max(0.25 * spread / count**0.5, 0.0025 * np.ptp(few["loss"]))
    points, sizes, costs = {1: 81, 2: 25, 4: 9}, [size for size in (128, 256, 512) if size < count], {}
    for number in (1, 2, 3):
        for strides in combinations([1, 2, 4], number):
            for chosen in combinations(sizes, number - 1):
                steps = [64, *chosen, count]
                error = sum(
                    missed[stride] ** 2 * (1 / less - 1 / more)
                    for stride, (less, more) in zip(strides, pairwise(steps), strict=True)
                )
                if error <= allowed**2:
                    costs[tuple(zip(steps[1:], strides, strict=True))] = sum(
                        size * points[stride] for size, stride in zip(steps[1:], strides, strict=True)
                    )
    found = choose_corrections(few, count)
    assert tuple(found) in costs if costs else found == [(count, 1)]
    assert not costs or costs[tuple(found)] == min(costs.values())


def test_smooth_losses_take_a_hundredth_of_the_passes():
    few = drawn(bowls(64, waves=1.0), 64, levels=2)
    chain = choose_corrections(few, 2048)
    passes = len(few) * 64 + sum(images * (8 // stride + 1) ** 2 for images, stride in chain)
    assert 51**2 * 2048 / passes > 100


def test_what_tells_nothing_takes_the_whole_grid():
    losses = bowls(256)
    few = drawn(losses, 64)
    assert choose_corrections(few, 64) == choose_corrections(few, 32) == []
    assert choose_corrections(drawn(losses, 64, parts=1), 256) == [(256, 1)]  # one unit
    assert choose_corrections(few.assign(loss=np.nan, parts=[[np.nan] * 8] * len(few)), 256) == [(256, 1)]
    assert choose_corrections(drawn(bowls(256, rough=5.0), 64, levels=2), 256) == [(256, 1)]
    assert choose_corrections(drawn(lambda x, y: np.ones((64, 1, 1)) + 0 * x * y, 64), 256) == [(256, 4)]  # constant
    hole = few.assign(loss=few["loss"].where(few["alpha"] < 0.9), parts=few["parts"].where(few["alpha"] < 0.9, None))
    hole["parts"] = [part if part is not None else [np.nan] * 8 for part in hole["parts"]]
    assert choose_corrections(hole, 256)[-1][0] == 256


def surfaces_of(losses: Losses, images: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The points of all tiers, and those of all images on the fine grid."""
    few = drawn(losses, 64, levels=2)
    coarse = [drawn(losses, count, 8 // stride + 1) for count, stride in choose_corrections(few, images)]
    return pd.concat([few, *coarse], ignore_index=True), drawn(losses, images, levels=2)


@pytest.mark.parametrize("edge", [1.9, 1.6, 1.2])
def test_a_hole_is_no_larger_than_it_is(edge: float):
    bowl = bowls(1024, waves=1.0)
    table, truth = surfaces_of(lambda x, y: np.where((x + y > edge)[None], np.nan, bowl(x, y)), 1024)
    found, wanted = multilevel_spline(table), fit_grid(truth).spline
    assert np.array_equal(found.known, wanted.known)
    assert surface_metrics(found) == pytest.approx(surface_metrics(wanted), abs=0.01)


def test_a_hole_that_only_more_images_have_is_where_they_were_looked_at():
    bowl = bowls(1024, waves=1.0)

    def losses(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = bowl(x, y)
        found[900] = np.where(x + y > 1.9, np.nan, found[900])
        return found

    table, _ = surfaces_of(losses, 1024)
    found = multilevel_spline(table)
    assert np.argwhere(~found.known).tolist() == [[16, 16]]
    assert multilevel_spline(table.assign(loss=table["loss"].where(table["images"] == 64))).known.sum() == 0


@pytest.mark.parametrize("rough", [0.0, 0.02])
def test_the_error_is_that_of_all_tiers(rough: float):
    places, ratios = axis(51, (-1, 1)), []
    for seed in range(8):
        losses = bowls(1024, seed, rough)
        table, _ = surfaces_of(losses, 1024)
        truth = losses(places[:, None], places[None, :]).mean(axis=0)
        off = np.abs(multilevel_spline(table).on_grid(places, places) - truth).max()
        assert multilevel_error(table) >= fit_grid(table[table["images"] == 64]).error
        ratios.append(off / multilevel_error(table))
    assert np.max(ratios) < 3
    assert np.median(ratios) > 1 / 3
    few = table[table["images"] == 64]
    assert multilevel_error(few) == fit_grid(few).error
    assert (
        multilevel_error(table.assign(parts=[row[:1] for row in table["parts"]])) == fit_grid(few).error
    )  # tells nothing of more
