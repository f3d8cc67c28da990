"""Tables as recordings: long ones, gaps, changes of label, and rows that are refused by number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kogen.data.series import table_cells
from kogen.data.series.recording import CHANGE, GAP, Reading, Recording
from kogen.data.series.recording_tables import read_table_recordings

LONG = pd.DataFrame(
    {
        "recording": ["a"] * 6 + ["b"] * 4,
        "time": [0, 0.1, 0.2, 0.5, 0.6, 0.7, 0, 0.1, 0.2, 0.3],
        "x": np.arange(10.0),
        "y": np.arange(10.0) * 2,
        "label": ["up"] * 4 + ["down"] * 2 + ["up"] * 4,
        "split": ["train"] * 6 + ["test"] * 4,
    }
)


def read(place: Path, notes: list[str] | None = None, **reading) -> list[Recording]:
    found = read_table_recordings(str(place), place.name, Reading(**reading), [] if notes is None else notes)
    return [one.__class__(**{**one.__dict__, "blocks": list(one.blocks)}) for one in found]


def write(folder: Path, frame: pd.DataFrame, kind: str = "csv") -> Path:
    place = folder / f"t.{kind}"
    frame.to_csv(place, index=False) if kind == "csv" else frame.to_parquet(place, row_group_size=3)
    return place


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_long_table_is_cut_at_recordings_gaps_and_changes(kind: str, tmp_path: Path):
    notes: list[str] = []
    a, b = read(write(tmp_path, LONG, kind), notes)
    assert [a.name, b.name] == [f"t.{kind}/a", f"t.{kind}/b"]
    assert [a.split, b.split] == ["train", "test"]
    assert (a.channels, a.channel_names) == (2, ("x", "y"))
    assert a.rate == pytest.approx(10)
    cuts = [block.cut for block in a.blocks if block.cut]  # type: ignore[union-attr]
    assert cuts == [GAP, CHANGE]
    labels = np.repeat([block.label for block in a.blocks], [len(block.values) for block in a.blocks])
    assert labels.tolist() == ["up"] * 4 + ["down"] * 2
    assert np.concatenate([block.values for block in a.blocks]).tolist() == LONG[["x", "y"]][:6].to_numpy().tolist()
    assert np.concatenate([block.values for block in b.blocks]).tolist() == LONG[["x", "y"]][6:].to_numpy().tolist()
    assert (
        "columns of tables: recording from 'recording', time from 'time', label from 'label', split from 'split'"
        in (notes)
    )


def test_a_table_without_a_column_of_recordings_is_one(tmp_path: Path):
    (one,) = read(write(tmp_path, LONG[:4][["time", "x"]]))
    assert (one.name, one.channel_names) == ("t.csv", ("x",))


def test_channels_are_picked_and_the_others_said(tmp_path: Path):
    notes: list[str] = []
    words = LONG.assign(remark="text")
    assert read(write(tmp_path, words), notes, channels=("y",))[0].channel_names == ("y",)
    assert "channels of tables: y" in notes  # a number of the row or of the part among them would tell the label
    assert "columns of tables that are not read: x, remark" in notes


def test_a_table_of_numbers_alone_has_channels_by_number(tmp_path: Path):
    (tmp_path / "t.csv").write_text("1.5;2\n3;4\n")
    notes: list[str] = []
    (one,) = read(tmp_path / "t.csv", notes)
    assert one.blocks[0].values.tolist() == [[1.5, 2], [3, 4]]  # type: ignore[index]
    assert one.channel_names == ()
    assert any("without a line of names" in note for note in notes)


def test_a_column_that_numbers_rows_is_not_read_and_said(tmp_path: Path):
    LONG[["x"]].to_csv(tmp_path / "t.csv")
    notes: list[str] = []
    assert read(tmp_path / "t.csv", notes)[0].channel_names == ("x",)
    assert any("without a name is not read" in note for note in notes)


def test_dates_are_times(tmp_path: Path):
    frame = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=5, freq="250ms"), "x": range(5)})
    assert read(write(tmp_path, frame))[0].rate == pytest.approx(4)
    assert read(write(tmp_path, frame, "parquet"))[0].rate == pytest.approx(4)


def test_fast_dates_of_parquet_keep_their_steps(tmp_path: Path):
    frame = pd.DataFrame({"date": pd.date_range("2026-01-01", periods=2000, freq="10us"), "x": range(2000)})
    notes: list[str] = []
    (one,) = read(write(tmp_path, frame, "parquet"), notes)
    assert one.rate == pytest.approx(100_000, rel=1e-9)
    assert len(one.blocks) == 1  # type: ignore[arg-type]
    assert not [note for note in notes if "uneven" in note]


def test_missing_cells_are_nan_and_times_in_ms(tmp_path: Path):
    (tmp_path / "t.csv").write_text("time_ms,x\n0,1\n10,\n20,NaN\n30,4\n")
    (one,) = read(tmp_path / "t.csv")
    np.testing.assert_array_equal(one.blocks[0].values.ravel(), [1, np.nan, np.nan, 4])  # type: ignore[index]
    assert one.rate == pytest.approx(100)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": ["train"] * 5 + ["test"] * 5}, r"recording t.csv/a is in two splits, 'train' and, in row 6, 'test'"),
        ({"group": list("nnnnmmnnnn")}, "recording t.csv/a is in two groups, 'n' and, in row 5, 'm'"),
        ({"recording": list("aaabbbaabb")}, "the recording a begins in row 1 and again in row 7"),
        ({"recording": [*"aaaaaa", None, *"bbb"]}, "row 7 names no recording"),
        ({"time": [0, 0.1, 0.1, *range(3, 10)]}, "t.csv, row 3: the time 0.1.* stands twice"),
        ({"time": ["1", "noon", *"34567890"]}, "row 2 has the time 'noon' in the column 'time': write seconds"),
        ({"x": ["1", "2", "three", *"4567890"]}, "row 3 has 'three' in the column 'x', wanted a number: say which"),
        ({"path": "a.png"}, "a table of labels is given by labels="),
    ],
)
def test_rows_that_cannot_be_are_refused_by_number(change, message: str, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path, LONG.assign(**change)))


def test_text_in_a_parquet_column_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"the column 'x' is of the type .*string, wanted numbers"):
        read(write(tmp_path, LONG.assign(x="one"), "parquet"))


def test_empty_tables_are_refused(tmp_path: Path):
    (tmp_path / "t.csv").write_text("")
    with pytest.raises(ValueError, match="empty"):
        read(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="it has no rows"):
        read(write(tmp_path, LONG[:0]))
    with pytest.raises(ValueError, match="no column of values"):
        read(write(tmp_path, LONG[["recording", "time"]]))


@pytest.mark.parametrize("text", ["x,y\n1,5,2\n3,4,5\n", "x,y\n1,5\n3,4,5\n6,7\n"])
def test_cells_beyond_the_names_are_never_cut_off(text: str, tmp_path: Path):
    """As of decimals with a comma."""
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=r"more cells than its first line names|Expected 2 fields in line 3, saw 3"):
        read(tmp_path / "t.csv", channels=("y",))


def test_a_blank_line_of_one_channel_is_a_value_that_is_missing(tmp_path: Path):
    (tmp_path / "t.csv").write_text("x\n1\n\n3\n")
    np.testing.assert_array_equal(read(tmp_path / "t.csv")[0].blocks[0].values.ravel(), [1, np.nan, 3])  # type: ignore[index]


def test_a_table_is_read_the_same_in_any_parts(tmp_path: Path, monkeypatch):
    place = write(tmp_path, LONG, "parquet")
    parts = table_cells.TableCells.numbers
    monkeypatch.setattr(
        table_cells.TableCells,
        "numbers",
        lambda self: (row[None] for part in parts(self) for row in part),
    )
    found = [np.concatenate([block.values for block in one.blocks]) for one in read(place)]
    assert np.concatenate(found).tolist() == LONG[["x", "y"]].to_numpy().tolist()
