"""A surface as a still picture (SVG), for paper and for browsers that draw nothing in three dimensions."""

import numpy as np
from markupsafe import Markup, escape

from kogen.reporting.charts import load_look
from kogen.reporting.landscape.figures import SHADES, ModelLandscape, format_short, rise_on_plane
from kogen.reporting.words import say

CELLS = 16  # quadrilaterals along a side
WIDTH, HEIGHT = 320, 262  # of the picture, in its own units
TURN, TILT = np.deg2rad(47.0), np.deg2rad(28.0)  # of the camera: about where a surface is first seen on the screen
LIGHT = np.array([-0.3, -0.5, 0.8])
SCALE = 168  # of the box, in units of the picture
TALL = 0.75  # height of the tallest surface, in sides of the plane
Colour = tuple[float, float, float]


def draw_still_surface(one: ModelLandscape, model: str, lang: str) -> Markup:
    """The rise of the loss over the first plane on its own scale, as SVG; unknown places are holes."""
    alpha, beta, rise, (low, top) = rise_on_plane(one)
    pick = np.linspace(0, len(alpha) - 1, CELLS + 1).round().astype(int)
    heights = (rise[np.ix_(pick, pick)] - low) / ((top - low) or 1.0)  # (C + 1, C + 1), in 0 to 1
    side = np.linspace(-0.5, 0.5, CELLS + 1)
    corners = np.stack([*np.meshgrid(side, side, indexing="ij"), TALL * heights], axis=-1)  # (C + 1, C + 1, 3)
    found = [frame_lines()]
    for i, j in far_to_near(corners):
        quad = corners[[i, i + 1, i + 1, i], [j, j, j + 1, j + 1]]  # (4, 3)
        if np.isfinite(quad).all():
            colour = shade(float(quad[:, 2].mean()) / TALL, quad)
            found.append(f'<path d="M{points(quad)}Z" fill="{colour}" stroke="{colour}" stroke-width=".6"/>')
    found += axis_texts((alpha, beta), (low, top), lang)
    alt = escape(say(lang, "l_a_solid", model=model))
    head = f'<svg class="still" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alt}">'
    return Markup(head + "".join(found) + "</svg>")


def project(places: np.ndarray) -> np.ndarray:
    """Places (..., 3) in the picture, (..., 2)."""
    x, y, z = np.moveaxis(places, -1, 0)
    across = x * np.cos(TURN) + y * np.sin(TURN)
    away = y * np.cos(TURN) - x * np.sin(TURN)
    up = z * np.cos(TILT) + away * np.sin(TILT)
    return np.stack([WIDTH / 2 + 22 + SCALE * across, 0.7 * HEIGHT - SCALE * up], axis=-1)


def far_to_near(corners: np.ndarray) -> list[tuple[int, int]]:
    """The quadrilaterals of a grid of corners, the farthest first."""
    away = corners[:-1, :-1, 1] * np.cos(TURN) - corners[:-1, :-1, 0] * np.sin(TURN)
    order = np.argsort(-away, axis=None, kind="stable")
    return [(int(place) // CELLS, int(place) % CELLS) for place in order]


def shade(height: float, quad: np.ndarray) -> str:
    """The colour of a quadrilateral (4, 3): of its height, darker where it faces away from the light."""
    normal = np.cross(quad[2] - quad[0], quad[3] - quad[1])
    bright = 0.72 + 0.28 * abs(float(normal @ LIGHT)) / float(np.linalg.norm(normal) * np.linalg.norm(LIGHT))
    parts = bright * np.array(colour_at(height))
    return "#" + "".join(f"{round(part):02x}" for part in parts)


def colour_at(height: float) -> Colour:
    """The colour of a height in 0 to 1, as the surfaces on the screen have it on white paper."""
    palette = load_look()["palette"]["light"]
    hexes = [palette[str(name)[1:]].lstrip("#") for _, name in SHADES]
    known = np.array([[int(one[k : k + 2], 16) for k in (0, 2, 4)] for one in hexes])  # (3, 3)
    at = [float(place) for place, _ in SHADES]
    red, green, blue = (float(np.interp(height, at, known[:, part])) for part in range(3))
    return red, green, blue


def points(places: np.ndarray) -> str:
    """Places (n, 3) as the numbers of a path."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in project(places))


def frame_lines() -> str:
    """The floor of the box, and its edge upwards that carries the scale."""
    floor = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
    edge = np.array([[-0.5, -0.5, 0], [-0.5, -0.5, TALL]])
    line = load_look()["palette"]["light"]["mid"]
    return f'<path d="M{points(floor)}Z M{points(edge)}" fill="none" stroke="{line}" stroke-width="1"/>'


def axis_texts(places: tuple[np.ndarray, np.ndarray], scale: tuple[float, float], lang: str) -> list[str]:
    """The ends of both axes of the plane and of the scale, with their names."""
    (alpha, beta), (low, top) = places, scale
    found = [
        text(np.array([-0.5, -0.5, 0]), format_short(low), dx=-6, dy=4, anchor="end"),
        text(np.array([-0.5, -0.5, TALL]), format_short(top), dx=-6, dy=4, anchor="end"),
        text(np.array([-0.5, -0.5, TALL]), say(lang, "l_z"), dx=-30, dy=-14),
    ]
    for name, ends, away in (("α", alpha, np.array([0.0, -0.58, 0])), ("β", beta, np.array([0.58, 0.0, 0]))):
        along = np.array([1.0, 0, 0]) if name == "α" else np.array([0, 1.0, 0])
        for share, words in ((-0.46, format_short(float(ends[0]))), (0, name), (0.46, format_short(float(ends[-1])))):
            found.append(text(away + share * along, words, dy=12, anchor="middle"))
    return found


def text(place: np.ndarray, words: str, dx: float = 0, dy: float = 0, anchor: str = "start") -> str:
    """A word at a place of the box."""
    x, y = project(place)
    return f'<text x="{x + dx:.1f}" y="{y + dy:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
