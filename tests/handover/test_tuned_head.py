"""A fine-tuned network is exported as its study judged it, and asked which where that is not clear."""

from pathlib import Path

import pytest
from handover import SMALL, small_study, write_images

import kogen
from kogen.handover.export import open_model
from kogen.handover.tuned_head import name_head
from kogen.training import tune

QUICK = {"methods": ("random",), "seeds": 1, "tune_steps": (2, 4), **SMALL}


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Batches and passes of a test's size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "BATCH", 16)
        patch.setattr(tune, "PASS_STEPS", 2)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The run of a study that was fine-tuned in all layers."""
    root = tmp_path_factory.mktemp("tuned")
    train, test = write_images(root / "train", 20, 0), write_images(root / "test", 12, 1)
    kogen.pilot(train, test=str(test), out=root / "study", probes=("linear", "tune:all"), **QUICK)
    return next((root / "study" / "runs").iterdir())


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx"])
def test_the_file_answers_as_the_rows_of_the_study(run, tmp_path, monkeypatch, name):
    if name.endswith("onnx"):
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    fits, real, before = [], tune.fit, sorted(path for path in run.rglob("*"))
    monkeypatch.setattr(tune, "fit", lambda *given: fits.append(given[2].name) or real(*given))
    told = str(kogen.export(run, head="tuned", out=tmp_path / name))
    assert "36 of 36 images of the reference are classified as the study's table says" in told
    assert fits == ["final"]  # what the study tried is not tried again
    assert sorted(path for path in run.rglob("*")) == before  # and nothing is written into it
    card = (tmp_path / "model.md").read_text()
    assert "(tune:all) of 60 labels that its layers learnt from too" in card
    found = open_model(tmp_path / name)
    assert found.origin.head == "tune:all"
    assert found.origin.chosen["validation_images"] == 12


def test_which_layers_is_asked_where_it_is_not_clear(run, tmp_path):
    study = run.parents[1]
    assert [name_head(asked, study) for asked in ("linear", "tuned", "tune:head")] == [
        "linear",
        "tune:all",
        "tune:head",
    ]
    with pytest.raises(
        ValueError, match="--head tuned: no study has fine-tuned this run; say which layers, as --head tune"
    ):
        name_head("tuned", None)
    with pytest.raises(ValueError, match="unknown head 'lin': write linear, tuned, tune:head"):
        name_head("lin", study)
    with pytest.raises(ValueError, match="'tune:two' says no layers to fine-tune"):
        name_head("tune:two", study)
    plain = small_study(tmp_path)
    with pytest.raises(ValueError, match="no study has fine-tuned this run"):
        kogen.export(plain, head="tuned", out=tmp_path / "model.safetensors")
    asked = {"probes": ("linear", "tune:all", "tune:head"), **QUICK}
    kogen.pilot(study.parent / "train", test=str(study.parent / "test"), out=study, **asked)
    with pytest.raises(ValueError, match="fine-tuned tune:all, tune:head; say which layers, as --head tune:all"):
        name_head("tuned", study)
