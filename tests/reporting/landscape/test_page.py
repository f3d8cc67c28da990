"""The landscape's page: drawn surfaces in, an honest page out, which opens in a browser without a word."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from kogen.common.alarms import Alarm, AlarmKind
from kogen.common.contracts import from_plain, to_plain
from kogen.common.tables import write_table
from kogen.loss_landscape import tables
from kogen.reporting.landscape import page
from kogen.reporting.landscape.figures import format_short
from kogen.reporting.landscape.page import write
from kogen.reporting.words import say
from kogen.results.landscape_facts import GridFacts, LandscapeFacts, PlaneFacts, RunFacts, TrainingFacts
from kogen.results.landscape_judgement import Finding, GainClaim

GRID = np.linspace(-1, 1, 9)
HOW = {"seed": 0, "images": 64, "batch": 16, "unit": "image", "batch_norm": "frozen", "excluded_share": 0.02}
DONE = TrainingFacts("done", trained=True)
TURN = PlaneFacts("trajectory", share=[0.85, 0.1], residual=[0.1, 0.4, 0.9], lengths=[15.0, 4.0])
TURN = replace(TURN, positions=[[-0.9, -0.9], [-0.5, 0.8], [-0.1, 0.3]])
SHARP = PlaneFacts("sharpest", eigenvalues=[12.3, 4.56], residuals=[0.1, 0.2], converged=True, products=40)
ENDS = PlaneFacts("between", positions=[[0.0, 0.0], [1.0, 0.0]], span=[[-0.25, 1.25], [0, 0]], distance=7.0)
THREE = replace(ENDS, positions=[*ENDS.positions, [0.5, 0.8]], span=[[-0.25, 1.25], [-0.2, 1.0]])


def write_facts(folder: Path, identity: dict[str, Any], run_seed: int, **known: Any) -> None:
    """The facts of a run on disk, as the landscape writes them."""
    known = {"training": DONE, "loss": "the same" if identity["objective"] == "probe" else identity["model"]} | known
    facts = RunFacts(**identity, run_seed=run_seed, grid=GridFacts(few=64), **HOW | known)
    tables.write_facts(folder, facts)


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
                tables.upsert_rows(folder, identity | {"direction": "random", "plane": plane}, rows)
            if maps:
                tables.upsert_rows(
                    folder, identity | {"direction": "random", "plane": 0}, as_map(maps, steep), "eigenmap"
                )
            values = [steep * (1 + k / 50) for k in range(4)]
            read = [{"metric": "lambda_max", "values": values, "error": 0.01, "images": 64}]
            read.append({"metric": "trace", "values": [float("nan")] * 4, "error": 0.1, "images": 64})
            tables.write_curvature(folder, "readings", identity, {"images": 64}, read)
            write_facts(folder, identity | {"direction": "random"}, seed)
    if scores:
        rows = [{"model": model, "dataset": "night", "value": 90 - steep} for model, steep in models.items()]
        pd.DataFrame(rows).to_parquet(folder / "values.parquet")
    tables.write_summary(folder)
    return folder


def test_the_page_says_what_has_a_loss_of_its_own(tmp_path: Path):
    make_landscape(tmp_path, {"simclr": 1.0, "byol": 2.0})
    identity = {"run": "simclr-0", "model": "simclr", "objective": "pretrain", "direction": "random"}
    grid = GridFacts(few=19, unit="group")
    tables.write_facts(tmp_path, RunFacts(**identity, run_seed=0, grid=grid, **HOW | {"unit": "batch"}, training=DONE))
    tables.write_summary(tmp_path)
    write(tmp_path)
    text = (tmp_path / "landscape.html").read_text()
    cell = "each batch<small>batches of 16 of images embedded once, an eighth of the images left out in turn</small>"
    assert f"<td>{cell}</td>" in text
    assert "<td>each image</td>" in text
    assert say("ja", "l_unit_group", batch=16).startswith("一度だけ埋め込んだ画像から作る 16 枚のバッチ")


def add_plane(
    folder: Path, facts: PlaneFacts, model: str = "mae", seed: int = 0, through: tuple[str, ...] = (), **own: Any
) -> Path:
    """One more plane of a run, of the kind that the facts say: a hill 4 alpha (1 - alpha) between the first two."""
    span = facts.span or [[-1, 1], [-1, 1]]
    places = [np.linspace(low, high, 9) if low < high else np.zeros(1) for low, high in span]
    alpha, beta = (place.ravel() for place in np.meshgrid(*places, indexing="ij"))
    parts = np.stack([1 + 0.5 * alpha + hill * 4 * alpha * (1 - alpha) + beta**2 for hill in HILLS], axis=1)
    rows = pd.DataFrame({"alpha": alpha, "beta": beta, "level": 0, "loss": parts.mean(axis=1), "loss_se": 0.01})
    identity = {"run": f"{model}-{seed}", "model": model, "objective": "pretrain", "direction": facts.kind}
    rows = rows.assign(images=64, units=64, parts=parts.tolist())
    tables.upsert_rows(folder, identity | {"plane": 0}, rows)
    write_facts(folder, identity, seed, planes=[facts], through=list(through), **own)
    return folder


def page_of(folder: Path, lang: str = "en") -> Path:
    """The page of what was added to a folder."""
    tables.write_summary(folder)
    return write(folder, lang=lang)


HILLS = (0.9, 1.2, 1.0, 0.9)  # of each part of the images


def drawn(page: Path) -> dict[str, Any]:
    """The figures of a page."""
    return json.loads(page.read_text().split('id="payload">')[1].split("</script>")[0])["figures"]


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
    return write(folder)


def test_the_page_says_what_is_sure_and_no_more(plain: Path):
    text = plain.read_text()
    assert "<h1>rc_<wbr>mae has the widest basin, wider than each of the other models" in text
    assert "Pairs of models: 3. Different in width: 3; level within 0.05: 0; cannot be told: 0." in text
    assert "random planes, the same for all, and on this many runs of each model: 1." in text
    assert "Each model was trained once" in text
    assert (
        "widths are shares" not in text.lower() or "Each model is shown under the loss that it was trained with" in text
    )
    assert "<title>Landscape · " in text
    assert "Nearly convex, below a tenth: mae 8\u00a0%, rc_mae 6\u00a0% and supervised 72\u00a0% of the plane." in text
    assert "beside the landscape: judge the models" in text
    assert "<h2>What does a wide basin buy?</h2>" not in text
    assert len(text) < 8_000_000
    assert plain.name == "landscape.html"


def test_one_plane_ranks_nothing(tmp_path: Path):
    text = write(make_landscape(tmp_path, {"mae": 0.6, "supervised": 3.0}, planes=1)).read_text()
    assert "<h1>Which basin is widest cannot be known from one plane.</h1>" in text
    assert "Draw eight planes (--planes 8)" in text
    assert "<h2>Who is wider?</h2>" not in text
    assert "has the widest" not in text


def test_few_models_say_nothing_of_robustness_and_five_do(tmp_path: Path):
    few = write(make_landscape(tmp_path / "few", {"a": 0.5, "b": 2.0}, scores=True)).read_text()
    assert "Models that may be ranked and have a score: 2; from fewer than 5 nothing can be said" in few
    many = {f"m{k}": 0.3 + 0.5 * k for k in range(7)}
    text = write(make_landscape(tmp_path / "many", many, scores=True)).read_text()
    assert "accuracy: night" in text
    assert "rise together" in text  # the less steep, the wider and the more accurate
    assert "<h2>What does a wide basin buy?</h2>" in text
    assert "Over 7 models, width rises with 1 of 1 scores, falls with 0, and 0 cannot be told." in text
    assert '<th scope="row">λ max</th>' not in text.split("Does flatness")[1]  # of seven losses, in seven units


def test_two_objectives_of_one_folder_are_both_shown(tmp_path: Path):
    make_landscape(tmp_path, {"mae": 0.6, "supervised": 3.0}, maps=3, seeds=2)
    text = write(make_landscape(tmp_path, {"mae": 3.0, "supervised": 0.6}, 1, objective="probe")).read_text()
    first, rest = text.split("<main>")[1].split("<h2>Appendix</h2>")
    assert "mae has the widest basin" in first
    assert "<h2>Is it the loss or the training?</h2>" in first
    assert "Under the same loss for all: Which basin is widest cannot be known from one plane." in first
    assert "Convexity · The loss each model was trained with" in rest
    assert "Convexity · The loss of a linear probe" in rest
    assert rest.count("Curvature over the plane") == 1
    assert 'href="eigenmap.parquet"' in text


def test_japanese_and_errors(tmp_path: Path):
    folder = make_landscape(tmp_path / "one", {"mae": 0.6})
    text = write(folder, lang="ja").read_text()
    assert '<html lang="ja"' in text
    assert "<h1>比較はできません。順位を付けられるのは mae だけです。</h1>" in text
    with pytest.raises(ValueError, match="unknown language 'de'"):
        write(folder, lang="de")
    with pytest.raises(ValueError, match="cannot read"):
        write(tmp_path / "nothing")
    rows = pd.read_parquet(folder / "surface.parquet").assign(direction="between")
    write_table(folder / "surface.parquet", rows, "surface")  # and nothing is known of them: the command was stopped
    with pytest.raises(ValueError, match="has no finished plane: run the same `kogen landscape` again"):
        write(folder)


def test_a_training_is_shown_where_nothing_else_was_drawn(tmp_path: Path):
    page = page_of(add_plane(tmp_path, TURN))
    text = page.read_text()
    assert "<h1>The loss along the training of mae.</h1>" in text
    assert "cannot rank models" in text.split("<h2>")[0]
    assert "leaves out 10.0 % at least and 40.0 % in the median" in text
    assert "Random walks show high shares too (Antognini" in text
    assert "has the widest" not in text
    assert 'href="surface.parquet"' in text
    assert "geometry.parquet" not in text
    assert "Does flatness" not in text
    figures = drawn(page)
    assert set(figures) == {"trajectory-0-0", "trajectory-0-0-1"}
    path = figures["trajectory-0-0"]["data"][-1]
    assert (path["x"], path["y"]) == ([-0.9, -0.5, -0.1, 0.0], [-0.9, 0.8, 0.3, 0.0])
    assert path["hovertext"][1:] == [
        "checkpoint 2: 40.0 % of its distance outside the plane",
        "checkpoint 3: 90.0 % of its distance outside the plane",
        "trained weights",
    ]
    axes = figures["trajectory-0-0"]["layout"]
    assert axes["xaxis"]["title"]["text"] == "α: 85.0 % of squared distance"
    assert axes["yaxis"]["title"]["text"] == "β: 10.0 % of squared distance"
    assert {one["type"] for one in figures["trajectory-0-0-1"]["data"]} == {"surface", "scatter3d"}
    japanese = write(tmp_path, lang="ja").read_text()
    assert "<h1>mae の学習の経路に沿った損失。</h1>" in japanese
    assert "最小 10.0 %、中央値 40.0 %" in japanese


def test_sharpest_directions_say_their_curvature_and_whether_it_is_sure(tmp_path: Path):
    add_plane(tmp_path, SHARP)
    tables.write_curvature(
        tmp_path, "readings", {"run": "mae-0", "model": "mae", "objective": "pretrain"}, {"images": 64}, [READING]
    )
    page = page_of(add_plane(tmp_path, replace(SHARP, converged=False), seed=1))
    text, figure = page.read_text(), drawn(page)["sharpest-0-0"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "α: λ = 12.3 ± 0.1"
    assert figure["layout"]["yaxis"]["title"]["text"] == "β: λ = 4.56 ± 0.2"
    assert "<h3>mae 0</h3>" in text
    assert "<h1>The loss along the two sharpest directions of mae 0 and mae 1.</h1>" in text
    assert text.count("Lanczos converged, after 40 products") == text.count("Lanczos stopped after 40 products") == 1
    assert "The curvature at the trained weights, with 95 % intervals" in text  # readings without random planes
    assert "random planes with 95 %" not in text
    assert "no random planes" not in text.split("<h2>")[0]
    assert 'href="geometry.parquet"' in text


READING = {"metric": "lambda_max", "values": [12.0, 12.5, 12.2, 12.4], "error": 0.01, "images": 64}


def test_two_models_have_a_profile_and_its_barrier(tmp_path: Path):
    page = page_of(add_plane(tmp_path, ENDS, through=("mae 0", "mae 1")))
    assert "<h1>The loss between mae 0 and mae 1.</h1>" in page.read_text()
    half = float(student.isf(0.025, 3)) * np.std(HILLS, ddof=1) / 2  # the mean of the parts' own barriers
    assert f"Barrier between mae 0 and mae 1: 1 ({1 - half:.3g} to {1 + half:.3g})." in page.read_text()
    figure = drawn(page)["between-0-0"]
    assert not any(one["type"] == "contour" for one in figure["data"])
    ends, barrier = figure["data"][1], figure["data"][2]
    assert (ends["x"], ends["y"]) == ([0, 1], [1.0, 1.5])
    assert (barrier["x"], barrier["y"]) == ([0.5, 0.5], [1.25, 2.25])
    assert [one["text"] for one in figure["layout"]["annotations"]] == ["mae 0", "mae 1"]


def test_three_models_lie_on_a_plane_with_its_own_span(tmp_path: Path):
    page = page_of(add_plane(tmp_path, THREE, through=("mae 0", "mae 1", "<b>byol</b> 2")))
    figure = drawn(page)["between-0-0"]
    assert figure["layout"]["xaxis"]["range"] == [-0.25, 1.25]
    assert figure["layout"]["yaxis"]["range"] == [-0.2, 1.0]
    marks = figure["data"][-1]
    assert (marks["x"], marks["y"]) == ([0.0, 1.0, 0.5], [0.0, 0.0, 0.8])
    assert marks["hovertext"] == ["mae 0", "mae 1", "&lt;b&gt;byol&lt;/b&gt; 2"]
    assert page.read_text().count("Barrier between") == 3
    assert "Barrier between mae 0 and mae 1: 1 (" in page.read_text()
    assert "Barrier between mae 0 and &lt;b&gt;byol&lt;/b&gt; 2: 0.09 (" in page.read_text()  # .36 t (1 - t)


def test_one_part_of_images_has_no_interval_and_a_hole_no_barrier(tmp_path: Path):
    tables.write_summary(add_plane(tmp_path, ENDS, through=("mae 0", "mae 1")))
    rows = pd.read_parquet(tmp_path / "surface.parquet")
    write_table(tmp_path / "surface.parquet", rows.assign(parts=[[loss] for loss in rows["loss"]]), "surface")
    assert "Barrier between mae 0 and mae 1: 1." in write(tmp_path).read_text()
    rows.loc[rows["alpha"].between(0.4, 0.6), "loss"] = np.nan
    rows["parts"] = [
        [np.nan] * 4 if np.isnan(loss) else part for loss, part in zip(rows["loss"], rows["parts"], strict=True)
    ]
    write_table(tmp_path / "surface.parquet", rows, "surface")
    page = write(tmp_path)
    assert "Barrier between mae 0 and mae 1: –." in page.read_text()
    assert "NaN" not in json.dumps(drawn(page))


def test_all_kinds_on_one_page_list_a_run_once_and_keep_to_sixteen_scenes(tmp_path: Path):
    make_landscape(tmp_path, {f"m{k}": 0.3 + 0.5 * k for k in range(9)}, planes=1)
    for k in range(9):
        add_plane(tmp_path, TURN, model=f"m{k}")
    page = page_of(add_plane(tmp_path, SHARP, model="m0", images=96))
    text = page.read_text()
    assert "Which basin is widest cannot be known from one plane" in text.split("<h2>")[0]
    assert "<summary>Path of the training · " in text
    assert "<summary>The two sharpest directions · " in text
    assert text.count("<td>m0-0</td>") == 1
    assert "<td>96" not in text  # of the sharpest directions; random planes come first
    scenes = [place for place, figure in drawn(page).items() if "scene" in figure["layout"]]
    assert len(scenes) == 16
    assert {place.split("-")[0] for place in scenes} == {"solid", "trajectory"}


def test_a_map_over_the_plane_of_a_training_is_one_more_view(tmp_path: Path):
    identity = {"run": "mae-0", "model": "mae", "objective": "pretrain", "direction": "trajectory", "plane": 0}
    tables.upsert_rows(tmp_path, identity, as_map(5, 1.0), "eigenmap")
    figures = drawn(page_of(add_plane(tmp_path, TURN)))
    assert set(figures) == {"trajectory-0-0", "trajectory-0-0-1", "trajectory-0-0-2"}
    assert [one["type"] for one in figures["trajectory-0-0-2"]["data"]] == ["heatmap", "contour", "scatter"]


def test_a_hole_is_a_hole(tmp_path: Path):
    folder = make_landscape(tmp_path, {"mae": 0.6, "byol": 1.0})
    rows = pd.read_parquet(folder / "surface.parquet")
    rows.loc[(rows["alpha"] > 0.7) & (rows["model"] == "mae"), "loss"] = np.nan
    write_table(folder / "surface.parquet", rows, "surface")
    tables.write_summary(folder)
    assert "NaN" not in write(folder).read_text().split('id="payload">')[1].split("</script>")[0]


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


def unfold(tab: Any) -> None:
    """Open what is folded."""
    folded = tab.locator("details:not([open]) > summary")
    for _ in range(folded.count()):  # what was opened is no longer among them
        folded.first.click()
    assert not folded.count()


def wait_for_figures(tab: Any) -> None:
    for place in tab.locator(".plot").all():
        place.locator("svg.main-svg").first.wait_for(state="attached")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_chosen_planes_draw_in_silence(chromium: Any, tmp_path: Path, width: int, scheme: str):
    for seed in (0, 1):
        add_plane(tmp_path, TURN, seed=seed)
    add_plane(tmp_path, ENDS, through=("mae 0", "a model with a name that is quite long"))
    page = page_of(add_plane(tmp_path, THREE, model="byol", through=("byol 0", "mae 1", "mae 2")))
    tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints = []
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.set_default_timeout(300_000)
    tab.goto(page.as_uri())
    tab.wait_for_function("[...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('svg.main-svg'))")
    assert tab.locator(".plot").count() == 4
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    section = tab.locator("section", has=tab.locator("#trajectory-0-0"))
    section.locator("select[name=model]").select_option("mae 1")
    assert [place.is_visible() for place in section.locator(".plot").all()] == [False, True]
    section.locator("select[name=variant]").select_option(label="Surfaces")
    tab.wait_for_function("document.querySelector('#trajectory-0-1 canvas')")
    assert tab.evaluate("document.getElementById('trajectory-0-1').data.map((one) => one.type).join()") == (
        "surface,scatter3d,scatter3d"
    )
    section.locator("select[name=variant]").select_option(label="Contours")
    assert tab.evaluate("document.getElementById('trajectory-0-1').data[0].type") == "contour"
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    tab.close()


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_the_page_draws_in_silence(chromium: Any, plain: Path, width: int, scheme: str):
    tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints, requests = [], []
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.set_default_timeout(300_000)  # surfaces are slow where no GPU draws them
    tab.goto(plain.as_uri())
    unfold(tab)
    wait_for_figures(tab)
    assert complaints == []
    assert all(url.startswith(("data:", "blob:", plain.as_uri())) for url in requests)
    # three models: surface, contours, convexity, curvature; the widths and the profiles of all
    assert tab.locator(".plot").count() == 14
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


def test_facts_that_are_not_known_yet_are_ignored_and_missing_ones_are_named(tmp_path: Path):
    folder = make_landscape(tmp_path, {"mae": 0.6})
    facts = json.loads((folder / "landscape.json").read_text())
    assert to_plain(from_plain(LandscapeFacts, facts, "here")) == facts
    run = facts["runs"][0]
    del run["direction"], run["through"], run["planes"]  # as older files
    assert from_plain(LandscapeFacts, facts | {"more": 1}, "here").runs[0].direction == "random"
    del run["excluded_share"]
    (folder / "landscape.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"landscape\.json does not hold what is wanted, at 'runs\.0\.excluded_share'"):
        write(folder)


def test_terms_of_a_loss_are_named(tmp_path: Path):
    text = write(make_landscape(tmp_path, {"mae": 0.6}, objective="pretrain-pixels")).read_text()
    assert "</strong> terms0 · The loss each model was trained with: pixels</p>" in text.replace(
        tmp_path.name, "terms0"
    )
    assert " · own</p>" in write(make_landscape(tmp_path / "b", {"mae": 0.6}, objective="own")).read_text()


COLLAPSED = TrainingFacts("done", trained=True, alarms=[Alarm(AlarmKind.RANK, 2, "RankMe fell")])


def retrain(folder: Path, training: TrainingFacts | None, model: str, objective: str = "pretrain") -> None:
    """Write the facts of a model's first run again, with another training."""
    identity = {"run": f"{model}-0", "model": model, "objective": objective, "direction": "random"}
    write_facts(folder, identity, 0, training=training)


