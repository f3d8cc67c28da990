"""The page of a lottery: honest lights and sentences, and a page that stands whatever the table is."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pandas as pd
import pytest
from studies import predictions

from kogen.common.contracts import from_plain
from kogen.common.text import LANGUAGES
from kogen.options.lottery import LotteryOptions
from kogen.reporting import html
from kogen.reporting.decision.lights import SIGNS, lights
from kogen.reporting.decision.sentences import catches, headline, how_sure
from kogen.reporting.decision.steps import next_steps
from kogen.reporting.lottery import figures, sections, sentences, tables
from kogen.reporting.lottery import page as lottery_page
from kogen.reporting.words import format_points, say
from kogen.results.decide import PRIMARY
from kogen.results.judge import judge_results
from kogen.results.judgement import Judgement
from kogen.results.lottery_summary import LotterySummary

DRAWN = np.random.default_rng(5)


def scores(models: int, sets: int, seed: int = 0, names: str = "net{}") -> pd.DataFrame:
    """A wide table: skill in common, more noise from set to set."""
    rng = np.random.default_rng(seed)
    skill = np.sort(rng.normal(size=models))[::-1]
    columns = {f"set{j}": 70 - 3 * j / sets + 8 * skill + (0.3 * j > 0) * rng.normal(size=models) for j in range(sets)}
    table = pd.DataFrame({name: np.clip(values, 2, 98).round(3) for name, values in columns.items()})
    return table.assign(model=[names.format(i) for i in range(models)])


@cache
def measured() -> LotterySummary:
    """A real lottery of two models on two sets."""
    rows = predictions({"a": 0.9, "b": 0.4}, {"val": "reference", "other": "shift"}, 60, 1, ("linear",), DRAWN)
    return judge_results(rows, LotteryOptions(reference="val", margin=0.5, draws=100))[0]


def summary(**known: Any) -> LotterySummary:
    """A summary of two sets and two models, with what a test wants to be otherwise."""
    return replace(measured(), **known)


SCORES = {"x": [80.0, 70.0, 60.0], "y": [79.0, 75.0, 61.0]}


def judge_wide(table: dict[str, list[float | None]], **options: Any) -> Judgement:
    """The judgement of a wide table, model -> scores on set0, set1 ..."""
    sets = [f"set{i}" for i in range(len(next(iter(table.values()))))]
    frame = pd.DataFrame.from_dict(table, orient="index", columns=sets).rename_axis("model").reset_index()
    return judge_results(frame, LotteryOptions(reference="set0", draws=100, **options))[1]


def words(found: Judgement) -> list[str]:
    said = [headline(found), *how_sure(found), *catches(found), *next_steps(found)]
    for lang in LANGUAGES:
        assert not any("{" in say(lang, one.key, **one.values) for one in said)
    return [say("en", one.key, **one.values) for one in said]


def test_scores_alone_name_the_least_risk_and_claim_no_lead() -> None:
    assert words(judge_wide(SCORES)) == [
        "Least risk: y. On none of the 3 sets more than 1.0 points behind the best.",
        "On set0, x: 80.0.",
        "Whether x is truly ahead of y on set0 cannot be known from scores alone.",
        "Get one row an image of y and x on set0; at most about 26,000 images decide between them, fewer may do.",
    ]


def test_a_number_of_images_makes_a_lead_one_at_least_and_a_bet_unsafe() -> None:
    found = judge_wide(SCORES, n={"set0": 50_000, "set1": 50_000, "set2": 50_000}, margin=0.1)
    assert words(found)[0] == (
        "Least risk: y, at worst 1.0 points behind the best model on any of the 3 sets. None is within 0.1 points "
        "everywhere."
    )
    assert words(found)[2].startswith("x is 1.0 points ahead of y, the next best (0.5 to 1.5, 95 % sure). Scores alone")
    assert [light.colour for light in lights(found)] == ["green", "grey", "amber", "red"]


def test_a_model_that_was_not_measured_everywhere_makes_no_other_the_highest() -> None:
    found = judge_wide({"A": [90.0, None, None], "B": [79.5, 71.0, 60.0], "C": [79.0, 70.0, 59.0]})
    said = words(found)
    assert (
        said[0] == "Least risk: B. Highest on each of the 3 sets, among the models that were measured on all of them."
    )
    assert "On set0, models are higher that were not measured on every set." in said
    assert said[1] == "On set0, A: 90.0."


def test_equal_models_are_no_bet() -> None:
    found = judge_wide({"A": [80.0] * 3, "B": [80.0] * 3})
    assert words(found)[0] == "No bet: A and B have the same values on every set."
    assert words(found)[1] == "On set0, A and B: 80.0."


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"A": [80.0]}, "Nothing to choose between: only A was judged on set0."),
        (
            {"A": [80.0], "B": [70.0]},
            "A is highest on set0 (80.0), and from scores alone on one set nothing more can be",
        ),
        (
            {"A": [80.0, None], "C": [79.0, None], "B": [None, 70.0]},
            "No bet: no model was measured on every set. On set0, A is highest",
        ),
        ({"A": [80.0, 60.0], "B": [79.8, 64.0]}, "Least risk: B. On none of the 2 sets more than 0.20 points behind"),
    ],
)
def test_the_headline_promises_no_more_than_is_known(table: Any, said: str) -> None:
    assert words(judge_wide(table))[0].startswith(said)


def test_the_best_on_average_and_the_least_risk_may_be_two() -> None:
    found = judge_wide({"A": [90.0, 60.0, 90.0], "B": [84.0, 66.0, 84.0], "C": [50.0, 71.0, 50.0]}, margin=0.5)
    assert words(found)[0] == (
        "Best on average: A. Least risk: B, which costs at most 2.0 points on average and is nowhere more than 6.0 "
        "points behind the best, instead of 11.0."
    )


def test_lights_differ_in_more_than_colour() -> None:
    assert len(set(SIGNS.values())) == 4


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.10"), (0.999, "1.0"), (1.26, "1.3"), (0.0, "0.0"), (None, "–")])
def test_small_differences_keep_two_decimals(value: float | None, text: str) -> None:
    assert format_points(value) == text


def test_names_break_between_their_parts_and_stay_harmless() -> None:
    assert html.add_line_breaks("vit_large.in1k 1.05 %") == "vit_<wbr>large.<wbr>in1k 1.05 %"
    assert "<script" not in html.add_line_breaks("a.<script>")


def test_a_gap_lies_in_its_own_bin() -> None:
    ends = [0.0, 0.1, 0.3, 1.0]
    assert [figures.position(gap, ends) for gap in (0.0, 0.05, 0.1, 0.2, 5.0)] == pytest.approx(
        [0.0, 0.5, 1.0, 1.5, 3.0]
    )


def test_a_scatter_of_many_keeps_the_bets_and_the_outliers() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"model": [f"m{i}" for i in range(5_000)], "effective": rng.normal(size=5_000)})
    rows = rows.assign(start=rng.uniform(20, 90, 5_000))
    few = figures.thin_out_models(rows, ["m17"])
    assert len(few) <= figures.MODELS_DRAWN
    assert {"m17", rows.loc[rows["effective"].idxmax(), "model"], rows.loc[rows["effective"].idxmin(), "model"]} <= set(
        few["model"]
    )


def drawn(table: pd.DataFrame, folder: Path, **wishes: Any) -> str:
    """The page of a table, without the program of its figures."""
    judge_results(table, LotteryOptions(draws=200, **wishes), out=folder)
    words = lottery_page.write(folder)
    text = (folder / "report.html").read_text()
    assert words
    assert f"<title>{say('en', 'title_lottery')} · " in text
    return text[: text.index("</main>")]


TABLES = {
    "many": (lambda: scores(60, 4), {"n": {f"set{j}": 5_000 for j in range(4)}}),
    "no_n": (lambda: scores(30, 3), {}),
    "one_set": (lambda: scores(5, 1), {}),
    "one_model": (lambda: scores(1, 3), {}),
    "two_models": (lambda: scores(2, 2), {}),
    "wide": (lambda: scores(12, 30), {}),
    "holes": (lambda: holes(scores(12, 3)), {}),
    "nowhere": (lambda: pd.DataFrame({"model": ["a", "b"], "set0": [60.0, None], "set1": [None, 61.0]}), {}),
    "ties": (lambda: pd.DataFrame({"model": ["a", "b", "c"], "set0": [60.0] * 3, "set1": [50.0] * 3}), {}),
    "hostile": (lambda: scores(9, 3, names="</script><script>alert({0})</script>\n" + "x" * 3_000 + "{0}"), {}),
}


def holes(table: pd.DataFrame) -> pd.DataFrame:
    table.loc[[0, 3], "set1"] = None
    return table


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_a_page(name: str, tmp_path: Path) -> None:
    make, wishes = TABLES[name]
    text = drawn(make(), tmp_path, reference="set0", **wishes)
    assert text.count('<span class="ask">') == 4
    assert "<script>" not in text
    assert "None" not in text
    assert "nan" not in text
    lottery_page.write(tmp_path, lang="ja")
    assert (tmp_path / "report.html").stat().st_size < 7e6


def test_the_bet_counts_the_sets_that_have_a_weight(tmp_path: Path) -> None:
    text = drawn(scores(6, 3), tmp_path, reference="set0", weights={"set0": 1, "set2": 1})
    assert "of the 2 sets" in text


def test_one_family_is_no_news() -> None:
    assert sentences.notes(summary(ignored=[], families=1)) == []
    assert [said.key for said in sentences.notes(summary(ignored=[], families=2))] == ["note_families"]


def test_many_models_are_cut_and_counted(tmp_path: Path) -> None:
    text = drawn(scores(400, 30), tmp_path, reference="set0")
    assert "of 400 models" in text
    assert text.count("<tr") < 150
    assert "in the tables beside this page: 20." in text  # of 30, the reference and nine others are shown
    assert "8 of 29 sets" in text


def test_refusals_are_shown_with_their_reason(tmp_path: Path) -> None:
    text = drawn(scores(9, 3), tmp_path, reference="set0")
    assert say("en", "why_items") in text
    assert say("en", "why_n") in text
    assert say("en", "why_sets", n=3) in text


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a lottery on predictions: eight models, three sets."""
    folder = tmp_path_factory.mktemp("lottery") / "study"
    models = {f"net{i}": 0.9 - 0.1 * i for i in range(8)}
    sets = {"reference": "reference", "line2": "shift", "night": "shift"}
    rows = predictions(models, sets, 300, 1, ("linear",), np.random.default_rng(3))
    judge_results(rows, LotteryOptions(margin=1.0, draws=500, csv=True), out=folder)
    lottery_page.write(folder)
    return folder


