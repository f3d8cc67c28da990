"""Figures of a training from hand-made epochs."""

import pandas as pd
from looks import looks

from kogen.reporting.study.figures import draw_losses, draw_rank_me, mean_by_epoch


def training(*rows: tuple[int, int, str, float, float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["seed", "epoch", "term", "value", "rank_me"])


TABLE = training(
    (0, 1, "loss", 3.0, 10.0), (0, 2, "loss", 2.0, 20.0), (1, 1, "loss", 2.5, 30.0), (1, 2, "other", 9.0, None)
)


def test_losses_have_a_line_for_each_seed() -> None:
    one, two = draw_losses("mae", TABLE, True, "en")["data"]
    assert (one["x"], one["y"], two["x"], two["y"]) == ([1, 2], [3.0, 2.0], [1], [2.5])
    assert one["hoverinfo"] == "x+y"
    frame = ["frame: 120 high, margins 4 6 4 18", "x: nticks=4", "y: nticks=4"]
    assert looks(draw_losses("mae", TABLE, True, "en")) == [*frame, "lines: line (accent width=1.5)"]
    assert looks(draw_losses("mae", TABLE, False, "en")) == [*frame, "lines: line (mid width=1.5)"]
    assert "mae" in draw_losses("mae", TABLE, False, "en")["alt"]


def test_rank_me_is_the_mean_over_seeds_and_is_not_drawn_where_nobody_recorded_it() -> None:
    assert mean_by_epoch(TABLE) == {1: 20.0, 2: 20.0}
    late = training((0, 2, "loss", 1.0, 5.0), (0, 3, "loss", 1.0, 6.0))
    none = training((0, 1, "loss", 1.0, None))
    figure = draw_rank_me({"mae": TABLE, "net": late, "none": none}, "mae", {"net": "supervised"}, "en")
    assert figure is not None
    assert [(one["x"], one["y"]) for one in figure["data"]] == [
        ([1, 2, 3], [None, 5.0, 6.0]),
        ([1, 2, 3], [20.0, 20.0, None]),
    ]
    assert (figure["layout"]["xaxis"]["nticks"], figure["layout"]["xaxis"]["title"]["text"]) == (6, "epoch")
    assert figure["layout"]["annotations"][-1]["text"] == "RankMe"
    assert "mae and net" in figure["alt"]
    assert draw_rank_me({"none": none}, "none", {}, "en") is None
