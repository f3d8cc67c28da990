"""The verdict: honest sentences from tables, the same in both languages, and JSON that a machine can read."""

import json
import shutil
import string
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from studies import MODELS, make_study

from kogen.common.alarms import AlarmKind
from kogen.common.contracts import to_plain
from kogen.common.tables import write_table
from kogen.common.text import LANGUAGES
from kogen.reporting import charts, html
from kogen.reporting.study import figures, page, verdict
from kogen.reporting.study.evidence import Evidence, ModelAlarm, ModelCost, TwinCount
from kogen.reporting.study.sentences import ALARM_SENTENCES, changes_of_pair, round_up, verdict_sentences
from kogen.reporting.words import clean, format_number, load_templates, say

METHODS = {"byol": "byol", "simclr": "simclr", "supervised": "supervised", "random": "random", "stock": "stock"}


def evidence(
    scores: dict[str, dict[str, float]],
    verdicts: dict[tuple[str, str], str] | None = None,
    more: dict[str, float | None] | None = None,
    **known: Any,
) -> Evidence:
    """Evidence from set -> model -> accuracy; pairs are `better` unless `verdicts` says otherwise, in either order."""
    verdicts, more = verdicts or {}, more or {}
    rows, pairs, needed = [], [], []
    for dataset, values in scores.items():
        order = sorted(values, key=lambda model: -values[model])
        rows += [{"model": m, "dataset": dataset, "value": v, "lo": v - 1, "hi": v + 1} for m, v in values.items()]
        for i, first in enumerate(order):
            for second in order[i + 1 :]:
                word = verdicts.get((dataset, second), verdicts.get((first, second), "better"))
                gap = values[first] - values[second]
                half = 0.5 * gap if word in ("better", "small") else gap + 1
                row = {
                    "dataset": dataset,
                    "first": first,
                    "second": second,
                    "n": 400,
                    "difference": gap,
                    "verdict": word,
                }
                row |= {"family_lo": gap - half, "family_hi": gap + half, "lo90": gap - half, "hi90": gap + half}
                pairs.append(row | {"lottery": 0.2, "minimum_detectable": 3.0})
                if word == "undecided":
                    needed.append({"dataset": dataset, "first": first, "second": second, "more": more.get(second)})
    columns = ["dataset", "first", "second", "n", "difference", "verdict", "family_lo", "family_hi", "lo90", "hi90"]
    first, *others = scores
    return Evidence(
        values=pd.DataFrame(rows),
        pairs=pd.DataFrame(pairs, columns=[*columns, "lottery", "minimum_detectable"]),
        ranks=pd.DataFrame(),
        groups=pd.DataFrame(columns=["dataset", "tier", "model"]),
        needed=pd.DataFrame(needed, columns=["dataset", "first", "second", "more"]),
        optimism=pd.DataFrame({"dataset": [first], "optimism": [known.pop("optimism", 0.0)]}),
        roles={first: "reference", **dict.fromkeys(others, "shift")},
        methods=METHODS,
        margin=1.0,
        protocol="linear",
        **known,
    )


def keys(found: list[dict[str, Any]]) -> list[str]:
    return [said.key for said in found]


CLEAR = {"reference": {"byol": 71.2, "simclr": 65.0, "random": 30.0}}


@pytest.mark.parametrize(
    ("scores", "verdicts", "wanted"),
    [
        (CLEAR, {}, "bet_alone"),
        (CLEAR, {("byol", "simclr"): "undecided"}, "bet_shared"),
        (CLEAR, {("byol", "simclr"): "equivalent"}, "bet_shared"),
        (CLEAR, {("byol", "simclr"): "small"}, "bet_alone"),
        (CLEAR, {("byol", "random"): "undecided"}, "nobet_untrained"),
        ({"reference": {"byol": 60.0, "supervised": 70.0}}, {}, "nobet_supervised"),
        ({"reference": {"byol": 60.0, "random": 70.0}}, {}, "nobet_random"),
        ({"reference": {"byol": 60.0, "stock": 70.0}}, {}, "nobet_stock"),
        ({"reference": {"byol": 60.0}}, {}, "bet_single"),
    ],
)
def test_headline_follows_the_evidence(scores: dict, verdicts: dict, wanted: str) -> None:
    found = verdict_sentences(evidence(scores, verdicts))
    assert found[0].key == wanted
    assert found[0].values["model"] == max(scores["reference"], key=scores["reference"].__getitem__)


def test_equals_go_to_the_candidate_before_the_baseline() -> None:
    found = verdict_sentences(
        evidence({"reference": {"random": 50.0, "byol": 50.0}}, {("random", "byol"): "undecided"})
    )
    assert found[0].values["model"] == "byol"
    assert found[0].key == "nobet_untrained"


