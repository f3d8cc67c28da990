"""What was read and what was left out reaches the page and the screen, in both languages."""

import json
from pathlib import Path

import pytest

from kogen.options.lottery import LotteryOptions
from kogen.reporting.lottery import page
from kogen.reporting.words import load_templates
from kogen.results.column_kinds import Kind
from kogen.results.judge import judge_results

TABLE = "model,top1,mCE,top1_err,params,avg,data\n"
TABLE += "a,69.8,104.7,30.2,11.7,50,x\nb,76.1,76.7,23.9,25.6,51,y\nc,77.4,70,22.6,44,52,x\n"


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_reason_has_its_words(lang: str) -> None:
    words = load_templates(lang)
    kinds = {f"excluded_{kind.value}" for kind in Kind if kind not in (Kind.SCORE, Kind.ERROR)}
    assert kinds | {"excluded_choice", "excluded_empty", "excluded_unused"} <= set(words)


def test_the_page_and_the_screen_say_how_the_table_was_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    options = LotteryOptions(reference="top1", higher_is_better={"mCE": False}, draws=50, out=tmp_path / "out")
    judge_results([tmp_path / "t.csv"], options, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "verdict.json").read_text())["lottery"]
    assert summary["unbounded"] == ["mCE"]
    assert summary["axes"] == {"params": {"a": 11.7, "b": 25.6, "c": 44.0}}
    assert summary["excluded"]["top1_err"] == "excluded_mirror"
    words = page.write(tmp_path / "out")
    wanted = [
        "Errors that are no share of wrong answers: mCE.",
        "Not taken for data sets, because they are 100 minus another column: top1_err.",
        "Not taken for data sets, because they are costs: params.",
        "because they are averages of others and would count them twice: avg.",
        "Not taken for data sets, because they hold text: data.",
    ]
    for part in wanted:
        assert any(part in said for said in words), part
    shown = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "because they are costs: params" in shown
    assert "割合ではない誤差" in "".join(page.write(tmp_path / "out", lang="ja"))
