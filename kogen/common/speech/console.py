"""The one door for all that the package says: an event goes to Python's `logging` under the name `kogen`.

Used from Python that is all. The command line shows events as lines or as JSON, see `show_events`.
"""

import json
import logging
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from rich.console import Console
from rich.text import Text

from kogen.common.speech.events import ERROR, INFO, LEVELS, RESULT, Event, Note, event_fields
from kogen.common.speech.verb_answers import Answered

# Categories that act instead of being seen: controls, surrogates, private use, line and paragraph separators; of the
# invisible format characters those that turn the direction of a line (the others join letters in names of people).
ACTING = ("Cc", "Cs", "Co", "Zl", "Zp")
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
NAME = "kogen"  # of the logger
Form = Literal["lines", "quiet", "json"]


class Speech:
    """How this process speaks."""

    first: bool = True  # of several processes that work together only the first one does, but for errors
    bars: bool = False  # of progress, on a terminal
    shown_by: logging.Handler | None = None


def printable(text: Any) -> str:
    """The text with every character that acts on a terminal as an escape (`\\x1b`); line ends and tabs stay."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if letter not in "\n\t" and (unicodedata.category(letter) in ACTING or letter in TURNING)
        else letter
        for letter in str(text)
    )


def say(what: Event | Any, *, title: str = "") -> None:
    """Tell that something happened: an event, or a sentence that becomes a note about `title`."""
    event = what if isinstance(what, Event) else Note(str(what), title)
    if Speech.first or event.level >= ERROR:
        line = f"{event.title}: {event.sentence}" if event.title else event.sentence
        logging.getLogger(NAME).log(event.level, "%s", printable(line), extra={"event": event})


def write_line(text: Any) -> None:
    """Tell a line that a person or a program asked for; it goes to stdout on the command line."""
    say(Answered(str(text)))


def make_console(stream: TextIO) -> Console:
    """A rich console on a stream that takes text as it is: no markup, no emoji names, no colours of its own.

    In a notebook plain text on the stream, too: rich would show each line as an output of its own, with escape codes.
    """
    terminal = False if in_notebook() else None  # kernels set FORCE_COLOR
    return Console(
        file=stream,
        force_terminal=terminal,
        force_jupyter=False,
        highlight=False,
        soft_wrap=True,
        markup=False,
        emoji=False,
    )


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, which shows what is displayed."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


@contextmanager
def show_events(form: Form = "lines") -> Iterator[None]:
    """While inside, events are shown as the command line shows them, and nowhere else; the innermost call decides.

    lines: sentences on stderr, results on stdout, and bars of progress on a terminal. quiet: results, warnings and
    errors alone. json: each event a line of JSON on stdout, where nothing else is written then.
    """
    logger = logging.getLogger(NAME)
    before = (Speech.shown_by, Speech.bars, logger.level, logger.propagate)
    with ExitStack() as stack:
        handler = JsonHandler(sys.stdout) if form == "json" else LineHandler()
        if form == "json":  # what a library or a plug-in prints must not stand between the lines
            stack.enter_context(redirect_stdout(sys.stderr))
        if Speech.shown_by:
            logger.removeHandler(Speech.shown_by)
        logger.addHandler(handler)
        logger.setLevel(RESULT if form == "quiet" else INFO)
        logger.propagate = False
        Speech.shown_by, Speech.bars = handler, form == "lines"
        try:
            yield
        finally:
            logger.removeHandler(handler)
            Speech.shown_by, Speech.bars, level, logger.propagate = before
            logger.setLevel(level)
            if Speech.shown_by:
                logger.addHandler(Speech.shown_by)


class LineHandler(logging.Handler):
    """Shows events to a person; text that is not ours cannot move the cursor, hide a line or change a colour."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the sentence of an event: results to stdout, the rest to stderr."""
        event = event_of(record)
        if event.on_bar:
            return
        stream = sys.stdout if record.levelno == RESULT else sys.stderr
        line = Text(_encodable(printable(event.title), stream), style=event.style)
        line += Text(": " if event.title else "", style="")
        make_console(stream).print(line + Text(_encodable(printable(event.sentence), stream)))


class JsonHandler(logging.Handler):
    """Writes each event as one line of JSON: `event`, `time`, `level`, `text` (the sentence) and its fields."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write an event; a line is written in one piece."""
        event = event_of(record)
        now = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        level = LEVELS.get(record.levelno, record.levelname.lower())
        content = {"event": event.kind, "time": now, "level": level, "text": event.sentence, **event_fields(event)}
        self.stream.write(json.dumps(content, allow_nan=False) + "\n")
        self.stream.flush()


def event_of(record: logging.LogRecord) -> Event:
    """The event of a record; what others log under our name is a note."""
    event = getattr(record, "event", None)
    return event if isinstance(event, Event) else Note(record.getMessage())


def _encodable(text: str, stream: TextIO) -> str:
    """The text as the stream can write it: what its encoding lacks as escapes."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
