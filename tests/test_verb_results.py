"""Results stay mappings, and have tables, the page's figures, and a face in a notebook that runs nothing."""

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import torch
from PIL import Image
from studies import make_study

import kogen
from kogen.reporting.charts import INK
from kogen.reporting.study import page
from kogen.verb_results import ComparisonResult, Result


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory):
    return kogen.report(make_study(tmp_path_factory.mktemp("results") / "study", n=120, epochs=4))


def test_a_result_is_the_mapping_that_json_holds(verdict):
    assert verdict["words"][0]
    assert isinstance(verdict, dict)
    assert json.loads(json.dumps(verdict)) == json.loads((verdict.folder / "verdict.json").read_text())
    for same in (copy.copy(verdict), pickle.loads(pickle.dumps(verdict))):
        assert same == verdict
        assert same.folder == verdict.folder


def test_tables_are_frames(verdict):
    values = verdict.to_pandas()
    assert values.to_dict("records") == pd.DataFrame(verdict["values"]).to_dict("records")
    assert {"model", "dataset", "value", "lo", "hi"} <= set(values)
    assert len(verdict.to_pandas("predictions")) == 4 * 2 * 3 * 2 * 120  # models, sets, seeds, probes, images
    with pytest.raises(ValueError, match=r"no table 'vaules' in this result: choose one of .*pairs, .*values"):
        verdict.to_pandas("vaules")


def test_figures_are_those_of_the_page(verdict):
    names = page.compose(verdict.folder, "en")[0]
    assert {"decision", "holds", "rank", "loss-0"} <= set(names)
    for name, figure in names.items():
        drawn = verdict.figure(name)
        assert isinstance(drawn, go.Figure)
        plain = drawn.to_json()
        assert json.dumps(INK)[1:-1] not in plain  # every colour is one that plotly knows
        assert len(drawn.data) == len(figure["data"])
        assert drawn.layout.meta == figure["alt"]
    page_text = (verdict.folder / "report.html").read_text(encoding="utf-8")
    x = next(trace["x"] for trace in names["decision"]["data"] if len(trace["x"]) > 1)
    assert json.dumps(x[0]) in page_text
    with pytest.raises(ValueError, match=r"no figure 'decisoin' on this page: choose one of .*decision, .*rank"):
        verdict.figure("decisoin")


def test_a_notebook_shows_sentences_and_lights_escaped(verdict):
    shown = verdict._repr_html_()
    assert shown.count("<li>") == 4
    assert verdict["words"][0].split()[0] in shown
    assert "report.html" in shown
    odd = Result({"words": ["<script>alert(1)</script> & more"]})._repr_html_()
    assert "<script>" not in odd
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in odd


def test_names_of_models_cannot_write_into_a_notebook(tmp_path: Path):
    table = pd.DataFrame(
        {"model": ["<img src=x onerror=alert(1)>", "b", "c"], "a": [90.0, 80, 70], "b": [50.0, 60, 55]}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    judged = kogen.lottery(tmp_path / "t.csv", out=tmp_path / "out", n={"a": 1000, "b": 1000}, reference="a")
    assert "<img" not in judged._repr_html_()
    assert {"value", "model"} <= set(judged.to_pandas())
    assert judged.figure("decision").data
    audited = Result({"runs": [{"id": 1}]})
    assert audited.to_pandas("runs").id.tolist() == [1]
    with pytest.raises(ValueError, match="no figure 'x' on this page: it has none"):
        audited.figure("x")


def test_an_audit_and_a_comparison_have_values(verdict):
    found = kogen.audit(verdict.folder)
    assert found["words"]
    assert len(found.to_pandas()) == len(found["runs"])
    assert found["words"][0][:10] in found._repr_html_()
    row = {"name": "", "old": 90.0, "new": 91.0}
    both = ComparisonResult(
        {"overall": row, "classes": [row | {"name": "ok"}], "verdict": "better", "sentence": "It is."}
    )
    assert both.to_pandas().name.tolist() == ["", "ok"]
    assert "It is." in both._repr_html_()


def test_a_training_returns_the_fitted_network(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 20, 20, 3), dtype=np.uint8)
    run = kogen.pretrain(
        pixels, method="byol", epochs=1, image_size=16, backbone="tiny?width=8", precision="32", out=tmp_path / "run"
    )
    assert run["status"] == "done"
    assert not run.backbone.training
    seen = run.preprocess(pixels[:4])
    assert seen.shape == (4, 3, 16, 16)
    with torch.inference_mode():
        np.testing.assert_allclose(run.backbone(seen).numpy(), run.embed(pixels[:4]), atol=1e-5)
    table = pd.read_parquet(kogen.embed(pixels[:4], model=tmp_path / "run", out=tmp_path / "f.parquet"))
    np.testing.assert_allclose(np.stack(table.features), run.embed(pixels[:4]), atol=1e-6)
    one = [Image.fromarray(pixels[0])]
    np.testing.assert_allclose(run.embed(one), run.embed(pixels[:1]), atol=1e-6)
    assert set(run.to_pandas().epoch) == {0, 1}
    assert "done" in run._repr_html_()
    found = kogen.landscape(
        tmp_path / "run", data=pixels, images=32, batch_size=32, planes=1, steps=5, levels=1, out=tmp_path / "landscape"
    )
    assert {"model", "metric", "value"} <= set(found.to_pandas())
    assert len(found.to_pandas("surface"))
    assert found.figure("contour-0-0").data
    assert "landscape.html" in found._repr_html_()


def test_results_load_no_torch():
    code = "import sys, kogen.verb_results; print('torch' in sys.modules, 'plotly' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
