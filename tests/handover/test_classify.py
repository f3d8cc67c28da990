"""predict and embed: rows that a spreadsheet shows and never runs, unreadable files named, nothing replaced."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from handover import small_study, write_images

import kogen
from kogen.cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("study")
    kogen.export(small_study(root), head="linear", out=root / "model.safetensors")
    return root / "model.safetensors"


def test_rows_are_safe_and_bad_files_are_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    images = write_images(tmp_path / "imgs", 4, 5)
    (images / "ok" / "0.png").rename(images / "=cmd.png")
    (images / "broken.png").write_bytes(b"\x89PNG nothing")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="1 of 13"):
        kogen.predict(images, model=model)
    main_ok(["predict", str(model), str(images), "--max-bad", "10%"])
    told = capsys.readouterr()
    assert "skipped: broken.png" in told.err
    assert "12 images: bad " in told.err
    found = pd.read_csv(tmp_path / "predictions.csv")
    assert found.path[0] == "'=cmd.png"
    assert list(found.columns) == [
        *("path", "item", "predicted", "probability", "p_bad", "p_odd", "p_ok", "written-by-kogen")
    ]
    np.testing.assert_allclose(found[["p_bad", "p_odd", "p_ok"]].sum(axis=1), 1, atol=1e-5)
    assert (found.probability == found[["p_bad", "p_odd", "p_ok"]].max(axis=1)).all()
    kogen.predict(images, model=model, max_bad=0.1)  # its own file is written anew
    (tmp_path / "predictions.csv").write_text("path,predicted\n")
    with pytest.raises(ValueError, match=r"predictions.csv was not written by kogen"):
        kogen.predict(images, model=model, max_bad=0.1)
    kogen.predict(images, model=model, max_bad=0.1, force=True)


def main_ok(command: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(command)
    assert end.value.code in (0, None)


def test_other_channels_and_nothing_are_said(model: Path, tmp_path: Path):
    colour = write_images(tmp_path / "colour", 1, 5, channels=3)
    with pytest.raises(ValueError, match="has 3 channels, wanted 1: only gray"):
        kogen.predict(colour, model=model, out=tmp_path / "p.csv")
    with pytest.raises(ValueError, match=r"cannot read .*nothing\.safetensors"):
        kogen.predict(colour, model=tmp_path / "nothing.safetensors", out=tmp_path / "p.csv")
    run = next((model.parent / "study" / "runs").iterdir())
    with pytest.raises(ValueError, match="--head tuned: no study has fine-tuned this run"):
        kogen.predict(colour, model=run, head="tuned", out=tmp_path / "p.csv")
    assert not (tmp_path / "p.csv").exists()


def test_features_of_a_run_and_of_its_model_are_the_same(model: Path, tmp_path: Path):
    run = next((model.parent / "study" / "runs").iterdir())
    for place in (run, model):
        kogen.embed(model.parent / "test", model=place, out=tmp_path / "f.parquet")  # the second time: its own file
        table = pd.read_parquet(tmp_path / "f.parquet")
        assert list(table.columns) == ["item", "path", "features"]
        assert (len(table), len(table.features[0]), table.features[0].dtype) == (36, 64, np.float32)
    (tmp_path / "f.parquet").write_bytes(b"PAR1 mine PAR1")
    with pytest.raises(ValueError, match=r"f.parquet was not written by kogen"):
        kogen.embed(model.parent / "test", model=model, out=tmp_path / "f.parquet")
