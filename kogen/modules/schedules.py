"""Schedules: what varies over training as pure functions of progress in [0, 1]."""

import math


def cosine_schedule(progress: float, start: float, end: float) -> float:
    """From `start` to `end` along half a cosine (BYOL, section 3.2, for tau: start tau_base, end 1)."""
    return end - (end - start) * (math.cos(math.pi * min(max(progress, 0.0), 1.0)) + 1) / 2


def learning_rate(progress: float, peak: float, warmup: float) -> float:
    """Learning rate: linear from 0 to `peak` over the share `warmup`, then half a cosine to 0 (SGDR, no restarts)."""
    if progress < warmup:
        return peak * progress / warmup
    return cosine_schedule((progress - warmup) / max(1 - warmup, 1e-12), peak, 0.0)
