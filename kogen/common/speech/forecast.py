"""Forecasts: how long a job will still take, by its pace so far."""

import time


class Forecast:
    """How long a job that begins now will still take; what an earlier call did before it says nothing of its pace."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.first = -1  # the step that was reported first

    def minutes_left(self, step: int, steps: int, now: float) -> float | None:
        """The minutes, at a moment of `time.perf_counter`; None at the end, and before there is a pace."""
        self.first = step if self.first < 0 else self.first
        if not self.first < step < steps:
            return None
        return (now - self.began) / (step - self.first) * (steps - step) / 60 or None


def forecast_words(minutes: float | None) -> str:
    """The forecast as people read it; "" for none."""
    return f"about {max(minutes, 0.1):.1f} min left" if minutes is not None else ""
