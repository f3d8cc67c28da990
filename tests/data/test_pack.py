"""Packing: the packed set is the set that was packed, trains to the same weights, and is there whole or not at all."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from packs import assert_same, known_set, pack, reopen, settings, table_set
from PIL import Image
from safetensors.numpy import load_file
from small import blobs, plan_for

from kogen.data.corrupted import corrupt_images
from kogen.data.images import PixelSubset
from kogen.data.open import open_images
from kogen.data.pack import check_place, pack_images
from kogen.data.split_names import choose_split, training_part
from kogen.training.loop import pretrain

lance = pytest.importorskip("lance")


@pytest.mark.parametrize("side", [128, 200])
@pytest.mark.parametrize("on_demand", [True, False])
def test_a_packed_table_is_the_same_set(tmp_path, side, on_demand):
    table, how = table_set(tmp_path), replace(settings(tmp_path, side), on_demand=on_demand)
    images = open_images(table, how)
    packed = reopen(pack(images, tmp_path, side=side), tmp_path, side)
    assert_same(images, packed)
    assert len(images.bad) == 1
    assert images.splits is not None
    assert images.groups is not None
    part = reopen(f"{tmp_path / 'set.lance'}?split=test", tmp_path, side)
    assert_same(choose_split(images, "test", ""), part)
    assert packed.name == "set"


@pytest.mark.parametrize(
    "images",
    [
        known_set(),
        known_set(deep=True),
        known_set(deep=True, answers=None, groups=None),
        known_set(splits=None, bad=()),
    ],
    ids=["all", "16 bits", "16 bits, less", "no splits"],
)
def test_all_that_is_known_of_a_set_is_packed(tmp_path, images):
    assert_same(images, reopen(pack(images, tmp_path), tmp_path))


def test_parts_and_gray_as_colour_are_packed_as_they_are_seen(tmp_path):
    images = blobs(30, channels=1).subset(np.array([5, 3, 20])).with_channels(3)
    assert_same(images, reopen(pack(images, tmp_path), tmp_path))


def test_weights_are_those_of_the_memory_map_bit_by_bit(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(70):
        folder = tmp_path / "imgs" / f"class{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20 + number % 3, 24, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    mapped = training_part(open_images(tmp_path / "imgs", settings(tmp_path)))
    demanded = training_part(open_images(tmp_path / "imgs", replace(settings(tmp_path / "other"), on_demand=True)))
    packed = training_part(reopen(pack(mapped, tmp_path), tmp_path))
    weights = []
    for name, images in {"mapped": mapped, "packed": packed, "on demand": demanded}.items():
        plan = plan_for(images, "moco_v2", epochs=3, batch_size=16, accumulate=2)
        list(pretrain(plan, images, tmp_path / name))
        weights.append(load_file(tmp_path / name / "checkpoint" / "state.safetensors"))
    assert len(weights[0]) > 20
    for other in weights[1:]:
        assert weights[0].keys() == other.keys()
        for key, value in weights[0].items():
            np.testing.assert_array_equal(value, other[key], err_msg=key)


def test_packed_twice_is_said_and_anything_else_there_is_refused(tmp_path):
    images = known_set()
    place = pack(images, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in Path(place).rglob("*")}
    assert not pack_images(images, place, settings(tmp_path))
    for other, how in ((known_set(19), 128), (images, 150)):
        with pytest.raises(ValueError, match=r"set.lance is there, and is not this set packed whole: choose another"):
            pack_images(other, place, settings(tmp_path, how))
    assert {path: path.stat().st_mtime_ns for path in Path(place).rglob("*")} == before
    mine = tmp_path / "mine.lance"
    mine.mkdir()
    (mine / "note.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"mine.lance is there, and is not this set packed whole"):
        pack_images(images, str(mine), settings(tmp_path))
    assert [path.name for path in mine.iterdir()] == ["note.txt"]


def test_a_place_is_called_as_packed_sets_are_and_is_no_link(tmp_path):
    with pytest.raises(ValueError, match=r"--out imgs: wanted a name that ends in .lance"):
        check_place("imgs")
    (tmp_path / "a.lance").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="is a link to"):
        check_place(str(tmp_path / "a.lance"))
    check_place("s3://bucket/a.lance")


def test_computed_images_are_not_packed(tmp_path):
    with pytest.raises(ValueError, match="is computed from other images whenever it is read: pack those"):
        pack_images(corrupt_images(blobs(), "jpeg"), str(tmp_path / "a.lance"), settings(tmp_path))


def test_series_are_not_packed(tmp_path):
    series = open_images("machines?n=10&size=32")
    with pytest.raises(
        ValueError, match="machines holds series, and packed sets hold images: read them where they lie"
    ):
        pack_images(series, str(tmp_path / "m.lance"), settings(tmp_path))


def test_without_the_package_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "lance", None)
    with pytest.raises(ValueError, match=r"packed sets want the package lance: pip install 'kogen\[lance\]'"):
        check_place("a.lance")


def test_an_image_that_is_gone_is_named_and_nothing_is_left(tmp_path):
    images = open_images(table_set(tmp_path), replace(settings(tmp_path), on_demand=True))
    (tmp_path / "imgs" / "ä7.png").unlink()
    with pytest.raises(ValueError, match=r"imgs/ä7.png can no longer be read .no such file"):
        pack(images, tmp_path)
    assert not [path for path in tmp_path.iterdir() if "lance" in path.name]


def test_what_a_store_says_is_said_with_its_address(tmp_path, monkeypatch):
    asked = []

    def refuse(reader, place, **more):
        asked.append((place, more["mode"], sum(len(batch) for batch in reader)))
        raise OSError("Dataset already exists: bucket/a.lance, /home/x/rust/lance/src/dataset.rs:12")

    monkeypatch.setattr(lance, "write_dataset", refuse)
    images = known_set()
    with pytest.raises(
        ValueError, match=r"^s3://b/a.lance cannot be written .Dataset already exists: bucket/a.lance.:"
    ):
        pack_images(images, "s3://b/a.lance", settings(tmp_path))
    assert asked == [("s3://b/a.lance", "create", 20)]
    with pytest.raises(ValueError, match=r"set.lance cannot be written .Dataset already"):
        pack(images, tmp_path)
    assert not [path for path in tmp_path.iterdir() if "lance" in path.name]


class SlowRows:
    """Pixels that take their time."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype

    def __getitem__(self, index: object) -> np.ndarray:
        time.sleep(0.2)
        return self.pixels[index]  # type: ignore[index]


def pack_slowly(folder: str) -> None:
    """What the killed process does."""
    images = blobs(400)
    images = replace(images, pixels=PixelSubset(SlowRows(images.pixels), np.arange(400)))  # type: ignore[arg-type]
    import kogen.data.pack

    kogen.data.pack.CHUNK_BYTES = 4 * images.pixels.shape[1] * 256
    pack(images, Path(folder))


@pytest.mark.parametrize("ending", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_pack_that_is_cut_off_leaves_nothing_that_opens(tmp_path, ending):
    code = f"import sys; sys.path[:0] = {sys.path}; import test_pack; test_pack.pack_slowly({str(tmp_path)!r})"
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": paths}, stderr=-3)
    while not (partial := list(tmp_path.glob(".*.partial"))):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(ending)
    process.wait(30)
    assert not (tmp_path / "set.lance").exists()
    assert partial[0].exists() == (ending == signal.SIGKILL)
    if partial[0].exists():
        with pytest.raises(ValueError):
            open_images(f"lance:{partial[0]}", settings(tmp_path))
    images = blobs(40)
    assert_same(images, reopen(pack(images, tmp_path), tmp_path))
    assert not list(tmp_path.glob(".*.partial"))  # what the killed process left is swept
