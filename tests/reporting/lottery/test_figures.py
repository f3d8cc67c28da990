"""Figures of a lottery from hand-made rows: what stands where, in percent and on logit axes."""

import math
from typing import Any

import pandas as pd
import pytest
from looks import looks

from kogen.reporting.charts import label
from kogen.reporting.lottery.figures import (
    TICKS,
    bars,
    draw_flips,
    draw_gap_curve,
    draw_regrets,
    draw_scatter,
    gap_tip,
    logit,
    logit_ticks,
    position,
    thin_out_models,
)

BINS = [(0.1, 10, 0.55), (0.5, 20, 0.75), (1.0, 0, None), (5.0, 30, 1.0), (20.0, 0, None)]


def curve(pairs: int = 10) -> pd.DataFrame:
    """A gap curve of five bins, of which two have no pairs; `pairs`: in the first one."""
    rows = [
        {"band": "bin", "gap_lo": lo, "gap": hi, "pairs": pairs if i == 0 else count, "transfer": share}
        | {"noise_floor": share and 0.9, "lo": share and share - 0.1, "hi": share}
        for i, (lo, (hi, count, share)) in enumerate(zip([0.0, 0.1, 0.5, 1.0, 5.0], BINS, strict=True))
    ]
    return pd.DataFrame([{"band": "within", "gap_lo": 0.0, "gap": 100.0, "pairs": 999, "transfer": 0.9}, *rows])


def test_the_gap_curve_stands_in_the_middle_of_its_bins_in_percent() -> None:
    figure = draw_gap_curve(curve(), 0.3, "night", "en")
    assert figure is not None
    floor, ends, shares = figure["data"]
    assert (shares["x"], shares["y"]) == ([0.5, 1.5, 3.5], pytest.approx([55.0, 75.0, 100.0]))
    assert (floor["x"], floor["y"]) == ([0.5, 1.5, 3.5], [90.0] * 3)
    assert ends["x"][:3] == [0.5, 0.5, None]
    assert ends["y"][:2] == pytest.approx([45.0, 55.0])
    assert figure["layout"]["xaxis"]["range"] == [0, 4]
    assert figure["layout"]["xaxis"]["ticktext"] == ["0", "0.1", "0.5", "1", "5"]
    assert figure["layout"]["xaxis"]["tickvals"] == [0, 1, 2, 3, 4]
    assert figure["layout"]["yaxis"]["range"] == pytest.approx([45 - 6, 103])
    green, own = figure["layout"]["shapes"]
    assert (green["x0"], green["x1"], green["y0"], green["y1"]) == (0, 4, 90.0, 90.0)
    assert own["x0"] == own["x1"] == pytest.approx(1.5)  # 0.3 is the middle of 0.1 to 0.5
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["90 %", "your lead 0.30"]
    assert figure["layout"]["annotations"][1]["xanchor"] == "left"
    assert shares["hovertext"][1] in figure["alt"]


def test_the_lead_is_named_on_the_side_that_has_room_and_not_where_there_is_none() -> None:
    right = draw_gap_curve(curve(), 3.0, "night", "en")
    assert right is not None
    assert right["layout"]["annotations"][1]["xanchor"] == "right"
    none = draw_gap_curve(curve(), None, "night", "en")
    assert none is not None
    assert len(none["layout"]["shapes"]) == len(none["layout"]["annotations"]) == 1


def test_a_gap_curve_of_few_pairs_is_not_drawn() -> None:
    assert draw_gap_curve(curve(0), 0.3, "night", "en") is not None  # 50 pairs and no more in its bins
    rows = curve(0)
    rows["pairs"] = [999, 0, 19, 0, 0, 0]
    assert draw_gap_curve(rows, 0.3, "night", "en") is None
    rows["pairs"] = [999, 0, 20, 0, 0, 0]
    assert draw_gap_curve(rows, 0.3, "night", "en") is not None


