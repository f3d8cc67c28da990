"""Series as pictures: a spectrogram a window, uint8, stored once, for every method and network of images."""

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kogen.common.locks import hold_lock
from kogen.common.speech.console import say
from kogen.common.speech.events import Caution
from kogen.common.speech.progress import progress_bar
from kogen.common.text import hint
from kogen.data.cache_settings import CacheSettings
from kogen.data.checked_pixels import CheckedPixels, row_checksum
from kogen.data.images import Images
from kogen.data.levels import Levels
from kogen.data.listing import hash_parts
from kogen.data.pixel_cache import explain_disk_errors
from kogen.data.series.recording import Refused
from kogen.data.series.spectrograms import LEAST, SPECTROGRAMS
from kogen.data.series.tape import folder_moved_into
from kogen.data.split_names import TRAIN, split_names

VERSION = 1  # of what is stored; another number makes all that is stored unknown
RANGE = 60.0  # decibels from black to white
WHITE = 99.9  # percentile of the decibels of the train split that is white
LOOKED_AT = 512  # windows, evenly spread over the train split, that say what is white
PIXELS, CHECKSUMS = "pixels.u8", "checksums.i8"
CHUNK_VALUES = 1 << 23  # complex numbers that are computed at once, about


def as_spectrograms(series: Images, name: str, settings: CacheSettings) -> Images:
    """The spectrograms (N, C, H, W) uint8 of series, see `SPECTROGRAMS`; ids, labels, clusters are those of the series.

    Black to white are RANGE decibels up to the percentile WHITE of the train split (all, where there are no splits),
    or the levels of `settings`, which a study takes from its first set. ValueError for another name, for windows that
    are too short, and for mel bands without a rate.
    """
    if name not in SPECTROGRAMS:
        raise ValueError(f"there is no spectrogram {name!r}: {hint(name, list(SPECTROGRAMS))}")
    if (samples := series.pixels.shape[-1]) < LEAST:
        raise Refused(f"a window has {samples} samples, a spectrogram wants {LEAST} or more: give a longer window=")
    if name == "log-mel" and not series.rate:
        raise Refused("mel bands are in hertz, and the series say no rate: give own_rate=, or spectrogram=stft")
    maker = Spectrograms(series, name, settings.levels or find_range(series, name))
    parts = (name, str(series.rate), str(maker.levels), *(str(size) for size in maker.shape))
    key = hash_parts("spectrogram", str(VERSION), *parts, np.ascontiguousarray(series.ids.astype("<U16")).data)
    ids = np.array([hash_parts(name, str(series.rate), one)[:16] for one in series.ids.tolist()], "<U16")
    height, width = maker.shape[2:]
    said = (
        f"spectrograms ({name}) of {height} x {width} pixels, time to the right and low frequencies below: black is "
        f"{maker.levels.black:.1f} dB, white {maker.levels.white:.1f} dB; flips and turns change what they mean"
    )
    return replace(
        series,
        pixels=_stored(maker, key, settings),
        ids=ids,
        clusters=np.where(series.clusters == series.ids, ids, series.clusters),
        aspect=np.full(len(series), width / height, np.float32),
        levels=maker.levels,
        notes=(*series.notes, said),
        digest="",
    )


def find_range(series: Images, name: str) -> Levels:
    """The decibels that are black and white, from windows of the train split, evenly spread."""
    rows = np.arange(len(series))
    if series.splits is not None and (train := split_names(series.splits) == TRAIN).any():
        rows = np.flatnonzero(train)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(LOOKED_AT, len(rows))).astype(int))]
    windows = (np.asarray(series.pixels[row : row + 1], np.float64) for row in rows.tolist())
    found = [SPECTROGRAMS[name](window, series.rate).astype(np.float32) for window in windows]
    white = round(float(np.percentile(np.concatenate(found), WHITE)), 1)
    return Levels(white - RANGE, white)


class Spectrograms:
    """Spectrograms (N, C, H, W) uint8 that are computed whenever they are asked for."""

    def __init__(self, series: Images, name: str, levels: Levels) -> None:
        self.series, self.make, self.levels = series, SPECTROGRAMS[name], levels
        first = self.make(np.asarray(series.pixels[:1], np.float64), series.rate)
        self.shape, self.dtype = (len(series), *first.shape[1:]), np.dtype(np.uint8)

    def __getitem__(self, index: Any) -> np.ndarray:
        values = np.asarray(self.series.pixels[index], np.float64)
        found = self.make(values if values.ndim == 3 else values[None], self.series.rate)
        share = (found - self.levels.black) / (self.levels.white - self.levels.black)
        pixels = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
        return pixels if values.ndim == 3 else pixels[0]


def _stored(maker: Spectrograms, key: str, settings: CacheSettings) -> CheckedPixels:
    """The spectrograms, mapped, computed now or found in the cache; each is checked when it is first read."""
    place, shape = settings.cache_folder / key, maker.shape
    with explain_disk_errors(settings.cache_folder):
        if not _is_whole(place, shape):
            busy = "another process draws these spectrograms; waiting for it" if settings.progress else ""
            with hold_lock(place.with_name(f"{key}.lock"), busy=busy):
                if not _is_whole(place, shape):
                    with folder_moved_into(place) as partial:
                        _write(maker, partial, settings)
        stored = np.asarray(np.memmap(place / PIXELS, np.uint8, "r", shape=shape))
        checksums = np.fromfile(place / CHECKSUMS, "<i8")

    def mark_damage(row: int) -> None:
        what = f"the stored spectrogram of {maker.series.sources[row]} is damaged"
        say(Caution(f"{what}: it is drawn anew, and all of {place} at the next start"))
        with suppress(OSError):  # it cannot be written to: the next start finds the damage itself
            (place / CHECKSUMS).unlink()

    return CheckedPixels(stored, checksums, maker, mark_damage)


def _is_whole(place: Path, shape: tuple[int, ...]) -> bool:
    """Whether all spectrograms lie there."""
    sizes = {PIXELS: math.prod(shape), CHECKSUMS: 8 * shape[0]}
    files = [place / name for name in sizes]
    return not place.is_symlink() and all(file.is_file() and file.stat().st_size == sizes[file.name] for file in files)


def _write(maker: Spectrograms, folder: Path, settings: CacheSettings) -> None:
    """Compute all spectrograms into the files of a folder."""
    count, values = maker.shape[0], 3 * maker.shape[3] * math.prod(maker.series.pixels.shape[1:])  # of wavelets
    size = max(1, CHUNK_VALUES // values)
    checksums: list[int] = []
    bar = progress_bar("drawing spectrograms", show=settings.progress, transient=True)
    with (folder / PIXELS).open("wb") as file, bar as report:
        for start in range(0, count, size):
            part = np.ascontiguousarray(maker[np.arange(start, min(start + size, count))])
            file.write(part.data)
            checksums += [row_checksum(one) for one in part]
            report(start + len(part), count)
    np.array(checksums, "<i8").tofile(folder / CHECKSUMS)
