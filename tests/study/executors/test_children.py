"""The command and the variables of a child."""

import os
from pathlib import Path

import pytest

from kogen.common import plugins
from kogen.common.plugins import Plugin
from kogen.study.executors.children import HEAD, child_environment, run_command


def test_jobs_run_the_code_that_this_command_named_and_no_other(monkeypatch: pytest.MonkeyPatch):
    mine = Plugin("methods", "Mine", "mine.py", "0123", None)
    typed = Plugin("views", "typed", plugins.INTERACTIVE, "4567", None)
    monkeypatch.setattr(plugins, "OPENED", {("methods", "Mine"): mine, ("views", "typed"): typed})
    words = run_command(Path("s"), ["mlflow"])[4:]
    assert words == ["run", "s", "--tracker", "mlflow", "--plugins", "methods=mine.py:Mine sha256:0123"]


def test_a_child_has_its_threads_unless_the_user_says_how_many():
    assert child_environment(2, {})["OMP_NUM_THREADS"] == "2"
    assert child_environment(2, {"OMP_NUM_THREADS": "5"})["MKL_NUM_THREADS"] == "5"
    assert child_environment(2, {})[HEAD] == str(os.getpid())
