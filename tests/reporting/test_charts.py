"""What figures share: names that do not touch, curves with names at their ends, labels that stay apart."""

import pytest
from looks import looks

from kogen.reporting.charts import (
    INK,
    LABEL_LENGTH,
    annotation,
    axis_title,
    distinct_labels,
    draw_curves,
    label,
    layout,
    spread_labels,
    stroke,
    text_width,
    thin,
    trace,
)

METHODS = {"mae": "mae", "net": "supervised"}


def test_curves_have_room_above_and_below_and_their_names_at_the_right_end() -> None:
    lines = {"mae": [1.0, 2.0, 3.0], "net": [2.0, None, 2.0], "none": [None, None, None]}
    figure = draw_curves([1, 2, 3], lines, "mae", METHODS, "accuracy", {"title": "epoch"})
    assert figure["layout"]["height"] == 300
    assert figure["layout"]["yaxis"]["range"] == pytest.approx([1 - 0.12, 3 + 0.12])  # 6 % of the range
    assert figure["layout"]["xaxis"]["title"] == "epoch"
    *names, title = figure["layout"]["annotations"]
    assert {one["text"]: one["y"] for one in names} == {"net": 2.0, "mae": 3.0}
    assert {one["text"]: one["font"]["color"] for one in names} == {"net": f"{INK}ink", "mae": f"{INK}accent"}
    assert (title["text"], title["x"], title["y"]) == ("accuracy", 0, 1)
    assert [one["hovertext"][0] for one in figure["data"]] == ["net: 2.0", "none: –", "mae: 1.0"]  # the bet on top
    assert [one["line"]["dash"] for one in figure["data"]] == ["dot", "solid", "solid"]
    assert [one["line"]["color"] for one in figure["data"]] == [f"{INK}mid", f"{INK}mid", f"{INK}accent"]
    assert [one["marker"]["size"] for one in figure["data"]] == [5, 5, 7]
    assert figure["layout"]["margin"]["r"] == 14 + 7 * len("none")


def test_many_curves_make_a_higher_figure_that_reaches_as_far_as_their_names() -> None:
    lines = {f"m{i:02d}": [0.5, 1.0] for i in range(20)}
    figure = draw_curves([1, 2], lines, "m00", {}, "loss", {})
    assert figure["layout"]["height"] == 17 * 20 + 90
    gap = 15 * (0.5 + 2 * 0.03) / (17 * 20 + 20)  # names of the same end stand 15 pixels apart around it
    assert figure["layout"]["yaxis"]["range"] == pytest.approx([0.5 - 0.03, 1 + 9.5 * gap])
    assert figure["data"][0]["hovertext"] == ["m01: 0.50", "m01: 1.00"]  # below one the second decimal counts
    long = draw_curves([1], {"vit_base_patch16_augreg": [1.0]}, "", {}, "loss", {})
    assert long["layout"]["annotations"][0]["text"] == "vit_base_p…ugreg"
    assert long["layout"]["margin"]["r"] == 14 + 16 * 7


def test_long_runs_have_small_points_and_a_flat_or_empty_figure_has_room() -> None:
    flat = draw_curves(list(range(13)), {"mae": [2.0] * 13}, "mae", {}, "loss", {})
    assert flat["data"][0]["marker"]["size"] == 1
    assert flat["layout"]["yaxis"]["range"] == [1.0, 3.0]
    twelve = draw_curves(list(range(12)), {"mae": [2.0] * 12}, "mae", {}, "loss", {})
    assert twelve["data"][0]["marker"]["size"] == 7
    empty = draw_curves([1], {"mae": [None]}, "mae", {}, "loss", {})
    assert empty["layout"]["yaxis"]["range"] == [0.0, 1.0]
    assert len(empty["layout"]["annotations"]) == 1


@pytest.mark.parametrize(
    ("ends", "places"),
    [
        ({"a": 0.0, "b": 10.0}, {"a": 0.0, "b": 10.0}),  # ten apart is enough
        ({"a": 0.0, "b": 4.0}, {"a": -3.0, "b": 7.0}),
        ({"b": 4.0, "a": 0.0, "c": 50.0}, {"a": -3.0, "b": 7.0, "c": 50.0}),
        ({"a": 0.0, "b": 8.0, "c": 16.0}, {"a": -2.0, "b": 8.0, "c": 18.0}),  # all three touch one another
        ({"a": 0.0, "b": 12.0, "c": 14.0}, {"a": -4 / 3, "b": 26 / 3, "c": 56 / 3}),  # two that move touch a third
        ({"a": -50.0, "b": 0.0, "c": 1.0, "d": 2.0}, {"a": -50.0, "b": -9.0, "c": 1.0, "d": 11.0}),
        ({}, {}),
    ],
)
def test_names_keep_their_order_and_ten_pixels(ends: dict[str, float], places: dict[str, float]) -> None:
    assert spread_labels(ends, 1.0, apart=10) == pytest.approx(places)
    assert spread_labels({name: end / 2 for name, end in ends.items()}, 0.5, apart=10) == pytest.approx(
        {name: place / 2 for name, place in places.items()}
    )


