"""Tables on disk: damage is noticed, foreign columns are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kogen.common.tables import SCHEMAS, distinct_rows, read_arrow, read_table, to_arrow, write_arrow, write_table


def rows(count: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = {"run": "abc", "model": "byol", "method": "byol", "seed": 0, "role": "reference", "protocol": "knn"}
    labels = {name: rng.choice(["x", "y"], count) for name in ("label", "predicted")}
    correct, score = rng.integers(0, 2, count).astype("int8"), rng.random(count).astype("float32")
    items = {"dataset": ["a", "b"] * (count // 2), "item": [f"{n:016x}" for n in range(count)], "cluster": "c"}
    return pd.DataFrame({**items, **names, **labels, "correct": correct, "score": score})


def try_reading(place: Path) -> Any:
    """The table, None where it is refused by a sentence with its name."""
    try:
        return read_arrow(place, kind="predictions")
    except ValueError as error:
        return None if place.name in str(error) else error


def test_no_changed_bit_is_read_as_something_else(tmp_path: Path):
    place = tmp_path / "predictions.parquet"
    write_table(place, rows(), "predictions")
    content, wanted = place.read_bytes(), read_arrow(place)
    rng, refused = np.random.default_rng(1), 0
    for position in rng.choice(len(content), 600, replace=False).tolist():
        changed = bytearray(content)
        changed[position] ^= 1 << int(rng.integers(8))
        place.write_bytes(changed)
        found = try_reading(place)
        refused += found is None
        assert found is None or found.equals(wanted)
    assert refused > 300


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_cut_table_names_the_cure(tmp_path: Path, share: float):
    place = tmp_path / "a.parquet"
    write_table(place, rows(), "predictions")
    place.write_bytes(place.read_bytes()[: int(place.stat().st_size * share)])
    with pytest.raises(ValueError, match=r"cannot read the table .*a\.parquet: .*; judge it again"):
        read_table(place, "judge it again")


def test_rows_that_are_gone_are_noticed(tmp_path: Path):
    place = tmp_path / "a.parquet"
    write_table(place, rows(), "predictions")
    table = read_arrow(place)
    pq.write_table(table.slice(0, 30), place)  # keeps the metadata, as a wrong number in the footer does
    with pytest.raises(ValueError, match="is damaged: it has 30 rows of 40"):
        read_arrow(place)


def test_columns_of_another_type_and_absent_ones_are_refused_but_for_optional_ones(tmp_path: Path):
    table = to_arrow(rows(), "predictions")
    for wrong, match in (
        (table.drop_columns(["score"]), "has none in the column 'score', wanted float"),
        (table.set_column(3, "seed", pa.array(["0"] * 40)), "has string in the column 'seed', wanted int64"),
    ):
        write_arrow(tmp_path / "a.parquet", wrong)
        with pytest.raises(ValueError, match=match):
            read_arrow(tmp_path / "a.parquet", kind="predictions")
    write_arrow(tmp_path / "a.parquet", table.drop_columns(["soft"]))
    assert len(read_arrow(tmp_path / "a.parquet", kind="predictions")) == 40


def test_tables_of_others_and_of_older_versions_are_read(tmp_path: Path):
    pq.write_table(to_arrow(rows(), "predictions"), tmp_path / "a.parquet")
    assert read_arrow(tmp_path / "a.parquet", kind="predictions").schema.names == SCHEMAS["predictions"].names


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_distinct_rows_are_the_first_of_each_kind(size: int) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": pd.Categorical(rng.choice(["x", "y"], 50)), "b": rng.integers(0, 3, 50), "c": range(50)})
    pd.testing.assert_frame_equal(distinct_rows(frame, ["a", "b"], size), frame[["a", "b"]].drop_duplicates())
    assert distinct_rows(frame[:0], ["a"], size).empty
