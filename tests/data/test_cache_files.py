"""A pixel cache that something has damaged: pixels are always those of the sources, and the cache heals by itself."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kogen.data.cache_build
import kogen.data.checked_pixels
import kogen.data.pixel_cache
from kogen.data.cache_settings import CacheSettings
from kogen.data.checked_pixels import CheckedPixels
from kogen.data.images import Images
from kogen.data.listing import ImageFiles, scan_folder
from kogen.data.pixel_cache import CachedPixels, load_or_build

COUNT = 40
SEEDS = int(os.environ.get("SEEDS", "25"))  # more of them: SEEDS=1000 pytest tests/data/test_cache_files.py


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch) -> None:
    monkeypatch.setattr(kogen.data.cache_build, "CHUNK_IMAGES", 16)


def paint(folder: Path, seed: int = 0) -> ImageFiles:
    """A folder of COUNT images of noise, one of them broken."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (6, 9, 3), dtype=np.uint8)).save(folder / f"{number:02d}.png")
    (folder / "07.png").write_bytes(b"no image")
    return ImageFiles(str(folder), scan_folder(str(folder)))


def settings(cache: Path) -> CacheSettings:
    return CacheSettings(cache=cache, workers=2, progress=False, max_bad=1.0)


def read_all(kept: CachedPixels) -> np.ndarray:
    return kept.pixels[np.flatnonzero(kept.manifest["position"] >= 0)]


def flip(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 1, 5])):
        place = chance.randrange(len(data))
        data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def cut(path: Path, chance: random.Random) -> None:
    os.truncate(path, chance.randrange(path.stat().st_size))


def lengthen(path: Path, chance: random.Random) -> None:
    with path.open("ab") as file:
        file.write(chance.randbytes(chance.choice([1, 500])))


def scramble(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(path.stat().st_size))


def exchange(path: Path, chance: random.Random) -> None:
    """Another file of the cache in its place."""
    others = sorted(other for other in path.parents[1].rglob("*") if other.is_file() and other != path)
    path.write_bytes(chance.choice([*others, path]).read_bytes())


def edit(path: Path, chance: random.Random) -> None:
    """A sound table with another value in it."""
    if path.suffix != ".parquet":
        return flip(path, chance)
    frame = pd.read_parquet(path)
    numbers = frame.select_dtypes("number").columns
    frame.loc[chance.randrange(len(frame)), chance.choice(list(numbers))] += chance.choice([1, 10**12])
    frame.to_parquet(path)


def drop_rows(path: Path, chance: random.Random) -> None:
    if path.suffix != ".parquet":
        return cut(path, chance)
    frame = pd.read_parquet(path)
    frame.iloc[: chance.randrange(len(frame))].to_parquet(path)


def put_folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()
    (path / "x").write_text("x")


def put_link(path: Path, chance: random.Random) -> None:
    """A link to a copy of the file, or to nowhere."""
    copy = path.parents[1] / "copy"
    os.replace(path, copy)
    path.symlink_to(copy if chance.random() < 0.5 else "nowhere")


