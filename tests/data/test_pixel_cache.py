"""The pixel cache: format, reuse, resuming after kills, two processes at once, decoding on demand."""

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kogen.data.cache_build
from kogen.common.locks import hold_lock
from kogen.data.cache_settings import CacheRequest, CacheSettings
from kogen.data.checked_pixels import CheckedPixels
from kogen.data.decode import decode
from kogen.data.image_facts import ImageFacts, UnreadableImage, content_id, image_facts
from kogen.data.lazy_pixels import LazyPixels
from kogen.data.levels import whole_levels
from kogen.data.listing import ImageFiles, PackedImages, scan_folder
from kogen.data.pixel_cache import load_or_build
from kogen.data.pixel_format import FACTS, PixelFormat, choose_format, to_format


def paint(folder: Path, sizes: list[tuple[int, int]], seed: int = 0, mode: str = "RGB") -> None:
    """Write one PNG of noise per (width, height)."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number, (width, height) in enumerate(sizes):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{number:04d}.png")


def files(folder: Path) -> ImageFiles:
    return ImageFiles(str(folder), scan_folder(str(folder)))


@pytest.fixture
def quiet(tmp_path: Path) -> CacheSettings:
    return CacheSettings(cache=tmp_path / "cache", workers=2, progress=False, max_bad=1.0)


def table(*rows: tuple) -> dict[str, np.ndarray]:
    top = [float((1 << row[3]) - 1) for row in rows]
    facts = [(*row, "RGB", 0, 0.0, high, "", "") for row, high in zip(rows, top, strict=True)]
    frame = pd.DataFrame(facts, columns=FACTS)
    return {name: frame[name].to_numpy() for name in FACTS}


@pytest.mark.parametrize(
    ("rows", "store", "layout"),
    [
        ([(32, 24, 3, 8)] * 2, 256, PixelFormat(3, 24, 32, 8)),  # one size: as it is
        ([(128, 100, 1, 8)] * 2, 64, PixelFormat(1, 100, 128, 8)),  # 128 is small enough whatever the stored side
        ([(300, 200, 3, 8)] * 2, 256, PixelFormat(3, 256, 256, 8)),  # one size, but large: squeezed
        ([(300, 200, 3, 8), (500, 400, 3, 8)], 256, PixelFormat(3, 256, 256, 8)),
        ([(30, 20, 3, 8), (50, 40, 3, 8)], 256, PixelFormat(3, 50, 50, 8)),  # never blown up beyond the largest side
        ([(8, 8, 1, 8), (8, 8, 3, 8)], 256, PixelFormat(3, 8, 8, 8)),  # gray joins colour
        ([(8, 8, 1, 16), (8, 8, 1, 8)], 256, PixelFormat(1, 8, 8, 16, whole_levels(16))),  # 8 bits join 16
    ],
)
def test_plan(rows: list, store: int, layout: PixelFormat) -> None:
    found, reasons = choose_format(table(*rows), store)
    assert found == layout
    assert reasons.tolist() == [""] * len(rows)


def test_plan_the_commonest_channel_count_wins() -> None:
    found, reasons = choose_format(table((8, 8, 5, 8), (8, 8, 5, 8), (8, 8, 3, 8)), 256)
    assert found == PixelFormat(5, 8, 8, 8)
    assert reasons.tolist() == ["", "", "wrong channel count: not 5 channels, as most of this set have"]
    found, reasons = choose_format(table((8, 8, 5, 8), (8, 8, 1, 8), (8, 8, 3, 8)), 256)
    assert reasons.tolist() == ["wrong channel count: not 1 or 3 channels, as most of this set have", "", ""]


def fit(pixels: np.ndarray, pixel_format: PixelFormat) -> np.ndarray | None:
    """An image of which only its array is known, as it is stored."""
    return to_format(pixels, image_facts(pixels, "array"), pixel_format)


def test_fit_joins_depth_and_channels() -> None:
    gray = np.array([[[0], [255]]], np.uint8)
    got = fit(gray, PixelFormat(3, 1, 2, 16))
    assert got is not None
    assert got[:, 0].tolist() == [[0, 65535]] * 3
    assert fit(np.zeros((2, 2, 4), np.uint8), PixelFormat(3, 2, 2, 8)) is None


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_fit_squeezes_without_aliasing(channels: int, dtype: type) -> None:
    top = np.iinfo(dtype).max
    stripes = np.zeros((300, 200, channels), dtype)
    stripes[:, ::2] = top  # the finest stripes there are must become an even gray
    levels = whole_levels(16) if dtype == np.uint16 else None
    got = fit(stripes, PixelFormat(channels, 20, 20, np.dtype(dtype).itemsize * 8, levels))
    assert got is not None
    assert got.shape == (channels, 20, 20)
    assert np.abs(got[:, 2:-2, 2:-2] / top - 0.5).max() < 0.03


def test_pixels_and_manifest(tmp_path: Path, quiet: CacheSettings) -> None:
    paint(tmp_path / "in", [(9, 6)] * 5)
    kept = load_or_build(files(tmp_path / "in"), quiet)
    assert isinstance(kept.pixels, CheckedPixels)
    assert not kept.pixels.stored.flags.writeable
    for row, path in enumerate(sorted((tmp_path / "in").iterdir())):
        pixels, _ = decode(str(path))
        np.testing.assert_array_equal(kept.pixels[row], pixels.transpose(2, 0, 1))
        assert kept.manifest["id"][row] == content_id(pixels)
    assert kept.manifest["position"].tolist() == [0, 1, 2, 3, 4]
    assert kept.manifest["source"].tolist() == [f"{i:04d}.png" for i in range(5)]
    assert set(kept.manifest["mode"]) == {"RGB"}


def test_the_id_is_of_the_pixels_before_squeezing(tmp_path: Path, quiet: CacheSettings) -> None:
    paint(tmp_path / "in", [(40, 30), (30, 40)])
    kept = load_or_build(files(tmp_path / "in"), CacheSettings(stored_side=16, cache=tmp_path / "c", progress=False))
    assert kept.pixels.shape == (2, 3, 16, 16)
    assert kept.manifest["id"].tolist() == [
        content_id(decode(str(tmp_path / "in" / f"000{i}.png"))[0]) for i in range(2)
    ]


def test_nothing_is_decoded_twice_unless_it_changed(tmp_path: Path, quiet: CacheSettings, monkeypatch) -> None:
    paint(tmp_path / "in", [(9, 6)] * 4)
    first = load_or_build(files(tmp_path / "in"), quiet)
    with monkeypatch.context() as patch:
        patch.setattr(ImageFiles, "decode", lambda *_: pytest.fail("decoded again"))
        again = load_or_build(files(tmp_path / "in"), quiet)
    np.testing.assert_array_equal(first.pixels[:], again.pixels[:])
    paint(tmp_path / "in", [(9, 6)], seed=1)  # another first image
    changed = load_or_build(files(tmp_path / "in"), quiet)
    assert changed.manifest["id"][0] != first.manifest["id"][0]
    assert changed.manifest["id"][1] == first.manifest["id"][1]


def test_the_source_is_never_written_to(tmp_path: Path, quiet: CacheSettings) -> None:
    paint(tmp_path / "in", [(9, 6)] * 4)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "in").rglob("*")}
    load_or_build(files(tmp_path / "in"), quiet)
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "in").rglob("*")}


def test_on_demand_is_the_same_behind_the_same_interface(tmp_path: Path, quiet: CacheSettings) -> None:
    paint(tmp_path / "in", [(20, 30), (30, 20), (25, 25)])
    (tmp_path / "in" / "0001b.png").write_bytes(b"")
    stored = load_or_build(files(tmp_path / "in"), CacheSettings(16, tmp_path / "c", 1.0, 2, False, False))
    demand = load_or_build(files(tmp_path / "in"), CacheSettings(16, tmp_path / "c", 1.0, 2, True, False))
    pd.testing.assert_frame_equal(stored.manifest.drop(columns="checksum"), demand.manifest.drop(columns="checksum"))
    assert (demand.pixels.shape, demand.pixels.dtype) == (stored.pixels.shape, stored.pixels.dtype)
    good = np.array([3, 0, 1, 1])
    np.testing.assert_array_equal(stored.pixels[good], demand.pixels[good])
    np.testing.assert_array_equal(stored.pixels[0], demand.pixels[0])
    np.testing.assert_array_equal(stored.pixels[:2], demand.pixels[:2])
    assert not list((tmp_path / "c").glob("*-on-demand/pixels.npy"))


def test_on_demand_where_the_disk_is_too_small(tmp_path: Path, quiet: CacheSettings, monkeypatch) -> None:
    paint(tmp_path / "in", [(9, 6)] * 4)
    monkeypatch.setattr(kogen.data.cache_build.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 800}))
    assert isinstance(load_or_build(files(tmp_path / "in"), quiet).pixels, LazyPixels)  # 648 bytes of 800
    monkeypatch.setattr(ImageFiles, "decode", lambda *_: pytest.fail("hashed again"))
    assert isinstance(load_or_build(files(tmp_path / "in"), quiet).pixels, LazyPixels)
    with pytest.raises(ValueError, match=r"the pixels take .* GB free: use a smaller store="):
        load_or_build(files(tmp_path / "in"), CacheSettings(cache=tmp_path / "cache", on_demand=False, progress=False))


def test_a_file_that_vanishes_or_changes_under_on_demand(tmp_path: Path) -> None:
    paint(tmp_path / "in", [(9, 6)] * 2)
    kept = load_or_build(files(tmp_path / "in"), CacheSettings(cache=tmp_path / "c", on_demand=True, progress=False))
    (tmp_path / "in" / "0001.png").unlink()
    with pytest.raises(ValueError, match=r"0001.png can no longer be read \(no such file"):
        kept.pixels[np.array([0, 1])]
    np.save(tmp_path / "in" / "0001.npy", np.zeros((6, 9, 7), np.uint8))
    os.rename(tmp_path / "in" / "0001.npy", tmp_path / "in" / "0001.png")
    with pytest.raises(ValueError, match=r"0001\.png changed since the set was opened"):
        kept.pixels[1]


def test_headers_that_lie_about_the_size_lead_to_another_plan(
    tmp_path: Path, quiet: CacheSettings, monkeypatch
) -> None:
    paint(tmp_path / "in", [(9, 6)] * 40)
    honest = ImageFiles.decode

    def turned(self: ImageFiles, item: int, limit: int) -> tuple[np.ndarray, ImageFacts]:
        pixels, facts = honest(self, item, limit)
        if item != 30:
            return pixels, facts
        return pixels.transpose(1, 0, 2), facts._replace(width=facts.height, height=facts.width)

    monkeypatch.setattr(ImageFiles, "decode", turned)
    kept = load_or_build(files(tmp_path / "in"), quiet)
    assert kept.pixels.shape == (40, 3, 9, 9)
    assert kept.manifest[["width", "height"]].to_numpy()[29:31].tolist() == [[9, 6], [6, 9]]
    assert kept.pixels[:].any(axis=(1, 2, 3)).all()


def test_an_odd_one_that_cannot_be_decoded_does_not_decide_the_layout(tmp_path: Path, quiet: CacheSettings) -> None:
    paint(tmp_path / "in", [(64, 64), *[(9, 6)] * 20])
    whole = (tmp_path / "in" / "0000.png").read_bytes()
    (tmp_path / "in" / "0000.png").write_bytes(whole[: len(whole) // 2])  # its header is good
    kept = load_or_build(files(tmp_path / "in"), quiet)
    assert kept.pixels.shape[1:] == (3, 6, 9)
    assert kept.manifest["position"].tolist() == [-1, *range(1, 21)]
    assert kept.manifest["width"][0] == 64
    assert "truncated" in kept.manifest["reason"][0]


def test_too_many_bad_images_stop_with_the_list(tmp_path: Path) -> None:
    paint(tmp_path / "in", [(9, 6)] * 10)
    for number in range(12):
        (tmp_path / "in" / f"x{number:02d}.png").write_bytes(b"")
    tight = CacheSettings(cache=tmp_path / "c", progress=False)
    with pytest.raises(ValueError, match=r"12 of 22 images cannot be used, at most 5 % may be") as caught:
        load_or_build(files(tmp_path / "in"), tight)
    assert "x00.png: empty (0 bytes)" in str(caught.value)
    assert "x09.png" in str(caught.value)
    assert "x10.png" not in str(caught.value)
    assert "and 2 more" in str(caught.value)
    assert (
        len(
            load_or_build(
                files(tmp_path / "in"), CacheSettings(cache=tmp_path / "c", progress=False, max_bad=0.6)
            ).manifest
        )
        == 22
    )


def test_no_usable_image_at_all(tmp_path: Path, quiet: CacheSettings) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"x")
    with pytest.raises(ValueError, match="1 of 1 images cannot be used"):
        load_or_build(files(tmp_path / "in"), quiet)


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch) -> None:
    paint(tmp_path / "in", [(9, 6)])

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ValueError, match=r"cannot write to the cache .*; give another with cache= or KOGEN_CACHE"):
        load_or_build(files(tmp_path / "in"), CacheSettings(cache=tmp_path / "c"))


def test_packed_offsets_that_lie(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"")
    items = PackedImages(str(tmp_path / "a.npz"), lambda: (np.zeros(9, np.uint8), np.array([0, 99])), 1)
    with pytest.raises(UnreadableImage, match="offsets 0 to 99 lie outside the 9 bytes"):
        items.decode(0, 1)


def test_home(monkeypatch) -> None:
    monkeypatch.delenv("KOGEN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert CacheSettings().cache_folder == Path("/x/kogen")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert CacheSettings().cache_folder == Path.home() / ".cache" / "kogen"
    monkeypatch.setenv("KOGEN_CACHE", "/k")
    assert CacheSettings().cache_folder == Path("/k")
    assert CacheSettings(cache=Path("/c")).cache_folder == Path("/c")


def test_scan_leaves_out_what_is_no_image_and_follows_links_once(tmp_path: Path) -> None:
    paint(tmp_path / "in" / "deep" / "er", [(4, 4)])
    for name in ("notes.txt", "Thumbs.db", ".DS_Store", "labels.csv", "README.md"):
        (tmp_path / "in" / name).write_text("x")
    (tmp_path / "in" / ".hidden").mkdir()
    (tmp_path / "in" / ".hidden" / "a.png").write_text("x")
    (tmp_path / "in" / "no-ending").write_text("x")
    paint(tmp_path / "in" / "folder.avi", [(4, 4)])  # endings are for files
    paint(tmp_path / "in" / "@eaDir", [(4, 4)])
    (tmp_path / "in" / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "in" / "deep" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / os.fsdecode(b"caf\xe9.png")).write_text("x")  # not UTF-8
    found = scan_folder(str(tmp_path / "in"))
    names = sorted(os.fsencode(name) for name in found.names)
    assert names == [b"caf\xe9.png", b"dangling.jpg", b"deep/er/0000.png", b"folder.avi/0000.png", b"no-ending"]
    assert found.stamps[found.names.index("dangling.jpg")].tolist() == [-1, 0, 0, 0]


def test_a_name_that_is_not_utf8_reaches_the_manifest(tmp_path: Path, quiet: CacheSettings) -> None:
    paint(tmp_path / "in", [(4, 4)] * 2)
    os.rename(tmp_path / "in" / "0001.png", tmp_path / "in" / os.fsdecode(b"caf\xe9.png"))
    kept = load_or_build(files(tmp_path / "in"), quiet)
    assert kept.manifest["source"].tolist() == ["0000.png", "caf\\udce9.png"]
    assert (kept.manifest["position"] >= 0).all()


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import kogen.data.cache_build
from kogen.data.listing import ImageFiles, scan_folder
from kogen.data.cache_settings import CacheSettings
from kogen.data.pixel_cache import load_or_build

kogen.data.cache_build.CHUNK_IMAGES = 16
folder, cache, on_demand = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "True"

def work(at):
    settings = CacheSettings(cache=at, workers=2, progress=False, max_bad=1.0, on_demand=on_demand)
    load_or_build(ImageFiles(folder, scan_folder(folder)), settings)

def forked(at, until):
    child = os.fork()
    if not child:
        work(at)
        os._exit(0)
    if until is not None:
        time.sleep(until)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]

start = time.perf_counter()
assert forked(cache / "whole", None) == 0
whole = time.perf_counter() - start
chance, killed = random.Random(7), 0
for _ in range(20):
    killed += forked(cache / "killed", chance.uniform(0, 0.3 * whole)) != 0
assert forked(cache / "killed", None) == 0
print(killed)
"""


