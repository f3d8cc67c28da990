"""Exports of a plane: read back by their own readers, non-square, with holes; what cannot be exported says so."""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kogen import cli
from kogen.common.tables import write_table
from kogen.loss_landscape.export import export_surface

ALPHA, BETA = np.linspace(-1, 1, 5), np.linspace(-1, 1, 3)


def height(alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    return alpha**2 + 3 * beta


@pytest.fixture
def study(tmp_path: Path) -> Path:
    rows = [
        {
            "alpha": a,
            "beta": b,
            "level": 0,
            "loss": height(a, b) + shift,
            "run": run,
            "plane": plane,
            "model": "m" + run,
        }
        for plane in (0, 1)
        for run, shift in (("one", 0.0), ("two", plane))
        for a in ALPHA
        for b in BETA
    ]
    about = {"objective": "pretrain", "direction": "random", "loss_se": 0.1, "images": 8, "units": 8}
    frame = pd.DataFrame(rows).assign(**about)
    frame["parts"] = [[loss] for loss in frame["loss"]]
    frame.loc[(frame["run"] == "two") & (frame["plane"] == 1) & (frame["alpha"] == 1), "loss"] = np.nan
    write_table(tmp_path / "surface.parquet", frame, "surface")
    return tmp_path


def test_npz_has_a_row_for_each_alpha(study: Path):
    found = np.load(export_surface(study, study / "plane.npz"), allow_pickle=False)
    assert np.array_equal(found["alpha"], ALPHA)
    assert np.array_equal(found["beta"], BETA)
    np.testing.assert_allclose(found["loss"], height(ALPHA[:, None], BETA[None, :]))


def test_h5_is_what_the_plots_of_li_et_al_read(study: Path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(export_surface(study, study / "plane.h5", run="mone"), "r") as file:
        x, y = np.meshgrid(file["xcoordinates"][:], file["ycoordinates"][:])  # as their plot_2D does
        np.testing.assert_allclose(file["train_loss"][:], height(x, y))


@pytest.mark.parametrize(("plane", "points", "cells"), [(0, 15, 8), (1, 12, 6)])
def test_vtp_has_the_known_points_and_cells_between_them(study: Path, plane: int, points: int, cells: int):
    path = export_surface(study, study / "plane.vtp", run="two", plane=plane)
    piece = ElementTree.parse(path).getroot().find("PolyData/Piece")
    assert piece is not None
    assert (piece.get("NumberOfPoints"), piece.get("NumberOfPolys")) == (str(points), str(cells))
    read = {array.get("Name"): np.array((array.text or "").split(), float) for array in piece.iter("DataArray")}
    places = read["points"].reshape(-1, 3)
    assert len(places) == points
    np.testing.assert_allclose(places[:, 2], height(places[:, 0], places[:, 1]) + plane)
    np.testing.assert_array_equal(read["loss"], places[:, 2])
    assert read["offsets"].tolist() == [4 * n for n in range(1, cells + 1)]
    corners = places[read["connectivity"].astype(int).reshape(-1, 4)][:, :, :2]  # (C, 4, 2)
    after = np.roll(corners, -1, axis=1)
    areas = (corners[..., 0] * after[..., 1] - corners[..., 1] * after[..., 0]).sum(axis=1) / 2
    np.testing.assert_allclose(areas, 0.5)  # each a rectangle, all turned the same way


def test_what_cannot_be_exported_says_so(study: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ValueError, match=r"wanted one of .h5, .npz, .vtp"):
        export_surface(study, study / "plane.png")
    with pytest.raises(ValueError, match="no surface with plane 7; there is 0, 1"):
        export_surface(study, study / "plane.npz", plane=7)
    with pytest.raises(ValueError, match="no surface with model 'three'; there is mone, mtwo"):
        export_surface(study, study / "plane.npz", run="three")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ValueError, match=r"pip install h5py, or export .npz"):
        export_surface(study, study / "plane.h5")
    with pytest.raises(ValueError, match="run the verb that writes it first"):
        export_surface(study / "nowhere", study / "plane.npz")


def test_the_verb_export_writes_a_plane_of_a_landscape(study: Path, monkeypatch: pytest.MonkeyPatch):
    out = study.with_name("plane.npz")
    asked = ["kogen", "export", str(study), "--out", str(out), "--plane", "1", "--run"]
    monkeypatch.setattr(sys, "argv", [*asked, "two"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert np.isnan(np.load(out, allow_pickle=False)["loss"]).sum() == 3
    monkeypatch.setattr(sys, "argv", [*asked, "three"])
    with pytest.raises(SystemExit, match="no surface with model 'three'; there is"):
        cli.main()


def test_a_line_is_written_as_a_line(tmp_path: Path):
    """A line between two models has one place of beta: one axis, as the 1-D plots of Li et al. have it."""
    study, rows = tmp_path / "study", [{"alpha": a, "beta": 0.0, "level": 0, "loss": float(a**2)} for a in ALPHA]
    about = {"run": "one", "model": "mone", "plane": 0, "objective": "own", "direction": "between"}
    frame = pd.DataFrame(rows).assign(**about, loss_se=0.1, images=8, units=8)
    frame["parts"] = [[loss] for loss in frame["loss"]]
    frame.loc[1, "loss"] = np.nan
    study.mkdir()
    write_table(study / "surface.parquet", frame, "surface")
    metrics = frame[["alpha", "beta", "level", "images", "units", *about]]
    write_table(study / "metrics.parquet", metrics.assign(metric="accuracy", value=ALPHA, value_se=0.1), "metrics")
    wanted = np.where(np.arange(5) == 1, np.nan, ALPHA**2)
    with np.load(export_surface(study, tmp_path / "line.npz")) as found:  # the one kind of directions there is
        assert set(found) == {"alpha", "loss", "accuracy"}
        np.testing.assert_array_equal(found["loss"], wanted)
        np.testing.assert_allclose(found["accuracy"], ALPHA, atol=1e-12)
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(export_surface(study, tmp_path / "line.h5"), "r") as file:
        assert set(file) == {"xcoordinates", "train_loss", "accuracy"}
        np.testing.assert_array_equal(file["train_loss"][:], wanted)
    piece = ElementTree.parse(export_surface(study, tmp_path / "line.vtp")).getroot().find(".//Piece")
    assert piece is not None
    assert (piece.get("NumberOfLines"), piece.get("NumberOfPolys"), piece.get("NumberOfPoints")) == ("2", "0", "4")
    joined = piece.find("./Lines/DataArray[@Name='connectivity']")
    assert joined is not None
    assert str(joined.text).split() == ["1", "2", "2", "3"]  # the first point stands alone beside the hole