def test_flips_stand_beside_those_of_noise_in_percent() -> None:
    row = {"pairs": 20, "transfer": 0.8, "noise_floor": 0.95, "lo": 0.7, "hi": None}
    rows: dict[str, Any] = {"night": row, "few": row | {"pairs": 19}, "sketch": row | {"transfer": 0.5, "hi": 0.6}}
    figure = draw_flips(rows | {"unknown": row | {"noise_floor": None}}, "en")
    assert figure is not None
    joins, ends, floor, observed = figure["data"]
    assert (observed["x"], observed["y"]) == (pytest.approx([20.0, 50.0]), [2, 1])
    assert floor["x"] == pytest.approx([5.0, 5.0])
    assert joins["x"][1::3] == floor["x"]
    assert (ends["x"][0], ends["x"][1]) == (None, pytest.approx(30.0))
    assert [note["text"] for note in figure["layout"]["annotations"]] == ["20.0 / 5.0", "50.0 / 5.0"]
    assert figure["layout"]["height"] == 30 * 2 + 62
    assert figure["layout"]["yaxis"]["range"] == [0.4, 2.6]
    assert draw_flips({"few": rows["few"]}, "en") is None


def line(count: int) -> pd.DataFrame:
    """Models on a line from 50 to 70 percent, `m3` two points above it."""
    start = [50.0 + 20 * i / (count - 1) for i in range(count)]
    rows = {"model": [f"m{i}" for i in range(count)], "source": "val", "target": "night", "start": start}
    rows |= {"expected": start, "effective": [2.0 if i == 3 else 0.0 for i in range(count)]}
    return pd.DataFrame(rows).assign(observed=lambda table: table["expected"] + table["effective"])


def test_a_scatter_has_the_line_and_the_marked_model_on_logit_axes() -> None:
    figure = draw_scatter(line(8), ["m3"], "en")
    assert figure is not None
    fit, rest, own = figure["data"]
    assert (fit["x"], fit["y"]) == ([0.0, logit(70.0)], [0.0, logit(70.0)])
    assert len(rest["x"]) == 7
    assert own["y"] == [pytest.approx(logit(50 + 60 / 7 + 2))]
    assert own["hovertext"] == ["m3: 60.6 (+2.0)"]
    assert draw_scatter(line(7), ["m3"], "en") is None
    assert draw_scatter(line(8).assign(expected=None), ["m3"], "en") is None


def test_regrets_stand_right_of_zero_and_the_worst_is_large() -> None:
    behind = pd.DataFrame({"val": [0.0, 2.0, 1.0], "night": [1.5, 0.0, None]}, index=["a", "b", "c"])
    figure = draw_regrets(behind, "en")
    assert figure is not None
    small, large = figure["data"][::2], figure["data"][1::2]
    assert [one["x"] for one in large] == [[-1.5], [-2.0]]
    assert [one["hovertext"] for one in large] == [["a: −1.5"], ["b: −2.0"]]
    assert small[0]["x"] == [0.0, -1.5]
    assert [one["y"] for one in large] == [[2], [1]]
    assert figure["alt"].endswith("a −1.5; b −2.0")
    assert draw_regrets(behind[["val"]], "en") is None
    assert draw_regrets(behind.tail(1), "en") is None
    many = pd.DataFrame(0.0, index=[f"m{i}" for i in range(9)], columns=["val", "night"])
    assert len(draw_regrets(many, "en")["data"]) == 16  # type: ignore[index]


@pytest.mark.parametrize(
    ("percent", "wanted"), [(50.0, 0.0), (75.0, math.log(3)), (0.0, math.log(0.0005 / 0.9995)), (100.0, 7.60040)]
)
def test_a_logit_is_finite_at_the_ends(percent: float, wanted: float) -> None:
    assert logit(percent) == pytest.approx(wanted, abs=1e-5)


def test_ticks_are_round_percents_about_evenly_spaced_within_the_range() -> None:
    found = logit_ticks(pd.Series([10.0, 90.0]), 6)
    assert found["ticktext"] == ["10", "20", "40", "60", "80", "90"]
    assert found["tickvals"] == [logit(float(text)) for text in found["ticktext"]]
    room = 0.06 * 2 * math.log(9)
    assert found["range"] == pytest.approx([-math.log(9) - room, math.log(9) + room], abs=1e-4)
    assert logit_ticks(pd.Series([50.0]), 6) == {"range": [-0.2, 0.2], "tickvals": [0.0], "ticktext": ["50"]}
    assert list(TICKS) == sorted(TICKS)
    assert [round(100 - tick, 6) for tick in reversed(TICKS)] == list(TICKS)


