"""Bounds of a table of results: what is larger would take more than minutes, and is refused before the work starts."""

from kogen.statistics.scores_of_sets.pair_counts import count_sampled

MAX_CSV_BYTES = 8 << 30
MAX_TEXT_BYTES = 1 << 30  # of a csv that is read whole, every column as text
MAX_MARKDOWN_BYTES = 1 << 24
MAX_ROWS = 50_000_000  # of a file
MAX_COLUMNS = 10_000
MAX_NAME_LENGTH = 20_000  # letters of a model, set, item ...
MAX_MODELS, MAX_SETS = 200_000, 5_000  # of scores
MAX_CELLS = 2_000_000  # models x sets, of scores
MAX_PAIRS = 300_000_000  # of models x sets, of scores
MAX_IMAGE_MODELS, MAX_IMAGE_SETS = 1_500, 500  # with one row an image
MAX_IMAGE_PAIRS = 1_200_000  # of models x sets, each of which is tested on the images


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
    """ValueError for more models, data sets or pairs on them than are judged; `images`: with one row an image."""
    compared = models if images else count_sampled(models)
    pairs = compared * (compared - 1) // 2 * sets
    found = {
        "models": (models, MAX_IMAGE_MODELS if images else MAX_MODELS),
        "data sets": (sets, MAX_IMAGE_SETS if images else MAX_SETS),
        "models x data sets": (models * sets, MAX_CELLS),
        "pairs of models x data sets": (pairs, MAX_IMAGE_PAIRS if images else MAX_PAIRS),
    }
    for what, (count, most) in found.items():
        if count > most:
            kind = "with one row an image" if images else "of scores"
            raise ValueError(
                f"the table has {count:,} {what}, at most {most:,} are judged {kind}: leave models out, or choose data "
                "sets with sets="
            )
