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
from kogen.reporting.lottery import figures, sections, sentences, tables, traffic_lights
from kogen.reporting.lottery import page as lottery_page
from kogen.reporting.words import format_points, say
from kogen.results.judge import judge_results
from kogen.results.lottery_summary import Decision, Lead, LotterySummary, Recommendation, Transfer

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
    return judge_results(rows, LotteryOptions(reference="val", margin=0.5, draws=100))


def summary(bet: dict[str, Any] | None = None, **known: Any) -> LotterySummary:
    """A summary of two sets and two models, with what a test wants to be otherwise."""
    found, pick = measured(), {"model": "a", "max_regret": 0.2, "worst_set": "other", "near_best": 0.9, "price": 0.0}
    picks = [row | pick for row in found.bet.picks]
    rules = {"weighted_difference": ["a"], "mean_rank": ["a"], "iqm": ["a"]}
    decision = Decision("a", "b", difference=1.0, images=1234, decided=False)
    base = {"lead": Lead("a", "b", 1.0), "real": row("better"), "transfer": {"other": leader(0.0)}}
    base["unified"] = replace(found.unified, winners=rules)
    base["bet"] = Recommendation(picks, model="a", agree=True, price=0.0, decides=decision)
    changed = replace(found, **base | known)
    return replace(changed, bet=replace(changed.bet, **bet or {}))


def leader(loses: float) -> Transfer:
    """What became of the leader on another set."""
    return replace(measured().transfer["other"], leader_loses=loses, leader_holds=loses == 0)


def row(verdict: str, lo: float = -1.0) -> dict[str, Any]:
    ends = {"difference": 1.0, "family_lo": -1.5, "family_hi": 3.0, "lo": lo, "hi": 2.5, "lottery": 0.2}
    return {"first": "a", "second": "b", "verdict": verdict, "needed": None, **ends}


@pytest.mark.parametrize(
    ("found", "colour", "key"),
    [
        (row("better"), "green", "real_yes"),
        (row("small"), "amber", "real_small"),
        (row("equivalent"), "amber", "real_same"),
        (row("undecided", lo=0.1), "amber", "real_alone"),
        (row("undecided"), "red", "real_no"),
        (None, "grey", "real_scores"),
    ],
)
def test_the_first_light_follows_the_pair(found: dict | None, colour: str, key: str) -> None:
    light = traffic_lights.lead_light(summary(real=found))
    assert (light.colour, light.reason[0]) == (colour, key)


def curve(share: float, pairs: int = 50) -> list[dict[str, Any]]:
    near = {"target": "other", "gap_lo": 0.5, "gap": 1.0, "pairs": pairs, "transfer": share}
    return [near, near | {"gap_lo": 1.0, "gap": 2.0, "transfer": 1.0}]


@pytest.mark.parametrize(("share", "colour"), [(0.9, "green"), (0.89, "amber"), (0.75, "amber"), (0.74, "red")])
def test_the_second_light_looks_at_leads_as_large_as_this_one(share: float, colour: str) -> None:
    light = traffic_lights.transfer_light(summary(), curve(share))
    assert (light.colour, light.reason[0]) == (colour, "transfers_pairs")
    assert light.reason[1]["share"] == pytest.approx(100 * share)


@pytest.mark.parametrize(
    ("losses", "colour"), [((0.0, 0.5), "green"), ((0.0, 0.6), "amber"), ((2.0, 0.6), "red"), ((), "grey")]
)
def test_with_few_pairs_it_looks_at_the_leader(losses: tuple[float, ...], colour: str) -> None:
    there = {f"set{i}": leader(loss) for i, loss in enumerate(losses)}
    assert traffic_lights.transfer_light(summary(transfer=there), curve(1.0, pairs=19)).colour == colour


@pytest.mark.parametrize(
    ("names", "colour"), [(["a", "a", "a"], "green"), (["a", "a", "b"], "amber"), (["a", "b", "b"], "red")]
)
def test_the_third_light_counts_rules(names: list[str], colour: str) -> None:
    winners = dict(zip(("weighted_difference", "mean_rank", "iqm"), ([name] for name in names), strict=True))
    assert traffic_lights.metric_light(summary(unified=replace(measured().unified, winners=winners))).colour == colour


