"""Console: text of others is shown, and does nothing; from Python what is said goes to `logging` alone."""

import io
import json
import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kogen
from kogen.common.speech.console import Speech, printable, say, show_events, write_line
from kogen.common.speech.events import AlarmRaised, Caution, Failed, RunStarted


@given(text=st.text())
def test_nothing_that_acts_on_a_terminal_is_left(text: str):
    shown = printable(text)
    assert not set(shown) & {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066]}
    assert printable(shown) == shown


def test_ordinary_words_of_any_language_stay():
    for text in ("高原 café naïve ünïcode", "a\n\tb", "[red]x[/red] :smile:", "नमस्ते\u200dक"):
        assert printable(text) == text


def test_markup_escapes_and_long_lines_come_out_as_they_are(capsys: pytest.CaptureFixture[str]):
    say("[/red] \x1b[31mred\x07 " + "x" * 300, title="[bold]t\r")
    write_line("[link=file:///]x[/link]\x1b]0;title\x07")
    out, err = capsys.readouterr()
    assert err == "[bold]t\\r: [/red] \\x1b[31mred\\x07 " + "x" * 300 + "\n"
    assert out == "[link=file:///]x[/link]\\x1b]0;title\\x07\n"


def test_a_terminal_that_is_not_utf_8_gets_escapes(monkeypatch: pytest.MonkeyPatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    monkeypatch.setattr("sys.stdout", stream)
    write_line("高原 €")
    stream.flush()
    assert stream.buffer.getvalue() == rb"\u9ad8\u539f \u20ac" + b"\n"  # type: ignore[attr-defined]


EVENTS = """
import logging, sys
from kogen.common.speech.console import say, write_line
from kogen.common.speech.events import Caution, Failed
from kogen.common.speech.progress import progress_bar
exec(sys.argv[1])
say("batch of 8", title="byol")
write_line("a result")
with progress_bar("decoding") as report:
    report(1, 2)
    report(2, 2)
say(Caution("no locks", "study"))
"""


def speak_from_python(first: str) -> tuple[str, str]:
    """What a fresh process without the command line writes to stdout and stderr."""
    done = subprocess.run([sys.executable, "-c", EVENTS, first], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_from_python_only_a_warning_is_seen_as_python_itself_shows_it():
    assert speak_from_python("") == ("", "study: no locks\n")


def test_from_python_the_user_decides_with_logging():
    assert speak_from_python("logging.getLogger('kogen').setLevel(logging.ERROR)") == ("", "")
    basic = "logging.basicConfig(level=logging.INFO, format='%(levelname)s %(name)s %(message)s')"
    lines = ["INFO kogen byol: batch of 8", "Level 25 kogen a result", "INFO kogen decoding: 2 of 2"]
    assert speak_from_python(basic) == ("", "\n".join([*lines, "WARNING kogen study: no locks", ""]))


def test_a_handler_of_the_user_gets_the_event_and_a_message_that_does_nothing():
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger("kogen").addHandler(handler)
    try:
        say(AlarmRaised("ab12", "byol\x1b[2J seed 0", "rank", 7, "it fell"))
    finally:
        logging.getLogger("kogen").removeHandler(handler)
    assert records[0].event.epoch == 7  # type: ignore[attr-defined]
    assert records[0].getMessage() == "alarm: byol\\x1b[2J seed 0: it fell (epoch 7)"


STARTED = RunStarted("ab12", "byol", "byol", 0, "", 64, 5, 0, "runs/ab12")


def test_quiet_shows_results_warnings_and_errors(capsys: pytest.CaptureFixture[str]):
    with show_events("quiet"):
        say("a note")
        say(STARTED)
        say(Caution("careful"))
        write_line("the result")
        say(Failed(1, "no such path"))
    assert tuple(capsys.readouterr()) == ("the result\n", "careful\nkogen: no such path\n")
    say("said again")
    assert capsys.readouterr().err == "said again\n"  # what the command line shows is back


def test_json_has_a_line_an_event_and_nothing_else_on_stdout(capsys: pytest.CaptureFixture[str]):
    with show_events("json"):
        print("a library prints")
        say("two\nlines \x1b[31m高原", title="line2")
        say(STARTED)
        logging.getLogger("kogen").warning("of a %s", "plug-in")
        write_line("the result")
    out, err = capsys.readouterr()
    assert err == "a library prints\n"
    assert out.isascii()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["event"] for line in lines] == ["note", "run_started", "note", "line"]
    assert [line["level"] for line in lines] == ["info", "info", "warning", "result"]
    assert (lines[0]["about"], lines[0]["text"]) == ("line2", "two\nlines \x1b[31m高原")
    assert (lines[1]["run"], lines[1]["epochs"]) == ("ab12", 5)
    assert lines[2]["text"] == "of a plug-in"
    assert all(line["time"].endswith("+00:00") for line in lines)


def test_python_has_the_screen_of_the_command_line_by_name():
    assert kogen.show_events is show_events
    assert "show_events" in dir(kogen)


def test_lines_leave_out_what_a_bar_shows(capsys: pytest.CaptureFixture[str]):
    say(STARTED)
    assert tuple(capsys.readouterr()) == ("", "")


def test_of_several_processes_the_first_speaks_and_errors_come_from_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Speech, "first", False)
    say("a note")
    say(Caution("careful"))
    write_line("a result")
    say(Failed(1, "lost"))
    assert tuple(capsys.readouterr()) == ("", "kogen: lost\n")
