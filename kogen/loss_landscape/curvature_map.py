"""Map of the ends of the Hessian's spectrum over a plane through weights (Li et al. 2018, arXiv 1712.09913, 6)."""

import copy
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from kogen.common.tensors import load_tensors, save_tensors
from kogen.common.threads import serial_threads
from kogen.loss_landscape.grid import Params, ShiftedParameters
from kogen.loss_landscape.hessian import Hessian, differentiable
from kogen.loss_landscape.lanczos import NotFinite, lanczos
from kogen.loss_landscape.objective import Objective
from kogen.loss_landscape.point_log import Coordinates, PointLog, Sharing
from kogen.surface_fit.interpolation import SQUARE, Span, axis

TOLERANCE, LIMIT = 1e-2, 120  # of Lanczos at a point: exact enough for a ratio that is shown as a colour
EIGENVALUE_COLUMNS = ("lambda_min", "lambda_max", "residual_min", "residual_max")  # at a point
Row = list[Coordinates]


def eigenmap(
    loss: Objective, directions: Sequence[Params], steps: int, sharing: Sharing, *, span: Span = SQUARE, seed: int = 0
) -> pd.DataFrame:
    """Smallest and largest eigenvalue of the Hessian of all moving parameters at `steps` x `steps` points.

    Columns: alpha, beta, lambda_min, lambda_max, ratio = |lambda_min / lambda_max|, residual_min, residual_max: an
    eigenvalue lies within its residual. nan where the loss, its gradient or a product is not finite. One direction
    gives a line. The search at the first point of a row starts from a random vector, at each further point (along beta)
    from the eigenvectors of the point before; threads and processes take whole rows. The eigenvectors of each row's
    last point lie in the folder (which has to be given), so that a resumed map equals an undisturbed one bit for bit.
    """
    assert sharing.folder is not None
    settings = {"steps": steps, "tolerance": TOLERANCE, "limit": LIMIT, "seed": seed}
    folder, log = sharing.folder, PointLog(replace(sharing, facts=sharing.facts | settings))
    spans = span if len(directions) > 1 else (span[0], (0.0, 0.0))
    alphas, betas = axis(steps, spans[0]).tolist(), axis(steps if len(directions) > 1 else 1, spans[1]).tolist()
    rows: list[Row] = [[(alpha, beta) for beta in betas] for alpha in alphas]
    places, due = [place for row in rows for place in row], list(range(len(rows)))[log.number :: log.of]
    lock, losses = threading.Lock(), [copy.deepcopy(loss) if number else loss for number in range(sharing.workers)]
    walkers = [(ShiftedParameters(loss.at, directions), one) for one in losses]

    def work(walker: tuple[ShiftedParameters, Objective], mine: Iterator[int]) -> None:
        while True:
            with lock:
                number = next(mine, None)
            if number is None:
                return
            mark = RowCheckpoint(folder / f"row-{number}.safetensors")
            resume_row(walker, rows[number], mark, log, lock, seed)

    with serial_threads(len(walkers)) as pool, differentiable():  # the attention kernel is set for all threads or none
        while due:
            mine = iter(due)
            list(pool.map(work, walkers, [mine] * len(walkers)))
            late = log.wait_for(places)
            due = [number for number, row in enumerate(rows) if late and late[0] in row]
    found = pd.DataFrame([{"alpha": a, "beta": b, **log.known[a, b]} for a, b in places])
    return found[["alpha", "beta", *EIGENVALUE_COLUMNS]].assign(ratio=(found["lambda_min"] / found["lambda_max"]).abs())


class RowCheckpoint:
    """The progress of a row on disk: its last point, the result there, and the eigenvectors the next one starts from.

    It is written before the point is added to the log, so that after a kill one of both has the point.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, number: int, found: dict[str, float], vectors: Tensor | None) -> None:
        """Write the result at point `number` of the row; `vectors` (2, P), None where the loss has no curvature."""
        stored = torch.zeros(0) if vectors is None else vectors.cpu().contiguous()
        facts = {"number": str(number)} | {name: value.hex() for name, value in found.items()}
        save_tensors(self.path, {"vectors": stored}, facts)

    def load(self) -> tuple[int, dict[str, float], Tensor | None]:
        """The number of the row's last point (-1 before the first), the result there, and its eigenvectors."""
        if not self.path.exists():
            return -1, {}, None
        tensors, facts = load_tensors(self.path, "delete it, the row is computed again")
        vectors, number = tensors["vectors"], int(facts.pop("number"))
        return number, {name: float.fromhex(value) for name, value in facts.items()}, vectors if len(vectors) else None


def resume_row(
    walker: tuple[ShiftedParameters, Objective],
    row: Row,
    checkpoint: RowCheckpoint,
    log: PointLog,
    lock: threading.Lock,
    seed: int,
) -> None:
    """Compute the missing points of a row, from its checkpoint on."""
    walk, loss = walker
    number, found, start = checkpoint.load()
    with lock:
        log.read()
        if number >= 0 and row[number] not in log.known:  # killed between checkpoint and log
            log.add(row[number], found)
    known = sum(place in log.known for place in row)
    if known != number + 1:  # the checkpoint was lost, or another process is further: start again
        number, start = -1, None
    for order, place in enumerate(row if known < len(row) else []):
        if order > number:
            found, start = extreme_eigenpairs(loss, walk.shift_to(place), start, seed)
            checkpoint.save(order, found, start)
            with lock:
                if place not in log.known:
                    log.add(place, found)
    checkpoint.path.unlink(missing_ok=True)


def extreme_eigenpairs(
    loss: Objective, params: Params, start: Tensor | None, seed: int
) -> tuple[dict[str, float], Tensor | None]:
    """A point's record and its eigenvectors (2, P), None where the loss has no curvature."""
    rng = torch.Generator().manual_seed(seed)
    try:
        pairs = lanczos(Hessian(loss.weighted_losses(), params), rng, tolerance=TOLERANCE, limit=LIMIT, start=start)
    except NotFinite:
        return dict.fromkeys(EIGENVALUE_COLUMNS, math.nan), None
    record = [*pairs.values.tolist(), *pairs.residuals.tolist()]
    return dict(zip(EIGENVALUE_COLUMNS, record, strict=True)), pairs.vectors
