"""The version lies where it lay, is the fallback of the build, and does not change with a commit."""

import re
import tomllib
from pathlib import Path

import kogen
from kogen.common.version import VERSION

HOME = Path(__file__).parents[2]


def test_the_release_is_said_once_more_for_a_tree_without_git():
    build = tomllib.loads((HOME / "pyproject.toml").read_text())["tool"]["hatch"]["version"]
    assert build["source"] == "vcs"
    assert kogen.__version__ == VERSION == build["fallback-version"]
    assert f"ARG VERSION={VERSION}\n" in (HOME / "Dockerfile").read_text()


def test_the_release_names_no_commit():
    """It is part of the id of a run: a run that was begun before a commit must go on after it."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
