"""The page in a real browser: it draws, asks nothing of the network, and fits phone, desk and paper."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import pytest
from studies import make_study

import kogen
from kogen.reporting import charts
from kogen.reporting.study import page, verdict

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the page is not opened")

DRAWN = (  # every figure that is not folded away
    "[...document.querySelectorAll('.plot')].every((plot) => "
    "plot.closest('details:not([open])') || plot.querySelector('svg.main-svg'))"
)
FOREST = "document.querySelector('#decision .ytick text')"
HOSTILE = {
    "<script>alert(1)</script>": 0.8,
    "</script><img src=x onerror=alert(2)>": 0.7,
    "../../etc/passwd": 0.6,
    "two\nlines": 0.5,
    "%{y} <b>bold</b> &amp; ${1}": 0.4,
    "long " * 2_000: 0.3,
    "random": -0.5,
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running Chromium; the tests skip, and say so, where there is none."""
    path = browser.find()
    if path is None:
        pytest.skip("no Chromium found (playwright's, or one on the PATH): the page is not opened")
    with playwright.sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=list(browser.FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = make_study(tmp_path_factory.mktemp("plain") / "study", n=150, seeds=2, collapsed="simclr")
    verdict.build(study, margin=1.0)
    return page.write(study)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sets = {"</script><script>alert(3)</script>": "reference", "<b>line\n2</b>": "shift"}
    study = make_study(tmp_path_factory.mktemp("hostile") / "study", HOSTILE, sets, n=60, seeds=1, epochs=3)
    (study / "study.toml").write_text('source = "</pre><script>alert(4)</script>"\n#' + "x" * 30_000)
    verdict.build(study, margin=1.0)
    return page.write(study)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = {f"candidate_{i:02d}": 0.8 - 0.04 * i for i in range(18)} | {"supervised": 0.5, "random": -0.6}
    sets = {"reference": "reference"} | {f"line{i} night shift": "shift" for i in range(2, 8)}
    study = make_study(tmp_path_factory.mktemp("crowded") / "study", models, sets, n=60, seeds=1, protocols=("linear",))
    verdict.build(study, margin=1.0)
    return page.write(study)


def visit(chromium: Any, path: Path, width: int, scheme: str = "light") -> tuple[Any, list[str], list[str]]:
    """The page opened, what the console complained of, and every address it asked for beyond the file itself."""
    tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.set_default_timeout(180_000)  # a machine with much else to do
    complaints, requests = [], []
    tab.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("dialog", lambda dialog: (complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(path.as_uri())
    tab.wait_for_function(DRAWN)
    outside = [url for url in requests if not url.startswith(("data:", "blob:", path.as_uri()))]
    return tab, complaints, outside


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
@pytest.mark.parametrize("which", ["plain", "hostile", "crowded"])
def test_page_draws_in_silence(
    chromium: Any, which: str, width: int, scheme: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(which)
    tab, complaints, outside = visit(chromium, path, width, scheme)
    assert complaints == []
    assert outside == []
    assert tab.locator("h1").is_visible()
    assert re.search(r"\d\.\d\s%", tab.locator(".decision").inner_text())
    room = 900 if width > 1000 else 2 * 844
    last = tab.evaluate("document.querySelector('.decision').getBoundingClientRect().bottom")
    assert which == "hostile" or last <= room * (1.3 if which == "crowded" else 1)  # one screen, or two of a phone
    for folded in tab.locator("details").all():
        folded.locator("summary").first.click()
    tab.wait_for_function(DRAWN)
    plots = tab.locator(".plot").all()
    assert len(plots) >= 4  # the decision, values, sets, losses, RankMe
    for plot in plots:
        box = plot.locator("svg.main-svg").first.bounding_box()
        assert box["width"] > 60
        assert box["height"] > 60
        assert plot.get_attribute("aria-label")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.close()


def test_figures_take_the_colours_of_the_theme(chromium: Any, plain: Path) -> None:
    inks = {}
    for scheme in ("light", "dark"):
        tab, _, _ = visit(chromium, plain, 1280, scheme)
        inks[scheme] = tab.evaluate(f"getComputedStyle({FOREST}).fill")
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == rgb(charts.load_look()["palette"][scheme]["paper"])
        tab.close()
    assert inks == {scheme: rgb(charts.load_look()["palette"][scheme]["ink"]) for scheme in inks}


def test_figures_follow_a_theme_that_changes(chromium: Any, plain: Path) -> None:
    tab, complaints, _ = visit(chromium, plain, 1280)
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_function(
        f"ink => getComputedStyle({FOREST}).fill === ink",
        arg=rgb(charts.load_look()["palette"]["dark"]["ink"]),
    )
    assert complaints == []
    tab.close()


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


def test_names_are_text_and_nothing_else(chromium: Any, hostile: Path) -> None:
    tab, complaints, _ = visit(chromium, hostile, 1280)
    assert complaints == []
    shown = tab.locator("#decision .ytick text").all_text_contents()
    assert any("<" in text for text in shown)  # the letters themselves, not an element
    assert tab.locator("img[src=x]").count() == 0
    assert tab.locator(".plot b").count() == 0
    assert max(len(word) for word in tab.locator("th").all_inner_texts()) < 90
    assert tab.evaluate("document.querySelector('pre').textContent").startswith('source = "</pre><script>alert(4)')
    tab.close()


@pytest.mark.parametrize(("which", "scheme", "most"), [("plain", "dark", 4), ("crowded", "light", 6)])
def test_paper_takes_few_pages(
    chromium: Any, which: str, scheme: str, most: int, request: pytest.FixtureRequest
) -> None:
    tab, complaints, _ = visit(chromium, request.getfixturevalue(which), 1280, scheme)
    paper = tab.pdf(prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= most
    assert complaints == []
    assert tab.evaluate("document.documentElement.classList.contains('printing')") is False
    tab.close()


def test_paper_is_light_and_figures_fit_it(chromium: Any, plain: Path) -> None:
    tab, _, _ = visit(chromium, plain, 1280, "dark")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    light = charts.load_look()["palette"]["light"]
    assert tab.evaluate(f"getComputedStyle({FOREST}).fill") == rgb(light["ink"])
    assert tab.locator("#decision svg.main-svg").first.bounding_box()["width"] <= 182 * 96 / 25.4 + 1
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    dark = charts.load_look()["palette"]["dark"]
    assert tab.evaluate(f"getComputedStyle({FOREST}).fill") == rgb(dark["ink"])
    tab.close()


# what the template is given, without drawing the page


def test_the_template_is_given_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {"byol": 0.8, "net": 0.3, "random": -0.6}
    study = make_study(
        tmp_path / "s", models, {"reference": "reference"}, n=40, seeds=1, epochs=2, protocols=("linear",)
    )
    judged = verdict.build(study, margin=1.0)
    found: list[Any] = []
    monkeypatch.setattr(page, "write_page", lambda *args, **shown: found.append((args, shown)))
    assert page.write(study) == study / "report.html"
    (place, template, lang, figures), shown = found[0]
    assert (place, template, lang) == (study / "report.html", "page.html.j2", "en")
    assert (shown["trained"], shown["plan"]["backbone"], shown["plan"]["image_size"]) == (
        ["byol", "net"],
        "resnet18",
        64,
    )
    assert shown["tier"] == {(m, "reference"): i for i, tier in enumerate(judged.tiers["reference"], 1) for m in tier}
    assert shown["cells"]["byol", "reference"]["model"] == "byol"
    assert shown["places"]["byol", "reference"]["model"] == "byol"
    assert shown["asked"].startswith("# what was asked")
    assert shown["views"].startswith("data:image/png;base64,")
    assert {row["name"] for row in shown["data"]["sets"]} >= {"reference"}
    assert {"loss-0", "loss-1", "rank", "values", "decision"} <= set(figures)
    assert "labels" not in figures
    assert figures["loss-0"]["data"][0]["line"]["color"].endswith("accent") == (judged.judgement.leader == "byol")
    (study / "data.json").unlink()
    page.write(study)
    assert found[1][1]["data"] == {"sets": []}


def test_trainings_of_a_model_have_their_seeds(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", {"byol": 0.8, "random": 0.1}, n=8, seeds=2, epochs=1, protocols=("linear",))
    runs = page.read_runs(study)
    found = page.read_training(runs)
    assert list(found) == ["byol"]
    assert sorted(found["byol"]["seed"].unique()) == [0, 1]


def test_the_caption_of_the_protocols_names_the_metric_that_decides(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", {"byol": 0.8, "random": -0.5}, n=40, seeds=1, epochs=1)
    kogen.report(study)
    assert "Accuracy in % on the test images. Kendall" in (study / "report.html").read_text()
    kogen.report(study, metric="macro_f1")
    page = (study / "report.html").read_text()
    assert "macro F1 on the test images. Kendall" in page
    assert "Accuracy in % on the test images. Kendall" not in page