def test_a_collapsed_network_is_drawn_and_never_ranked(tmp_path: Path):
    """With the lowest steepness `dead` has the widest bowl of all: the case that once won a landscape."""
    make_landscape(tmp_path, {"dead": 0.2, "mae": 0.6, "supervised": 3.0}, 8)
    assert "<h1>dead has the widest basin" in page_of(tmp_path).read_text()
    retrain(tmp_path, COLLAPSED, "dead")
    page = page_of(tmp_path)
    text = page.read_text()
    first = text.split("<main>")[1].split("<h2>")[0]
    assert "<h1>mae has the widest basin" in first
    assert "Drawn, but not ranked: dead. The features collapsed in training" in first
    assert "features collapsed (epoch 2)" in text
    figures = drawn(page)
    assert [one["text"] for one in figures["widths-0"]["layout"]["annotations"]] == ["not ranked: features collapsed"]
    assert figures["widths-0"]["layout"]["yaxis"]["ticktext"] == ["mae", "supervised", "dead"]
    assert {"solid-0-0", "contour-0-0"} <= set(figures)  # it is drawn
    assert [one["line"]["dash"] for one in figures["q-wider"]["data"] if "dash" in one["line"]].count("dot") == 1
    pairs = json.loads((tmp_path / "landscape.json").read_text())["pairs"]
    assert not [row for row in pairs if "dead" in (row["first"], row["second"])]
    japanese = write(tmp_path, lang="ja").read_text()
    assert "描画のみで順位は付けません：dead。学習中に特徴が崩壊しました。" in japanese


