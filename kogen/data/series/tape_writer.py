"""Writing a tape: the samples of recordings one after the other as float32, and what is known of each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from kogen.common.text import join_names
from kogen.data.series.recording import Block, Reading, Recording, Refused

SAME_RATE = 0.01  # rates that differ by a smaller share are one: times in files are rounded
MOST_STEPS = 1000  # of a rate over another, as a fraction: largest number above or below the line
RECORDING = ("name", "file", "start", "stop", "split", "cluster", "group")
PIECE = ("recording", "start", "stop", "label", "cut")


class TapeWriter:
    """Writes recordings one after the other; they must have the same channels and, unless resampled, the same rate."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self.reading, self.file = reading, path.open("wb")
        self.first: Recording | None = None
        self.length = 0  # samples written
        self.rates: list[float] = []
        self.recordings: list[tuple[Any, ...]] = []
        self.pieces: list[tuple[Any, ...]] = []
        self.holes: list[list[int]] = []  # [start, stop) of samples that are missing or infinite

    @contextmanager
    def or_nothing(self) -> Iterator[None]:
        """Whatever is written inside is taken back where something is raised there."""
        first, length, sizes = self.first, self.length, [len(each) for each in self._lists]
        try:
            yield
        except BaseException:
            self.first, self.length = first, length
            for each, size in zip(self._lists, sizes, strict=True):
                del each[size:]
            self.file.flush()
            channels = first.channels if first is not None else 0
            os.truncate(self.file.fileno(), 4 * length * channels)
            self.file.seek(0, os.SEEK_END)
            raise

    def add(self, recording: Recording, file: int) -> None:
        """Write a recording of the file of that number. Refused where its channels or its rate are not as before."""
        first = self.first = self.first or recording
        order = _channel_order(first, recording)
        own = self._own_rate(recording)
        self._check_rate(recording, own)
        start, begun = self.length, len(self.pieces)
        for block in _joined(recording) if self.reading.rate else recording.blocks:
            values = block.values if order is None else block.values[:, order]
            before = self.length
            self._write(resample(values, self.reading.rate / own) if self.reading.rate else values)
            if block.cut or len(self.pieces) == begun:
                self.pieces.append((len(self.recordings), before, self.length, block.label, block.cut))
            else:
                self.pieces[-1] = (*self.pieces[-1][:2], self.length, *self.pieces[-1][3:])
        if self.length == start:
            raise ValueError("it has no samples")
        said = recording.split, recording.cluster, recording.group
        self.recordings.append((recording.name, file, start, self.length, *said))
        self.rates.append(own)

    def close(self) -> dict[str, Any]:
        """What is known of all that was written, as plain values."""
        self.file.close()
        rate = self.reading.rate or (float(f"{np.median(self.rates):.6g}") if self.rates else 0.0)
        return {
            "channels": self.first.channels if self.first else 0,
            "channel_names": list(self.first.channel_names) if self.first else [],
            "rate": rate,
            "samples": self.length,
            "holes": self.holes,
            "recordings": _columns(RECORDING, self.recordings),
            "pieces": _columns(PIECE, self.pieces),
        }

    @property
    def _lists(self) -> list[list[Any]]:
        return [self.rates, self.recordings, self.pieces, self.holes]

    def _own_rate(self, recording: Recording) -> float:
        """The samples a second that a recording was taken at, 0 where nobody says."""
        given = self.reading.own_rate or 0.0
        if given and recording.rate and not same_rate(given, recording.rate):
            raise Refused(
                f"{recording.name} says itself that it has {recording.rate:.6g} samples a second, and own_rate = "
                f"{given:g}: own_rate is for files that do not say it; for another rate give rate="
            )
        return recording.rate or given

    def _check_rate(self, recording: Recording, own: float) -> None:
        """Refused where a recording cannot be brought to the rate, or has another one than those before."""
        if self.reading.rate:
            if not own:
                got = f"{recording.name} does not say how many samples a second it has"
                raise Refused(f"{got}, which rate={self.reading.rate:g} needs: give own_rate=")
            return
        if self.rates and not same_rate(own, self.rates[0]):
            before = self.recordings[0][0]
            both = f"{before} has {_said_rate(self.rates[0])} and {recording.name} {_said_rate(own)}"
            cure = "give own_rate= for those that do not say it" if 0.0 in (own, self.rates[0]) else "give rate="
            raise Refused(f"{both}: bring them to one rate, {cure}")

    def _write(self, values: np.ndarray) -> None:
        """Append samples (L, C) as float32; where a value is missing, infinite or beyond float32, note a hole."""
        with np.errstate(over="ignore", invalid="ignore"):
            small = np.asarray(values, np.float64).astype("<f4")
        bad = ~np.isfinite(small).all(axis=1)
        small[~np.isfinite(small)] = np.nan
        edges = np.flatnonzero(np.diff(np.r_[False, bad, False])).reshape(-1, 2) + self.length
        self.holes += edges.tolist()
        self.file.write(np.ascontiguousarray(small).data)
        self.length += len(small)


def same_rate(one: float, other: float) -> bool:
    """Whether two rates are one, but for rounding."""
    return one == other or (min(one, other) > 0 and abs(one / other - 1) <= SAME_RATE)


def resample(values: np.ndarray, ratio: float) -> np.ndarray:
    """Samples (L, C) at `ratio` times their rate, by a polyphase filter; the ends go on as they are.

    Refused where the ratio is no fraction of small numbers, such as 1/2000.
    """
    from scipy.signal import resample_poly

    share = Fraction(ratio).limit_denominator(MOST_STEPS)
    if not 0 < share.numerator <= MOST_STEPS or abs(float(share) / ratio - 1) > SAME_RATE:
        raise Refused(f"a rate of {ratio:.4g} times the recording's own is too far from it: at most {MOST_STEPS} times")
    if share == 1 or not len(values):
        return values
    return resample_poly(np.asarray(values, np.float64), share.numerator, share.denominator, axis=0, padtype="edge")


def _joined(recording: Recording) -> Iterator[Block]:
    """The blocks of a recording, those of one piece as one: a filter must not end where a block does."""
    held: list[Block] = []
    for block in recording.blocks:
        if held and block.cut:
            yield held[0]._replace(values=np.concatenate([part.values for part in held]))
            held = []
        held.append(block)
    if held:
        yield held[0]._replace(values=np.concatenate([part.values for part in held]))


def _channel_order(first: Recording, recording: Recording) -> list[int] | None:
    """The places of the first recording's channels in another one; None where they are the same. Refused for others."""
    if recording.channels != first.channels or bool(first.channel_names) != bool(recording.channel_names):
        raise Refused(f"{_said_channels(first)}, {_said_channels(recording)}: choose those that all have, channels=A,B")
    if recording.channel_names == first.channel_names:
        return None
    if sorted(recording.channel_names) != sorted(first.channel_names):
        raise Refused(f"{_said_channels(first)}, {_said_channels(recording)}: choose those that all have, channels=A,B")
    return [recording.channel_names.index(name) for name in first.channel_names]


def _said_channels(recording: Recording) -> str:
    names = f" ({join_names(recording.channel_names)})" if recording.channel_names else ""
    return f"{recording.name} has {recording.channels} channel{'s' if recording.channels > 1 else ''}{names}"


def _said_rate(rate: float) -> str:
    return f"{rate:.6g} samples a second" if rate else "no rate that is known"


def _columns(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}
