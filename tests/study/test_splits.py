"""The sets of a study: what is trained on and judged on, roles, normalisation, and sets that cannot answer."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small import blobs

from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.study.splits import data_quality, depth_of_runs, normalisation, open_splits


def write_folder(root, per_class: dict[str, int], seed: int = 0, size: int = 16) -> str:
    rng = np.random.default_rng(seed)
    for name, count in per_class.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 255, (size, size, 3)).astype(np.uint8)).save(root / name / f"{i}.png")
    return str(root)


def test_normalisation_is_that_of_the_pixels():
    images = blobs(50)
    mean, std = normalisation(images)
    pixels = images.read(np.arange(50)).double().div(255)
    assert mean == pytest.approx(pixels.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert std == pytest.approx(pixels.std((0, 2, 3), correction=0).tolist(), abs=1e-4)


def test_folders_and_a_shift(tmp_path):
    train = write_folder(tmp_path / "train", {"ok": 12, "bad": 12})
    line2 = write_folder(tmp_path / "line2", {"ok": 5, "bad": 5}, seed=1)
    sets = open_splits(Study(source=train, shifts={"line2": line2}))
    assert sets.roles() == {"reference": "reference", "line2": "shift"}
    assert "held out" in sets.note
    assert len(sets.pool) + len(sets.tests["reference"]) == 24
    box = data_quality(sets)
    assert [row["role"] for row in box["sets"]] == ["train", "reference", "shift"]


def test_a_named_reference(tmp_path):
    train = write_folder(tmp_path / "train", {"ok": 8, "bad": 8})
    val = write_folder(tmp_path / "val", {"ok": 4, "bad": 4}, seed=1)
    assert list(open_splits(Study(source=train, test=f"line 1={val}")).tests) == ["line 1"]
    assert list(open_splits(Study(source=train, test=val)).tests) == ["reference"]
    table = tmp_path / "t.csv"
    rows = [
        f"{folder}/{name}/{i}.png,{name},{part}"
        for folder, part, n in (("train", "a", 8), ("val", "b", 4))
        for name in ("ok", "bad")
        for i in range(n)
    ]
    table.write_text("\n".join(["path,label,split", *rows]))
    sets = open_splits(Study(source=f"{table}?split=a", test=f"line 1={table}?split=b"))
    assert {name: len(images) for name, images in sets.tests.items()} == {"line 1": 8}


def test_twins_in_train_are_counted(tmp_path):
    train = write_folder(tmp_path / "train", {"ok": 8, "bad": 8})
    val = write_folder(tmp_path / "val", {"ok": 4, "bad": 4}, seed=1)
    shutil.copy(tmp_path / "train" / "ok" / "0.png", tmp_path / "val" / "ok" / "again.png")
    box = data_quality(open_splits(Study(source=train, test=val)))
    assert (box["sets"][0]["images"], box["sets"][1]["twins_in_train"]) == (16, 1)
    dropped = open_splits(Study(source=train, test=val, twins="drop"))
    assert (len(dropped.pool), data_quality(dropped)["sets"][1]["twins_in_train"]) == (15, 0)
    assert dropped.note == "images to train on with a copy in a test set, left out (--twins drop): 1"


def test_a_test_set_that_is_in_train_is_refused(tmp_path):
    train = write_folder(tmp_path / "train", {"ok": 8, "bad": 8})
    with pytest.raises(
        ValueError, match=r"16 of 16 images of the set 'reference' are also in train, or nearly the same"
    ):
        open_splits(Study(source=train, test=train))
    with pytest.raises(ValueError, match="every image to train on has a copy in a test set"):
        open_splits(Study(source=train, test=train, twins="drop"))
    kept = open_splits(Study(source=train, test=train, twins="keep"))
    assert data_quality(kept)["sets"][1]["twins_in_train"] == 16


def test_digits_are_judged_on_their_own_test_part():
    sets = open_splits(Study(source="digits"))
    assert (len(sets.pool), len(sets.tests["reference"]), sets.note) == (1437, 360, "")
    assert "never trained on: 360 of test" in sets.pool.notes


def test_the_page_and_the_plan_count_the_same_images(tmp_path):
    sets = open_splits(Study(source=write_folder(tmp_path / "imgs", {"ok": 20, "bad": 20})))
    assert data_quality(sets)["sets"][0]["images"] == len(sets.pool) == 32
    assert data_quality(sets)["sets"][1]["images"] == 8


@pytest.mark.parametrize("name", ["T.CSV", "t.csv", "T.Parquet"])
@pytest.mark.parametrize("as_labels", [True, False])
def test_rows_of_test_are_held_apart_whatever_the_file_is_called(tmp_path, name, as_labels):
    write_folder(tmp_path / "imgs", {"ok": 20, "bad": 20})
    rows = [(f"{c}/{i}.png", c, "Train" if i < 15 else "TEST") for c in ("ok", "bad") for i in range(20)]
    frame = pd.DataFrame(rows, columns=["path", "label", "split"])
    table = tmp_path / "imgs" / name
    frame.to_parquet(table) if name.endswith("Parquet") else frame.to_csv(table, index=False)
    asked = {"source": str(tmp_path / "imgs"), "labels": str(table)} if as_labels else {"source": str(table)}
    sets = open_splits(Study(**asked))
    assert (len(sets.pool), len(sets.tests["reference"])) == (30, 10)
    assert "never trained on: 10 of TEST" in sets.pool.notes


def test_rows_without_a_split_are_left_out_and_said(tmp_path):
    write_folder(tmp_path / "imgs", {"ok": 20, "bad": 20})
    rows = [
        f"{c}/{i}.png,{c},{'train' if i < 10 else '' if i < 15 else 'val'}" for c in ("ok", "bad") for i in range(20)
    ]
    (tmp_path / "imgs" / "t.csv").write_text("\n".join(["path,label,split", *rows]))
    sets = open_splits(Study(source=str(tmp_path / "imgs" / "t.csv")))
    assert (len(sets.pool), len(sets.tests["reference"])) == (20, 10)  # val where there is no test
    assert "never trained on: 10 without a split, 10 of val" in sets.pool.notes


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Training", "validation", "TEST"), ("train2017", "x", "test1")]
)
@pytest.mark.parametrize("classes", [True, False])
def test_split_folders(tmp_path, names, classes):
    for number, name in enumerate(names):
        write_folder(tmp_path / "imgs" / name, {"ok": 6, "bad": 6} if classes else {"": 12}, seed=number)
    if classes:
        sets = open_splits(Study(source=str(tmp_path / "imgs")))
        assert (len(sets.pool), len(sets.tests["reference"])) == (12, 12)
        assert {source.split("/")[0] for source in sets.pool.sources} == {names[0]}
        assert {source.split("/")[0] for source in sets.tests["reference"].sources} == {names[2]}
    else:
        with pytest.raises(
            ValueError, match=r"has no labels, at least 2 classes are wanted.*folders are taken as splits"
        ):
            open_splits(Study(source=str(tmp_path / "imgs")))


def test_a_table_of_train_rows_judged_on_the_test_rows_of_another(tmp_path):
    write_folder(tmp_path / "imgs", {"ok": 20, "bad": 20})
    rows = [f"{c}/{i}.png,{c},{'train' if i < 12 else 'test'}" for c in ("ok", "bad") for i in range(20)]
    (tmp_path / "imgs" / "t.csv").write_text("\n".join(["path,label,split", *rows]))
    table = str(tmp_path / "imgs" / "t.csv")
    sets = open_splits(Study(source=table, test=f"line 1={table}", shifts={"line 2": table}))
    assert [len(images) for images in (sets.pool, *sets.tests.values())] == [24, 16, 16]
    assert "not judged on: 24 of train" in sets.tests["line 1"].notes
    (tmp_path / "imgs" / "u.csv").write_text("path,label,split\nok/1.png,ok,fit\nbad/1.png,bad,fit")
    with pytest.raises(ValueError, match=r"the splits fit, none is 'test' or 'val': choose the one .* \?split=NAME"):
        open_splits(Study(source=table, test=str(tmp_path / "imgs" / "u.csv")))


def test_classes_that_train_lacks(tmp_path):
    train = write_folder(tmp_path / "train", {"ok": 8, "bad": 8})
    val = write_folder(tmp_path / "val", {"ok": 3, "odd": 3}, seed=1)
    with pytest.raises(ValueError, match="odd"):
        open_splits(Study(source=train, test=val))


def test_a_test_set_without_labels(tmp_path):
    train = write_folder(tmp_path / "train", {"ok": 8, "bad": 8})
    val = write_flat(tmp_path / "val")
    with pytest.raises(ValueError, match="has no labels, so nothing can be judged on it"):
        open_splits(Study(source=train, test=str(val)))


def write_flat(root):
    root.mkdir()
    for i in range(4):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (16, 16, 3)).astype(np.uint8)).save(root / f"{i}.png")
    return root


def test_one_class_only(tmp_path):
    train = write_flat(tmp_path / "flat")
    with pytest.raises(ValueError, match="give labels with --labels"):
        open_splits(Study(source=str(train)))


@pytest.mark.parametrize("as_labels", [True, False])
def test_other_splits_of_the_table_are_never_trained_on(tmp_path, as_labels):
    write_folder(tmp_path / "imgs", {"ok": 10, "bad": 10})
    rows = [
        f"{c}/{i}.png,{c},{'train' if i < 5 else 'test' if i < 8 else 'val'}" for c in ("ok", "bad") for i in range(10)
    ]
    table = tmp_path / "imgs" / "table.csv"
    table.write_text("\n".join(["path,label,split", *rows]))
    asked = {"source": str(tmp_path / "imgs"), "labels": str(table)} if as_labels else {"source": str(table)}
    sets = open_splits(Study(**asked))
    assert (len(sets.pool), len(sets.tests["reference"])) == (10, 6)
    assert not set(sets.pool.ids) & set(sets.tests["reference"].ids)
    assert sets.note == ""
    only = open_splits(Study(source=f"{table}?split=train", test=f"{table}?split=val"))
    assert (len(only.pool), len(only.tests["reference"])) == (10, 4)


def test_splits_without_train(tmp_path):
    write_folder(tmp_path / "imgs", {"ok": 2, "bad": 2})
    table = tmp_path / "imgs" / "table.csv"
    table.write_text("path,label,split\nok/0.png,ok,fit\nbad/0.png,bad,judge")
    with pytest.raises(ValueError, match="has the splits fit, judge, none is 'train': name the one to train on"):
        open_splits(Study(source=str(table)))


def write_deep(root, tops: dict[str, int]) -> str:
    """A folder of 16-bit images per class, the brightest value of each class given."""
    for seed, (name, top) in enumerate(tops.items(), sum(tops.values())):
        (root / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.random.default_rng(10 * seed + number).integers(0, top + 1, (16, 16)).astype(np.uint16)
            pixels[0, 0] = top
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return str(root)


def test_a_set_of_one_cluster_is_refused_before_anything_is_trained(tmp_path):
    folder = write_folder(tmp_path / "cells", {"ok": 10, "bad": 10})
    rows = [(f"{name}/{i}.png", name, "mono" if i < 3 else "poly") for name in ("ok", "bad") for i in range(10)]
    pd.DataFrame(rows, columns=["path", "label", "group"]).to_csv(tmp_path / "t.csv", index=False)
    asked = Study(source=folder, labels=str(tmp_path / "t.csv"))
    with pytest.raises(
        ValueError, match=r"all 6 images of the set 'reference' are in the one cluster 'mono' .*group=NAME"
    ):
        open_splits(asked)
    told = open_splits(asked.model_copy(update={"columns": "cluster=none,group=group"}))
    assert set(told.tests["reference"].groups) == {"mono", "poly"}


def test_what_is_white_in_train_is_white_in_every_set(tmp_path):
    train = write_deep(tmp_path / "train", {"ok": 4095, "bad": 3000})
    dark = write_deep(tmp_path / "dark", {"ok": 1000, "bad": 900})  # alone it would be read as 10 bits
    sets = open_splits(Study(source=train, test=dark))
    assert sets.tests["reference"].levels == sets.pool.levels
    assert int(sets.tests["reference"].pixels[:].max()) == round(1000 / 4095 * 65535)
    box = data_quality(sets)
    assert "read as 12 bits" in box["sets"][0]["notes"][0]
    assert box["sets"][1]["notes"][0] == "16-bit or float images: black is 0 and white 4,095, as given"


def test_a_set_that_is_brighter_than_train_is_refused(tmp_path):
    train = write_deep(tmp_path / "train", {"ok": 1000, "bad": 900})
    bright = write_deep(tmp_path / "bright", {"ok": 4095, "bad": 3000})
    with pytest.raises(ValueError, match=r"values from \d+ to 4095, wanted 0 to 1023: give --depth 12 for all sets"):
        open_splits(Study(source=train, test=bright))
    sets = open_splits(Study(source=train, test=bright, depth="12"))
    assert int(sets.pool.pixels[:].max()) == round(1000 / 4095 * 65535)
    with pytest.raises(ValueError, match="depth = '20': wanted the bits of 16-bit images, 8 to 16, or LOW:HIGH"):
        open_splits(Study(source=train, test=bright, depth="20"))


def test_runs_are_judged_at_the_depth_they_were_trained_at():
    deep, other, plain = (Plan(method="random", depth=depth) for depth in ("12", "14", ""))
    assert depth_of_runs([plain], None) is None
    assert depth_of_runs([deep, plain], None) == depth_of_runs([deep], "12") == "12"
    assert depth_of_runs([plain], "0:1") == "0:1"
    with pytest.raises(
        ValueError, match="the runs were trained at depth 12 and 14: what is white must be the same for all"
    ):
        depth_of_runs([deep, other], None)
    with pytest.raises(ValueError, match="--depth 14 is asked for, and the runs were trained at depth 12: what"):
        depth_of_runs([deep], "14")
