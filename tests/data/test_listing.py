"""Listings: what changes when a file does, and names with any bytes."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kogen.common.files import write_json
from kogen.data.datasets import torchvision as torchvision_file
from kogen.data.listing import ImageFiles, file_stamp, scan_folder, stat_files
from kogen.data.open import open_images


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))


def paint(path: Path, value: int, time: int = 1_000_000_000) -> None:
    """A picture of one gray, and the time of a build: all of them have one size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (value,) * 3).save(path, "BMP")
    os.utime(path, (time, time))


def replace_file(path: Path, value: int) -> None:
    """Another picture of the same size and time in its place, as a container build puts it there."""
    before = path.stat()
    paint(path.with_name("new.bmp"), value)
    os.replace(path.with_name("new.bmp"), path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def rewrite_file(path: Path, value: int) -> None:
    """Another picture written into the same file, and its time put back."""
    paint(path, value)


@pytest.mark.parametrize("change", [replace_file, rewrite_file])
@pytest.mark.parametrize("kind", ["folder", "table", "npy", "npz", "torchvision"])
def test_files_of_the_same_size_and_time_are_other_files(tmp_path: Path, kind: str, change) -> None:
    for name in ("a/1.bmp", "a/2.bmp", "b/3.bmp"):
        paint(tmp_path / "in" / name, 10)
    (tmp_path / "in" / "t.csv").write_text("path\na/1.bmp\na/2.bmp\nb/3.bmp\n")
    pixels = np.full((3, 4, 4, 3), 10, np.uint8)
    np.save(tmp_path / "a.npy", pixels)
    np.savez(tmp_path / "a.npz", x=pixels)
    source = {"folder": "in", "table": "in/t.csv", "npy": "a.npy", "npz": "a.npz"}.get(kind)
    text = f"torchvision:ImageFolder?root={tmp_path}/in" if source is None else f"{tmp_path}/{source}"
    first = open_images(text)
    assert set(first.pixels[np.arange(3)].ravel()) == {10}
    if kind in ("npy", "npz"):
        path, other = tmp_path / f"a.{kind}", tmp_path / f"other.{kind}"
        before = path.stat()
        if kind == "npy":
            np.save(other, pixels * 20)
        else:
            np.savez(other, x=pixels * 20)
        if change is replace_file:
            os.replace(other, path)
        else:
            path.write_bytes(other.read_bytes())
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
    else:
        for name in ("a/1.bmp", "a/2.bmp", "b/3.bmp"):
            change(tmp_path / "in" / name, 200)
    again = open_images(text)
    assert set(again.pixels[np.arange(3)].ravel()) == {200}
    assert set(again.ids).isdisjoint(first.ids)


def test_a_file_stamp_knows_another_file(tmp_path: Path) -> None:
    paint(tmp_path / "a.bmp", 1)
    first = file_stamp(str(tmp_path / "a.bmp"))
    assert file_stamp(str(tmp_path / "a.bmp")) == first
    replace_file(tmp_path / "a.bmp", 2)
    assert file_stamp(str(tmp_path / "a.bmp")) != first


NAMES = [
    "esc\x1b[2J.png",
    "two\nlines.png",
    "bell\x07.png",
    os.fsdecode(b"caf\xe9.png"),
    os.fsdecode(b"caf\xe8.png"),
    "ü 人.png",
]


@pytest.mark.parametrize("broken", [False, True])
def test_names_with_any_bytes(tmp_path: Path, broken: bool) -> None:
    for value, name in enumerate(NAMES):
        for label in ("ok", os.fsdecode(b"n\xe9"), os.fsdecode(b"n\xe8"), "\x1b]0;x\n"):
            place = tmp_path / "in" / label / name
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (value, 3 * len(label), 0)).save(place, "PNG")
    if broken:
        (tmp_path / "in" / "ok" / NAMES[3]).write_bytes(b"broken")
    images = open_images(tmp_path / "in")
    assert set(images.classes) == {"ok", "n\\udce9", "n\\udce8", "\x1b]0;x\n"}
    assert len(set(images.sources)) == len(images) == 24 - broken
    assert [bad.source for bad in images.bad] == ["ok/caf\\udce9.png"] * broken
    quality = images.subset(np.arange(5)).quality()
    write_json(tmp_path / "data.json", quality)  # what a study writes of it
    assert images.digest == open_images(tmp_path / "in").digest
    for source in images.sources:
        assert source.encode()


def test_paths_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"paths in the table that do not exist below .*: 2 of 2"):
        stat_files(str(tmp_path), ["a\0b.png", "x" * 300 + ".png"])


def test_the_stamps_of_a_folder(tmp_path: Path) -> None:
    paint(tmp_path / "a.bmp", 1)
    status = (tmp_path / "a.bmp").stat()
    wanted = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    assert scan_folder(str(tmp_path)).stamps.tolist() == [wanted]
    assert stat_files(str(tmp_path), ["a.bmp"])[0].stamps.tolist() == [wanted]
    assert (
        ImageFiles(str(tmp_path), scan_folder(str(tmp_path))).key()
        != ImageFiles(str(tmp_path), stat_files(str(tmp_path), [])[0]).key()
    )


def test_torchvision_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    for label in "ab":
        paint(tmp_path / "in" / label / "1.bmp", 3)
    os.mkfifo(tmp_path / "in" / "a" / "0.png")
    with pytest.raises(ValueError, match=r"in/a/0\.png is a pipe or a device, wanted files: remove it"):
        open_images(f"torchvision:ImageFolder?root={tmp_path}/in")
    (tmp_path / "in" / "a" / "0.png").unlink()
    (tmp_path / "in" / "dangling").symlink_to("nowhere")
    assert len(open_images(f"torchvision:ImageFolder?root={tmp_path}/in")) == 2


def test_torchvision_has_a_bound_on_classes() -> None:
    with pytest.raises(ValueError, match="torchvision's X has a label 1000000000, at most 1,000,000 classes are read"):
        torchvision_file._name_labels("X", np.array([0, 10**9]), [])
