"""Sections of a lottery: which sets have a panel, which flips are counted, and where each line starts from."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kogen.options.lottery import LotteryOptions
from kogen.reporting.lottery import page
from kogen.reporting.lottery.sections import (
    clean_sources,
    draw_axes,
    flip_rows,
    lottery_part,
    robustness_rows,
    shown_panels,
    target_rows,
    tier_by_cell,
)
from kogen.results.judge import judge_results
from kogen.results.lottery_summary import LotterySummary


@cache
def judged() -> LotterySummary:
    """A real lottery of six models on two sets."""
    frame = pd.DataFrame({"set0": [80.0, 70, 60, 50, 40, 30], "set1": [70.0, 80, 60, 50, 30, 40]})
    options = LotteryOptions(reference="set0", draws=50)
    found = judge_results(frame.assign(model=list("abcdef")), options)[0]
    assert found is not None
    return found


def with_targets(shares: list[float | None], pairs: int = 50) -> LotterySummary:
    """A summary whose targets hold these shares of leads, None where nothing is known of a target."""
    row, names = judged().transfer["set1"], [f"t{i}" for i in range(len(shares))]
    found = {
        name: replace(row, all=None if share is None else {"transfer": share}, at_margin={"pairs": pairs})
        for name, share in zip(names, shares, strict=True)
    }
    return replace(judged(), targets=names, transfer=found)


def test_eight_sets_have_panels_and_of_more_those_on_which_fewest_leads_hold() -> None:
    eight = with_targets([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    assert shown_panels(eight) == eight.targets
    ten = with_targets([0.9, 0.1, 0.95, 0.2, 0.3, 0.4, None, 0.5, 0.6, 0.7])
    assert shown_panels(ten) == [f"t{i}" for i in (1, 3, 4, 5, 6, 7, 8, 9)]


@pytest.mark.parametrize(("pairs", "near"), [(20, True), (19, False)])
def test_flips_are_those_of_small_leads_where_every_set_has_twenty_pairs(pairs: int, near: bool) -> None:
    summary = with_targets([0.9, 0.8], pairs=pairs)
    gap, rows = flip_rows(summary)
    assert gap == (summary.margin if near else None)
    assert rows["t0"] == ({"pairs": 20} if near else {"transfer": 0.9})
    unknown = replace(summary, transfer={"t0": replace(summary.transfer["t0"], at_margin=None)})
    assert flip_rows(unknown)[0] is None
    assert flip_rows(replace(summary, transfer={})) == (None, {})


def frames() -> dict[str, Any]:
    robust = pd.DataFrame(
        [("a", "set0", "t0"), ("b", "set0", "t0"), ("a", "clean", "t1")], columns=["model", "source", "target"]
    )
    rows = [("a", "set0", 80.0), ("b", "set0", 70.0), ("a", "clean", 90.0), ("a", "t0", 1.0)]
    return {"robustness": robust, "values": pd.DataFrame(rows, columns=["model", "dataset", "value"])}


def test_a_line_starts_from_the_source_of_its_set() -> None:
    assert robustness_rows(frames(), "t0")["start"].tolist() == [80.0, 70.0]
    assert robustness_rows(frames(), "t1")["start"].tolist() == [90.0]
    assert robustness_rows(frames(), "t9").columns.tolist() == ["model", "source", "target", "start"]
    assert clean_sources(frames()["robustness"], judged()) == {"t1": "clean"}


def test_four_costs_are_drawn_against_the_scores_of_the_reference() -> None:
    costs = {name: {"a": 1.0, "b": 2.0, "c": 3.0} for name in ("p", "q", "r", "s", "t")}
    values = pd.DataFrame(
        [(m, s, 50.0) for s in ("set0", "set1") for m in "abc"], columns=["model", "dataset", "value"]
    )
    values.loc[values["dataset"] == "set0", "value"] = [60.0, 70.0, 80.0]
    found = draw_axes(replace(judged(), axes=costs), values, ["c"], "en")
    assert list(found) == ["axis-0", "axis-1", "axis-2", "axis-3"]
    figure = found["axis-3"]
    assert figure is not None
    assert figure["data"][0]["y"] == [60.0, 70.0, 80.0]
    assert figure["data"][2]["x"] == [3.0]


def probabilities(n: int = 80) -> pd.DataFrame:
    rng, frames = np.random.default_rng(3), []
    for dataset in ("val", "night"):
        label = np.where(np.arange(n) % 2, "bad", "good")
        for model, skill in (("a", 2.0), ("b", 0.5)):
            bad = 1 / (1 + np.exp(-skill * np.where(label == "bad", 1, -1) - rng.normal(size=n)))
            predicted = np.where(bad > 0.5, "bad", "good")
            rows = {"model": model, "dataset": dataset, "item": np.arange(n), "label": label, "predicted": predicted}
            frames.append(
                pd.DataFrame(rows | {"correct": (predicted == label) * 1, "prob_bad": bad, "prob_good": 1 - bad})
            )
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize(("lang", "name"), [("en", "log loss"), ("ja", "対数損失")])
def test_captions_and_numbers_are_those_of_the_metric(tmp_path: Path, lang: str, name: str) -> None:
    options = LotteryOptions(reference="val", metric="log_loss", margin=0.02, draws=100)
    summary, found = judge_results(probabilities(), options, tmp_path)
    page.write(tmp_path, lang=lang)
    text = re.sub(r"<script.*?</script>|<[^>]+>", " ", (tmp_path / "report.html").read_text(), flags=re.DOTALL)
    values = pd.read_parquet(tmp_path / "values.parquet").set_index(["model", "dataset"])["value"]
    assert name in text
    for word in ("Accuracy in %", "Share of the images", "mean, %", "mean accuracy", "正解率（%）", "平均正解率"):
        assert word not in text
    loss = f"{-values['a', 'val']:.3f}"
    assert loss in text
    assert f"−{loss}" not in text
    assert "mean_logit" not in summary.unified.winners
    assert f"{found.margin:.3f} " in text
    for row in summary.bet.picks:  # gains are lifted to be scores on the way, and come back
        assert row["expected"] == pytest.approx(values[row["model"]].mean())


def test_a_margin_of_points_is_not_taken_for_nats() -> None:
    with pytest.raises(ValueError, match="log_loss is in nats, so say the smallest difference that matters in them"):
        judge_results(probabilities(), LotteryOptions(reference="val", metric="log_loss"))


def test_tiers_are_of_the_sets_that_are_shown() -> None:
    pairs = pd.DataFrame({"dataset": ["set0", "set0", "set0", "gone"], "first": list("aabx"), "second": list("bccy")})
    pairs["family_lo"] = [1.0, 1.0, -1.0, 1.0]
    assert tier_by_cell(pairs, ["set0"]) == {("a", "set0"): 1, ("b", "set0"): 2, ("c", "set0"): 2}
    assert tier_by_cell(pairs.head(0), ["set0"]) == {}
    assert target_rows(pd.DataFrame({"target": ["t", "u", "t"], "n": [1, 2, 3]}), "t")["n"].tolist() == [1, 3]


def test_the_parts_of_a_page(tmp_path: Path) -> None:
    frame = pd.DataFrame({"set0": [80.0, 70, 60, 50, 40, 30], "set1": [70.0, 80, 60, 50, 30, 40]})
    frame = frame.assign(model=list("abcdef"))
    summary, _ = judge_results(frame, LotteryOptions(reference="set0", draws=50), tmp_path)
    shown, figures = lottery_part(tmp_path, summary, "en")
    assert (shown["models"], shown["count"], shown["sets"]) == (list("abcdef"), 6, ["set0", "set1"])
    assert (shown["panels"], shown["subsets"], shown["thinned"], shown["tested"]) == (["set1"], ["all"], False, 0)
    assert shown["files"][0] == "values.parquet"
    assert all((tmp_path / name).exists() for name in shown["files"])
    assert shown["cells"]["b", "set1"]["value"] == 80.0
    assert shown["regret"]["columns"] == ["set0", "set1"]
    assert shown["lasts"] == {"set1": summary.transfer["set1"].gap_for_90}
    assert "regrets" in figures
    assert "gap-0" not in figures  # of 15 pairs none is drawn
    many = replace(summary, unified=replace(summary.unified, combined=[{"model": "a"}] * 9))
    assert len(lottery_part(tmp_path, many, "en")[0]["combined"]) == 8
