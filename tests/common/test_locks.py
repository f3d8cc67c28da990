"""Locks: one process at a time, freed however it ends; a lock file never harms what stands at its place."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kogen.common import locks
from kogen.common.locks import hold_lock

HOLDER = """
import sys, time
from pathlib import Path
from kogen.common.locks import hold_lock
with hold_lock(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_a_second_process_gets_it_when_the_first_is_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    place = tmp_path / "deep" / ".lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(place)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "True\n"
        with hold_lock(place, wait=False) as mine:
            assert not mine
        holder.kill()
        began = time.monotonic()
        with hold_lock(place, busy="another one is at work") as mine:
            assert mine
            assert time.monotonic() - began < 10
    with hold_lock(place, busy="never said") as mine:
        assert mine
    assert "never said" not in capsys.readouterr().err


def test_a_link_and_a_pipe_at_its_place_are_refused_and_their_content_stays(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "mine.txt")
    os.mkfifo(tmp_path / "pipe")
    for name, match in (("link", "is a link to"), ("pipe", "is no plain file, which a lock wants")):
        with pytest.raises(ValueError, match=match), hold_lock(tmp_path / name):
            pass
    with hold_lock(tmp_path / "mine.txt"):
        pass
    assert (tmp_path / "mine.txt").read_text() == "precious"


def refuse(descriptor: int, *, wait: bool) -> bool:
    raise OSError("no locks here")


def test_a_file_system_without_locks_has_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "try_lock", refuse)
    with hold_lock(tmp_path / ".lock", wait=False) as mine, hold_lock(tmp_path / ".lock", wait=False) as second:
        assert mine
        assert not second
    with hold_lock(tmp_path / ".lock", wait=False) as mine:
        assert mine


def test_a_claim_beside_a_lock_that_each_machine_keeps_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(locks, "try_lock", lambda descriptor, *, wait: True)
    how = {"wait": False, "claim": True}
    with hold_lock(tmp_path / ".lock", **how) as mine, hold_lock(tmp_path / ".lock", **how) as second:
        assert (mine, second) == (True, False)
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]
