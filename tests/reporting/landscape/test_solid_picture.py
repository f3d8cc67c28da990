"""A surface as a still picture, from a bowl and a corner that is known."""

import re

import numpy as np
import pandas as pd
import pytest

from kogen.reporting.landscape.figures import ModelLandscape
from kogen.reporting.landscape.solid_picture import (
    CELLS,
    TALL,
    TILT,
    TURN,
    axis_texts,
    colour_at,
    draw_still_surface,
    far_to_near,
    frame_lines,
    points,
    project,
    shade,
    text,
)
from kogen.surface_fit.interpolation import Spline2D

SIDE = np.linspace(-1, 1, 9)


def picture(values: np.ndarray) -> str:
    one = ModelLandscape([[Spline2D(SIDE, SIDE, values)]], pd.DataFrame(), 0.0)
    return str(draw_still_surface(one, "<mae>", "en"))


def quads(text: str) -> list[np.ndarray]:
    """The corners (4, 2) of each quadrilateral, in the order in which they are drawn."""
    found = re.findall(r'<path d="M([^"]*)Z" fill="#', text)
    return [np.array([[float(x) for x in place.split(",")] for place in one.split(" ")]) for one in found]


def test_every_cell_of_a_tilted_plane_is_drawn_once_and_closes_around_its_own_corners() -> None:
    text = picture(np.repeat(SIDE[:, None], 9, axis=1))  # rises along alpha alone, from -1 to 1
    drawn = quads(text)
    assert len(drawn) == CELLS * CELLS
    side = np.linspace(-0.5, 0.5, CELLS + 1)
    wanted = set()
    for i in range(CELLS):
        for j in range(CELLS):
            corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
            places = np.array([[side[a], side[b], TALL * a / CELLS] for a, b in corners])
            wanted.add(" ".join(f"{x:.1f},{y:.1f}" for x, y in project(places)))
    assert {" ".join(f"{x:.1f},{y:.1f}" for x, y in one) for one in drawn} == wanted
    texts = re.findall(r">([^<>]+)</text>", text)
    assert texts == ["−1", "1", "loss rise", "−1", "α", "1", "−1", "β", "1"]
    assert 'aria-label="Surface of the loss around the weights of &lt;mae&gt;."' in text


def test_a_flat_surface_lies_on_the_floor_and_a_hole_is_left_out() -> None:
    flat = quads(picture(np.full((9, 9), 2.0)))
    assert len(flat) == CELLS * CELLS
    floor = project(np.array([[-0.5, -0.5, 0.0], [0.5, -0.5, 0.0], [0.5, 0.5, 0.0], [-0.5, 0.5, 0.0]]))
    heights = [y for one in flat for y in one[:, 1]]
    assert (min(heights), max(heights)) == pytest.approx((floor[:, 1].min(), floor[:, 1].max()), abs=0.5)
    values = np.full((9, 9), 2.0)
    values[0, 0] = np.nan
    assert len(quads(picture(values))) < CELLS * CELLS


def test_a_place_is_seen_from_a_camera_that_is_turned_and_tilted() -> None:
    centre, right, back, up = project(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]))
    assert centre.tolist() == pytest.approx([182.0, 0.7 * 262])
    assert (right - centre).tolist() == pytest.approx([168 * np.cos(TURN), 168 * np.sin(TURN) * np.sin(TILT)])
    assert (back - centre).tolist() == pytest.approx([168 * np.sin(TURN), -168 * np.cos(TURN) * np.sin(TILT)])
    assert (up - centre).tolist() == pytest.approx([0.0, -168 * np.cos(TILT)])
    assert (np.rad2deg(TURN), np.rad2deg(TILT)) == pytest.approx((47.0, 28.0))


def test_what_is_far_is_drawn_first() -> None:
    side = np.linspace(-0.5, 0.5, CELLS + 1)
    corners = np.stack([*np.meshgrid(side, side, indexing="ij"), np.zeros((CELLS + 1, CELLS + 1))], axis=-1)
    order = far_to_near(corners)
    assert (order[0], order[-1]) == ((0, CELLS - 1), (CELLS - 1, 0))
    assert len(set(order)) == CELLS * CELLS


def test_the_floor_is_a_square_and_the_edge_that_carries_the_scale_stands_on_it() -> None:
    floor, edge = re.findall(r"M([^MZ\"]*)", frame_lines())
    places = [[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]]
    shown = [f"{x:.1f},{y:.1f}" for x, y in project(np.array(places))]
    assert floor.split() == shown
    top = "{:.1f},{:.1f}".format(*project(np.array([-0.5, -0.5, TALL])))
    assert edge.split() == [shown[0], top]


