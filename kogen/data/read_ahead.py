"""Reading ahead: while a caller works on one batch, a thread reads the next; no bit depends on it."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class ReadAhead(Generic[Result]):
    """Numbered readings, one of them ahead: as soon as two in a row were asked for, the next is begun.

    At most one waits, so memory is bounded by two batches. Each thread ends with its one reading: nothing has to be
    closed, whatever stops the caller, and a process that was forked reads for itself.
    """

    def __init__(self, end: int) -> None:
        """Numbers are below `end`."""
        self.end = end
        self.last = -2  # the number that was asked for last
        self.waiting: tuple[int, int, Future[Result]] | None = None  # process, number, its reading

    def get(self, number: int, read: Callable[[int], Result]) -> Result:
        """The reading of a number, by `read`, a function of it alone that any thread may call; its errors too."""
        follows, self.last = number == self.last + 1, number
        waiting, self.waiting = self.waiting, None
        begun = waiting is not None and waiting[:2] == (os.getpid(), number)
        found = waiting[2].result() if waiting is not None and begun else read(number)
        if follows and number + 1 < self.end and (future := begin_reading(read, number + 1)) is not None:
            self.waiting = (os.getpid(), number + 1, future)
        return found


def read_in_turn(read: Callable[[int], Result], end: int) -> Iterator[Result]:
    """The readings of 0, 1 ... below `end`, each begun while the caller works on the one before."""
    ahead = ReadAhead[Result](end)
    ahead.last = -1  # the second is begun with the first
    for number in range(end):
        yield ahead.get(number, read)


def begin_reading(read: Callable[[int], Result], number: int) -> Future[Result] | None:
    """A reading by a thread of its own; None where the system starts no more threads."""
    future: Future[Result] = Future()

    def work() -> None:
        try:
            future.set_result(read(number))
        except BaseException as error:  # whatever it is belongs to the caller
            future.set_exception(error)

    try:
        threading.Thread(target=work, name=f"kogen reads {number} ahead").start()
    except RuntimeError:
        return None
    return future
