"""Text: values as Python writes them, and whatever else people write, which stays text or is refused."""

from typing import Any

import pytest

from kogen.common.text import hint, parse_spec, parse_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("-0.5", -0.5), ("1e-3", 1e-3), ("true", True), ("False", False), ("None", None), ("full", "full"),
        ("1,2", (1, 2)), ("[1, 2]", (1, 2)), ("((1, 2), 3)", ((1, 2), 3)), ("'a'", "a"), ("", ""),
    ],
)  # fmt: skip
def test_values(text: str, value: Any):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["(" * 500, "(" * 10**6, "[" * 150 + "]" * 150 + "]", "-" * 900 + "1", "-" * 10**6 + "1", "9" * 900, "9" * 5000,
     "0x" + "f" * 900, "1e999", "-1e999", "(1, 1e999)", "1" + "+1" * 400, "1+2j", "b'a'", "{1, 2}", "{1: 2}", "...",
     "\0", "__import__('os')", "'%s' % 1", "f'{1}'", "lambda: 1", str(2**63), "a" * 10**6],
)  # fmt: skip
def test_what_is_no_plain_value_stays_text(text: str):
    assert parse_value(text) == text


@pytest.mark.parametrize("key", ["a-b", "a b", "a\nb", "1a", "", "__class__", "**x", "a.b", '"'])
def test_a_setting_is_a_plain_word(key: str):
    with pytest.raises(ValueError, match=r"there is no setting .*: wanted a plain word, as in name\?key=value"):
        parse_spec(f"resnet18?{key}=1")


def test_a_hint_is_short_whatever_was_typed():
    names = [f"network{number}" for number in range(2000)]
    assert hint("x" * 10**6, names).endswith("and 1940 more")
    assert hint("netwrk7", names).startswith("did you mean 'network")


def test_a_setting_is_said_once():
    with pytest.raises(ValueError, match=r"'vit\?num_heads=3&num_heads=6': num_heads is said twice: leave one of them"):
        parse_spec("vit?num_heads=3&num_heads=6")
