"""The verdict: honest sentences from tables, the same in both languages, and JSON that a machine can read."""

import json
import shutil
import string
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from studies import MODELS, make_study

from kogen.common.contracts import to_plain
from kogen.common.tables import write_table
from kogen.common.text import LANGUAGES
from kogen.reporting import charts, html
from kogen.reporting.study import page, verdict
from kogen.reporting.words import clean, format_number, load_templates, say


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
    folder = Path(verdict.__file__).parents[2]
    source = "".join(path.read_text() for path in folder.rglob("*") if path.suffix in (".py", ".j2"))
    made = ("do_bet_", "alarm_", "role_", "worth_", "published_", "price_", "gloss_", "ask_", "catch_clusters_")
    made += ("l_", "rule_", "what_", "subset_", "pick_", "metric_", "verdict_", "kind_", "sure_ahead_", "sure_open_")
    made += ("excluded_", "read_", "name_of_", "unit_", "difference_in_", "reason_", "worst_", "gallery_", "h_recall_")
    made += ("col_", "threshold_", "ranking_", "choice_", "by_", "layers_", "eco_no_", "eco_not_two", "eco_one_class")
    made += ("eco_onnx_", "eco_unknown_runs", "eco_worth_", "axis_m", "part_", "fate_", "anomaly_highest_")
    made += ("anomaly_lowest_", "operation_", "advice_", "views_", "pool_aspect_", "pool_verdict_")
    unused = [key for key in load_templates("en") if f'"{key}"' not in source and f"'{key}'" not in source]
    assert [key for key in unused if not key.startswith(made)] == []


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
    assert judged.order["reference"][0] == judged.judgement.leader
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


def test_page_is_one_file_with_the_sentence(study: Path, judged: verdict.Verdict) -> None:
    text = page.write(study, lang="ja").read_text()
    assert '<html lang="ja"' in text
    assert "推奨" in text or "首位は決まりません" in text
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


# each step by itself


def test_sets_and_protocols_are_sorted_and_the_reference_stands_first() -> None:
    frame = pd.DataFrame({"dataset": ["t", "s", "r", "s"], "role": ["transfer", "shift", "reference", "shift"]})
    assert verdict.roles_in_order(frame) == {"r": "reference", "s": "shift", "t": "transfer"}
    with pytest.raises(ValueError, match=r"found .'r', 'q'."):
        verdict.roles_in_order(pd.DataFrame({"dataset": ["r", "q"], "role": "reference"}))
    rows = pd.DataFrame({"protocol": ["knn", "linear", "knn"], "n": [1, 2, 3]})
    parts = verdict.ProtocolRows(rows)
    assert {name: part["n"].tolist() for name, part in parts.items()} == {"knn": [1, 3], "linear": [2]}
    assert len(parts) == 2
    assert "simplex" not in parts
    assert verdict.baselines_last({"a": "byol", "n": "supervised", "r": "random"}) == {"a": False, "n": True, "r": True}


def test_tiers_are_lists_and_a_model_alone_is_one() -> None:
    groups = pd.DataFrame({"dataset": ["s", "s", "s", "t"], "tier": [2, 1, 1, 1], "model": ["c", "a", "b", "x"]})
    values = pd.DataFrame({"dataset": ["u", "s"], "model": ["m", "a"]})
    assert verdict.tier_lists(groups, "s", values) == [["a", "b"], ["c"]]
    assert verdict.tier_lists(groups, "u", values) == [["m"]]
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x", None]})
    assert verdict.rows_of(frame) == [{"a": 1.0, "b": "x"}, {"a": None, "b": None}]
