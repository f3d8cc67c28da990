"""What a person sees while a model trains: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from kogen.common import distributed

QUIET_SECONDS = 30.0  # between lines where there is no terminal


@contextmanager
def training_bar(title: str) -> Iterator[Callable]:
    """While inside, `tell(step, steps, terms, images_per_second, rank_me)` shows where a training stands."""
    console = Console(stderr=True, highlight=False)
    if distributed.rank() > 0:
        yield lambda *_: None
    elif console.is_terminal:
        columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%")]
        with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[facts]}"), console=console) as bar:
            task = bar.add_task(title, total=None, facts="")

            def report_progress(
                step: int, steps: int, terms: Mapping[str, float], speed: float, rank_me: float
            ) -> None:
                bar.update(task, completed=step, total=steps, facts=format_progress(terms, speed, rank_me))

            yield report_progress
    else:
        yield line_reporter(title, console)


def line_reporter(title: str, console: Console) -> Callable:
    """A `tell` that prints a line now and then, and at the end."""
    last = [time.perf_counter()]

    def report_progress(step: int, steps: int, terms: Mapping[str, float], speed: float, rank_me: float) -> None:
        if step == steps or time.perf_counter() - last[0] > QUIET_SECONDS:
            last[0] = time.perf_counter()
            console.print(f"{title}: step {step}/{steps}, {format_progress(terms, speed, rank_me)}")

    return report_progress


def format_progress(terms: Mapping[str, float], speed: float, rank_me: float) -> str:
    """Speed, RankMe and the terms of the loss in one line."""
    told = " ".join(f"{name} {value:.3f}" for name, value in terms.items())
    return f"{speed:.0f} images/s, RankMe {rank_me:.2f}, {told}"