@pytest.mark.parametrize("on_demand", [False, True])
def test_twenty_kills_leave_what_an_uninterrupted_run_leaves(tmp_path: Path, on_demand: bool) -> None:
    paint(tmp_path / "in", [(40, 30), (30, 40)] * 150)
    for number in range(0, 300, 50):
        (tmp_path / "in" / f"{number:04d}.png").write_bytes(b"not an image")
    arguments = [sys.executable, "-c", KILLED, str(tmp_path / "in"), str(tmp_path), str(on_demand)]
    out = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True).stdout
    assert int(out) >= 3  # of twenty; the others found the work done
    (whole,), (killed,) = ([p.parent for p in (tmp_path / d).glob("*/manifest.parquet")] for d in ("whole", "killed"))
    pd.testing.assert_frame_equal(
        pd.read_parquet(whole / "manifest.parquet"), pd.read_parquet(killed / "manifest.parquet")
    )
    assert (whole / "pixels.npy").exists() is not on_demand
    if not on_demand:
        assert (whole / "pixels.npy").read_bytes() == (killed / "pixels.npy").read_bytes()
    assert not list((tmp_path / "killed").glob("*.partial"))
    assert sorted(p.name for p in killed.iterdir()) == sorted(p.name for p in whole.iterdir())


def test_what_is_decoded_is_not_decoded_again_after_a_stop(tmp_path: Path, quiet: CacheSettings, monkeypatch) -> None:
    paint(tmp_path / "in", [(9, 6)] * 64)
    monkeypatch.setattr(kogen.data.cache_build, "CHUNK_IMAGES", 16)
    done: list[int] = []
    honest = ImageFiles.decode

    def interrupted(self: ImageFiles, item: int, limit: int) -> tuple[np.ndarray, str]:
        if item == 40 and len(done) < 64:
            raise KeyboardInterrupt
        done.append(item)
        return honest(self, item, limit)

    monkeypatch.setattr(ImageFiles, "decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_or_build(files(tmp_path / "in"), quiet)
    first = set(done)
    assert first >= set(range(32))
    done[:] = [-1] * 64
    load_or_build(files(tmp_path / "in"), quiet)
    assert set(done[64:]) == set(range(32, 64))  # the two finished chunks were kept


def test_of_two_that_start_together_one_waits(tmp_path: Path, quiet: CacheSettings, monkeypatch) -> None:
    paint(tmp_path / "in", [(9, 6)] * 8)
    done: list[int] = []
    honest, gate = ImageFiles.decode, threading.Event()

    def slow(self: ImageFiles, item: int, limit: int) -> tuple[np.ndarray, str]:
        gate.wait(0.05)
        done.append(item)
        return honest(self, item, limit)

    monkeypatch.setattr(ImageFiles, "decode", slow)
    kept: list = []
    both = [
        threading.Thread(target=lambda: kept.append(load_or_build(files(tmp_path / "in"), quiet))) for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert sorted(done) == list(range(8))  # each image once
    np.testing.assert_array_equal(kept[0].pixels[:], kept[1].pixels[:])


WAIT = """
import sys
from pathlib import Path
from kogen.data.listing import ImageFiles, scan_folder
from kogen.data.cache_settings import CacheSettings
from kogen.data.pixel_cache import load_or_build
items, settings = ImageFiles(sys.argv[1], scan_folder(sys.argv[1])), CacheSettings(cache=Path(sys.argv[2]), workers=1)
kept = load_or_build(items, settings)
print(len(kept.manifest), int(kept.pixels[:].sum()))
"""


def test_two_processes_that_start_together_agree(tmp_path: Path) -> None:
    paint(tmp_path / "in", [(64, 48)] * 200)
    arguments = [sys.executable, "-c", WAIT, str(tmp_path / "in"), str(tmp_path / "cache")]
    both = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert said[0][0].startswith("200 ")
    assert len(list((tmp_path / "cache").glob("*/pixels.npy"))) == 1
    shutil.rmtree(tmp_path / "cache")


def test_a_waiting_process_says_so(tmp_path: Path, quiet: CacheSettings, capsys) -> None:
    paint(tmp_path / "in", [(9, 6)] * 4)
    request = CacheRequest(files(tmp_path / "in"), replace(quiet, progress=True))
    told = threading.Event()

    def hold() -> None:
        with hold_lock(request.place(".lock")):
            told.set()
            time.sleep(0.2)

    holder = threading.Thread(target=hold)
    holder.start()
    told.wait()
    load_or_build(request.items, request.settings)
    holder.join()
    assert "another process is decoding this set; waiting for it" in capsys.readouterr().err