@pytest.mark.parametrize(("gap", "place"), [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.3, 1.5), (0.5, 2.0), (9.0, 2.0)])
def test_a_gap_lies_between_the_ends_of_its_bin(gap: float, place: float) -> None:
    assert position(gap, [0.0, 0.1, 0.5]) == pytest.approx(place)


def test_intervals_are_one_broken_line() -> None:
    assert bars([1, 2], [3.0, None], [4.0, 5.0])["x"] == [1, 1, None, 2, 2, None]
    assert bars([1, 2], [3.0, None], [4.0, 5.0])["y"] == [3.0, 4.0, None, None, 5.0, None]
    assert bars([1], [3.0], [4.0], flat=True)["x"] == [3.0, 4.0, None]


def test_of_many_models_the_marked_and_those_furthest_from_the_line_are_kept() -> None:
    many = line(1000).assign(effective=[float(i) for i in range(1000)])
    found = thin_out_models(many, ["m500", "m501"])
    assert {"m500", "m501", *(f"m{i}" for i in [*range(10), *range(990, 1000)])} <= set(found["model"])
    assert 200 < len(found) <= 300
    assert thin_out_models(many.head(300), []) is not None
    assert len(thin_out_models(many.head(300), [])) == 300


def test_the_look_of_a_gap_curve() -> None:
    figure = draw_gap_curve(curve(), 0.3, "night", "en")
    assert figure is not None
    assert looks(figure) == [
        "frame: 210 high, margins 8 8 6 38",
        "x: title (font (size=11) standoff=4), showgrid=False, tickangle=0",
        "y: nticks=5, ticksuffix= %",
        "lines+markers: line (soft width=1.5 dash=dot), marker (soft size=5)",
        "lines: line (accent width=2), opacity=0.6",
        "lines+markers: line (accent width=2), marker (accent size=8)",
        "line: layer=below, line (soft width=1.5 dash=dash)",
        "line y0=0 y1=1: layer=below, line (ink width=1.5 dash=solid), yref=paper",
        "word: font (size=11 soft), yshift=8",
        "word y=0: font (size=11), yref=paper, yshift=9, xshift=5",
    ]


def test_the_look_of_flips() -> None:
    row = {"pairs": 20, "transfer": 0.8, "noise_floor": 0.95, "lo": 0.7, "hi": None}
    figure = draw_flips({"night": row}, "en")
    assert figure is not None
    assert looks(figure) == [
        "frame: 92 high, margins 8 84 8 44",
        "x: title (font (size=11) standoff=6), rangemode=tozero, ticksuffix= %, nticks=5, tickangle=0",
        "y: showgrid=False, ticklabelstandoff=6",
        "lines: line (mid width=1)",
        "lines: line (accent width=2), opacity=0.6",
        "markers: cliponaxis=False, marker (paper size=10 line (soft width=2))",
        "markers: cliponaxis=False, marker (accent size=10)",
        "word x=1: xanchor=right, xref=paper, xshift=78",
    ]


def test_the_look_of_a_scatter() -> None:
    figure = draw_scatter(line(8), ["m3"], "en")
    assert figure is not None
    assert looks(figure) == [
        "frame: 280 high, margins 8 8 22 40",
        "x: tickangle=0, title (font (size=11) standoff=4)",
        "y: ",
        "lines: line (ink width=1.5)",
        "markers: marker (mid size=5 opacity=0.6)",
        "markers: marker (accent size=10 opacity=1)",
        "word x=0 y=1: font (size=11), xref=paper, yref=paper, yanchor=bottom, yshift=4",
    ]


