"""Tables as csv that a spreadsheet shows and never runs: names come from files that anybody may have written."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from kogen.common.files import write_atomically

# Excel and LibreOffice run what begins with one of these, its wide forms too, also after spaces, quotes and letters
# that are not seen; a line end, a tab or a semicolon inside a name may begin a cell of its own.
FORMULA = re.compile(
    r"""(^|[;\t\r\n])(?=[\s'"`‘’“”«»\x00-\x20\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]*[=+\-@＝＋－＠﹢﹣﹦﹫−])"""
)
EDGE = ("\t", "\r", "\n")  # a cell that begins so is guarded too


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as csv, atomically; text that a spreadsheet would run has an apostrophe before it."""
    write_atomically(path, partial(guard_table(frame).to_csv, index=False))


def guard_table(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with its text and the names of its columns guarded; numbers stay numbers."""
    guarded = frame.copy(deep=False)
    for place, kind in enumerate(frame.dtypes):
        column: Any = frame.iloc[:, place]
        if not pd.api.types.is_numeric_dtype(kind):
            guarded.isetitem(place, column.astype(object).map(guard_cell))
    return guarded.set_axis([guard_cell(name) for name in frame.columns], axis=1)


def guard_cell(value: Any) -> Any:
    """Text with an apostrophe wherever a spreadsheet would begin a formula; anything else as it is."""
    if not isinstance(value, str):
        return value
    text = FORMULA.sub(r"\1'", value)
    return f"'{text}" if text.startswith(EDGE) else text
