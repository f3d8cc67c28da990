"""The folder of pixel caches: one that cannot be written to is said, what was given up is swept, nothing else is."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kogen.data.cache_build
import kogen.data.cache_files
from kogen.common.locks import hold_lock
from kogen.data.cache_settings import CacheRequest, CacheSettings
from kogen.data.listing import ImageFiles, scan_folder
from kogen.data.pixel_cache import load_or_build

SENTENCE = r"cannot write to the cache .*; give another with cache= or KOGEN_CACHE"


@pytest.fixture
def items(tmp_path: Path) -> ImageFiles:
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for number in range(40):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / "in" / f"{number:02d}.png")
    return ImageFiles(str(tmp_path / "in"), scan_folder(str(tmp_path / "in")))


def settings(cache: Path) -> CacheSettings:
    return CacheSettings(cache=cache, workers=2, progress=False)


@pytest.mark.parametrize("kind", ["file", "dangling link", "link to a file", "pipe", "below a file"])
def test_a_cache_that_is_no_folder(tmp_path: Path, items: ImageFiles, kind: str) -> None:
    cache, target = tmp_path / "cache", tmp_path / "precious.txt"
    target.write_text("precious")
    if kind == "file":
        cache.write_text("x")
    elif kind == "pipe":
        os.mkfifo(cache)
    elif kind == "below a file":
        cache = target / "cache"
    else:
        cache.symlink_to(target if kind == "link to a file" else tmp_path / "nowhere")
    with pytest.raises(ValueError, match=SENTENCE):
        load_or_build(items, settings(cache))
    assert target.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()


def test_a_link_to_a_folder_is_a_cache(tmp_path: Path, items: ImageFiles) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "disk")
    assert len(load_or_build(items, settings(tmp_path / "cache")).manifest) == 40
    assert len(list((tmp_path / "disk").glob("*/pixels.npy"))) == 1


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file may become larger: as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 1000, 100_000])
def test_a_disk_that_is_full(tmp_path: Path, items: ImageFiles, size: int) -> None:
    with file_limit(size), pytest.raises(ValueError, match=SENTENCE):
        load_or_build(items, settings(tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob("*.tmp"))
    kept = load_or_build(items, settings(tmp_path / "cache"))
    assert kept.pixels[:].any(axis=(1, 2, 3)).all()


def test_no_home_is_known(monkeypatch) -> None:
    for name in ("KOGEN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def refuse() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", refuse)
    with pytest.raises(ValueError, match="no home folder is known for the pixel cache: set KOGEN_CACHE to a folder"):
        _ = CacheSettings().cache_folder


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path, items: ImageFiles) -> None:
    request = CacheRequest(items, settings(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "precious.txt").write_text("precious")
    request.place(".lock").symlink_to(tmp_path / "precious.txt")
    with pytest.raises(ValueError, match=r"\.lock is a link to .*precious\.txt"):
        load_or_build(items, request.settings)
    assert (tmp_path / "precious.txt").read_text() == "precious"


@pytest.mark.parametrize("ending", ["", ".partial"])
def test_a_cache_that_is_a_link_is_not_followed(tmp_path: Path, items: ImageFiles, ending: str) -> None:
    request = CacheRequest(items, settings(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "pixels.npy").write_text("precious")
    request.place(ending).symlink_to(tmp_path / "mine")
    assert len(load_or_build(items, request.settings).manifest) == 40
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["pixels.npy"]
    assert (tmp_path / "mine" / "pixels.npy").read_text() == "precious"


def test_what_was_given_up_a_week_ago_is_swept_and_nothing_else(tmp_path: Path, items: ImageFiles) -> None:
    cache, old = tmp_path / "cache", time.time() - 8 * 24 * 3600
    names = {key: f"{key * 24}.partial" for key in "abc"} | {"mine": "photos.partial", "files": ".notes.tmp"}
    for name in names.values():
        (cache / name / "deep").mkdir(parents=True)
        (cache / name / "deep" / "chunk").write_text("x")
        for path in [*(cache / name).rglob("*"), cache / name]:
            os.utime(path, (old, old))
    os.utime(cache / names["b"] / "deep" / "chunk")  # somebody was at work on it
    (cache / ("d" * 24 + ".partial")).symlink_to(cache / "photos.partial")
    with hold_lock(cache / f"{'c' * 24}.lock"):  # somebody is at work on it
        load_or_build(items, settings(cache))
    left = {path.name for path in cache.iterdir()}
    assert names["a"] not in left
    assert {names["b"], names["c"], names["mine"], names["files"], "d" * 24 + ".partial"} <= left
    assert (cache / "photos.partial" / "deep" / "chunk").exists()


def test_half_written_files_of_a_killed_process_are_swept(tmp_path: Path, items: ImageFiles) -> None:
    request = CacheRequest(items, settings(tmp_path / "cache"))
    request.place(".partial").mkdir(parents=True)
    (request.place(".partial") / ".facts.parquet.0123456789ab.tmp").write_text("x")
    load_or_build(items, request.settings)
    assert sorted(path.name for path in request.place().iterdir()) == ["manifest.parquet", "pixels.npy"]
    assert not request.place(".partial").exists()


@pytest.mark.parametrize("reason", [38, 95])
def test_a_file_system_without_fallocate(tmp_path: Path, items: ImageFiles, monkeypatch, reason: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    kept = load_or_build(items, settings(tmp_path / "cache"))
    np.testing.assert_array_equal(kept.pixels[3].transpose(1, 2, 0), np.asarray(Image.open(tmp_path / "in" / "03.png")))


def test_a_file_system_without_locks(tmp_path: Path, items: ImageFiles, monkeypatch, capfd) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("kogen.common.locks.try_lock", refuse)
    assert len(load_or_build(items, settings(tmp_path / "cache")).manifest) == 40
    assert not list((tmp_path / "cache").rglob("*.claim"))


def test_the_umask_decides_who_may_read(tmp_path: Path, items: ImageFiles) -> None:
    before = os.umask(0o027)
    try:
        load_or_build(items, settings(tmp_path / "cache"))
    finally:
        os.umask(before)
    found = {path.stat().st_mode & 0o777 for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert found == {0o640}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "cache").rglob("*") if path.is_dir()} == {0o750}


def test_no_thread_is_left(tmp_path: Path, items: ImageFiles, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    for on_demand in (False, True):
        chosen = CacheSettings(cache=tmp_path / "cache", workers=2, progress=False, on_demand=on_demand)
        assert load_or_build(items, chosen).pixels[:].any(axis=(1, 2, 3)).all()


def test_a_disk_that_is_too_small_is_said(tmp_path: Path, items: ImageFiles, monkeypatch) -> None:
    monkeypatch.setattr(kogen.data.cache_build.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 800}))
    chosen = CacheSettings(cache=tmp_path / "cache", on_demand=False, progress=False)
    with pytest.raises(ValueError, match=r"GB free: use a smaller store=, another cache= or KOGEN_CACHE"):
        load_or_build(items, chosen)


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from kogen.data.cache_settings import CacheSettings
from kogen.data.listing import PixelStack
from kogen.data.pixel_cache import load_or_build
import numpy as np

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background

class Slow:
    def __getitem__(self, item):
        if item == 20:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        return np.full((4, 4), item, np.uint8)

start = time.perf_counter()
try:
    load_or_build(PixelStack("slow", ("slow",), Slow, 1000), CacheSettings(cache=Path(sys.argv[1]), workers=2))
except KeyboardInterrupt:
    print(time.perf_counter() - start)
"""


def test_an_interruption_does_not_wait_for_what_is_queued(tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "cache")]
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert float(out) < 5  # 25 s to decode all of it