def test_a_baseline_that_leads_is_compared_with_the_best_candidate() -> None:
    scores = {"reference": {"supervised": 70.0, "byol": 64.0, "simclr": 60.0}}
    (said,) = [said for said in verdict_sentences(evidence(scores)) if said.key == "best_own"]
    assert said.values["model"] == "byol"
    assert said.values["difference"] == pytest.approx(6.0)
    tied = verdict_sentences(evidence(scores, {("supervised", "byol"): "undecided"}))
    assert "best_own_tied" in keys(tied)


@pytest.mark.parametrize(
    ("there", "word", "wanted", "beside"),
    [
        ({"byol": 60.0, "simclr": 50.0}, "better", "keeps", "holds"),
        ({"byol": 60.0, "simclr": 50.0}, "undecided", "keeps_unclear", "holds_unclear"),
        ({"byol": 50.0, "simclr": 60.0}, "better", "loses", "lost"),
        ({"byol": 50.0, "simclr": 60.0}, "equivalent", "loses_unclear", "holds_unclear"),
        ({"byol": 50.0}, "better", "alone_there", None),
        ({"simclr": 50.0}, "better", "absent_there", None),
    ],
)
def test_shift_says_whether_the_lead_survives(there: dict, word: str, wanted: str, beside: str | None) -> None:
    loser = min(there, key=there.__getitem__)
    found = verdict_sentences(evidence({**CLEAR, "line2": there}, {("line2", loser): word}))
    (said,) = [said for said in found if said.part == "shift"]
    assert said.key == wanted
    assert said.values.get("difference", 10.0) == pytest.approx(10.0)  # positive either way
    assert keys([said for said in found if said.part == "headline"])[1:] == ([beside] if beside else [])
    assert ("other_set" in keys(found)) == (wanted == "loses")


def test_every_kind_of_alarm_has_its_sentence_and_the_bets_own_one_more() -> None:
    for kind, key in ALARM_SENTENCES.items():
        own = ModelAlarm("byol", kind, n=1, total=3, epoch=7, run_ids=("x",))
        assert keys(verdict_sentences(evidence(CLEAR, alarms=[own])))[1:3] == [key, "look_first"]
        assert "look_first" not in keys(verdict_sentences(evidence(CLEAR, alarms=[replace(own, model="simclr")])))
    assert set(ALARM_SENTENCES) == set(AlarmKind)


def test_a_run_that_collapses_in_two_ways_is_counted_once() -> None:
    found = [
        ModelAlarm("simclr", AlarmKind.RANK, n=2, total=3, epoch=9, run_ids=("x", "y")),
        ModelAlarm("simclr", AlarmKind.SPREAD, n=1, total=3, epoch=7, run_ids=("y",)),
    ]
    (said,) = [said for said in verdict_sentences(evidence(CLEAR, alarms=found)) if said.part == "alarm"]
    assert said.values == {"model": "simclr", "kind": "rank", "n": 2, "total": 3, "epoch": 7}
    assert "collapsed in 2 of 3 runs" in say("en", said.key, **said.values)


def test_random_and_supervised_are_named_with_their_distance() -> None:
    scores = {"reference": {"byol": 71.0, "supervised": 70.0, "random": 30.0}}
    found = verdict_sentences(evidence(scores, {("byol", "supervised"): "undecided"}))
    assert {"over_random", "not_over_supervised"} <= set(keys(found))
    (said,) = [said for said in found if said.key == "over_random"]
    assert said.values["difference"] == pytest.approx(41.0)


def test_the_cheaper_of_equals_is_named() -> None:
    minutes = {"byol": 20.0, "simclr": 12.0, "random": None}
    costs = [ModelCost(model, 3, taken, None, None, None) for model, taken in minutes.items()]
    same = verdict_sentences(evidence(CLEAR, {("byol", "simclr"): "equivalent"}, costs=costs))
    (said,) = [said for said in same if said.key == "cheaper"]
    assert said.values["model"] == "simclr"
    assert "cheaper" not in keys(verdict_sentences(evidence(CLEAR, costs=costs)))  # behind byol: cheaper is no argument


def test_what_would_change_the_verdict() -> None:
    near = {"byol": 71.0, "simclr": 69.0}
    undecided = {("byol", "simclr"): "undecided"}
    found = verdict_sentences(evidence({"reference": near}, undecided, more={"simclr": 1234}))
    (said,) = [said for said in found if said.key == "more_images"]
    assert said.values["more"] == 1300
    assert "too_many" in keys(verdict_sentences(evidence({"reference": near}, undecided, more={"simclr": 5e7})))
    assert "luck_decides" in keys(verdict_sentences(evidence({"reference": near}, undecided)))
    held = evidence({"reference": near}, {("byol", "simclr"): "equivalent"})
    (said,) = changes_of_pair(held.pair("byol", "simclr", "reference"), held)
    assert said.key == "smaller_margin"
    assert said.values["points"] == pytest.approx(5.0)  # the far end of the 90 % interval
    assert "nothing" in keys(verdict_sentences(evidence({"reference": {"byol": 50.0}})))


