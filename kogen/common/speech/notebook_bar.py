"""A progress bar in a notebook: one output of the cell, which is drawn anew in place; needs nothing but the kernel."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from kogen.common.speech.console import printable
from kogen.common.speech.forecast import Forecast, forecast_words

SECONDS = 0.5  # between two drawings


@contextmanager
def notebook_bar(title: str, *, transient: bool) -> Iterator[Callable[..., None]]:
    """The `report` of a bar in the cell that runs; `transient`: it is empty when the job ends."""
    display: Any = sys.modules["IPython"].display.display
    drawn = display(bar_content(title, 0, 0, ""), raw=True, display_id=True)
    forecast, last, state = Forecast(), 0.0, (0, 0, "")

    def report(step: int, steps: int, note: str = "") -> None:
        nonlocal last, state
        now, state = time.perf_counter(), (step, steps, note)
        left = forecast.minutes_left(step, steps, now)
        if now - last > SECONDS:
            last = now
            words = ", ".join(filter(None, (forecast_words(left), note)))
            drawn.update(bar_content(title, step, steps, words), raw=True)

    try:
        yield report
    finally:
        drawn.update({"text/plain": ""} if transient else bar_content(title, *state), raw=True)


def bar_content(title: str, step: int, steps: int, note: str) -> dict[str, str]:
    """A bar as a notebook shows it, in HTML and as plain text; nothing in a title or a note is run or acts."""
    words = f"{printable(title)}: {100 * step / steps if steps else 0:.0f} %{f', {printable(note)}' if note else ''}"
    value = f'value="{step}" max="{steps}"' if steps else ""
    return {"text/plain": words, "text/html": f"<progress {value}></progress> <code>{escape(words)}</code>"}
