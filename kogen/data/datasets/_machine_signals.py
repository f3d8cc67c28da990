"""The drawing of machines: what an accelerometer on a rotating machine measures, sound or with one of three faults."""

from dataclasses import dataclass

import numpy as np

CLASSES = ("good", "imbalance", "bearing", "looseness")
CHANNELS = ("axial", "radial", "vertical")
RATE = 1024.0  # samples a second
FAULT_ORDER = 3.58  # times a turn that a ball passes the damage on the outer ring: of 9 balls, as in a 6205 bearing
RESONANCE = (210.0, 330.0)  # hertz at which the housing rings, drawn for each machine
DECAY = 120.0  # of the ringing, in a second


@dataclass(frozen=True)
class Load:
    """What the machines do."""

    speed: tuple[float, float] = (22.0, 28.0)  # turns a second, drawn for each machine
    hum: float = 1.0  # size of the sound vibration
    noise: float = 0.5  # standard deviation of what the sensor adds
    drag: float = 0.0  # share of a hum of twice the mains frequency, which a loaded motor has


def draw_recording(load: Load, label: int, machine: np.ndarray, rng: np.random.Generator, samples: int) -> np.ndarray:
    """One recording (C, samples) float32 of a machine, whose own numbers are `machine` (8,), uniform.

    A fault adds to the sound vibration, and every number is drawn whatever the fault is.
    """
    time = np.arange(samples) / RATE
    own = rng.random(12)
    speed = load.speed[0] + (load.speed[1] - load.speed[0]) * machine[0]
    speed *= 1 + 0.02 * (own[0] - 0.5)  # a recording is taken at nearly the speed of its machine
    turn = 2 * np.pi * (speed * time + own[1])  # phase of the shaft, (L,)
    way = 0.4 + 0.6 * machine[1:4]  # how strongly each channel feels the shaft, (C,)
    strength = 0.3 + 0.7 * own[2]  # of the fault
    signal = load.hum * way[:, None] * (0.5 * np.sin(turn) + 0.25 * np.sin(2 * turn + own[3] * 6.28))  # (C, L)
    signal += load.drag * np.sin(2 * np.pi * (100.0 * time + own[4]))
    resonance = RESONANCE[0] + (RESONANCE[1] - RESONANCE[0]) * machine[4]
    hits = impulses(time, speed * FAULT_ORDER * (1 + 0.01 * (own[5] - 0.5)), own[6], resonance, rng)
    if label == 1:
        signal[1:] += strength * way[1:, None] * np.sin(turn + own[7])  # across the shaft, once a turn
    elif label == 2:
        signal += 1.6 * strength * (0.5 + 0.5 * machine[5:8])[:, None] * hits
    elif label == 3:
        half = np.sin(turn / 2 + own[8]) + 0.7 * np.sin(1.5 * turn + own[9]) + 0.5 * np.sin(3 * turn + own[10])
        signal += 0.5 * strength * np.array([0.3, 0.6, 1.0])[:, None] * half
    return (signal + load.noise * rng.standard_normal((len(CHANNELS), samples))).astype(np.float32)


def impulses(
    time: np.ndarray, frequency: float, phase: float, resonance: float, rng: np.random.Generator
) -> np.ndarray:
    """Hits (L,) at a frequency, each of which lets the housing ring; a ball slips, so that they are not quite even."""
    count = int(np.ceil(time[-1] * frequency)) + 3
    moments = (np.arange(count) - 2 + phase + 0.02 * rng.standard_normal(count)) / frequency
    size = 1 + 0.2 * rng.standard_normal(count)
    ringing = np.zeros(len(time))
    for moment, height in zip(moments.tolist(), size.tolist(), strict=True):
        begin = max(int(np.ceil(moment * RATE)), 0)
        after = time[begin : begin + int(8 / DECAY * RATE)] - moment
        ringing[begin : begin + len(after)] += height * np.exp(-DECAY * after) * np.sin(2 * np.pi * resonance * after)
    return ringing
