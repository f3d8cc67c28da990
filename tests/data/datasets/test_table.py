"""Tables of images that are damaged, huge or of another kind, and names with any bytes."""

import os
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from kogen.data.datasets import _table_file
from kogen.data.datasets.table import read_rows
from kogen.data.open import open_images


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))


def paint(*paths: Path) -> None:
    rng = np.random.default_rng(0)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(path, "PNG")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"path,label\na.png,\0\n",
            r"it has NUL bytes: it is no text, or UTF-16 without a mark \(--encoding utf-16-le",
        ),
        (
            b"path,label\na.png,caf\xe9\n",
            r"line 2 has bytes that are not utf-8 \(b'\\xe9\\n'\): say its encoding, .*cp932",
        ),
        (b"path,label\na.png,x,y\n", "its rows have more cells than its first line names"),
        (b"path,label\na.png,x\nb.png,x,y\n", "cannot read the table .*Expected 2 fields"),
        (b"path,label\na.png," + b"x" * 251, "row 1 has 251 letters in the column 'label', at most 250 are read"),
        (b"path\na.png\n" + b"x" * 4097, "row 2 has 4,097 letters in the column 'path', at most 4,096"),
        (b"path\n" + b"x" * (2 << 20), "it has a line of over 1,048,576 bytes"),
        (b"path,label,label\na.png,x,y\n", "has the columns label, label: rename one of them"),
        (b'path,label\n"a.png,x\n', "cannot read the table"),
    ],
)
def test_csv_that_cannot_be_read(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        open_images(tmp_path / "t.csv")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_any_line_ends_and_a_byte_order_mark(tmp_path: Path, ends: str) -> None:
    (tmp_path / "t.csv").write_bytes(("\ufeffpath, label" + ends + "a.png, x" + ends).encode())
    rows = read_rows(str(tmp_path / "t.csv"))
    assert (rows.paths.tolist(), rows.labels.tolist(), rows.splits.tolist()) == (["a.png"], ["x"], [""])


def test_many_short_lines_are_no_long_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path\n" + "".join(f"{i:07d}.png\n" for i in range(200_000)))
    assert read_rows(str(tmp_path / "t.csv")).paths[-1] == "0199999.png"


def test_bounds(tmp_path: Path, monkeypatch) -> None:
    pd.DataFrame({"path": [f"{i}.png" for i in range(100)]}).to_parquet(tmp_path / "t.parquet")
    pd.DataFrame({"path": [f"{i}.png" for i in range(100)]}).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.setattr(_table_file, "MAX_ROWS", 99)
    for kind in ("csv", "parquet"):
        with pytest.raises(ValueError, match=r"cannot read the table .* it has 100 rows, at most 99 are read"):
            read_rows(str(tmp_path / f"t.{kind}"))
    monkeypatch.setattr(_table_file, "MAX_BYTES", 500)
    with pytest.raises(ValueError, match=r"t.csv has \d+ bytes, at most 500 are read"):
        read_rows(str(tmp_path / "t.csv"))


def test_a_parquet_that_unpacks_to_more_than_is_read(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "t.parquet"
    monkeypatch.setattr(_table_file, "MAX_BYTES", 10**7)
    pq.write_table(pa.table({"path": ["x" * 10**6] * 11}), path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 10**5
    with pytest.raises(ValueError, match=r"its path take 11,00\d,\d+ bytes, at most 10,000,000 are read"):
        read_rows(str(path))


def test_a_long_cell_of_a_million_rows_is_held_once(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10**6, np.int32)), ["x" * 10**6])  # 1 TB as plain text
    pq.write_table(pa.table({"path": long}), path)
    with pytest.raises(ValueError, match="row 1 has 1,000,000 letters in the column 'path', at most 4,096 are read"):
        read_rows(str(path))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([["a.png"]]), "the column 'path' is of the type list"),
        (pa.array([{"a": 1}]), "the column 'path' is of the type struct"),
        (pa.array([b"a.png"]), "the column 'path' is of the type binary"),
        (pa.array([None], pa.string()), "has a row without a path, number 1"),
        (pa.array(["x" * 5000]), "row 1 has 5,000 letters in the column 'path'"),
    ],
)
def test_parquet_columns_of_other_kinds(tmp_path: Path, column: pa.Array, message: str) -> None:
    pq.write_table(pa.table({"path": column}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=message):
        read_rows(str(tmp_path / "t.parquet"))


def test_parquet_cells_as_text(tmp_path: Path) -> None:
    table = {
        "path": pa.array(["a", "b ", "c", "d"]).dictionary_encode(),
        "label": pa.array([1.0, None, float("nan"), 2.5]),
        "cluster": pa.array([True, False, None, True]),
        "split": pa.array(["train", None, "train", "test"]),
    }
    pq.write_table(pa.table(table), tmp_path / "t.parquet", row_group_size=2)
    rows = read_rows(str(tmp_path / "t.parquet"))
    assert [column.tolist() for column in rows[:4]] == [
        ["a", "b", "c", "d"],
        ["1", "", "", "2.5"],
        ["True", "False", "", "True"],
        ["train", "", "train", "test"],
    ]
    assert rows.splits[0] is rows.splits[2]  # one object, however many rows


def test_fuzzed_parquet_is_read_or_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"path": [f"{i}.png" for i in range(200)], "label": ["a", "b"] * 100})
    frame.to_parquet(tmp_path / "whole.parquet")
    data, read, refused = (tmp_path / "whole.parquet").read_bytes(), 0, 0
    for seed in range(150):
        chance, fuzzed = random.Random(seed), bytearray(data)
        for _ in range(chance.choice([1, 5, 50])):
            fuzzed[chance.randrange(len(fuzzed))] = chance.randrange(256)
        place = tmp_path / f"{seed}.parquet"
        place.write_bytes(fuzzed[: chance.choice([len(fuzzed), chance.randrange(len(fuzzed))])])
        try:
            read += bool(len(read_rows(str(place)).paths))
        except ValueError as error:
            refused += place.name in str(error)
    assert read + refused == 150
    assert refused > 75


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_pipe_is_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    paint(tmp_path / "in" / "a.png")
    for source, labels in ((tmp_path / name, None), (tmp_path / "in", tmp_path / name)):
        with pytest.raises(ValueError, match="is a pipe or a device, wanted a file"):
            open_images(source, labels=labels)


def test_messages_show_the_first_letters_of_long_names(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "a.png")
    (tmp_path / "t.csv").write_text("path\n" + f"{'x' * 4000}.png\n" * 1)
    for source, labels in ((tmp_path / "t.csv", None), (tmp_path / "in", tmp_path / "t.csv")):
        with pytest.raises(ValueError, match=r"for example x+\.\.\.: ") as caught:
            open_images(source, labels=labels)
        assert len(str(caught.value)) < 600


def test_a_path_that_stands_twice_among_many_is_found_at_once(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(50_000)]
    pd.DataFrame({"path": [*names, names[-1]]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(ValueError, match=r"names 49999\.png twice: keep one row for each image"):
        open_images(tmp_path / "t.csv")