def test_the_same_with_an_untrained_network_and_nobody_left(tmp_path: Path):
    make_landscape(tmp_path, {"random": 0.2, "mae": 0.6}, 4)
    retrain(tmp_path, TrainingFacts("done", trained=False), "random")
    retrain(tmp_path, COLLAPSED, "mae")
    text = page_of(tmp_path).read_text()
    assert "<h1>These landscapes say nothing about which model is better" in text
    assert "untrained weights lie in no basin" in text
    assert "Not shown: who is wider. These landscapes say nothing" in text
    assert "has the widest" not in text


def test_a_run_that_is_not_finite_is_named_and_left_out(tmp_path: Path):
    make_landscape(tmp_path, {"mae": 0.6, "nan": 1.0, "supervised": 3.0}, 4)
    rows = pd.read_parquet(tmp_path / "surface.parquet")
    rows.loc[rows["model"] == "nan", "loss"] = np.nan
    rows["parts"] = [
        [np.nan] * 4 if np.isnan(loss) else part for loss, part in zip(rows["loss"], rows["parts"], strict=True)
    ]
    write_table(tmp_path / "surface.parquet", rows, "surface")
    for readings in (True, False):
        if not readings:
            for file in tmp_path.glob("landscape/*/*.readings.json"):
                file.unlink()
        page = page_of(tmp_path)
        text = page.read_text()
        assert "<h1>mae has the widest basin" in text
        assert "Left out: nan. The loss is no finite number at the weights" in text
        assert len([place for place in drawn(page) if place.startswith("contour-")]) == 2
    only = tmp_path / "only"
    make_landscape(only, {"nan": 1.0}, 2)
    write_table(only / "surface.parquet", rows[rows["model"] == "nan"].assign(run="nan-0"), "surface")
    assert "Left out: nan." in page_of(only).read_text()


