"""Runs the code of a page of documentation, block by block as a reader would.

`python tests/helpers/tutorials.py PAGE ...` runs each page in an empty folder, in a process of its own.

    ```python              runs; the blocks of a page are one session
    ```python title="f.py" is written to f.py (so is any block with a title)
    ```console             lines after `$ ` run as commands, what stands below a line is what it prints
    ```text                what the block of Python above it prints

What is shown is compared with what is printed as doctest does: `...` stands for anything; nothing shown, nothing
compared. A line `--8<-- "FILE"` stands for a file of the repository, as mkdocs shows it.
"""

import contextlib
import doctest
import io
import linecache
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

HOME = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?[^\n]*\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r'^--8<-- "([^"]+)"\n', re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page: its language, the file that it is (or ""), its text and its line."""

    language: str
    title: str
    text: str
    line: int


def read_blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2] or "", SNIPPET.sub(read_snippet, found[3]), text.count("\n", 0, found.start()) + 1)
        for found in BLOCK.finditer(text)
    ]


def read_snippet(found: re.Match[str]) -> str:
    return (HOME / found[1]).read_text(encoding="utf-8")


def run_page(page: Path) -> None:
    """Run the blocks of a page in the current folder; ends with the first that does not do what it shows."""
    session: dict[str, Any] = {"__name__": "__main__"}
    sys.path[:] = ["", *(path for path in sys.path if path != str(Path(__file__).parent))]  # as in a session there
    blocks = read_blocks(page)
    for number, block in enumerate(blocks):
        place = f"{page.name}, line {block.line}"
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            printed = run_python(block, place, session)
            after = blocks[number + 1] if number + 1 < len(blocks) else None
            if after and after.language == "text":
                compare(after.text, printed, f"{page.name}, line {after.line}")
        elif block.language == "console":
            for command, shown in split_commands(block.text):
                compare(shown, run_command(command, place), place)


def run_python(block: Block, place: str, session: dict[str, Any]) -> str:
    """What a block prints; its source is known to tracebacks and to `inspect`."""
    linecache.cache[place] = (len(block.text), None, block.text.splitlines(keepends=True), place)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(block.text, place, "exec"), session)
    return printed.getvalue()


def split_commands(text: str) -> list[tuple[str, str]]:
    """Each command of a console, lines that end in a backslash joined, with what is shown below it."""
    found = re.findall(r"^\$ ((?:.*\\\n)*.*\n)((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    return [(command.replace("\\\n", " "), shown) for command, shown in found]


def run_command(command: str, place: str) -> str:
    """What a line of a console prints; the commands of this Python's environment are found first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    env = os.environ | {"PATH": path, "PYTHONUTF8": "1"}
    done = subprocess.run(command, shell=True, capture_output=True, encoding="utf-8", env=env)
    if done.returncode:
        sys.exit(f"{place}: {command.strip()} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def compare(shown: str, printed: str, place: str) -> None:
    """End with both texts where what is shown is not what was printed; nothing shown is nothing to compare."""
    wanted, got = (" ".join(text.split()) for text in (shown, printed))  # spaces that do not break lines are spaces too
    if wanted and not doctest.OutputChecker().check_output(wanted, got, doctest.ELLIPSIS):
        sys.exit(f"{place}: shown is\n{shown}\nbut printed was\n{printed}")


def main(pages: list[str]) -> None:
    """Run one page here, several each in a process of its own."""
    for name in pages:
        page, begin = Path(name).resolve(), time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            if len(pages) > 1:
                subprocess.run([sys.executable, __file__, str(page)], check=True)
                continue
            os.chdir(folder)
            try:
                run_page(page)
            finally:
                os.chdir(HOME)
        print(f"{page.name} ran in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