def test_colours_go_from_low_to_high_and_are_darker_away_from_the_light() -> None:
    assert [colour_at(height) for height in (0.0, 1.0)] == [(0x0D, 0x74, 0x68), (0xE3, 0xE7, 0xEB)]
    assert colour_at(0.25) == pytest.approx(
        tuple((a + b) / 2 for a, b in zip((13, 116, 104), (139, 149, 160), strict=True))
    )
    flat = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    bright = 0.72 + 0.28 * 0.8 / np.sqrt(0.3**2 + 0.5**2 + 0.8**2)
    assert shade(0.0, flat) == "#" + "".join(f"{round(bright * part):02x}" for part in (13, 116, 104))
    steep = flat.copy()
    steep[1:3, 2] = 3.0
    assert int(shade(0.0, steep)[3:5], 16) < int(shade(0.0, flat)[3:5], 16)


def placed(words: list[str]) -> list[tuple[str, float, float, str]]:
    """Each word with its place and the side at which it is held."""
    found = []
    for one in words:
        match = re.fullmatch(r'<text x="([^"]*)" y="([^"]*)" text-anchor="(\w+)">(.*)</text>', one)
        assert match is not None
        found.append((match[4], float(match[1]), float(match[2]), match[3]))
    return found


def test_words_stand_beside_the_edge_and_along_both_axes() -> None:
    ends = np.array([-1.0, 0.0, 1.0]), np.array([-2.0, 0.0, 2.0])
    found = placed(axis_texts(ends, (0.5, 4.0), "en"))
    places = [(-0.5, -0.5, 0), (-0.5, -0.5, TALL), (-0.5, -0.5, TALL)]
    places += [(x, -0.58, 0) for x in (-0.46, 0, 0.46)] + [(0.58, y, 0) for y in (-0.46, 0, 0.46)]
    shifts = [(-6, 4), (-6, 4), (-30, -14), *[(0, 12)] * 6]
    wanted = project(np.array(places, float)) + np.array(shifts)
    assert [word for word, *_ in found] == ["0.5", "4", "loss rise", "−1", "α", "1", "−2", "β", "2"]
    assert [(x, y) for _, x, y, _ in found] == [(round(x, 1), round(y, 1)) for x, y in wanted]
    assert [side for *_, side in found] == ["end", "end", "start", *["middle"] * 6]
    ((word, x, y, side),) = placed([text(np.zeros(3), "<a>")])
    assert (word, x, y, side) == ("&lt;a&gt;", 182.0, 183.4, "start")
    assert points(np.zeros((2, 3))) == "182.0,183.4 182.0,183.4"


def test_the_picture_has_its_size_and_a_surface_has_the_whole_height() -> None:
    drawn = picture(np.repeat(SIDE[:, None], 9, axis=1))
    assert drawn.startswith('<svg class="still" viewBox="0 0 320 262" role="img"')
    assert 'fill="none"' in drawn
    assert 'stroke-width="1"' in drawn
    assert len(re.findall('stroke-width=".6"', drawn)) == CELLS * CELLS
    assert (CELLS, TALL) == (16, 0.75)


def test_a_quadrilateral_has_the_colour_of_its_mean_height() -> None:
    drawn = picture(np.repeat(SIDE[:, None], 9, axis=1))
    colours = re.findall(r'Z" fill="(#[0-9a-f]{6})" stroke="(#[0-9a-f]{6})"', drawn)
    assert all(one == two for one, two in colours)
    quad = np.array([[0, 0, 0.0], [1 / 16, 0, TALL / 16], [1 / 16, 1 / 16, TALL / 16], [0, 1 / 16, 0]])
    shades = {shade((i + 0.5) / 16, quad) for i in range(16)}
    assert {one for one, _ in colours} == shades
    tilted = np.array([[0.0, 0, 0], [1, 0, 1], [1, 1, 1.5], [0, 1, 0.5]])
    normal, light = np.array([-1.0, -0.5, 1.0]), np.array([-0.3, -0.5, 0.8])
    bright = 0.72 + 0.28 * (normal @ light) / np.linalg.norm(normal) / np.linalg.norm(light)
    assert shade(1.0, tilted) == "#" + "".join(f"{round(bright * part):02x}" for part in (0xE3, 0xE7, 0xEB))


def test_a_flat_plane_has_no_height_to_divide_by() -> None:
    one = ModelLandscape([[Spline2D(SIDE, SIDE, np.full((9, 9), np.nan))]], pd.DataFrame(), 0.0)
    assert 'Z" fill="#' not in str(draw_still_surface(one, "m", "en"))
