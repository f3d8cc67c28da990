"""The landscape's page: drawn surfaces in, an honest page out, which opens in a browser without a word."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pandas as pd
import pytest

from kogen import atlas
from kogen.report import landscape
from kogen.tables import write_table

GRID = np.linspace(-1, 1, 9)


def make_landscape(
    folder: Path,
    models: dict[str, float],
    planes: int = 3,
    seeds: int = 1,
    scores: bool = False,
    objective: str = "pretrain",
    maps: int = 0,
) -> Path:
    """A study with a drawn landscape: each model a bowl of its own steepness, rimmed by a dent, planes a bit apart."""
    rng = np.random.default_rng(0)
    alpha, beta = (place.ravel() for place in np.meshgrid(GRID, GRID, indexing="ij"))
    for model, steep in models.items():
        for seed in range(seeds):
            identity = {"run": f"{model}-{seed}", "model": model, "objective": objective}
            for plane in range(planes):
                own = steep * (1 + 0.1 * rng.standard_normal())
                loss = 1 + np.tanh(own * (alpha**2 + beta**2)) + 0.05 * own * alpha * beta
                rows = pd.DataFrame({"alpha": alpha, "beta": beta, "level": 0, "loss": loss, "loss_se": 0.01})
                rows = rows.assign(images=64, units=64, parts=[[x * (1 + k / 900) for k in range(4)] for x in loss])
                atlas.keep(folder, identity | {"direction": "random", "plane": plane}, rows)
            if maps:
                atlas.keep(folder, identity | {"direction": "random", "plane": 0}, as_map(maps, steep), "eigenmap")
            values = [steep * (1 + k / 50) for k in range(4)]
            read = [{"metric": "lambda_max", "values": values, "error": 0.01, "images": 64}]
            read.append({"metric": "trace", "values": [float("nan")] * 4, "error": 0.1, "images": 64})
            atlas.keep_readings(folder, identity, {"images": 64}, read)
            facts = {"seed": 0, "run_seed": seed, "images": 64, "batch": 16, "unit": "image", "batch_norm": "frozen"}
            atlas.note(
                folder, identity | {"direction": "random"}, facts | {"excluded_share": 0.02, "grid": {"few": 64}}
            )
    if scores:
        rows = [{"model": model, "dataset": "night", "value": 90 - steep} for model, steep in models.items()]
        pd.DataFrame(rows).to_parquet(folder / "accuracy.parquet")
    atlas.finish(folder)
    return folder


def as_map(side: int, steep: float) -> pd.DataFrame:
    """A map whose curvature turns downwards away from the weights, the farther the less steep the bowl."""
    places = np.linspace(-1, 1, side)
    alpha, beta = (place.ravel() for place in np.meshgrid(places, places, indexing="ij"))
    low = -0.3 / steep * (alpha**2 + beta**2)
    found = {"alpha": alpha, "beta": beta, "lambda_min": low, "lambda_max": 1.0, "ratio": -low}
    return pd.DataFrame(found | {"residual_min": 0.01, "residual_max": 0.01})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_landscape(tmp_path_factory.mktemp("plain"), {"mae": 0.6, "rc_mae": 0.5, "supervised": 3.0}, 8, maps=5)
    return landscape.write(folder)


def test_the_page_says_what_is_sure_and_no_more(plain: Path):
    text = plain.read_text()
    assert "<h1>rc_<wbr>mae has the widest basin, ahead of every other model" in text
    assert "Only one plane" not in text
    assert "<title>Landscape · " in text
    assert "Nearly convex, below a tenth: mae 8\u00a0%, rc_mae 6\u00a0% and supervised 72\u00a0% of the plane." in text
    assert "beside the landscape: judge the models" in text
    assert len(text) < 8_000_000
    assert plain.name == "landscape.html"


def test_one_plane_ranks_nothing(tmp_path: Path):
    text = landscape.write(make_landscape(tmp_path, {"mae": 0.6, "supervised": 3.0}, planes=1)).read_text()
    assert "Only one plane was drawn" in text
    assert "Which basin is widest cannot be told" in text


def test_few_models_say_nothing_of_robustness_and_five_do(tmp_path: Path):
    few = landscape.write(make_landscape(tmp_path / "few", {"a": 0.5, "b": 2.0}, scores=True)).read_text()
    assert "Only 2 models have both" in few
    many = {f"m{k}": 0.3 + 0.5 * k for k in range(7)}
    text = landscape.write(make_landscape(tmp_path / "many", many, scores=True)).read_text()
    assert "accuracy: night" in text
    assert "opposed" in text  # the steeper, the less accurate: lambda_max falls as accuracy rises
    assert "rise together" in text


def test_two_objectives_of_one_folder_are_both_shown(tmp_path: Path):
    make_landscape(tmp_path, {"mae": 0.6, "supervised": 3.0}, maps=3, seeds=2)
    text = landscape.write(make_landscape(tmp_path, {"mae": 3.0, "supervised": 0.6}, 1, objective="probe")).read_text()
    own, probe = text.split("<main>")[1].split("<h2>The loss of a linear probe</h2>")
    assert "mae has the widest basin" in text.split("<main>")[0]
    assert "Only one plane was drawn" in probe
    assert "Only one plane was drawn" not in text.split("<main>")[0] + own
    assert "Convexity · The loss each model was trained with" in own
    assert "Convexity · The loss of a linear probe" in probe
    assert "Curvature over the plane" in own
    assert "Curvature over the plane" not in probe
    assert 'href="eigenmap.parquet"' in text


def test_japanese_and_errors(tmp_path: Path):
    folder = make_landscape(tmp_path / "one", {"mae": 0.6})
    text = landscape.write(folder, lang="ja").read_text()
    assert '<html lang="ja"' in text
    assert "mae の重みの周りの損失" in text
    with pytest.raises(ValueError, match="unknown language 'de'"):
        landscape.write(folder, lang="de")
    with pytest.raises(ValueError, match="cannot read"):
        landscape.write(tmp_path / "nothing")
    rows = pd.read_parquet(folder / "surface.parquet").assign(direction="between")
    write_table(folder / "surface.parquet", rows, "surface")
    with pytest.raises(ValueError, match="has no random planes"):
        landscape.write(folder)


def test_a_hole_is_a_hole(tmp_path: Path):
    folder = make_landscape(tmp_path, {"mae": 0.6, "byol": 1.0})
    rows = pd.read_parquet(folder / "surface.parquet")
    rows.loc[(rows["alpha"] > 0.7) & (rows["model"] == "mae"), "loss"] = np.nan
    write_table(folder / "surface.parquet", rows, "surface")
    atlas.finish(folder)
    assert "NaN" not in landscape.write(folder).read_text().split('id="payload">')[1].split("</script>")[0]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser")
    path = browser.find()
    if path is None:
        pytest.skip("no Chromium found (playwright's, or one on the PATH): the page is not opened")
    with playwright.sync_playwright() as play:
        flags = [flag for flag in browser.FLAGS if flag != "--disable-gpu"]
        running = play.chromium.launch(executable_path=path, args=[*flags, "--enable-unsafe-swiftshader"])
        yield running
        running.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_the_page_draws_in_silence(chromium: Any, plain: Path, width: int, scheme: str):
    tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints, requests = [], []
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.set_default_timeout(300_000)  # surfaces are slow where no GPU draws them
    tab.goto(plain.as_uri())
    tab.wait_for_function("[...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('svg.main-svg'))")
    assert complaints == []
    assert all(url.startswith(("data:", "blob:", plain.as_uri())) for url in requests)
    assert tab.locator(".plot").count() == 15  # three models: surface, contours, convexity, curvature, profile
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert "WebGL" not in tab.locator("main").inner_text()
    cells = "document.getElementById('convex-0-1').data[0].z.flat().join()"
    before = tab.evaluate(cells)
    section = tab.locator("section", has=tab.locator("#convex-0-1"))
    section.locator("select[name=variant]").select_option(label="3")
    assert tab.evaluate(cells) != before
    assert tab.locator("#convex-0-1").get_attribute("aria-label") == "Where the loss of rc_mae is convex on plane 3."
    section.locator("select[name=model]").select_option("rc_mae")
    assert [place.is_visible() for place in section.locator(".plot").all()] == [False, True, False]
    assert complaints == []
    tab.close()
