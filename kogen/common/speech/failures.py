"""Failures: how an error ends the program, its exit code and the one sentence that a person reads."""

import os
import re
import shlex
from collections.abc import Sequence

from kogen.common.plugins import blame
from kogen.common.tasks import Stopped, task_of

ERROR, USAGE, INTERRUPTED = 1, 2, 75  # exit codes
STDOUT = 1  # file descriptor
DEBUG = "--debug"
OUT_OF_MEMORY = ("DefaultCPUAllocator", "start new thread", "failed to map segment", "Cannot allocate memory")


class UsageError(ValueError):
    """The command line is wrong."""


def explain_error(error: Exception, asked: Sequence[str]) -> tuple[int, str]:
    """Exit code and sentence of an error."""
    if isinstance(error, UsageError):
        return USAGE, shorten_words(str(error))
    if own := blame(error):
        return ERROR, shorten_words(f"your own code: {own}")
    if isinstance(error, ValueError):
        return ERROR, shorten_words(str(error))
    if isinstance(error, BrokenPipeError):  # `kogen list methods | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        return ERROR, ""
    if isinstance(error, Stopped):
        return INTERRUPTED, f"{error}. {resume_hint(asked)}"
    during = f" while at {task_of(error)}" if task_of(error) else ""
    what = shorten_words((str(error).splitlines() or [""])[0])
    if isinstance(error, OSError):  # no permission, no space, a file where a folder is wanted
        where = f"{error.filename}: " if error.filename else ""
        return ERROR, f"{where}{error.strerror or error}{during}; choose a place that can be read and written (--out)"
    if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
        return ERROR, f"too little memory, or too few threads,{during}: {what or type(error).__name__}"
    return ERROR, f"broke off{during}: {type(error).__name__}: {what}. Please report it, with what {DEBUG} prints"


def resume_hint(asked: Sequence[str]) -> str:
    """The words after an interruption."""
    return f"Go on with the same command:\n  kogen {' '.join(map(shlex.quote, asked))}"


def shorten_words(text: str) -> str:
    """The text with words of 400 letters or more cut: they would hide the rest of the message."""
    return re.sub(r"\S{400,}", lambda word: f"{word[0][:57]}...{word[0][-20:]}", text)