@pytest.mark.parametrize(
    ("agree", "regret", "price", "colour"),
    [(True, 0.5, 0, "green"), (True, 0.6, 0, "amber"), (False, 0.5, 0.5, "amber"), (False, 0.6, 0.1, "red")],
)
def test_the_fourth_light_weighs_loss_and_price(agree: bool, regret: float, price: float, colour: str) -> None:
    picks = [pick | {"max_regret": regret, "price": price} for pick in summary().bet.picks]
    assert traffic_lights.safety_light(summary(bet={"agree": agree, "picks": picks})).colour == colour


def test_lights_differ_in_more_than_colour() -> None:
    assert len(set(traffic_lights.SIGNS.values())) == 4
    for lang in LANGUAGES:
        assert len({say(lang, f"answer_{colour}") for colour in traffic_lights.SIGNS}) == 4


CELLS = {("a", "val"): {"value": 80.0}}


def test_the_headline_names_the_price_of_safety() -> None:
    best, least, near = summary().bet.picks
    best |= {"max_regret": 4.0}
    other = [best, least | {"model": "b", "price": 0.3}, near]
    (said,) = sentences.headline(summary(bet={"agree": False, "model": None, "picks": other}), CELLS)
    assert said.key == "bet_differs"
    assert said.values == {"first": "a", "second": "b", "price": "0.30", "regret": "0.20", "worst": "4.0"}
    other = [best, least, near | {"model": "b", "price": 0.1}]
    assert sentences.headline(summary(bet={"picks": other}), CELLS)[0].key == "bet_near"


@pytest.mark.parametrize(
    ("known", "keys"),
    [
        ({}, ["bet_price"]),
        ({"real": row("undecided")}, ["bet_price", "safe_not_proven"]),
        ({"real": None}, ["bet_price", "unknown_lead"]),
        ({"targets": []}, ["bet_one_set"]),
        ({"lead": Lead("a", None, None)}, ["bet_lone"]),
        ({"bet": {"picks": [], "agree": False, "model": None}}, ["bet_nowhere"]),
    ],
)
def test_the_headline_promises_no_more_than_is_known(known: dict, keys: list[str]) -> None:
    assert [said.key for said in sentences.headline(summary(**known), CELLS)] == keys


@pytest.mark.parametrize(
    ("decides", "real", "key"),
    [
        ({"decided": True}, row("better"), "decided"),
        ({"difference": 0.0}, row("undecided"), "decide_tie"),
        ({"images": None}, row("undecided"), "decide_seeds"),
        ({}, row("undecided"), "decide_images"),
        ({}, None, "decide_scores"),
        ({"images": 2_000_000}, None, "decide_too_many"),
    ],
)
def test_what_would_decide(decides: dict, real: dict | None, key: str) -> None:
    decision = summary().bet.decides
    assert decision is not None
    (said,) = sentences.decision_sentences(summary(real=real, bet={"decides": replace(decision, **decides)}))
    assert said.key == key
    for lang in LANGUAGES:
        assert "{" not in say(lang, key, **said.values)


def test_images_that_know_of_all_pairs_come_first() -> None:
    found = row("undecided") | {"needed": {"images": 5_000}}
    assert sentences.decision_sentences(summary(real=found))[0].values["images"] == 5_000


def test_the_price_of_a_model_chosen_elsewhere() -> None:
    found = sentences.model_price_sentences(summary(), "b", {"val": 0.0, "other": 3.0})
    assert [said.key for said in found] == ["price_of", "price_other"]
    assert found[0].values["dataset"] == "other"
    assert [said.key for said in sentences.model_price_sentences(summary(), "a", {"val": 0.0})] == ["price_none"]


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
    assert text.count('<p class="question">') == 4
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
    assert "20 further sets" in text  # of 30, the reference and nine others are shown
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
    assert shown["rules"]["metrics"][0] == traffic_lights.PRIMARY
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
        ready = "[...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('svg.main-svg'))"
        tab.wait_for_function(ready)
        assert complaints == []
        assert tab.locator(".plot").count() >= 5  # two gap curves, flips, two scatters
        assert tab.locator(".lights li").count() == 4
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.locator("details:has(table.sortable) summary").click()
        head = tab.locator("table.sortable th button").nth(3)
        head.click()
        cells = "[...document.querySelectorAll('table.sortable td:nth-child(4)')].map((td) => Number(td.dataset.value))"
        values = tab.evaluate(cells)
        assert values == sorted(values)
        head.click()
        assert tab.evaluate(cells) == sorted(values, reverse=True)
        running.close()
