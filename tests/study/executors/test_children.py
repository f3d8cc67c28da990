"""The command and the variables of a child."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

import kogen
from kogen.common import plugins
from kogen.common.plugins import Plugin
from kogen.study.executors.children import HEAD, child_environment, let_go, run_command, start_child


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


def test_a_child_begins_when_it_is_let_go(tmp_path: Path):
    said, over = list[str | None](), threading.Event()

    def hear(line: str | None) -> None:
        said.append(line)
        if line is None:
            over.set()

    code = "import sys; sys.path[:0] = sys.argv[1:]; from kogen.study.executors.children import end_with_head\n"
    code += "print('ready', flush=True)\nwith end_with_head(): print('works')"
    command = [sys.executable, "-c", code, str(Path(kogen.__file__).parents[1])]
    child = start_child(command, child_environment(1), hear, tmp_path)
    until = time.monotonic() + 60
    while not said:
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.3)
    assert said == ["ready\n"]
    let_go(child)
    assert over.wait(60)
    assert said == ["ready\n", "works\n", None]


def test_a_child_that_is_gone_is_let_go_in_vain():
    over = threading.Event()
    child = start_child([sys.executable, "-c", ""], child_environment(1), lambda _: over.set())
    assert over.wait(60)
    let_go(child)
    assert child.end == "exit code 0"


def test_a_child_without_work_ends(tmp_path: Path):
    over = threading.Event()
    command = run_command(tmp_path / "study", [])
    child = start_child(command, child_environment(1), lambda line: over.set() if line is None else None)
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert over.wait(120)
    assert child.process.returncode == 75, child.end
