"""Eigenmap: the ends of the Hessian's spectrum over a plane through weights (Li et al. 2018, arXiv 1712.09913, 6)."""

import copy
import math
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from kogen.common.files import write_atomically
from kogen.common.threads import serial_threads
from kogen.loss_landscape.grid import Params, ShiftedParameters
from kogen.loss_landscape.hessian import Hessian, differentiable
from kogen.loss_landscape.lanczos import NotFinite, lanczos
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.point_log import Coordinates, PointLog
from kogen.surface_fit.interpolation import SQUARE, Span, axis

TOLERANCE, LIMIT = 1e-2, 120  # of Lanczos at a point: a ratio of two eigenvalues is read from a colour
EIGENVALUE_COLUMNS = ("lambda_min", "lambda_max", "residual_min", "residual_max")  # at a point
Row = list[Coordinates]


def eigenmap(
    loss: Objective,
    directions: Sequence[Params],
    steps: int,
    *,
    folder: Path,
    facts: dict[str, Any],
    span: Span = SQUARE,
    seed: int = 0,
    workers: int = 1,
    share: tuple[int, int] = (0, 1),
) -> pd.DataFrame:
    """Smallest and largest eigenvalue on `steps` x `steps` points, over all that moves; one row a point, in order.

    Columns: alpha, beta, lambda_min, lambda_max, ratio = |lambda_min / lambda_max|, residual_min, residual_max: an
    eigenvalue lies within its residual. nan where the loss, its slope or a product is not finite. One direction gives a
    line. Along beta each search begins with the eigenvectors of the point before, each row begins with luck: rows are
    what threads (`workers`) and processes (`share`) take. Every point is in `folder` as soon as it is known and never
    computed again; beside it lie the eigenvectors of each row's last point, so that a resumed map is the undisturbed
    one, bit by bit. Raises ValueError for a folder of other facts.
    """
    spans = span if len(directions) > 1 else (span[0], (0.0, 0.0))
    alphas, betas = axis(steps, spans[0]).tolist(), axis(steps if len(directions) > 1 else 1, spans[1]).tolist()
    rows: list[Row] = [[(alpha, beta) for beta in betas] for alpha in alphas]
    journal = PointLog(folder, {**facts, "steps": steps, "tolerance": TOLERANCE, "limit": LIMIT, "seed": seed}, share)
    places, due = [place for row in rows for place in row], list(range(share[0], len(rows), share[1]))
    lock = threading.Lock()
    walkers = [
        (ShiftedParameters(loss.at, directions), copy.deepcopy(loss) if number else loss) for number in range(workers)
    ]

    def work(walker: tuple[ShiftedParameters, Objective], mine: Iterator[int]) -> None:
        while True:
            with lock:
                number = next(mine, None)
            if number is None:
                return
            mark = RowCheckpoint(folder / f"row-{number}.safetensors")
            resume_row(walker, rows[number], mark, journal, lock, seed)

    with serial_threads(workers) as pool, differentiable():  # the attention kernel is set for all threads or none
        while due:
            mine = iter(due)
            list(pool.map(work, walkers, [mine] * workers))
            late = journal.wait_for(places)
            due = [number for number, row in enumerate(rows) if late and late[0] in row]
    found = pd.DataFrame([{"alpha": a, "beta": b, **journal.known[a, b]} for a, b in places])
    return found[["alpha", "beta", *EIGENVALUE_COLUMNS]].assign(ratio=(found["lambda_min"] / found["lambda_max"]).abs())


class RowCheckpoint:
    """Where a row stands, on disk: its last point, what was found there, and the eigenvectors the next one begins with.

    It is written before the point is entered in the journal, so that after a kill one of both knows the point.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, number: int, found: dict[str, float], vectors: Tensor | None) -> None:
        """Keep the `number`-th point of the row; `vectors` (2, P), none where the loss has no curvature."""
        kept = torch.zeros(0) if vectors is None else vectors.cpu().contiguous()
        said = {"number": str(number)} | {name: value.hex() for name, value in found.items()}
        write_atomically(self.path, lambda place: save_file({"vectors": kept}, place, said))

    def load(self) -> tuple[int, dict[str, float], Tensor | None]:
        """The number of the row's last point, -1 before the first, what was found there, and its eigenvectors."""
        try:
            with safe_open(self.path, framework="pt") as file:
                said, vectors = dict(file.metadata()), file.get_tensor("vectors")
        except FileNotFoundError:
            return -1, {}, None
        number = int(said.pop("number"))
        return number, {name: float.fromhex(value) for name, value in said.items()}, vectors if len(vectors) else None


def resume_row(
    walker: tuple[ShiftedParameters, Objective],
    row: Row,
    checkpoint: RowCheckpoint,
    log: PointLog,
    lock: threading.Lock,
    seed: int,
) -> None:
    """Bring the points of a row that are missing, from where its bookmark lies."""
    walk, loss = walker
    number, found, start = checkpoint.load()
    with lock:
        log.read()
        if number >= 0 and row[number] not in log.known:  # killed between bookmark and journal
            log.add(row[number], found)
    known = sum(place in log.known for place in row)
    if known != number + 1:  # the bookmark was lost, or another process is further: its eigenvectors are made again
        number, start = -1, None
    for order, place in enumerate(row if known < len(row) else []):
        if order > number:
            found, start = extreme_eigenpairs(loss, walk.shift_to(*place[: len(walk.steps)]), start, seed)
            checkpoint.save(order, found, start)
            with lock:
                if place not in log.known:
                    log.add(place, found)
    checkpoint.path.unlink(missing_ok=True)


def extreme_eigenpairs(
    loss: Objective, params: Params, start: Tensor | None, seed: int
) -> tuple[dict[str, float], Tensor | None]:
    """What a point's record says, and its eigenvectors (2, P), none where the loss has no curvature."""
    chance = torch.Generator().manual_seed(seed)
    try:
        pairs = lanczos(Hessian(loss.weighted_losses(), params), chance, tolerance=TOLERANCE, limit=LIMIT, start=start)
    except NotFinite:
        return dict.fromkeys(EIGENVALUE_COLUMNS, math.nan), None
    return dict(
        zip(EIGENVALUE_COLUMNS, [*pairs.values.tolist(), *pairs.residuals.tolist()], strict=True)
    ), pairs.vectors
