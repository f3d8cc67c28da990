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


def image_table(
    root: Path, text: str | bytes, names: tuple[str, ...] = ("a.png", "b.png"), name: str = "t.csv"
) -> Path:
    paint(*(root / each for each in names))
    place = root / name
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    return place


def cells(images) -> dict[str, str | None]:
    pairs = zip(images.sources, images.labels, strict=True)
    return {source: images.classes[label] if label >= 0 else None for source, label in pairs}


AS_MEANT = {"a.png": "x", "b.png": "y"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\na.png,x\nb.png,y\n", []),
        ("Path,Label\na.png,x\nb.png,y\n", ["path from 'Path', label from 'Label'"]),
        ("filename,class\na.png,x\nb.png,y\n", ["path from 'filename', label from 'class'"]),
        (
            "id,Image Path,category\n1,a.png,x\n2,b.png,y\n",
            ["path from 'Image Path', label", "not read: id"],
        ),
        ("path;label\na.png;x\nb.png;y\n", ["parted by semicolons"]),
        ("path\tlabel\na.png\tx\nb.png\ty\n", ["parted by tabs"]),
        ("path   label\na.png  x\nb.png    y\n", ["parted by spaces"]),
        ("sep=;\r\npath;label\r\na.png;x\r\nb.png;y\r\n", ["parted by semicolons"]),
        ("path,label\na.png,x\nb.png,y\n".encode("utf-16"), ["is read as utf-16"]),
        ("path\tlabel\na.png\tx\nb.png\ty\n".encode("utf-16"), ["is read as utf-16", "parted by tabs"]),
        ("\ufeffpath,label\na.png,x\nb.png,y\n", []),
        ('path,label\n"a.png","x"\n"b.png","y"\n', []),
    ],
)
def test_tables_as_they_come(tmp_path: Path, text: str | bytes, said: list[str]) -> None:
    images = open_images(image_table(tmp_path, text))
    assert cells(images) == AS_MEANT
    assert len(images.notes) == len(said), images.notes
    assert all(any(part in note for note in images.notes) for part in said), images.notes


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a.png,x\nb.png,y\n", "path=1,label=2"),
        ("x a.png\ny b.png\n", "path=2,label=1"),
        ("a.png  1.0  x\nb.png  0.0  y\n", "path=1,label=3"),
        ("what,kind\na.png,x\nb.png,y\n", "path=what,label=kind"),
        ("path,a_label,b_label\na.png,x,1\nb.png,y,1\n", "label=a_label"),
        ("path,label,class_name\na.png,0,x\nb.png,1,y\n", "path=path,label=class_name"),
        ("path,label,is_valid\na.png,x,1\nb.png,y,0\n", "path=path,label=label"),
    ],
)
def test_columns_that_are_chosen(tmp_path: Path, text: str, columns: str) -> None:
    place = image_table(tmp_path, text)
    assert cells(open_images(place, columns=columns)) == AS_MEANT
    assert cells(open_images(f"{place}?columns={columns}")) == AS_MEANT


@pytest.mark.parametrize("encoding", ["cp932", "cp1252"])
def test_another_encoding_is_asked_for_and_read(tmp_path: Path, encoding: str) -> None:
    label = "\u50b7" if encoding == "cp932" else "caf\u00e9"
    place = image_table(tmp_path, f"path,label\na.png,x\nb.png,{label}\n".encode(encoding))
    with pytest.raises(
        ValueError, match=r"line 3 has bytes that are not utf-8 .*: say its encoding, .*--encoding cp932"
    ):
        open_images(place)
    assert cells(open_images(place, encoding=encoding)) == {"a.png": "x", "b.png": label}
    assert open_images(place, encoding=encoding).notes == (f"the table {place} is read as {encoding}",)
    with pytest.raises(ValueError, match="--encoding klingon: there is no such encoding"):
        open_images(place, encoding="klingon")


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("a.png,x\nb.png,y\n", None, r"names an image, a.png, and no columns: .*--columns path=1,label=2"),
        ("x a.png\ny b.png\n", None, r"names an image, a.png, and no columns: .*--columns path=2,label=1"),
        ("file,image\na.png,x\n", None, r"has the columns file, image: say which is the path with --columns path=NAME"),
        ("path,class,target\na.png,x,y\n", None, "has the columns class, target: say which is the label"),
        ("path,label,phase\na.png,x,train_a\nb.png,y,test_b\n", None, "a column 'phase' that seems to say which"),
        (
            "path,label,is_train,is_test\na.png,x,1,0\nb.png,y,0,1\n",
            None,
            "column 'is_train' that seems to say",
        ),
        ("path,label,a,b\na.png,x,train,test\nb.png,y,val,train\n", None, r"a column '[ab]' that seems .*split=none"),
        ("path,label\na.png,x\n", "label=lable", "--columns label=lable: .* has no 'lable'; did you mean 'label'"),
        ("path,label\na.png,x\n", "name=path", r"'name=path' is wrong; write ROLE=NAME with the roles path, label"),
        ("path,label\na.png,x\n", "path=1,label=9", "has 2 columns, no number 9"),
        ("path,label\na.png,x\n", "path=path,path=label", "path is given twice"),
        ("a.png,x\n", "label=2", "say which column holds the paths, path=NUMBER"),
        ("path,label\na.png,x\n", "path=path,label=2", "give all columns by number .* or all by name"),
    ],
)
def test_tables_that_do_not_say_what_they_mean(tmp_path: Path, text: str, columns: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_images(image_table(tmp_path, text), columns=columns)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("column", "values", "splits"),
    [
        ("phase", ["Train", "Val", "Train"], ["Train", "Val", "Train"]),
        ("Usage", ["Training", "PublicTest", "PrivateTest"], ["Training", "PublicTest", "PrivateTest"]),
        ("is_valid", [False, True, False], ["train", "val", "train"]),
        ("is_training_image", [1, 0, 1], ["train", "test", "train"]),
        ("holdout", ["no", "yes", "no"], ["train", "test", "train"]),
        ("\u533a\u5206", ["\u5b66\u7fd2\u7528", "\u8a55\u4fa1\u7528", "\u5b66\u7fd2\u7528"], None),
    ],
)
def test_a_column_that_says_who_is_held_out_is_read_as_the_split(
    tmp_path: Path, kind: str, column: str, values: list, splits: list[str] | None
) -> None:
    paint(*(tmp_path / f"{i}.png" for i in range(3)))
    frame = pd.DataFrame({"path": [f"{i}.png" for i in range(3)], "label": ["x", "y", "x"], column: values})
    frame.to_parquet(tmp_path / "t.parquet") if kind == "parquet" else frame.to_csv(tmp_path / "t.csv", index=False)
    images = open_images(tmp_path / f"t.{kind}")
    assert images.splits is not None
    assert images.splits.tolist() == (splits or values)
    assert images.notes == (f"read of {tmp_path}/t.{kind}: split from {column!r}",)
    assert open_images(tmp_path / f"t.{kind}", columns="split=none").splits is None


