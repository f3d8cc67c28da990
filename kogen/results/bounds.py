"""Bounds of a table of results: what is larger would take more than minutes, and is refused before the work starts."""

MAX_CSV_BYTES = 8 << 30
MAX_ROWS = 50_000_000  # of a file
MAX_NAME_LENGTH = 20_000  # letters of a model, set, item ...
MAX_COLUMNS = 10_000
MAX_MODELS = 200_000  # of scores
MAX_SETS = 5_000
MAX_CELLS = 2_000_000  # models x sets, of scores
MAX_IMAGE_MODELS = 2_000  # where all pairs of models are tested on the images
MAX_IMAGE_CELLS = 20_000  # models x sets, of images


def check_row_count(rows: int, where: str) -> None:
    """ValueError for more rows than are read."""
    if rows > MAX_ROWS:
        raise ValueError(f"{where} has {rows:,} rows, at most {MAX_ROWS:,} are judged at once: split it by data set")


def check_column_count(columns: int) -> None:
    """ValueError for more columns than are looked at."""
    if columns > MAX_COLUMNS:
        raise ValueError(
            f"the table has {columns:,} columns, at most {MAX_COLUMNS:,} are read: write one row a score (model, "
            "dataset, score), or leave columns out"
        )


def check_table_size(models: int, sets: int, *, images: bool) -> None:
    """ValueError for more models, data sets or models x sets than are judged; `images`: with one row an image."""
    most_models, most_cells = (MAX_IMAGE_MODELS, MAX_IMAGE_CELLS) if images else (MAX_MODELS, MAX_CELLS)
    kind = "with one row an image" if images else "of scores"
    cure = "leave models out, or choose data sets with sets="
    if models > most_models:
        raise ValueError(f"the table has {models:,} models, at most {most_models:,} are judged {kind}: {cure}")
    if sets > MAX_SETS:
        raise ValueError(f"the table has {sets:,} data sets, at most {MAX_SETS:,} are judged: {cure}")
    if models * sets > most_cells:
        raise ValueError(
            f"the table has {models:,} models x {sets:,} data sets, at most {most_cells:,} (models x sets) are judged "
            f"{kind}: {cure}"
        )
