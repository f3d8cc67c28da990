"""The sets of a study: held-out images, roles, normalisation, and the errors of sets that cannot answer."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from small import blobs

from kogen.config.plan import Plan
from kogen.config.study import Study
from kogen.study.splits import (
    connected_groups,
    data_quality,
    depth_of_runs,
    hold_out,
    is_named,
    normalisation,
    open_splits,
)


def write_folder(root, per_class: dict[str, int], seed: int = 0, size: int = 16) -> str:
    rng = np.random.default_rng(seed)
    for name, count in per_class.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 255, (size, size, 3)).astype(np.uint8)).save(root / name / f"{i}.png")
    return str(root)


@given(seed=st.integers(0, 50), clusters=st.integers(5, 30))
def test_hold_out_keeps_clusters_and_copies_on_one_side(seed, clusters):
    images = blobs(60)
    rng = np.random.default_rng(seed)
    ids = images.ids.copy()
    ids[7] = ids[23]  # a copy in what may be another cluster
    images = replace(images, ids=ids, clusters=rng.integers(0, clusters, 60).astype(str))
    pool, test = hold_out(images, seed=seed)
    assert len(pool) + len(test) == 60
    assert not set(pool.ids) & set(test.ids)
    assert not set(pool.clusters) & set(test.clusters)
    assert 0 < len(test) <= 30


def test_unlabelled_images_of_a_held_out_cluster_leave_the_pool_too():
    images = blobs(40)
    labels = images.labels.copy()
    labels[::2] = -1
    images = replace(images, labels=labels, clusters=np.repeat(np.arange(20), 2).astype(str))
    pool, test = hold_out(images)
    assert (test.labels >= 0).all()
    assert not set(pool.clusters) & set(test.clusters)


def test_one_cluster_cannot_be_cut():
    images = replace(blobs(20), clusters=np.zeros(20, dtype=str))
    with pytest.raises(ValueError, match=r"1 groups of labelled images .* cannot be cut in two: give --test"):
        hold_out(images)


def test_joined_groups_are_connected():
    first, second = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
    group = connected_groups(first, second)
    assert group[0] == group[1] == group[2] != group[3]


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
    assert not is_named("surfaces?split=test")
    assert not is_named("/data/a=b/val")


def test_twins_in_train_are_counted(tmp_path):
    train = write_folder(tmp_path / "train", {"ok": 8, "bad": 8})
    val = write_folder(tmp_path / "val", {"ok": 3, "bad": 3}, seed=0)
    box = data_quality(open_splits(Study(source=train, test=val)))
    assert box["sets"][1]["twins_in_train"] >= 3


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
    with pytest.raises(ValueError, match="has the splits fit, judge, none is 'train'"):
        open_splits(Study(source=str(table)))


def test_a_class_that_only_the_held_out_part_has():
    images = blobs(24)
    labels = np.zeros(24, dtype=np.int64)
    labels[:2] = 1
    images = replace(images, labels=labels, clusters=np.array(["one"] * 2 + [str(i) for i in range(22)]))
    outcomes = set()
    for seed in range(30):
        try:
            _, test = hold_out(images, seed=seed)
            outcomes.add("fine")
            assert 1 not in test.labels
        except ValueError as error:
            outcomes.add("error")
            assert "leaves no labelled image of b to train on: give --test" in str(error)  # noqa: PT017
    assert outcomes == {"fine", "error"}


def write_deep(root, tops: dict[str, int]) -> str:
    """A folder of 16-bit images per class, the brightest value of each class given."""
    for seed, (name, top) in enumerate(tops.items()):
        (root / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.random.default_rng(10 * seed + number).integers(0, top + 1, (16, 16)).astype(np.uint16)
            pixels[0, 0] = top
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return str(root)


def test_what_is_white_in_train_is_white_in_every_set(tmp_path):
    train = write_deep(tmp_path / "train", {"ok": 4095, "bad": 3000})
    dark = write_deep(tmp_path / "dark", {"ok": 1000, "bad": 900})  # alone it would be read as 10 bits
    sets = open_splits(Study(source=train, test=dark))
    assert sets.tests["reference"].levels == sets.pool.levels
    assert int(sets.tests["reference"].pixels[:].max()) == round(1000 / 4095 * 65535)
    box = data_quality(sets)
    assert "read as 12 bits" in box["sets"][0]["notes"][0]
    assert box["sets"][1]["notes"] == ["16-bit or float images: black is 0 and white 4,095, as given"]


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
