"""What a landscape has beside losses: read from tables, drawn, and found on the page."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kogen.common.tables import write_table
from kogen.loss_landscape import tables
from kogen.reporting.landscape import beside_loss, page
from kogen.results.landscape_facts import GridFacts, RunFacts, TrainingFacts

GRID = np.linspace(-1, 1, 5)
KNOWN = {"seed": 0, "images": 64, "batch": 16, "unit": "image", "batch_norm": "frozen", "excluded_share": 0.02}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models, a plane each, with accuracy, blocks and a spectrum."""
    alpha, beta = (place.ravel() for place in np.meshgrid(GRID, GRID, indexing="ij"))
    blocks, spectrum = [], []
    for model in ("ant", "bee"):
        identity = {"run": f"{model}-0", "model": model, "objective": "own loss"}
        rows = pd.DataFrame({"alpha": alpha, "beta": beta, "level": 0, "loss": alpha**2 + beta**2, "loss_se": 0.01})
        rows = rows.assign(images=64, units=64, parts=[[x, 1.1 * x] for x in rows["loss"]])
        rows["metrics"] = [{"accuracy": [1 - x / 4, 0.01], "margin": [x, float("nan")]} for x in rows["loss"]]
        tables.write_plane(tmp_path, identity | {"direction": "random", "plane": 0}, rows)
        about = identity | {"block": "layer1.0", "parameters": 1234}
        blocks += [about | {"metric": name, "value": 2.5, "error": 0.5} for name in ("lambda_max", "lambda_min")]
        blocks.append(about | {"metric": "trace", "value": None, "error": None})
        spectrum += [identity | {"draw": 0, "value": x, "weight": 0.25} for x in (0.0, 0.0, 0.0, 8.0)]
        facts = RunFacts(
            **identity, run_seed=None, grid=GridFacts(few=64), training=TrainingFacts("done", True), **KNOWN
        )
        tables.write_facts(tmp_path, facts)
    write_table(tmp_path / "blocks.parquet", pd.DataFrame(blocks), "blocks")
    write_table(tmp_path / "spectrum.parquet", pd.DataFrame(spectrum), "spectrum")
    tables.write_summary(tmp_path)
    return tmp_path


def test_the_page_shows_metrics_blocks_and_the_spectrum(folder: Path):
    text = page.write(folder).read_text()
    drawn = json.loads(text.split('id="payload">')[1].split("</script>")[0])["figures"]
    assert {"metric-0-0", "metric-0-1", "metric-0-0-1", "density-0-0", "density-0-1"} <= set(drawn)
    values = np.array(drawn["metric-0-0"]["data"][0]["z"], float)
    assert np.nanmax(values) == pytest.approx(1, abs=1e-4)
    for words in ("Metrics over the plane", "Density of the spectrum", "layer1.0", "1,234", "2.5 ± 0.5", "<td>–</td>"):
        assert words in text
    assert "metrics.parquet" in text
    japanese = page.write(folder, lang="ja").read_text()
    assert "ネットワークの部分ごとの曲率" in japanese


def test_the_density_has_an_integral_of_one_and_its_bumps_where_the_eigenvalues_are(folder: Path):
    rows = beside_loss.read_beside(folder, "own loss").spectrum["bee"]
    values, density = beside_loss.smooth_spectrum(rows)
    assert np.trapezoid(density, values) == pytest.approx(1, abs=1e-3)
    left = values < 4
    assert np.trapezoid(density[left], values[left]) == pytest.approx(0.75, abs=1e-3)
    one = pd.DataFrame({"draw": [0], "value": [3.0], "weight": [1.0]})  # a Hessian that is a multiple of the identity
    values, density = beside_loss.smooth_spectrum(one)
    assert np.isfinite(density).all()


def test_nothing_is_shown_where_nothing_was_measured(tmp_path: Path):
    found = beside_loss.read_beside(tmp_path, "pretrain")
    assert (found.metrics, found.blocks, found.spectrum) == ({}, {}, {})


def test_a_metric_over_a_line_is_a_curve():
    rows = pd.DataFrame({"alpha": GRID, "beta": 0.0, "level": 0, "images": 8, "loss": GRID**2})
    figure = beside_loss.draw_metric(rows, "ant", "accuracy", "en")
    assert figure["data"][1]["y"] == pytest.approx((GRID**2).tolist(), abs=1e-4)


def test_the_losses_of_trainings_are_curves_and_runs_without_are_left_out():
    known = {"run_seed": 0, "grid": GridFacts(few=64), **KNOWN}
    losses = [[1.0, 2.5], [2.0, 1.5]]
    one = RunFacts("a-0", "a", "pretrain", training=TrainingFacts("done", True, [], losses), **known)
    other = RunFacts("b-0", "b", "pretrain", training=TrainingFacts("done", True), **known)
    figure = beside_loss.draw_training([one, other], "en")
    assert figure is not None
    assert [(line["x"], line["y"]) for line in figure["data"]] == [([1.0, 2.0], [2.5, 1.5])]
    assert beside_loss.draw_training([other], "en") is None