def summary_on_disk(folder: Path) -> LotterySummary:
    data = json.loads((folder / "verdict.json").read_text())["lottery"]
    return from_plain(LotterySummary, data, "verdict.json")


def test_regret_is_points_behind_the_best_of_each_set(judged: Path) -> None:
    accuracy = pd.read_parquet(judged / "values.parquet")
    shown, _ = sections.lottery_part(judged, summary_on_disk(judged), "en")
    wide = accuracy.pivot(index="model", columns="dataset", values="value")
    for line in shown["regret"]["rows"]:
        for name, cell in zip(shown["regret"]["columns"], line["cells"], strict=True):
            assert cell["value"] == pytest.approx(wide[name].max() - wide.loc[line["model"], name])


def test_the_bets_row_of_ranks_has_the_primary_rule_first(judged: Path) -> None:
    shown, _ = sections.lottery_part(judged, summary_on_disk(judged), "en")
    assert shown["rules"]["metrics"][0] == PRIMARY
    assert shown["rules"]["tau"][0] is None
    assert shown["rules"]["rows"][0]["ranks"][0] == 1


def test_pairs_are_shown_from_the_top_and_counted(judged: Path) -> None:
    shown, _ = sections.lottery_part(judged, summary_on_disk(judged), "en")
    assert shown["tested"] == 3 * 28
    assert len(shown["pairs"]) == tables.PAIRS_SHOWN
    assert shown["pairs"][0]["dataset"] == "reference"
    assert shown["pairs"][0]["first"] == summary_on_disk(judged).lead.model
    assert {"pairs.parquet", "pairs.csv"} <= set(shown["files"])


