"""Machines: drawn vibration of rotating machines that are sound, out of balance, with a damaged bearing, or loose."""

from dataclasses import replace

import numpy as np

from kogen.data.datasets import _machine_signals as drawing
from kogen.data.datasets._drawn_settings import check_fits_in_memory, parse_number
from kogen.data.datasets._machine_signals import Load
from kogen.data.images import Images
from kogen.data.series.from_values import from_series

__all__ = ["machines"]

LOADS = {
    "": Load(),
    "heavy": Load(speed=(20.0, 25.0), hum=1.3, noise=0.6, drag=0.4),
    "fast": Load(speed=(30.0, 36.0)),
}
SPLIT_SIZES = {"train": 1600, "test": 480}  # windows of each split where `n` is not given
PER_RECORDING = 5  # windows of a recording, one after the other
PER_MACHINE = 8  # recordings of a machine, each fault equally often
WHAT = "machines"


def machines(
    variant: str = "",
    *,
    n: int | str | None = None,
    size: int | str = 256,
    seed: int | str = 0,
    split: str = "train",
    labelled: int | str | None = None,
    noise: float | str | None = None,
) -> Images:
    """Draw `n` windows (N, 3, size) float32 of vibration, in four classes of equal size; a recording is a cluster.

    Five windows follow each other in a recording, and each machine, which is a group, has two recordings of every
    class. Variants: "" is the usual load, "heavy" a slower and noisier one, "fast" a higher speed. `labelled` windows
    of the split train have a label, recording after recording in an order drawn by `seed`; by default all have.
    `noise` is the standard deviation of what the sensor adds (None: that of the variant). Window i depends on
    (variant, seed, split, i) and the settings, not on `n`; splits share no machine and no random numbers. 1024 samples
    a second.
    Raises ValueError for an unknown variant or split, and for settings that are no numbers or out of range.
    Source: drawn by kogen; no data of anyone's.
    """
    if variant not in LOADS:
        raise ValueError(f"there are no machines {variant!r}; choose one of {', '.join(map(repr, LOADS))}")
    if split not in SPLIT_SIZES:
        raise ValueError(f"machines have no split {split!r}; choose one of {', '.join(SPLIT_SIZES)}")
    count = parse_number(int, "n", n, SPLIT_SIZES[split], (1, 10_000_000), WHAT)
    samples = parse_number(int, "size", size, 256, (32, 16384), WHAT)
    places = list(SPLIT_SIZES).index(split), list(LOADS).index(variant)
    seeds = (parse_number(int, "seed", seed, 0, (0, 2**63 - 1), WHAT), *places)
    load = replace(LOADS[variant], noise=parse_number(float, "noise", noise, LOADS[variant].noise, (0, 10), WHAT))
    channels = len(drawing.CHANNELS)
    check_fits_in_memory(count * channels * samples * 4, f"{count:,} windows of {samples} samples")
    values, labels = np.empty((count, channels, samples), np.float32), np.empty(count, np.int64)
    recording = np.arange(count) // PER_RECORDING
    machine = recording // PER_MACHINE
    for first in range(0, count, PER_RECORDING):
        which, stop = first // PER_RECORDING, min(first + PER_RECORDING, count)
        own = np.random.default_rng((*seeds, 0, which // PER_MACHINE))
        label = int(own.permutation(PER_MACHINE)[which % PER_MACHINE]) % len(drawing.CLASSES)
        rng = np.random.default_rng((*seeds, 1, which))
        drawn = drawing.draw_recording(load, label, own.random(8), rng, PER_RECORDING * samples)
        cut = drawn.reshape(channels, PER_RECORDING, samples).transpose(1, 0, 2)  # (PER_RECORDING, C, T)
        values[first:stop], labels[first:stop] = cut[: stop - first], label
    if labelled is not None and split == "train":
        labels = keep_recordings(
            labels, recording, parse_number(int, "labelled", labelled, count, (1, count), WHAT), seeds
        )
    title = f"machines:{variant}" if variant else "machines"
    names = [f"{title}/{split}/recording{number:05d}" for number in recording]
    images = from_series(
        values,
        labels,
        drawing.CLASSES,
        sources=[f"{name}[{i % PER_RECORDING}]" for i, name in enumerate(names)],
        clusters=np.array(names),
        name=title,
        rate=drawing.RATE,
        channel_names=drawing.CHANNELS,
    )
    return replace(images, groups=np.array([f"{title}/{split}/machine{number:04d}" for number in machine], object))


def keep_recordings(labels: np.ndarray, recording: np.ndarray, wanted: int, seeds: tuple[int, ...]) -> np.ndarray:
    """Labels (N,) of which all but those of so many windows are -1: people label recording after recording."""
    order = np.random.default_rng([*seeds, 2]).permutation(recording.max() + 1)
    rows = np.argsort(np.argsort(order)[recording], kind="stable")[:wanted]
    found = np.full_like(labels, -1)
    found[rows] = labels[rows]
    return found
