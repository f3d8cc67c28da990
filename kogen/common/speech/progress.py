"""What a person sees while a long job runs: a bar on a terminal or in a notebook, an event now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from kogen.common.speech.console import Speech, in_notebook, make_console, printable, say
from kogen.common.speech.events import Progressed
from kogen.common.speech.forecast import Forecast
from kogen.common.speech.notebook_bar import notebook_bar
from kogen.common.tasks import name_task

QUIET_SECONDS = 30.0  # between events where there is no bar


@contextmanager
def progress_bar(title: str, *, show: bool = True, transient: bool = False) -> Iterator[Callable[..., None]]:
    """While inside, `report(step, steps, note="")` shows how far the job is.

    `transient`: the bar goes when the job ends, and no line says that it has ended.
    """
    console = make_console(sys.stderr)
    with name_task(title), _show_progress(title, console, show, transient) as report:
        yield report


@contextmanager
def _show_progress(title: str, console: Console, show: bool, transient: bool) -> Iterator[Callable[..., None]]:
    """The `report` of a bar, of lines, or of nothing."""
    if not show:
        yield lambda *_: None
    elif in_notebook():
        with notebook_bar(title, transient=transient) as report:
            yield report
    elif Speech.bars and console.is_terminal:
        columns = [TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:.0f}%")]
        columns += [TimeRemainingColumn(), TextColumn("{task.fields[note]}", markup=False)]
        with Progress(*columns, console=console, transient=transient) as bar:
            task = bar.add_task(printable(title), total=None, note="")
            yield lambda step, steps, note="": bar.update(task, completed=step, total=steps, note=printable(note))
    else:
        yield line_reporter(title, last_line=not transient)


def line_reporter(title: str, last_line: bool) -> Callable[..., None]:
    """A `report` that says with a forecast how far it is, every QUIET_SECONDS, and at the end if `last_line`."""
    forecast = Forecast()
    last = forecast.began

    def report(step: int, steps: int, note: str = "") -> None:
        nonlocal last
        now = time.perf_counter()
        left = forecast.minutes_left(step, steps, now)
        if (last_line and step == steps) or now - last > QUIET_SECONDS:
            last = now
            say(Progressed(title, step, steps, left, note))

    return report


@contextmanager
def training_bar(title: str, *, transient: bool = False) -> Iterator[Callable[..., None]]:
    """While inside, `report_progress(step, steps, terms, images_per_second, rank_me)` shows how far a training is."""

    from kogen.common import distributed  # loads torch, which a bar without a training does not need

    with progress_bar(title, show=distributed.rank() == 0, transient=transient) as report:

        def report_progress(step: int, steps: int, terms: Mapping[str, float], speed: float, rank_me: float) -> None:
            losses = " ".join(f"{name} {value:.3f}" for name, value in terms.items())
            report(step, steps, f"{speed:.0f} images/s, RankMe {rank_me:.2f}, {losses}")

        yield report_progress
