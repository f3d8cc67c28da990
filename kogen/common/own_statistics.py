"""Statistics of a user's own: functions of a study's rows, whose tables are written beside it and shown on its page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kogen.common.files import write_atomically
from kogen.common.plugins import check_call, find_plugin, unknown_name
from kogen.common.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 30  # of a table that the page shows
WANTED = "a function of the rows (a pandas frame) that returns a frame"


def check_statistics(names: Sequence[str]) -> None:
    """ValueError for a name that is no statistic of the user's own, and for what cannot be called with one table."""
    for name in names:
        plugin = find_plugin("statistics", name)
        if plugin is None:
            raise ValueError(f"{unknown_name('statistics', name, ['FILE.py:NAME'])} (kogen's own are always computed)")
        check_call(f"the statistic {name!r}", plugin.thing, ["rows"], WANTED)


def table_of(study: Path, name: str) -> Path:
    """The file of a statistic's table in a study."""
    return study / f"own_{name}.parquet"


def write_statistics(study: Path, names: Sequence[str]) -> None:
    """Compute statistics of STUDY/predictions.parquet, each into own_NAME.parquet. ValueError for what is no frame."""
    import pandas as pd

    check_statistics(names)
    rows = read_table(study / "predictions.parquet") if names else None
    for name in names:
        plugin = find_plugin("statistics", name)
        assert plugin is not None
        assert rows is not None
        table = plugin.thing(rows.copy())
        if not isinstance(table, pd.DataFrame) or not len(table.columns):
            raise ValueError(f"the statistic {name!r} returned a {type(table).__name__}: wanted {WANTED}")
        try:
            flat = table.reset_index(drop=isinstance(table.index, pd.RangeIndex))
            flat.columns = [str(column) for column in flat.columns]
            write_atomically(table_of(study, name), flat.to_parquet)
        except (ValueError, TypeError) as error:  # names that are there twice, cells of several types
            raise ValueError(f"the table of the statistic {name!r} cannot be stored ({error}): make it flat") from error


def shown_statistics(study: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """For the page: of each statistic its name, columns, first rows as texts, and the number of rows left out."""
    found = []
    for name in names:
        table: pd.DataFrame = read_table(table_of(study, name))
        cells = [[cell_text(value) for value in row] for row in table.head(MAX_ROWS).itertuples(index=False)]
        more = max(len(table) - MAX_ROWS, 0)
        found.append({"name": name, "columns": list(table.columns), "rows": cells, "more": more})
    return found


def cell_text(value: Any) -> str:
    """A cell as people read it; what is missing is a dash."""
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "–"
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