@pytest.mark.parametrize(("images", "wanted"), [(0.2, 1), (9, 9), (101, 110), (1234, 1300), (99_500, 100_000)])
def test_round_up_never_promises_too_few(images: float, wanted: int) -> None:
    assert round_up(images) == wanted


def test_cautions() -> None:
    twins = [TwinCount("reference", n=4, share=1.0)]
    found = verdict_sentences(
        evidence(CLEAR, twins=twins, unfinished=1, runs=9, seeds={"byol": 1, "simclr": 1}, optimism=0.4)
    )
    assert {"twins", "unfinished", "one_seed", "flattered", "more_seeds"} <= set(keys(found))
    assert not {"twins", "unfinished", "one_seed", "flattered"} & set(
        keys(verdict_sentences(evidence(CLEAR, seeds={"byol": 3})))
    )


def test_images_that_were_trained_on_are_said_beside_the_headline_or_before_it() -> None:
    for share, place in ((1.0, 1), (90.0, 0)):
        found = verdict_sentences(evidence(CLEAR, twins=[TwinCount("reference", n=4, share=share)]))
        assert (found[place].key, found[place].part) == ("twins", "headline")


def test_a_missing_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="no comparison of 'byol' and 'stock'"):
        evidence(CLEAR).pair("byol", "stock", "reference")


def test_both_languages_have_the_same_words_and_places() -> None:
    english, japanese = (load_templates(lang) for lang in LANGUAGES)
    assert list(english) == list(japanese)
    for key in english:
        assert places(english[key]) == places(japanese[key]), key
        assert english[key].strip()
        assert japanese[key].strip()


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_key_in_the_code_is_in_the_words_and_the_other_way_round() -> None:
    folder = Path(verdict.__file__).parents[1]
    source = "".join(path.read_text() for path in folder.rglob("*") if path.suffix in (".py", ".j2"))
    made = ("nobet_", "over_", "not_over_", "alarm_", "role_", "keeps", "loses")  # put together at run time
    made += ("l_", "light_", "answer_", "rule_", "what_", "subset_", "pick_", "metric_", "verdict_", "kind_")
    unused = [key for key in load_templates("en") if f'"{key}"' not in source and f"'{key}'" not in source]
    assert [key for key in unused if not key.startswith(made)] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_sentences_of_a_full_verdict_are_filled(lang: str) -> None:
    scores = {**CLEAR, "line2": {"byol": 40.0, "simclr": 50.0}}
    found = verdict_sentences(evidence(scores, {("byol", "simclr"): "undecided"}, protocol_leaders={"knn": "simclr"}))
    for said in found:
        words = say(lang, said.key, **said.values)
        assert "{" not in words
        assert "None" not in words


def test_unknown_language_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown language 'jp': did you mean 'ja'"):
        say("jp", "title")


@pytest.mark.parametrize(
    ("value", "text"),
    [(71.234, "71.2"), (-0.04, "0.0"), (-1.25, "−1.2"), (12345, "12,345"), (None, "–"), (float("nan"), "–")],
)
def test_numbers(value: float | None, text: str) -> None:
    assert format_number(value) == text
    assert format_number(2.0, sign=True) == "+2.0"


@pytest.mark.parametrize("name", ["a\nb", "a\x00b", "a\u202eb", "a \u2028 b", " a  b "])
def test_names_are_cleaned_to_one_visible_line(name: str) -> None:
    assert clean(name) == "a b"


def test_long_names_keep_both_ends() -> None:
    assert clean("x" * 10_000 + "-end")[-4:] == "-end"
    assert len(clean("y" * 10_000)) == 56
    assert clean("\x01") == "?"  # so no name can pose as a colour of the page


def test_labels_disarm_plotlys_markup() -> None:
    assert charts.label("<b>a</b>&lt;") == "&lt;b&gt;a&lt;/b&gt;&amp;lt;"


def test_spread_keeps_order_and_distance() -> None:
    heights = charts.spread_labels({"a": 50.0, "b": 50.1, "c": 50.2, "d": 80.0}, pixel=0.1)
    assert list(heights) == ["a", "b", "c", "d"]
    gaps = [b - a for a, b in zip(list(heights.values()), list(heights.values())[1:], strict=False)]
    assert min(gaps) >= 1.5 - 1e-9
    assert heights["b"] == pytest.approx(50.1)
    assert heights["d"] == 80.0


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("report") / "study", n=200, seeds=2, collapsed="simclr")


@pytest.fixture(scope="module")
def judged(study: Path) -> verdict.Verdict:
    return verdict.build(study, margin=1.0)