def test_the_look_of_regrets() -> None:
    behind = pd.DataFrame({"val": [0.0, 2.0], "night": [1.5, 0.0]}, index=["a", "b"])
    figure = draw_regrets(behind, "en")
    assert figure is not None
    assert looks(figure) == [
        "frame: 118 high, margins 8 14 8 48",
        "x: title (font (size=12) standoff=6), nticks=6, rangemode=tozero, tickangle=0",
        "y: tickfont (ink size=13), showgrid=False, ticklabelstandoff=6",
        "markers: cliponaxis=False, marker (mid size=6)",
        "markers: cliponaxis=False, marker (ink size=11)",
    ]


def test_the_words_of_a_gap_curve_stand_at_its_left_and_at_the_lead() -> None:
    figure = draw_gap_curve(curve(), 0.3, "night", "en")
    assert figure is not None
    green, lead = figure["layout"]["annotations"]
    assert (green["x"], green["y"]) == (0, 90.0)
    assert (lead["x"], lead["y"], lead["xshift"]) == (pytest.approx(1.5), 0, 5)
    assert figure["data"][2]["hovertext"][0] == gap_tip(curve().to_dict("records")[1], "en")
    middle = draw_gap_curve(curve(), 0.5, "night", "en")  # at 2 of 4, its middle: turned to the left
    assert middle is not None
    assert (middle["layout"]["annotations"][1]["xanchor"], middle["layout"]["annotations"][1]["xshift"]) == (
        "right",
        -5,
    )


def test_a_point_of_a_gap_curve_says_its_share_and_that_of_noise() -> None:
    row = {"gap_lo": 0.5, "gap": 1.0, "pairs": 20.0, "transfer": 0.755, "noise_floor": 0.904}
    assert gap_tip(row, "en") == "0.5 to 1 points: 75.5 % hold, 20 pairs; chance alone: 90.4 %"
    for unknown in (None, float("nan")):
        assert "alone: – %" in gap_tip(row | {"noise_floor": unknown}, "en")


def test_a_gap_curve_whose_values_are_all_high_reaches_down_to_half() -> None:
    rows = curve()
    rows["hi"] = 0.85
    rows["transfer"], rows["noise_floor"], rows["lo"] = 0.8, 0.9, [None, float("nan"), 0.75, 0.75, 0.75, 0.75]
    rows.loc[3, "pairs"] = 1  # one pair is one
    figure = draw_gap_curve(rows, None, "night", "en")
    assert figure is not None
    assert figure["layout"]["yaxis"]["range"] == [50.0 - 6, 103]
    assert figure["data"][1]["y"][:4] == [None, 85.0, None, 75.0]
    assert figure["data"][2]["x"] == [0.5, 1.5, 2.5, 3.5]


def test_tips_have_forty_letters_of_a_name_and_axes_sixteen() -> None:
    row = {"pairs": 20, "transfer": 0.8, "noise_floor": 0.95, "lo": 0.7, "hi": None}
    figure = draw_flips({"n" * 50: row}, "en")
    assert figure is not None
    assert figure["data"][3]["hovertext"][0].partition(":")[0] == label("n" * 50, 40)
    assert figure["layout"]["yaxis"]["ticktext"] == [label("n" * 50, 16)]
    regrets = draw_regrets(pd.DataFrame({"v" * 50: [0.0], "night": [1.5]}, index=["m" * 50]), "en")
    assert regrets is not None
    assert regrets["data"][0]["hovertext"][0] == f"{label('m' * 50, 40)}, {label('v' * 50, 30)}: 0.0"
    scatter = draw_scatter(line(8).assign(source="s" * 50, model=[f"{i}" + "m" * 80 for i in range(8)]), [], "en")
    assert scatter is not None
    assert scatter["layout"]["xaxis"]["title"]["text"] == label(f"{'s' * 50}, %", 40)
    assert scatter["data"][1]["hovertext"][0].partition(":")[0] == label("0" + "m" * 80, 60)


def test_of_301_models_about_half_are_drawn_evenly_over_the_source() -> None:
    many = line(301).assign(effective=[float(i) for i in range(301)])
    found = thin_out_models(many, [])
    assert set(found["model"]) == {f"m{i}" for i in [*range(10), *range(0, 301, 2), *range(291, 301)]}