def test_a_folder_without_a_lottery_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text("{}")
    with pytest.raises(ValueError, match="holds no lottery: run `kogen lottery TABLE --out"):
        lottery_page.write(tmp_path)
    with pytest.raises(ValueError, match="unknown language"):
        lottery_page.write(tmp_path, lang="de")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_page_opens_in_silence_and_fits(judged: Path, width: int, scheme: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    where = browser.find()
    if where is None:
        pytest.skip("no Chromium found (playwright's, or one on the PATH): the page is not opened")
    with playwright.sync_playwright() as play:
        running = play.chromium.launch(executable_path=where, args=list(browser.FLAGS))
        tab = running.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.set_default_timeout(180_000)  # a machine with much else to do
        complaints: list[str] = []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto((judged / "report.html").as_uri())
        folded = "plot.closest('details:not([open])')"
        drawn = (
            f"[...document.querySelectorAll('.plot')].every((plot) => {folded} || plot.querySelector('svg.main-svg'))"
        )
        tab.wait_for_function(drawn)
        assert tab.evaluate("document.querySelector('.decision').getBoundingClientRect().bottom") < (
            900 if width > 1000 else 2 * 844
        )
        assert complaints == []
        assert tab.locator(".plot").count() >= 5  # the decision, values, sets, two gap curves
        assert tab.locator(".lights li").count() == 4
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.locator("details:has(table.sortable) > summary").click()
        head = tab.locator("table.sortable th button").nth(3)
        head.click()
        cells = "[...document.querySelectorAll('table.sortable td:nth-child(4)')].map((td) => Number(td.dataset.value))"
        values = tab.evaluate(cells)
        assert values == sorted(values)
        head.click()
        assert tab.evaluate(cells) == sorted(values, reverse=True)
        running.close()


# what the template is given, without drawing the page


def given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    found: list[Any] = []
    monkeypatch.setattr(lottery_page, "write_page", lambda *args, **shown: found.append((args, shown)))
    words = lottery_page.write(folder)
    (place, template, lang, figures), shown = found[0]
    assert (place, template, lang) == (folder / "report.html", "lottery.html.j2", "en")
    return shown, figures, words


@pytest.mark.parametrize(("models", "sets", "many"), [(8, 4, False), (9, 4, True), (8, 5, True), (3, 5, True)])
def test_many_models_or_sets_are_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: int, sets: int, many: bool
) -> None:
    table = pd.DataFrame({f"s{j}": [90.5 - 2 * i - 3 * j for i in range(models)] for j in range(sets)})
    judge_results(
        table.assign(model=[f"m{i}" for i in range(models)]), LotteryOptions(reference="s0", draws=20), tmp_path
    )
    shown, figures, words = given(tmp_path, monkeypatch)
    assert shown["many"] is many
    assert shown["name"] == tmp_path.name
    assert figures["decision"] == figures["regrets"]  # scores alone: nothing was tested
    assert "values" in figures
    assert words[0] == shown["decision"]["headline"][0]
    assert words[len(words) - len(shown["notes"]) :] == shown["notes"]
