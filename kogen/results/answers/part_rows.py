"""Rows of parts: answers learnt from part of the labels, or by a network of part of the images, which nothing ranks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kogen.common.protocols import is_budget, is_share
from kogen.results.lottery_summary import Note
from kogen.results.model_names import is_blank
from kogen.results.questions import flag


@dataclass(frozen=True)
class PartColumns:
    """Columns that say of which part a row is; the first is empty in rows of the whole."""

    names: tuple[str, ...]
    is_known: Callable[[str], bool]  # whether a cell of the first is one of kogen's
    note: str  # a key of words.toml
    of: str  # what every row is of part of, in an error


BUDGETS = ("budget", "draw")  # part of the labels that an answer was learnt from, and which draw of it
POOL = "pool"  # part of the images that the network was pre-trained on
KINDS = (
    PartColumns(BUDGETS, is_budget, "read_budgets", "was learnt from part of the labels"),
    PartColumns((POOL,), is_share, "read_pools", "is of a network that was pre-trained on part of the images"),
)
PARTS = (*BUDGETS, POOL)


def choose_rows(frame: Any, kept: Any) -> Any:
    """The rows of a frame that are kept (N,) bool; where all are, the frame itself, without a copy."""
    return frame if bool(kept.all()) else frame[kept]


def part_columns(heads: Sequence[Any]) -> set[str]:
    """The columns of a table that say of which part its rows are, if they mean that."""
    return {name for kind in KINDS if {*kind.names} <= {*heads} for name in kind.names}


def leave_out_parts(
    frame: pd.DataFrame, there: set[str], where: Mapping[str, str], extra: Sequence[str]
) -> tuple[pd.DataFrame, np.ndarray, list[Note], set[str]]:
    """The frame without these columns, its rows of the whole (N,) bool, what is to be said, and foreign columns.

    A column in `where` chooses the rows of a part instead. Columns of another meaning than kogen's are foreign; they
    stay where they are asked for (`extra`). ValueError where no row is of the whole.
    """
    kept, notes, foreign = np.ones(len(frame), dtype=bool), list[Note](), set[str]()
    for kind in [kind for kind in KINDS if {*kind.names} <= there & {*frame}]:
        first = kind.names[0]
        blank = is_blank(frame[first])
        written: Any = frame[first][~blank]
        if not all(map(kind.is_known, set(map(str, written)))):
            foreign |= {*kind.names}
            frame = frame.drop(columns=[name for name in kind.names if name not in extra])
            continue
        if first not in where:
            if len(blank) and not blank.any():
                one = " and ".join(f"{name}={frame.iloc[0][name]}" for name in kind.names)
                raise ValueError(f"every row {kind.of}: choose one with {flag('where')}, such as {one}")
            kept &= blank
            notes += [Note(kind.note, {"n": int((~blank).sum())})] if not blank.all() else []
        frame = frame.drop(columns=list(kind.names))
    return frame, kept, notes, foreign