def test_a_folder_of_an_older_version_ranks_nobody_and_says_what_to_do(tmp_path: Path):
    make_landscape(tmp_path, {"mae": 0.6, "supervised": 3.0}, 4)
    old = json.loads((tmp_path / "landscape.json").read_text())
    del old["standings"]
    for run in old["runs"]:
        del run["training"], run["loss"]
    (tmp_path / "landscape.json").write_text(json.dumps(old))
    text = write(tmp_path).read_text()
    assert "Nothing is recorded of its training" in text
    assert "Run the same kogen landscape again" in text
    assert "has the widest" not in text


def test_each_surface_has_its_own_scale_and_one_loss_a_common_one(tmp_path: Path):
    make_landscape(tmp_path, {"mae": 0.6, "supervised": 3.0}, 2, objective="probe")
    page = page_of(tmp_path)
    figures, text = drawn(page), page.read_text()
    ranges = [figures[f"solid-0-{place}"]["layout"]["scene"]["zaxis"]["range"] for place in (0, 1)]
    assert ranges[0] != ranges[1]
    common = [figures[f"solid-0-{place}-1"]["layout"]["scene"]["zaxis"]["range"] for place in (0, 1)]
    assert common[0] == common[1]
    for low, top in ranges:
        assert f"Scale: {format_short(low)} to {format_short(top)}, in units of its loss." in text
    assert figures["solid-0-0"]["layout"]["scene"]["zaxis"]["title"]["text"] == "loss rise"
    assert text.count('<svg class="still"') == 2
    make_landscape(tmp_path / "own", {"mae": 0.6, "supervised": 3.0}, 2)
    own = page_of(tmp_path / "own")
    assert "solid-0-0-1" not in drawn(own)  # two losses, two units: no common scale
    assert "loss: mae" in own.read_text()


