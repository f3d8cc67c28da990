"""The page of an audit: in both languages, hostile names disarmed, and in a real browser."""

import dataclasses
import json
from pathlib import Path

import browser
import pytest
from studies import make_study

import kogen
from kogen.reporting.audit.assemble import VERSION, Audit, metric_note, note_of, version_note
from kogen.reporting.audit.comparison import Difference
from kogen.reporting.audit.inventory import RunFacts
from kogen.reporting.audit.page import PRINTED, SHOWN, answer, differences
from kogen.reporting.audit.remarks import Remark, remark, value_text, without_folder
from kogen.reporting.study import verdict

HOSTILE = {"<script>alert(1)</script>": 0.8, "two\nlines": 0.5, "random": -0.5}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("audit") / "study", HOSTILE, n=60, seeds=1, epochs=3)
    verdict.build(folder, margin=1.0)
    return folder


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_page_says_what_the_json_says(study: Path, lang: str) -> None:
    found = kogen.audit(study, lang=lang)
    page = (study / "audit.html").read_text()
    assert found["passed"]
    assert f'<html lang="{lang}"' in page
    assert found["words"][0] in page
    assert "<script>alert" not in page
    assert json.loads((study / "audit.json").read_text()) == found
    assert ("記録なし" if lang == "ja" else "not recorded") in page
    assert all(row["sha256"] in page for row in found["files"])


def test_unknown_language_is_refused(study: Path) -> None:
    with pytest.raises(ValueError, match="unknown language 'jp'"):
        kogen.audit(study, lang="jp")


@pytest.mark.parametrize("width", [375, 1280])
def test_a_browser_shows_it_without_errors_and_without_the_network(study: Path, width: int) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is opened")
    if (path := browser.find()) is None:
        pytest.skip("no Chromium found (playwright's, or one on the PATH): the page is not opened")
    kogen.audit(study)
    errors: list[str] = []
    asked: list[str] = []
    with playwright.sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=list(browser.FLAGS))
        tab = running.new_page(viewport={"width": width, "height": 900})
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        tab.on("request", lambda one: asked.append(one.url))
        tab.goto((study / "audit.html").as_uri())
        assert "is the same as in verdict.json" in tab.inner_text("h1")
        wide = tab.evaluate("document.documentElement.scrollWidth")
        running.close()
    assert errors == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    assert wide <= width


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_nothing_is_cut_on_paper(tmp_path: Path, lang: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is opened")
    if (path := browser.find()) is None:
        pytest.skip("no Chromium found (playwright's, or one on the PATH): the page is not opened")
    folder = make_study(tmp_path / "study", {f"one of many equal models {i}": 0.5 for i in range(8)}, n=60, seeds=1)
    verdict.build(folder, margin=1.0)
    kogen.audit(folder, lang=lang)
    with playwright.sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=list(browser.FLAGS))
        tab = running.new_page(viewport={"width": 688, "height": 900})  # A4 less its margins
        tab.emulate_media(media="print")
        tab.goto((folder / "audit.html").as_uri())
        wide = tab.evaluate("document.documentElement.scrollWidth")
        low = tab.evaluate("[...document.querySelectorAll('pre')].every(one => one.scrollHeight <= one.clientHeight)")
        running.close()
    assert wide <= 688
    assert low


def made(**change: object) -> Audit:
    fields = [f"judgement.{i}" for i in range(3)] + [f"values[{i}]" for i in range(50)]
    known = {"fields": 90, "differing": 60, "problems": [], "passed": False, "versions": {}}
    known |= {"differences": [Difference("verdict.json", name, 1, 2) for name in reversed(fields)]}
    blank = dict.fromkeys(one.name for one in dataclasses.fields(Audit))
    return Audit(**{name: value for name, value in (blank | known | change).items() if name in blank})  # type: ignore[arg-type]


def test_the_answer_is_one_of_four_sentences() -> None:
    assert answer(made(fields=0)) == Remark("audit_none")
    assert answer(made()) == Remark("audit_other", {"n": 60, "fields": 90})
    same = made(differing=0, passed=True)
    assert answer(same) == Remark("audit_same", {"fields": 90, "n": 0})
    assert answer(made(differing=0, problems=[1, 2])) == Remark("audit_same_but", {"fields": 90, "n": 2})


def test_fields_of_the_judgement_stand_first_and_the_rest_is_counted() -> None:
    found = differences(made(), 10)
    assert [one.values["field"] for one in found[:3]] == ["judgement.2", "judgement.1", "judgement.0"]
    assert (len(found), found[-1]) == (11, Remark("audit_more", {"n": 50}))
    assert (PRINTED, SHOWN, len(differences(made(), SHOWN))) == (10, 40, 41)
    few = made(differing=1, differences=[Difference("f", "x", 1, 2)])
    assert differences(few, 10) == [Remark("audit_field", {"file": "f", "field": "x", "was": 1, "now": 2})]


def test_notes_of_metrics_and_versions_and_of_the_sets(tmp_path: Path) -> None:
    asked = {"metric": {"name": "cost", "reason": "asked", "parameters": {"miss": 5, "false_alarm": 1}}}
    assert metric_note(asked, {"metric": None}) == [Remark("audit_metric", {"metric": "cost"})]
    assert metric_note(asked, {"metric": "cost"}) == []
    assert metric_note(asked, {"metric": "auroc"}) == [Remark("audit_metric", {"metric": "cost"})]
    assert metric_note({"metric": {"name": "cost", "reason": "balance"}}, {}) == metric_note({}, {}) == []
    run = RunFacts("r", "m", "m", 0, "done", None, None, None, None, None, None, None, None, {"kogen": "0.0.1"})
    old = dataclasses.replace(run, versions={})
    own = dataclasses.replace(run, versions={"kogen": VERSION})
    assert version_note([own]) == version_note([]) == []
    assert version_note([run, own, old])[0].values == {"versions": "0.0.1, ?", "version": VERSION}
    assert note_of(tmp_path) == ""
    (tmp_path / "data.json").write_text('{"note": "by hand"}')
    assert note_of(tmp_path) == "by hand"


def test_values_of_remarks_are_one_line_of_four_hundred_letters(tmp_path: Path) -> None:
    assert value_text(0.1 + 0.2) == "0.30000000000000004"
    assert len(value_text("x" * 401)) == 400
    assert value_text("x" * 400) == "x" * 400
    assert value_text("a\nb") == "a b"
    shown = without_folder(
        [remark("audit_error", what=f"{tmp_path}/a is bad"), remark("other", what=f"{tmp_path}/a")], tmp_path
    )
    assert [one.values["what"] for one in shown] == ["a is bad", f"{tmp_path}/a"]
