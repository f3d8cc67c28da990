"""The page of an audit: in both languages, hostile names disarmed, and in a real browser."""

import json
from pathlib import Path

import browser
import pytest
from studies import make_study

import kogen
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
