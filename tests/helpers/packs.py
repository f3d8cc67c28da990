"""Sets that tests pack, and what must be the same of two sets."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from PIL import Image
from small import blobs

from kogen.data.cache_settings import CacheSettings
from kogen.data.images import BadFile, Images
from kogen.data.levels import Levels
from kogen.data.open import open_images
from kogen.data.pack import pack_images

UNLIKE = {"pixels", "root", "name"}  # where they lie, and how the source is called


def settings(folder: Path, side: int = 128) -> CacheSettings:
    return CacheSettings(side, cache=folder / "cache", workers=2, progress=False, max_bad=0.5)


def pack(images: Images, folder: Path, name: str = "set.lance", side: int = 128) -> str:
    """Pack a set that was opened with `side`, and say where it lies."""
    place = str(folder / name)
    assert pack_images(images, place, settings(folder, side))
    return place


def reopen(place: str, folder: Path, side: int = 128, **more: str) -> Images:
    return open_images(place, settings(folder, side), **more)


def table_set(folder: Path, count: int = 12) -> Path:
    """A table of images of several sizes with labels, clusters, groups and splits, some unknown; one is no image."""
    rng, lines = np.random.default_rng(0), ["path,label,cluster,split,group"]
    (folder / "imgs").mkdir(parents=True)
    for number in range(count):
        pixels = rng.integers(0, 256, (90 + 20 * number, 150, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "imgs" / f"ä{number}.png")
        label, cluster = ("", "b", "a")[number % 3], "" if number == 4 else f"lot{number // 2}"
        lines.append(
            f"imgs/ä{number}.png,{label},{cluster},{'test' if number > 8 else 'train'},{'' if number else 'g'}"
        )
    (folder / "imgs" / "broken.png").write_bytes(b"no image")
    lines.append("imgs/broken.png,a,,train,")
    (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder / "table.csv"


def known_set(count: int = 20, *, deep: bool = False, **more: object) -> Images:
    """A set of which everything is known that a set may know."""
    images, rng = blobs(count), np.random.default_rng(1)
    answers = rng.random((count, 4)).astype(np.float32) if deep else rng.random((count, 4)) > 0.5
    found = replace(
        images,
        pixels=images.pixels.astype(np.uint16) * 257 if deep else images.pixels,  # type: ignore[attr-defined]
        levels=Levels(0.0, 4095.0) if deep else None,
        answers=answers,
        allowed_classes=("a", "c"),
        splits=np.array(["train", "test", ""] * count, object)[:count],
        groups=np.array(["monday", ""] * count, object)[:count],
        notes=("a note", "他の"),
        bad=(BadFile("x.png", "no image"),),
        aspect=rng.random(count).astype(np.float32) + 0.5,
        digest="",
    )
    return replace(found, **({"digest": ""} | more))


def assert_same(one: Images, other: Images) -> None:
    """All that two sets know is the same, and so are their pixels."""
    for field in fields(Images):
        if field.name in UNLIKE:
            continue
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype, field.name
            np.testing.assert_array_equal(mine, theirs, err_msg=field.name)
        else:
            assert mine == theirs, field.name
    assert one.pixels.shape == other.pixels.shape
    assert np.dtype(one.pixels.dtype) == other.pixels.dtype
    every = np.arange(len(one))
    np.testing.assert_array_equal(one.fetch(every), other.fetch(every))
    np.testing.assert_array_equal(one.fetch(every[::-2]), other.fetch(every[::-2]))
