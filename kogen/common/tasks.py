"""Tasks: how one ends early, and what was being done, for the sentence that the command line prints."""

from collections.abc import Iterator
from contextlib import contextmanager

NOTE = "while: "  # begins the note of an error


class Stopped(Exception):
    """The caller asked to stop; everything is saved, and the same call resumes there."""


@contextmanager
def name_task(title: str) -> Iterator[None]:
    """While inside, an error gets a note that says what was being done, for the command line."""
    try:
        yield
    except Exception as error:
        if not task_of(error):
            error.add_note(f"{NOTE}{title}")
        raise


def task_of(error: BaseException) -> str:
    """What was being done when an error happened, "" where it is not known."""
    notes = [note.removeprefix(NOTE) for note in getattr(error, "__notes__", []) if note.startswith(NOTE)]
    return notes[0] if notes else ""
