"""Ready-made sets of views of series, and the operations that they are made of."""

from dataclasses import replace
from typing import Any

from kogen.augmentation.waves import Wave

WAVE_SETS = ("motion", "process", "vibration")


def ready_wave(name: str, plain: Wave) -> Wave:
    """The view, both of a pair, of a set in WAVE_SETS, with the size, mean and std of a plain view.

    vibration: machines that turn, as acceleration, sound or motor current. A fault is a frequency and where in the turn
        a window begins means nothing: a crop that moves frequencies by at most a quarter, as speed does; a gain that is
        not quite the same after mounting; noise; bands without a signal, as behind another path of the sound. Time is
        not warped, since a line of the spectrum would smear; nothing drifts, as such sensors hold back what is slow.
    motion: what people and hands do, worn or held (Um et al. 2017): faster or slower and not evenly so, stronger or
        weaker, cut into pieces where the order of repeated strokes means nothing, with gaps and a lost axis.
    process: temperature, pressure, flow, power of a process. Level, trend and order carry the label: a crop that keeps
        most of the time, time that runs slightly unevenly, slow drift, little noise, gaps, a lost sensor; values are
        not scaled, nothing is cut into pieces, no frequency is taken out.
    """
    if name == "vibration":
        return replace(plain, crop=(0.8, 1.0), scale=0.1, noise=0.3, mask_frequency=0.15, dropout=0.1, drop_channel=0.1)
    elif name == "motion":
        cut = replace(plain, crop=(0.5, 1.0), time_warp=0.2, permute=4, scale=0.1, magnitude_warp=0.2, noise=0.1)
        return replace(cut, dropout=0.1, drop_channel=0.1)
    return replace(plain, crop=(0.7, 1.0), time_warp=0.1, drift=0.2, noise=0.1, dropout=0.15, drop_channel=0.1)


# What turns each operation off, in the order in which a view applies them.
WAVE_OPERATIONS: dict[str, dict[str, Any]] = {
    "crop": {"crop": None},
    "time_warp": {"time_warp": 0.0},
    "permute": {"permute": 0},
    "flip_sign": {"flip_sign": 0.0},
    "scale": {"scale": 0.0},
    "magnitude_warp": {"magnitude_warp": 0.0},
    "drift": {"drift": 0.0},
    "noise": {"noise": 0.0},
    "mask_frequency": {"mask_frequency": 0.0},
    "dropout": {"dropout": 0.0},
    "drop_channel": {"drop_channel": 0.0},
}
