"""The one writer to the terminal: text that is not ours cannot move the cursor, hide a line or change a colour."""

import sys
import unicodedata
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

# Categories that act instead of being seen: controls, surrogates, private use, line and paragraph separators; of the
# invisible format characters those that turn the direction of a line (the others join letters in names of people).
ACTING = ("Cc", "Cs", "Co", "Zl", "Zp")
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def printable(text: Any) -> str:
    """The text with every character that acts on a terminal as an escape (`\\x1b`); line ends and tabs stay."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if letter not in "\n\t" and (unicodedata.category(letter) in ACTING or letter in TURNING)
        else letter
        for letter in str(text)
    )


def say(text: Any, *, title: str = "", style: str = "bold") -> None:
    """Write a line to stderr, with a `title` before it in `style`."""
    _write(sys.stderr, text, title, style)


def write_line(text: Any) -> None:
    """Write a line to stdout: an answer that a person or a program asked for."""
    _write(sys.stdout, text, "", "")


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


def _write(stream: TextIO, text: Any, title: str, style: str) -> None:
    line = Text(_encodable(printable(title), stream), style=style) + Text(": " if title else "", style="")
    make_console(stream).print(line + Text(_encodable(printable(text), stream)))


def _encodable(text: str, stream: TextIO) -> str:
    """The text as the stream can write it: what its encoding lacks as escapes."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
