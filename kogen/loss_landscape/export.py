"""One plane of a surface table as a file: Li et al.'s h5, vtp for ParaView, or npz."""

from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr
from zipfile import ZipFile

import numpy as np
import pandas as pd

from kogen.common.files import write_atomically
from kogen.common.outputs import STAMP
from kogen.common.tables import read_table
from kogen.common.text import hint
from kogen.surface_fit.interpolation import Spline2D
from kogen.surface_fit.multilevel import multilevel_spline


def export_surface(
    study: Path, out: Path, *, run: str = "", objective: str = "", direction: str = "random", plane: int = 0
) -> Path:
    """Write one plane of STUDY/surface.parquet to `out`, in the format of its ending: .h5, .npz or .vtp; returns `out`.

    The losses are on the finest grid, (A, B): from the spline where a finer level was not computed, nan where a loss
    was not finite (vtp: a hole). `run`: an id or a model's name; without it and `objective` the first.
    h5: xcoordinates (A,), ycoordinates (B,), train_loss (B, A), a row for each y, as the code of Li et al. 2018 (arXiv
    1712.09913) fills it. npz: alpha (A,), beta (B,), loss (A, B). Raises ValueError for another ending, a plane that
    is not there, and h5 without h5py.
    """
    kind = out.suffix.removeprefix(".")
    if kind not in WRITERS:
        raise ValueError(f"{out} ends in {out.suffix!r}, wanted one of .h5, .npz, .vtp: {hint(kind, list(WRITERS))}")
    rows: Any = read_table(study / "surface.parquet")
    name = "run" if run in set(rows["run"]) else "model"
    for column, value in ((name, run), ("objective", objective), ("direction", direction), ("plane", plane)):
        known = rows[column].drop_duplicates().tolist()
        value = known[0] if value == "" else value
        if value not in known:
            raise ValueError(f"{study} has no surface with {column} {value!r}; there is {', '.join(map(str, known))}")
        rows = rows[rows[column] == value]
    spline = multilevel_spline(pd.DataFrame(rows[rows["run"] == rows["run"].iloc[0]]))
    content = WRITERS[kind](spline)
    write_atomically(out, lambda place: place.write_bytes(content))
    return out


def as_npz(spline: Spline2D) -> bytes:
    """The arrays of a plane in numpy's own format, no pickle in it."""
    file = BytesIO()
    np.savez_compressed(file, alpha=spline.alpha, beta=spline.beta, loss=spline.values)
    with ZipFile(file, "a") as archive:
        archive.comment = STAMP.encode()
    return file.getvalue()


def as_h5(spline: Spline2D) -> bytes:
    """The keys that Li et al.'s plots read. ValueError where h5py is not installed."""
    try:
        h5py: Any = import_module("h5py")
    except ImportError as error:
        raise ValueError("h5 files need h5py, which is not installed: pip install h5py, or export .npz") from error
    file = BytesIO()
    with h5py.File(file, "w") as content:
        content["xcoordinates"], content["ycoordinates"] = spline.alpha, spline.beta
        content["train_loss"] = spline.values.T  # (B, A)
        content.attrs["writer"] = STAMP
    return file.getvalue()


def as_vtp(spline: Spline2D) -> bytes:
    """A surface for ParaView (VTK XML PolyData): points (alpha, beta, loss), and cells whose corners are known."""
    known = np.isfinite(spline.values)
    number = np.cumsum(known).reshape(known.shape) - 1
    whole = known[:-1, :-1] & known[1:, :-1] & known[1:, 1:] & known[:-1, 1:]
    corners = [number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]]
    cells = np.stack([corner[whole] for corner in corners], axis=1)  # (C, 4)
    alpha, beta = np.meshgrid(spline.alpha, spline.beta, indexing="ij")
    places = np.stack([alpha[known], beta[known], spline.values[known]], axis=1)  # (P, 3)
    points = vtk_array("Float64", "points", places, NumberOfComponents=3)
    ends = vtk_array("Int64", "offsets", 4 * np.arange(1, len(cells) + 1))
    polygons = vtk_array("Int64", "connectivity", cells) + ends
    piece = f'<Piece NumberOfPoints="{len(places)}" NumberOfPolys="{len(cells)}" NumberOfVerts="0" NumberOfLines="0" '
    text = (
        f'<?xml version="1.0"?>\n<!-- {STAMP} -->\n'
        '<VTKFile type="PolyData" version="0.1" byte_order="LittleEndian">\n<PolyData>\n'
        f'{piece}NumberOfStrips="0">\n<PointData Scalars="loss">\n{vtk_array("Float64", "loss", places[:, 2])}'
        "</PointData>\n"
        f"<Points>\n{points}</Points>\n<Polys>\n{polygons}</Polys>\n</Piece>\n</PolyData>\n</VTKFile>\n"
    )
    return text.encode()


def vtk_array(kind: str, name: str, values: np.ndarray, **more: Any) -> str:
    """An array in VTK's XML, every number exact to the last bit."""
    attributes = {"type": kind, "Name": name, "format": "ascii", **more}
    head = " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<DataArray {head}>\n{' '.join(map(repr, values.ravel().tolist()))}\n</DataArray>\n"


WRITERS: dict[str, Callable[[Spline2D], bytes]] = {"h5": as_h5, "npz": as_npz, "vtp": as_vtp}
