"""Shards: samples of tar files by path or as an object, read where they lie; what is no shard is refused."""

import io
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import png

from kogen.data.cache_settings import CacheSettings
from kogen.data.image_facts import content_id
from kogen.data.objects.door import open_door
from kogen.data.objects.held import HeldImages, read_first
from kogen.data.objects.shards import read_shards
from kogen.data.open import open_images, source_paths

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 11, 3), dtype=np.uint8)
STORAGE = CacheSettings(progress=False)


def write_tar(path: Path, members: dict[str, bytes], mode: Any = "w") -> Path:
    with tarfile.open(path, mode) as file:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            file.addfile(about, io.BytesIO(data))
    return path


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two shards of three samples."""
    for number in range(2):
        members: dict[str, bytes] = {"._junk.png": b"x"}
        for item in range(3 * number, 3 * number + 3):
            members |= {f"s{item}.png": png(PIXELS[item]), f"s{item}.json": b"{}"}
            members |= {f"s{item}.cls": b"ok\n" if item % 2 else b"bad"} if item else {}
        write_tar(tmp_path / f"train-00{number}.tar", members)
    return tmp_path


@pytest.mark.parametrize("pattern", ["wds:{}/train-{{000..001}}.tar", "wds:{}/train-*.tar", "wds:{}"])
def test_samples_are_images_with_a_class(shards: Path, pattern: str):
    source = pattern.format(shards)
    images = open_images(source, STORAGE)
    assert images.ids.tolist() == [content_id(image) for image in PIXELS]
    assert [images.classes[label] if label >= 0 else None for label in images.labels] == [
        None,
        *["ok", "bad"] * 2,
        "ok",
    ]
    assert images.sources[3] == "train-001.tar/s3.png"
    assert any("not read: json (6)" in note for note in images.notes)
    assert [path for path in source_paths(source) if path != shards] == [
        shards / "train-000.tar",
        shards / "train-001.tar",
    ]


def test_one_tar_is_a_source_and_a_changed_one_is_read_again(shards: Path):
    place = shards / "train-001.tar"
    assert len(open_images(place, STORAGE)) == 3
    write_tar(place, {"a.png": png(PIXELS[0])})
    assert open_images(place, STORAGE).ids.tolist() == [content_id(PIXELS[0])]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"cat/1.png": b"x", "dog/1.png": b"x"}, "packed folder of folders, .*: unpack it, and give the folder"),
        ({"readme.txt": b"x"}, "has no images .*: unpack it, and give the folder"),
        ({"a.png": b"x", "a.jpg": b"y"}, "a sample of several images, a.png, a.jpg: keep one"),
        ({"a.png": b"x", "a.cls": b"c" * 5000}, "a.cls in .* has 5,000 bytes, wanted a class"),
    ],
)
def test_what_is_no_shard_is_refused(tmp_path: Path, members: dict[str, bytes], said: str):
    with pytest.raises(ValueError, match=said):
        open_images(write_tar(tmp_path / "x.tar", members), STORAGE)


def test_shards_that_are_missing_compressed_or_damaged_are_refused(shards: Path):
    with pytest.raises(ValueError, match=r"no such shard: .*train-002.tar"):
        open_images(f"wds:{shards}/train-{{000..002}}.tar", STORAGE)
    with pytest.raises(ValueError, match=r"no such shard: .*test-\*.tar"):
        open_images(f"wds:{shards}/test-*.tar", STORAGE)
    with pytest.raises(ValueError, match=r"no images below .*; of its shards write wds:"):
        open_images(shards)
    with pytest.raises(ValueError, match="wds needs its shards"):
        open_images("wds", STORAGE)
    packed = write_tar(shards / "packed.tar", {"a.png": png(PIXELS[0])}, "w:gz")
    with pytest.raises(ValueError, match=r"cannot be read as a plain tar .*: unpack it"):
        open_images(packed, STORAGE)
    whole = (shards / "train-000.tar").read_bytes()
    second = whole.index(b"s1.png")
    damaged = whole[:second] + b"\xff" + whole[second + 1 :]
    for data in (whole[:second], whole[: second + 100], damaged):  # tarfile takes each for a tar of fewer members
        (shards / "cut.tar").write_bytes(data)
        with pytest.raises(ValueError, match=r"cut.tar is cut or damaged: its end is no end of a tar"):
            open_images(shards / "cut.tar", STORAGE)


def test_an_object_over_local_shards_is_read_from_them(shards: Path):
    package = pytest.importorskip("webdataset")
    data = package.WebDataset(f"{shards}/train-{{000..001}}.tar", shardshuffle=False)
    images = open_door(data, "source").open(STORAGE, "", None, None)
    assert images.ids.tolist() == [content_id(image) for image in PIXELS]
    assert images.labels.tolist() == open_images(f"wds:{shards}/train-*.tar", STORAGE).labels.tolist()
    with pytest.raises(ValueError, match=r"stages that change its samples \(_map, _to_tuple\): give"):
        open_door(data.decode("pil").to_tuple("png", "cls"), "source")


def test_equal_images_under_other_names_keep_their_own_names(tmp_path: Path):
    for name in ("a", "b"):
        shard = write_tar(tmp_path / f"{name}.tar", {f"{name}{item}.png": png(PIXELS[item]) for item in range(3)})
        items = read_shards([str(shard)]).images
        held = HeldImages("webdataset", "3", items, read_first(items, "webdataset", keep_facts=True), {})
        assert held.open(STORAGE, "", None, None).sources.tolist() == [
            f"{name}.tar/{name}{item}.png" for item in range(3)
        ]
