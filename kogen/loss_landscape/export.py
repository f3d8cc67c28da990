"""One plane or line of a surface table as a file: Li et al.'s h5, vtp for ParaView, or npz."""

from collections.abc import Callable
from dataclasses import dataclass
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
from kogen.loss_landscape.tables import KEYS
from kogen.surface_fit.multilevel import multilevel_spline

ARRAYS = ("alpha", "beta", "train_loss", "xcoordinates", "ycoordinates")  # of npz and h5, which metrics lie beside


@dataclass(frozen=True)
class GridValues:
    """A plane on the finest grid, or a line where beta has one place: values by name, (A, B) each, the loss first."""

    alpha: np.ndarray  # (A,)
    beta: np.ndarray  # (B,)
    values: dict[str, np.ndarray]

    @property
    def is_line(self) -> bool:
        """Whether it is a line along alpha."""
        return len(self.beta) == 1

    def as_array(self, name: str) -> np.ndarray:
        """A value, (A, B), of a line (A,)."""
        return self.values[name][:, 0] if self.is_line else self.values[name]


def export_surface(
    study: Path, out: Path, *, run: str = "", objective: str = "", direction: str = "random", plane: int = 0
) -> Path:
    """Write one plane or line of STUDY/surface.parquet to `out`, by its ending: .h5, .npz or .vtp; returns `out`.

    The losses are on the finest grid, (A, B), of a line between two models (A,): from the spline where a finer level
    was not computed, nan where a loss was not finite (vtp: a hole). Metrics of STUDY/metrics.parquet are written beside
    it under their names. `run`: an id or a model's name; without it and `objective` the first.
    h5: xcoordinates (A,), ycoordinates (B,), train_loss (B, A), a row for each y, as the code of Li et al. 2018 (arXiv
    1712.09913) fills it; of a line xcoordinates and train_loss (A,), as theirs. npz: alpha (A,), beta (B,), loss
    (A, B). Raises ValueError for another ending, a plane that is not there, and h5 without h5py.
    """
    kind = out.suffix.removeprefix(".")
    if kind not in WRITERS:
        raise ValueError(f"{out} ends in {out.suffix!r}, wanted one of .h5, .npz, .vtp: {hint(kind, list(WRITERS))}")
    rows: Any = read_table(study / "surface.parquet")
    if direction == "random" and "random" not in set(rows["direction"]):
        direction = rows["direction"].iloc[0]  # the folder has one kind of planes, and it is another
    name = "run" if run in set(rows["run"]) else "model"
    for column, value in ((name, run), ("objective", objective), ("direction", direction), ("plane", plane)):
        known = rows[column].drop_duplicates().tolist()
        value = known[0] if value == "" else value
        if value not in known:
            raise ValueError(f"{study} has no surface with {column} {value!r}; there is {', '.join(map(str, known))}")
        rows = rows[rows[column] == value]
    rows = pd.DataFrame(rows[rows["run"] == rows["run"].iloc[0]])
    spline = multilevel_spline(rows)
    found = {"loss": spline.values}
    for metric, values in metrics_of_plane(study, rows):
        found[metric] = multilevel_spline(values).on_grid(spline.alpha, spline.beta)
    content = WRITERS[kind](GridValues(spline.alpha, spline.beta, found))
    write_atomically(out, lambda place: place.write_bytes(content))
    return out


def metrics_of_plane(study: Path, rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The metrics measured at the points of a plane, each as a table of points whose `loss` it is."""
    path = study / "metrics.parquet"
    if not path.exists():
        return []
    table: Any = read_table(path)
    for column in KEYS:
        table = table[table[column] == rows[column].iloc[0]]
    return [(str(name), pd.DataFrame(one.rename(columns={"value": "loss"}))) for name, one in table.groupby("metric")]


def as_npz(grid: GridValues) -> bytes:
    """The arrays of a plane in numpy's own format, no pickle in it."""
    file = BytesIO()
    places = {"alpha": grid.alpha} | ({} if grid.is_line else {"beta": grid.beta})
    arrays: dict[str, Any] = places | {name: grid.as_array(name) for name in grid.values}
    np.savez_compressed(file, **arrays)
    with ZipFile(file, "a") as archive:
        archive.comment = STAMP.encode()
    return file.getvalue()


def as_h5(grid: GridValues) -> bytes:
    """The keys that Li et al.'s plots read. ValueError where h5py is not installed."""
    try:
        h5py: Any = import_module("h5py")
    except ImportError as error:
        raise ValueError("h5 files need h5py, which is not installed: pip install h5py, or export .npz") from error
    file = BytesIO()
    with h5py.File(file, "w") as content:
        content["xcoordinates"] = grid.alpha
        if not grid.is_line:
            content["ycoordinates"] = grid.beta
        for name in grid.values:
            content["train_loss" if name == "loss" else name] = grid.as_array(name).T  # (B, A)
        content.attrs["writer"] = STAMP
    return file.getvalue()


def as_vtp(grid: GridValues) -> bytes:
    """A surface for ParaView (VTK XML PolyData): points (alpha, beta, loss), and cells whose corners are known.

    Of a line, its pieces whose ends are known.
    """
    loss = grid.values["loss"]
    known = np.isfinite(loss)
    number = np.cumsum(known).reshape(known.shape) - 1
    if grid.is_line:
        whole, corners = known[:-1] & known[1:], [number[:-1], number[1:]]
    else:
        whole = known[:-1, :-1] & known[1:, :-1] & known[1:, 1:] & known[:-1, 1:]
        corners = [number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]]
    cells = np.stack([corner[whole] for corner in corners], axis=1)  # (C, 4), of a line (C, 2)
    kind = "Lines" if grid.is_line else "Polys"
    alpha, beta = np.meshgrid(grid.alpha, grid.beta, indexing="ij")
    places = np.stack([alpha[known], beta[known], loss[known]], axis=1)  # (P, 3)
    points = vtk_array("Float64", "points", places, NumberOfComponents=3)
    ends = vtk_array("Int64", "offsets", cells.shape[1] * np.arange(1, len(cells) + 1))
    pieces = vtk_array("Int64", "connectivity", cells) + ends
    values = "".join(vtk_array("Float64", name, grid.values[name][known]) for name in grid.values)
    numbers = dict.fromkeys(("Polys", "Verts", "Lines", "Strips"), 0) | {kind: len(cells)}
    counts = " ".join(f'NumberOf{name}="{count}"' for name, count in numbers.items())
    text = (
        f'<?xml version="1.0"?>\n<!-- {STAMP} -->\n'
        '<VTKFile type="PolyData" version="0.1" byte_order="LittleEndian">\n<PolyData>\n'
        f'<Piece NumberOfPoints="{len(places)}" {counts}>\n<PointData Scalars="loss">\n{values}</PointData>\n'
        f"<Points>\n{points}</Points>\n<{kind}>\n{pieces}</{kind}>\n</Piece>\n</PolyData>\n</VTKFile>\n"
    )
    return text.encode()


def vtk_array(kind: str, name: str, values: np.ndarray, **more: Any) -> str:
    """An array in VTK's XML, every number exact to the last bit."""
    attributes = {"type": kind, "Name": name, "format": "ascii", **more}
    head = " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<DataArray {head}>\n{' '.join(map(repr, values.ravel().tolist()))}\n</DataArray>\n"


WRITERS: dict[str, Callable[[GridValues], bytes]] = {"h5": as_h5, "npz": as_npz, "vtp": as_vtp}