def test_letters_in_figures_are_12_pixels_and_more(plain: Path):
    def sizes(node: Any) -> Iterator[float]:
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("font", "tickfont") and "size" in value:
                    yield value["size"]
                yield from sizes(value)
        elif isinstance(node, list):
            for value in node:
                yield from sizes(value)

    assert min(sizes(list(drawn(plain).values()))) >= 12


def test_paper_has_the_surfaces_all_of_the_tables_and_at_most_four_pages(chromium: Any, plain: Path, tmp_path: Path):
    tab = chromium.new_page(viewport={"width": 1280, "height": 800})
    tab.set_default_timeout(300_000)
    tab.goto(plain.as_uri())
    tab.locator("#widths-0 svg.main-svg").first.wait_for(state="attached")
    assert tab.evaluate("document.querySelector('.decision').getBoundingClientRect().bottom") <= 800
    unfold(tab)
    widths = tab.evaluate("[...document.querySelectorAll('.scroll')].map((one) => [one.scrollWidth, one.clientWidth])")
    assert all(inside <= outside for inside, outside in widths)  # no table is clipped
    tab.reload()
    content = tab.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True, print_background=True)
    assert 1 <= content.count(b"/Type /Page\n") <= 4
    tab.emulate_media(media="print")
    stills = tab.locator("svg.still").all()
    assert len(stills) == 3
    for still in stills:
        box = still.bounding_box()
        assert box is not None
        assert box["width"] > 100
        assert box["height"] > 80
    tab.close()
    tab = chromium.new_page(viewport={"width": 390, "height": 844})
    tab.set_default_timeout(300_000)
    tab.goto(plain.as_uri())
    tab.locator("#widths-0 svg.main-svg").first.wait_for(state="attached")
    assert tab.evaluate("document.querySelector('.decision').getBoundingClientRect().bottom") <= 2 * 844
    tab.close()


