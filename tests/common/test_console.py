"""Console: text of others is shown, and does nothing."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogen.common.console import printable, say, write_line


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
