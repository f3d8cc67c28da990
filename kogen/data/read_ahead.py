"""Reading ahead: while a caller works on one batch, a thread reads the next; no bit depends on it."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")
WORTH = 0.004  # seconds of a reading; a thread costs 1 to 3 ms, and most memory maps give a batch in less


class ReadAhead(Generic[Result]):
    """Numbered readings, one of them ahead: once two in a row were asked for and one took long, the next is begun.

    At most one waits, so memory is bounded by two batches. Each thread ends with its one reading: nothing has to be
    closed, whatever stops the caller, and a process that was forked reads for itself.
    """

    def __init__(self, end: int, *, worth: float = WORTH) -> None:
        """Numbers are below `end`; a reading of `worth` seconds or more is worth a thread."""
        self.end, self.worth = end, worth
        self.last = -2  # the number that was asked for last
        self.waiting: tuple[int, int, Future[tuple[Result, float]]] | None = None  # process, number, its reading

    def get(self, number: int, read: Callable[[int], Result]) -> Result:
        """The reading of a number, by `read`, a function of it alone that any thread may call; its errors too."""
        follows, self.last = number == self.last + 1, number
        waiting, self.waiting = self.waiting, None
        begun = waiting is not None and waiting[:2] == (os.getpid(), number)
        found, seconds = waiting[2].result() if waiting is not None and begun else time_reading(read, number)
        if follows and seconds >= self.worth and number + 1 < self.end:
            future = begin_reading(read, number + 1)
            self.waiting = None if future is None else (os.getpid(), number + 1, future)
        return found


def read_in_turn(read: Callable[[int], Result], end: int, *, worth: float = WORTH) -> Iterator[Result]:
    """The readings of 0, 1 ... below `end`, each begun while the caller works on the one before."""
    ahead = ReadAhead[Result](end, worth=worth)
    ahead.last = -1  # the second is begun with the first
    for number in range(end):
        yield ahead.get(number, read)


def time_reading(read: Callable[[int], Result], number: int) -> tuple[Result, float]:
    """A reading, and the seconds that it took."""
    began = time.perf_counter()
    found = read(number)
    return found, time.perf_counter() - began


def begin_reading(read: Callable[[int], Result], number: int) -> Future[tuple[Result, float]] | None:
    """A reading by a thread of its own; None where the system starts no more threads."""
    future: Future[tuple[Result, float]] = Future()

    def work() -> None:
        try:
            future.set_result(time_reading(read, number))
        except BaseException as error:  # whatever it is belongs to the caller
            future.set_exception(error)

    try:
        threading.Thread(target=work, name=f"kogen reads {number} ahead").start()
    except RuntimeError:
        return None
    return future