def test_labels_that_are_cut_the_same_keep_their_ends() -> None:
    long = [f"vit_small_patch16_224{'_augreg' * 4}.in{n}_ft_in1k" for n in (1, 2)]
    assert [len(one) for one in distinct_labels(["a", *long])] == [1, 28, 28]
    twins = [f"{'x' * 40}{middle}{'y' * 40}" for middle in "ab"]  # differ in the middle alone: cannot be told
    assert distinct_labels(["a", "b"]) == ["a", "b"]
    assert distinct_labels(twins) == ["…" + "x" * 8 + "…" + "y" * 18] * 2
    assert distinct_labels(["a", "a"]) == ["a", "a"]
    assert distinct_labels([long[0], "a"])[0] == label(long[0])  # alone it keeps both ends
    assert label("<b>&") == "&lt;b&gt;&amp;"


def test_a_wide_letter_takes_about_two_narrow_ones() -> None:
    assert text_width("net") == 21
    assert text_width("学習") == 26
    assert text_width("") == 0


@pytest.mark.parametrize("count", [0, 1, 200, 201, 400, 401])
def test_of_many_values_about_two_hundred_are_kept_and_the_last_always(count: int) -> None:
    found = thin(list(range(count)))
    step = {0: 1, 1: 1, 200: 1, 201: 2, 400: 2, 401: 3}[count]
    assert found == list(range(count))[::-1][::step][::-1]
    assert len(found) <= 200
    assert found[-1:] == list(range(count))[-1:]


def test_the_parts_of_a_figure() -> None:
    assert trace([1], [2]) == {"type": "scatter", "mode": "lines", "x": [1], "y": [2], "hoverinfo": "skip"}
    assert trace([1], [2], ["tip"], mode="markers")["hovertext"] == ["tip"]
    assert annotation("word", 0.5, 1) == {
        "showarrow": False,
        "xanchor": "left",
        "font": {"size": 12},
        "text": "word",
        "x": 0.5,
        "y": 1,
    }
    assert layout(100, margin={"t": 1})["margin"] == {"l": 8, "r": 8, "t": 1, "b": 36}


def test_the_look_of_curves() -> None:
    lines = {"mae": [1.0, 2.0], "net": [2.0, 3.0]}
    figure = draw_curves([1, 2], lines, "mae", METHODS, "accuracy", {"nticks": 6})
    assert looks(figure) == [
        "frame: 300 high, margins 8 35 28 36",
        "x: nticks=6",
        "y: nticks=6",
        "lines+markers: line (mid width=1.5 dash=dot), marker (size=5)",
        "lines+markers: line (accent width=3 dash=solid), marker (size=7)",
        "word x=1: font (size=12 accent), xref=paper, xshift=8",
        "word x=1: font (size=12 ink), xref=paper, xshift=8",
        "word x=0 y=1: xref=paper, yref=paper, yanchor=bottom, yshift=6",
    ]


def test_bands_beside_curves_are_within_the_picture() -> None:
    figure = draw_curves([1, 2], {"mae": [1.0, 2.0]}, "mae", {}, "x", {}, beside=[0.0, 5.0])
    assert figure["layout"]["yaxis"]["range"] == pytest.approx([-0.3, 5.3])
    tips = draw_curves([1], {"n" * 50: [1.0]}, "", {}, "x", {})["data"][0]["hovertext"]
    assert tips == [f"{label('n' * 50, 40)}: 1.00"]
    assert draw_curves([1], {"n": [1.5]}, "", {}, "x", {})["data"][0]["hovertext"] == ["n: 1.5"]


def test_names_stand_fifteen_pixels_apart_and_titles_have_their_size() -> None:
    assert spread_labels({"a": 0.0, "b": 0.0}, 1.0) == {"a": -7.5, "b": 7.5}
    assert axis_title("words") == {"text": "words", "font": {"size": 12}, "standoff": 6}
    assert axis_title("words", 9, 2, color="c") == {"text": "words", "font": {"size": 9, "color": "c"}, "standoff": 2}
    assert stroke("ink", 2, dash="dot") == {"color": f"{INK}ink", "width": 2, "dash": "dot"}
    assert LABEL_LENGTH == 28