def test_build_writes_what_it_returns(study: Path, judged: verdict.Verdict) -> None:
    written = json.loads((study / "verdict.json").read_text(), parse_constant=pytest.fail)
    assert written == to_plain(judged) == to_plain(verdict.read_verdict(study))
    assert written["alarms"] == [{"model": "simclr", "kind": "rank", "n": 1, "total": 2, "epoch": 7}]
    assert set(written["sentences"][0]) == {"part", "key", "with"}
    assert judged.order["reference"][0] == judged.bet.model
    assert set(judged.methods) == set(MODELS)
    assert len(judged.study.sha256 or "") == 64
    assert {row.protocol for row in judged.protocols} == {"linear", "knn"}
    assert judged.protocols[0].tau == pytest.approx(1.0)
    assert judged.sets == ["reference", "line2"]
    assert len(judged.words or []) == len(judged.sentences)


def test_random_trains_nothing_and_has_no_speed(judged: verdict.Verdict) -> None:
    (row,) = [row for row in judged.costs if row.model == "random"]
    assert row.minutes == 0.0
    assert row.images_per_second is None


def test_forest_turns_every_pair_towards_the_bet(judged: verdict.Verdict) -> None:
    bet = judged.bet.model
    values = {row["model"]: row["value"] for row in judged.values if row["dataset"] == "line2"}
    for row in figures.differences(judged, "line2"):
        assert row["difference"] == pytest.approx(values[row["model"]] - values[bet])
        assert row["lo"] <= row["difference"] <= row["hi"]


def test_page_is_one_file_with_the_sentence(study: Path, judged: verdict.Verdict) -> None:
    text = page.write(study, lang="ja").read_text()
    assert '<html lang="ja"' in text
    assert "を推奨します" in text or "推奨" in text
    english = page.write(study).read_text()
    assert (judged.words or [])[0].replace(" %", "\u00a0%") in english
    body = english[: english.index('<script type="application/json"')]
    assert "http://" not in body
    assert "https://" not in body


def test_payload_cannot_leave_its_element() -> None:
    assert json.loads(html.embed_json({"a": "</script><!--\u2028", "b": float("nan")})) == {
        "a": "</script><!--\u2028",
        "b": None,
    }
    assert "<" not in html.embed_json(["</script>"])


def test_errors_say_what_to_do(study: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="margin = -1: wanted 0 or more"):
        verdict.build(study, margin=-1)
    with pytest.raises(ValueError, match="no predictions with the protocol 'linaer'; there are"):
        verdict.build(study, margin=1.0, protocol="linaer")
    with pytest.raises(ValueError, match=r"cannot read .*verdict\.json"):
        page.write(tmp_path)
    frame = pd.DataFrame({"dataset": ["a", "b"], "role": ["shift", "shift"]})
    with pytest.raises(ValueError, match="one set with the role 'reference' is needed"):
        verdict.roles_in_order(frame)


@pytest.mark.parametrize("content", [b"no picture", b"", html.PNG_HEAD + b"torn"])
def test_a_picture_that_is_none_is_left_out_of_the_page(study: Path, tmp_path: Path, content: bytes) -> None:
    assert html.png_data_url(study / "views.png").startswith("data:image/png;base64,")
    assert html.png_data_url(tmp_path / "absent.png") is None
    assert html.png_data_url(tmp_path) is None
    (tmp_path / "views.png").write_bytes(content)
    assert html.png_data_url(tmp_path / "views.png") is None


def test_report_imports_no_torch() -> None:
    code = "import sys, kogen.reporting.study.page, kogen.reporting.study.verdict; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_study_is_judged_from_its_tables_alone(study: Path, tmp_path: Path) -> None:
    for name in ("predictions.parquet", "study.toml"):
        shutil.copy(study / name, tmp_path / name)
    for content in (None, "{", "[]"):  # an old verdict, damaged or not, does not matter
        if content:
            (tmp_path / "verdict.json").write_text(content)
        found = verdict.build(tmp_path, margin=1.0)
        assert page.write(tmp_path).stat().st_size > 100_000
    whole = verdict.build(study, margin=1.0)
    assert found.pairs == whole.pairs
    assert found.lottery == whole.lottery
    assert found.order == whole.order


def test_the_order_of_the_runs_in_the_table_does_not_move_the_tables(study: Path, tmp_path: Path) -> None:
    rows = pd.read_parquet(study / "predictions.parquet")
    write_table(tmp_path / "predictions.parquet", rows.iloc[::-1], "predictions")
    back, whole = verdict.build(tmp_path, margin=1.0), verdict.build(study, margin=1.0)
    assert (back.values, back.pairs, back.ranks) == (whole.values, whole.pairs, whole.ranks)
    assert back.methods == whole.methods
