"""Options of several verbs: what needs no images is refused with the command line, before torch and pandas load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w

import kogen
from kogen.config.study import read_study

WRONG = {
    "--budgets 5": "--budgets 5: write shares of the labels above 0 and up to 100%",
    "--budgets 0%": "--budgets 0%: write shares of the labels above 0",
    "--budgets 5%,101%": "--budgets 101%: write shares of the labels above 0",
    "--budgets nan%": "--budgets nan%: write shares of the labels above 0",
    "--budgets 20%,20%": "--budgets 20%,20% names 20% twice: name each once",
    "--budgets 1e-9%": "--budgets 1e-9%: so small a share of the labels has no name: write 0.0001% or more",
    "--shots 0": "--shots 0: wanted 1 or more labelled images a class",
    "--shots 5,5": "--shots 5,5 names 5 twice: name each once",
    "--images 0%": "--images 0%: write shares of the images above 0",
    "--images ten": "--images ten: write shares of the images above 0",
    "--images 10%,10.0%": "--images 10%,10% names 10% twice: name each once",
    "--images 1e-9%": "--images 1e-9%: so small a share of the images has no name",
}
PRICES = {
    "label=-1": "prices.label = -1: wanted 0 or more",
    "label=nan": "[prices]: label = 'nan': no number: wanted one",
    "label=1e400": "[prices]: label = '1e400': infinite: wanted a number",
    "lable=1": "[prices]: unknown key 'lable': did you mean 'label'?",
    "label=1": "[prices]: currency is missing, and label is a price: name it, such as EUR",
}
CODE = """
import json, sys
from kogen.cli import Ended, main
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except Ended as end:
        print(json.dumps([end.code, str(end)]))
print(json.dumps(["torch" in sys.modules, "pandas" in sys.modules]))
"""


def ends_of(commands: list[list[str]]) -> list[tuple[int, str]]:
    """Exit codes and sentences of commands that are refused without torch and pandas."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(commands)], capture_output=True, text=True, check=True
    )
    *ends, loaded = map(json.loads, done.stdout.splitlines())
    assert loaded == [False, False]
    return [tuple(end) for end in ends]


@pytest.mark.parametrize("verb", ["pilot", "estimate"])
def test_parts_that_are_none_are_a_wrong_command_line(verb: str) -> None:
    ends = ends_of([[verb, "nowhere", *words.split()] for words in WRONG])
    for (code, sentence), message in zip(ends, WRONG.values(), strict=True):
        assert code == 2
        assert sentence.startswith(f"kogen: {verb}: {message}")


@pytest.mark.parametrize("verb", ["report", "pilot"])
def test_prices_that_are_none_are_a_wrong_command_line(verb: str) -> None:
    ends = ends_of([[verb, "nowhere", "--prices", words] for words in PRICES])
    assert ends == [(2, f"kogen: {verb}: {message}") for message in PRICES.values()]


def test_prices_are_checked_alike_in_python() -> None:
    with pytest.raises(ValueError, match=r"report: prices\.label = inf: infinite: wanted a number"):
        kogen.report("nowhere", prices={"label": float("inf")})
    with pytest.raises(ValueError, match=r"report: \[prices\]: unknown key 'lable': did you mean 'label'"):
        kogen.report("nowhere", prices={"lable": 1})


def test_parts_are_checked_alike_in_python_and_in_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="evaluate: --shots 5,5 names 5 twice"):
        kogen.evaluate("nowhere", train="a", tests={"b": "c"}, shots=(5, 5))
    (tmp_path / "study.toml").write_text(tomli_w.dumps({"source": "a", "budgets": ["0.5"]}))
    with pytest.raises(ValueError, match=r"study\.toml: --budgets 0\.5: write shares of the labels above 0"):
        read_study(tmp_path / "study.toml")