# what the template is given, without drawing the page


@pytest.fixture(scope="module")
def two_losses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models under their own loss and under the same one for all, two planes each."""
    folder = make_landscape(tmp_path_factory.mktemp("both"), {"mae": 0.6, "net": 3.0}, 2)
    return make_landscape(folder, {"mae": 0.6, "net": 3.0}, 2, objective="probe")


def given(folder: Path, monkeypatch: pytest.MonkeyPatch, lang: str = "en") -> tuple[dict[str, Any], dict[str, Any]]:
    """What `write` hands to the template, and the figures."""
    found: list[Any] = []
    monkeypatch.setattr(page, "write_page", lambda *args, **shown: found.append((args, shown)))
    assert write(folder, lang=lang) == folder / "landscape.html"
    (place, template, language, figures), shown = found[0]
    assert (place, template, language) == (folder / "landscape.html", "landscape.html.j2", lang)
    return shown, figures


def test_the_template_is_given_all_parts_in_their_order(two_losses: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, figures = given(two_losses, monkeypatch)
    assert [part.objective for part in shown["parts"]] == ["pretrain", "probe"]
    assert (shown["name"], shown["many"], len(shown["guide"])) == (two_losses.name, False, 10)
    assert shown["files"] == ["surface.parquet", "geometry.parquet", "landscape.json"]
    assert [one["name"] for one in shown["questions"]] == ["wider", "loss"]
    assert shown["questions"][1]["said"][1].startswith("Under the same loss for all: ")
    assert [len(one) for one in shown["stills"]] == [2, 2]
    assert all(shown["claims"])
    assert shown["absent"] == [say("en", "l_flat_none"), say("en", "l_absent_map")]
    places = {"q-wider", "q-loss", "widths-0", "widths-1"}
    places |= {f"{kind}-{n}-{place}" for kind in ("solid", "contour", "convex") for n in (0, 1) for place in (0, 1)}
    places |= {f"convex-{n}-{place}-1" for n in (0, 1) for place in (0, 1)}
    places |= {"solid-1-0-1", "solid-1-1-1"}  # of one loss, the common scale too
    assert set(figures) == places
    assert shown["scale"](shown["parts"][0].landscapes["mae"]).startswith("Scale: ")
    japanese, _ = given(two_losses, monkeypatch, "ja")
    assert japanese["questions"][1]["said"][1].startswith(say("ja", "l_loss_under") + "mae")


def test_what_is_absent_is_said_and_nothing_else(two_losses: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, probe = given(two_losses, monkeypatch)[0]["parts"]
    facts = LandscapeFacts([], [], [], [])
    asked = [{"name": name} for name in ("wider", "loss", "gain")]
    mapped = replace(own, maps={"mae": [pd.DataFrame()]})
    assert page.absent_texts([mapped, probe], facts, asked, "en") == []
    bare = replace(mapped, cells={})
    assert page.absent_texts([bare], facts, asked, "en") == [say("en", "l_absent_curvature")]
    assert page.absent_texts([bare, probe], facts, asked, "en") == []
    some = page.absent_texts([mapped, probe], facts, [], "en")
    assert some[0].startswith("Not shown: who is wider. mae has ")
    assert some[1:] == [say("en", "l_absent_loss_ranked"), say("en", "l_flat_none")]
    assert page.absent_texts([mapped], facts, asked[::2], "en") == [say("en", "l_absent_loss")]
    assert page.absent_texts([mapped, replace(own, objective="pretrain-a")], facts, asked[::2], "en") == [
        say("en", "l_absent_loss")
    ]
    few = replace(facts, flatness=[{"n": 3}, {"n": 4}])
    assert page.absent_texts([mapped], few, asked[:2], "en") == [say("en", "l_flat_few", n=4)]
    nothing = replace(mapped, landscapes={})
    assert page.absent_texts([nothing], facts, [], "en") == [say("en", "l_absent_random")]


def test_own_and_shared_losses_are_compared_from_two_ranked_models_on(
    two_losses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, probe = given(two_losses, monkeypatch)[0]["parts"]
    found = page.own_and_probe([own, probe])
    assert found is not None
    assert [one.objective for one in found] == ["pretrain", "probe"]
    less = replace(probe, judged=replace(probe.judged, ranked=["mae"]))
    for parts in (
        [own],
        [probe],
        [own, less],
        [own, replace(probe, landscapes={})],
        [replace(own, landscapes={}), probe],
    ):
        assert page.own_and_probe(parts) is None


def test_more_than_eight_models_are_many_and_eight_surfaces_can_be_turned(
    two_losses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own, _) = given(two_losses, monkeypatch)[0]["parts"]
    one = own.landscapes["mae"]
    one = replace(one, splines=[[one.shown_plane]])
    nine = replace(own, landscapes={f"m{i}": one for i in range(9)}, maps={"m8": []})
    drawn = page.draw_part(3, nine, "en")
    assert [f"solid-3-{i}" in drawn for i in range(9)] == [True] * 8 + [False]
    assert "contour-3-8" in drawn
    assert len(page.draw_stills(nine, "en")) == 8
    assert page.draw_part(0, replace(own, landscapes={}), "en") == {}
    monkeypatch.setattr(page.parts, "read_part", lambda *_: replace(own, cells={(f"m{i}", "x"): {} for i in range(6)}))
    assert given(two_losses, monkeypatch)[0]["many"] is False  # mae, net and six more
    monkeypatch.setattr(page.parts, "read_part", lambda *_: replace(own, cells={(f"m{i}", "x"): {} for i in range(7)}))
    assert given(two_losses, monkeypatch)[0]["many"] is True


def test_shares_that_are_nearly_convex_are_those_of_ranked_models(
    two_losses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own, _) = given(two_losses, monkeypatch)[0]["parts"]
    assert page.near_convex_text(own, "en") == ""
    cells = {("mae", "near_convex"): {"value": 0.704}, ("net", "near_convex"): {"value": None}}
    part = replace(own, cells={**cells, ("lost", "near_convex"): {"value": 0.5}})
    assert page.near_convex_text(part, "en") == "Nearly convex, below a tenth: mae 70\u00a0% of the plane."
    assert page.objective_title("pretrain-a-b", "en").endswith(": a, b")
    assert page.objective_title("other-a", "en") == "other-a"
    assert (page.variant_id("map-0-1", 0), page.variant_id("map-0-1", 2)) == ("map-0-1", "map-0-1-2")


def test_width_has_scores_to_go_with_only_where_they_were_computed(
    two_losses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own, _) = given(two_losses, monkeypatch)[0]["parts"]
    facts, gain = LandscapeFacts([], [], [], []), GainClaim("pretrain", "width", Finding.UNDECIDED, 6, 1, 0, 2)
    row = {"metric": "width", "score": "s", "tau": 0.5, "tau_lo": 0.1, "tau_hi": 0.9, "verdict": "together"}
    rows = [row, row | {"score": "t", "tau": None}, row | {"metric": "convex", "score": "u"}]
    part = replace(own, judged=replace(own.judged, gain=gain), flatness=rows)
    (_, asked) = page.ask_questions([part], facts, "en")
    assert (asked["name"], asked["hint"]) == ("gain", say("en", "l_c_gain"))
    assert asked["figure"]["layout"]["yaxis"]["ticktext"] == ["s"]
    assert [one["name"] for one in page.ask_questions([replace(part, flatness=rows[1:])], facts, "en")] == ["wider"]
    assert [one["name"] for one in page.ask_questions([replace(own, flatness=rows)], facts, "en")] == ["wider"]