def test_columns_that_are_not_chosen_are_read_as_they_are_called(tmp_path: Path) -> None:
    place = image_table(tmp_path, "path,defect,split,lot_id\na.png,x,train,1\nb.png,y,test,2\n")
    images = open_images(place, columns="label=defect")
    assert cells(images) == AS_MEANT
    assert images.splits is not None
    assert (images.splits.tolist(), images.clusters.tolist()) == (["train", "test"], ["1", "2"])
    images = open_images(place, columns="label=defect,split=none,cluster=none")
    assert images.splits is None
    assert f"columns of {place} that are not read: split, lot_id" in images.notes


def test_paths_that_lie_in_split_folders(tmp_path: Path) -> None:
    names = [f"{part}/{name}/1.png" for part in ("train", "test") for name in "xy"]
    place = image_table(tmp_path, "path,label\n" + "".join(f"{n},{n.split('/')[1]}\n" for n in names), tuple(names))
    images = open_images(place)
    assert images.splits is not None
    assert images.splits.tolist() == ["train", "train", "test", "test"]
    assert images.notes == ("folders of the paths are taken as splits: train 2, test 2",)


def test_paths_of_windows_and_names_in_other_unicode_forms(tmp_path: Path) -> None:
    composed, apart = "caf\u00e9.png", "cafe\u0301.png"
    place = image_table(tmp_path / "in", f"path,label\nsub\\a.png,x\n{composed},y\n", ("sub/a.png", apart))
    images = open_images(place)
    assert cells(images) == {"sub/a.png": "x", apart: "y"}
    assert images.notes == ("paths written with \\ or in another Unicode form than the files: 2",)
    assert cells(open_images(tmp_path / "in", labels=place)) == {"sub/a.png": "x", apart: "y"}


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (b"\x1f\x8b\x08", "it is packed by gzip"),
        (b"PK\x03\x04", "it is a zip archive or an Excel file"),
        (b"\xd0\xcf\x11\xe0", "it is an old Excel file"),
    ],
)
def test_files_that_are_no_tables_but_are_called_so(tmp_path: Path, first: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"cannot read the table .*: {message}; save it as csv in UTF-8"):
        open_images(image_table(tmp_path, first + b"\0" * 40))


def test_what_a_table_is_called_does_not_matter(tmp_path: Path) -> None:
    place = image_table(tmp_path, "path,label\na.png,x\nb.png,y\n", name="t.TXT")
    assert cells(open_images(place)) == AS_MEANT
    pd.DataFrame({"path": ["a.png", "b.png"], "label": ["x", "y"]}).to_parquet(tmp_path / "u.csv")
    assert cells(open_images(tmp_path / "u.csv")) == AS_MEANT


@pytest.mark.parametrize("second", ["./a.png", "sub/../a.png"])
def test_one_image_under_two_spellings_is_one_image(tmp_path: Path, second: str) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    place = image_table(tmp_path / "in", f"path,label,split\na.png,x,train\n{second},x,test\n")
    with pytest.raises(ValueError, match=r"names a\.png twice: keep one row for each image"):
        open_images(place)
    with pytest.raises(ValueError, match="two splits, 'train' and 'test': keep one"):
        open_images(tmp_path / "in", labels=place)


def test_endings_that_were_left_out_and_columns_without_labels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"do not exist below .*, for example a, b: .* and end in \.png"):
        open_images(image_table(tmp_path, "path,label\na,x\nb,y\n"))
    images = open_images(image_table(tmp_path, "path,defect\na.png,x\nb.png,y\n"))
    assert images.notes == (
        f"columns of {tmp_path}/t.csv that are not read: defect",
        f"{tmp_path}/t.csv has no column of labels: say which with --columns label=NAME",
    )


def test_a_column_for_each_class_is_said(tmp_path: Path) -> None:
    place = image_table(tmp_path, "filename,cat,dog,size\na.png,1,0,7\nb.png,0,1,9\n")
    said = f"cat, dog of {place} hold 0 and 1 alone: if each is a class, write one column of labels"
    assert said in open_images(place).notes
    assert said in open_images(place, columns="label=cat").notes


def test_an_empty_column_of_splits_hides_no_other(tmp_path: Path) -> None:
    images = open_images(image_table(tmp_path, "path,label,split,train\na.png,x,,1\nb.png,y,,0\n"))
    assert images.splits is not None
    assert images.splits.tolist() == ["train", "test"]
