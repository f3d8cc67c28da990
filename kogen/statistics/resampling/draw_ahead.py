"""Bootstraps of large item matrices, drawn by several processes: numpy draws no faster in several threads."""

from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

from kogen.statistics._item_matrix import ItemMatrix
from kogen.statistics.resampling.bootstrap import draw_deviations, keep_deviations

LONG = 1_000_000_000  # numbers to draw, some seconds' work, from which starting processes pays
HELD = 2  # matrices a process that are drawn or wait for it
IDLE = 5  # seconds


def draw_ahead(matrices: Sequence[ItemMatrix], draws: int, seed: int) -> Iterator[ItemMatrix]:
    """Each matrix in its order; those that take long have their bootstrap drawn by then, as if it were drawn here.

    Each data set has a generator of its own, so which process draws it changes no number. One process a core, no more
    than there are matrices; none for little work. `LOKY_MAX_CPU_COUNT` bounds them.
    """
    work = draws * sum(matrix.cluster_count for matrix in matrices)
    if work < LONG or len(matrices) < 2:
        yield from matrices
        return
    from joblib import Parallel, cpu_count, delayed

    count = min(cpu_count(), len(matrices))
    if count < 2:
        yield from matrices
        return
    how: dict[str, Any] = {"n_jobs": count, "return_as": "generator", "pre_dispatch": HELD * count}
    how |= {"max_nbytes": None, "idle_worker_timeout": IDLE}  # no files; processes that end soon after
    drawn = iter(Parallel(**how)(delayed(draw_deviations)(matrix, draws, seed) for matrix in matrices))
    for matrix in matrices:
        with suppress(BrokenProcessPool):  # one was killed: what is missing is drawn here, the same to the bit
            if (moved := next(drawn, None)) is not None:
                keep_deviations(matrix, seed, moved)
        yield matrix
