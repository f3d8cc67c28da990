"""Bounds: what would take more than minutes is refused before the work, with the bound in the message."""

from pathlib import Path

import pandas as pd
import pytest

from kogen.options.lottery import TableOptions
from kogen.results import bounds
from kogen.results.bounds import check_table_size
from kogen.results.results import read_results


@pytest.mark.parametrize(
    ("models", "sets", "images", "words"),
    [
        (200_001, 1, False, "has 200,001 models, at most 200,000 are judged of scores: leave models out"),
        (1, 5_001, False, "has 5,001 data sets, at most 5,000 are judged of scores"),
        (200_000, 11, False, "has 2,200,000 models x data sets, at most 2,000,000"),
        (1_600, 300, False, "has 383,760,000 pairs of models x data sets, at most 300,000,000"),
        (1_501, 1, True, "has 1,501 models, at most 1,500 are judged with one row an image"),
        (2, 501, True, "has 501 data sets, at most 500 are judged with one row an image"),
        (200, 100, True, "has 1,990,000 pairs of models x data sets, at most 1,200,000"),
    ],
)
def test_more_than_is_judged_is_refused(models: int, sets: int, images: bool, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_table_size(models, sets, images=images)


@pytest.mark.parametrize("size", [(10_000, 100), (50, 3_000), (100_000, 3), (200_000, 10), (1_000, 500)])
def test_large_tables_of_scores_are_judged(size: tuple[int, int]) -> None:
    check_table_size(*size, images=False)


def test_tables_are_measured_when_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = TableOptions(reference="s0")
    wide = pd.DataFrame({"model": ["a", "b"], **{f"s{place}": [70.5, 71.5] for place in range(6)}})
    items = pd.DataFrame({"model": ["a", "b"], "dataset": "s0", "item": "i", "correct": [0, 1]})
    monkeypatch.setattr(bounds, "MAX_SETS", 5)
    monkeypatch.setattr(bounds, "MAX_IMAGE_MODELS", 1)
    with pytest.raises(ValueError, match="has 6 data sets, at most 5"):
        read_results(wide, options)
    with pytest.raises(ValueError, match="has 6 data sets, at most 5"):
        read_results(wide.melt("model", var_name="dataset", value_name="score"), options)
    with pytest.raises(ValueError, match="has 2 models, at most 1 are judged with one row an image"):
        read_results(items, options)
    monkeypatch.setattr(bounds, "MAX_COLUMNS", 6)
    with pytest.raises(ValueError, match="has 7 columns, at most 6 are read"):
        read_results(wide, options)


def test_a_file_of_more_rows_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.DataFrame({"model": ["a"] * 11, "dataset": "s0", "score": 50.5}).to_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(bounds, "MAX_ROWS", 10)
    monkeypatch.setattr("kogen.results.read.read_file", lambda *_: pytest.fail("read"))
    with pytest.raises(ValueError, match=r"t.parquet has 11 rows, at most 10 are judged at once: split it"):
        read_results(tmp_path / "t.parquet", TableOptions())


def test_the_bounds_of_files_and_tables() -> None:
    assert (bounds.MAX_CSV_BYTES, bounds.MAX_TEXT_BYTES, bounds.MAX_MARKDOWN_BYTES) == (8 * 2**30, 2**30, 2**24)
    assert (bounds.MAX_ROWS, bounds.MAX_COLUMNS, bounds.MAX_NAME_LENGTH) == (50_000_000, 10_000, 20_000)
    assert (bounds.MAX_MODELS, bounds.MAX_SETS, bounds.MAX_CELLS) == (200_000, 5_000, 2_000_000)
    assert (bounds.MAX_IMAGE_MODELS, bounds.MAX_IMAGE_SETS) == (1_500, 500)
    assert (bounds.MAX_PAIRS, bounds.MAX_IMAGE_PAIRS) == (300_000_000, 1_200_000)
    bounds.check_row_count(50_000_000, "t")
    bounds.check_column_count(10_000)
    with pytest.raises(ValueError, match="t has 50,000,001 rows"):
        bounds.check_row_count(50_000_001, "t")
    with pytest.raises(ValueError, match="has 10,001 columns"):
        bounds.check_column_count(10_001)