def put_pipe(path: Path, chance: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def delete(path: Path, chance: random.Random) -> None:
    path.unlink()


def empty(path: Path, chance: random.Random) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


DAMAGES = [
    flip,
    flip,
    cut,
    lengthen,
    scramble,
    exchange,
    edit,
    drop_rows,
    put_folder,
    put_link,
    put_pipe,
    delete,
    empty,
]


def stop_at(item: int, honest: Callable) -> Callable:
    """Decoding or reading headers, stopped at an item as by Ctrl-C."""

    def read(self: ImageFiles, number: int, limit: int) -> object:
        if number == item:
            raise KeyboardInterrupt
        return honest(self, number, limit)

    return read


@pytest.mark.parametrize("state", ["finished", "decoding", "headers"])
def test_whatever_is_damaged_the_pixels_are_those_of_the_sources(
    tmp_path: Path, monkeypatch, capfd, state: str
) -> None:
    items = paint(tmp_path / "in")
    whole = load_or_build(items, settings(tmp_path / "whole"))
    wanted, ids = read_all(whole), whole.manifest["id"].tolist()
    if state == "finished":
        shutil.copytree(tmp_path / "whole", tmp_path / "begun")
    else:
        reading = "decode" if state == "decoding" else "read_header"
        stopped = stop_at(35, getattr(ImageFiles, reading))
        with monkeypatch.context() as patch:
            patch.setattr(ImageFiles, reading, stopped)
            with pytest.raises(KeyboardInterrupt):
                load_or_build(items, settings(tmp_path / "begun"))
    noticed = 0
    for seed in range(SEEDS):
        chance, cache = random.Random(seed), tmp_path / "cache"
        shutil.copytree(tmp_path / "begun", cache)
        path = chance.choice(sorted(path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"))
        damage = chance.choice(DAMAGES)
        damage(path, chance)
        capfd.readouterr()
        for _ in range(3):  # as it is found, after it was found, healed
            kept = load_or_build(items, settings(cache))
            assert isinstance(kept.pixels, CheckedPixels)
            np.testing.assert_array_equal(read_all(kept), wanted, f"seed {seed}: {damage.__name__} of {path.name}")
            assert kept.manifest["id"].tolist() == ids
            said = capfd.readouterr().err.splitlines()
            assert len(said) <= 1 or "".join(said).count("damaged") <= 2, said
            noticed += bool(said)
        assert not said, f"seed {seed}: {damage.__name__} of {path.name} is not healed: {said}"
        shutil.rmtree(cache)
    assert (noticed > SEEDS / 3) is (state == "finished")


def damage_row(cache: Path, row: int) -> Path:
    """Change a byte of a stored image."""
    (path,) = cache.glob("*/pixels.npy")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - (COUNT - row) * 3 * 6 * 9 + 5)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    return path


@pytest.mark.parametrize(
    "index", [12, np.array([11, 12, 12, 3]), slice(10, 14), np.array([True] * 7 + [False] + [True] * 32)]
)
def test_a_damaged_row_is_decoded_anew_however_it_is_asked_for(tmp_path: Path, capfd, index) -> None:
    items = paint(tmp_path / "in")
    wanted = load_or_build(items, settings(tmp_path / "c")).pixels[index].copy()
    damage_row(tmp_path / "c", 12)
    kept = load_or_build(items, settings(tmp_path / "c"))
    for _ in range(2):
        np.testing.assert_array_equal(kept.pixels[index], wanted)
    said = " ".join(capfd.readouterr().err.split())
    assert said.count("the stored pixels of 12.png are damaged: they are decoded anew, and all of") == 1


def test_rows_that_were_checked_are_not_checked_again_and_subsets_share_it(tmp_path: Path, monkeypatch) -> None:
    items = paint(tmp_path / "in")
    load_or_build(items, settings(tmp_path / "c"))
    images = Images.from_cache(load_or_build(items, settings(tmp_path / "c")))
    checked: list[int] = []
    honest = kogen.data.checked_pixels.row_checksum
    monkeypatch.setattr(kogen.data.checked_pixels, "row_checksum", lambda row: checked.append(1) or honest(row))
    images.subset(np.arange(10)).read(np.arange(10))
    assert len(checked) == 10
    images.subset(np.arange(5, 15)).read(np.arange(10))
    assert len(checked) == 15


def test_a_damaged_row_whose_source_changed_is_refused(tmp_path: Path) -> None:
    items = paint(tmp_path / "in")
    load_or_build(items, settings(tmp_path / "c"))
    damage_row(tmp_path / "c", 12)
    kept = load_or_build(items, settings(tmp_path / "c"))
    Image.new("RGB", (9, 6)).save(tmp_path / "in" / "12.png")
    with pytest.raises(ValueError, match=r"12\.png changed since the set was opened: open the set again"):
        kept.pixels[12]
    (tmp_path / "in" / "12.png").unlink()
    with pytest.raises(ValueError, match=r"12\.png can no longer be read \(no such file"):
        kept.pixels[12]


OPEN = """
import sys
from pathlib import Path
from kogen.data.cache_settings import CacheSettings
from kogen.data.listing import ImageFiles, scan_folder
from kogen.data.pixel_cache import load_or_build
for cache in sys.argv[2:]:
    settings = CacheSettings(cache=Path(cache), workers=1, progress=False, max_bad=1.0)
    kept = load_or_build(ImageFiles(sys.argv[1], scan_folder(sys.argv[1])), settings)
    print(int(kept.pixels[:].sum()))
"""


def test_two_processes_that_open_damaged_caches_end_right(tmp_path: Path) -> None:
    wanted = int(load_or_build(paint(tmp_path / "in"), settings(tmp_path / "whole")).pixels[:].sum())
    damages = [flip, cut, put_link, empty, put_folder]
    caches = [shutil.copytree(tmp_path / "whole", tmp_path / damage.__name__) for damage in damages]
    for damage, cache in zip(damages, caches, strict=True):
        damage(next(cache.glob("*/pixels.npy")), random.Random(3))
    command = [sys.executable, "-c", OPEN, str(tmp_path / "in"), *map(str, caches)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [process.communicate(timeout=100) for process in both]
    assert [out.split() for out, _ in ends] == [[str(wanted)] * len(damages)] * 2, ends


def test_a_cache_that_is_read_only_is_used(tmp_path: Path, monkeypatch) -> None:
    items = paint(tmp_path / "in")
    wanted = read_all(load_or_build(items, settings(tmp_path / "c")))
    damage_row(tmp_path / "c", 12)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(kogen.data.pixel_cache, "write_atomically", refuse)
    monkeypatch.setattr(kogen.data.pixel_cache, "hold_lock", refuse)
    np.testing.assert_array_equal(read_all(load_or_build(items, settings(tmp_path / "c"))), wanted)
