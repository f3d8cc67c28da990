"""Claims: one owner at a time, whoever is killed, and never a living one's taken away."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kogen.common import claims
from kogen.common.claims import OWNER, hold_claim

HOLDER = """
import sys, time
from pathlib import Path
from kogen.common import claims
claims.BEAT = float(sys.argv[2])
with claims.hold_claim(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""

COUNTER = """
import sys
from pathlib import Path
from kogen.common.claims import hold_claim
from kogen.common import claims
claims.LOOK = 0.001
place = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with hold_claim(place / "claim"):
        number = int((place / "number").read_text())
        (place / "number").write_text(str(number + 1))
"""


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_SEEN", {})


def start(place: Path, beat: float = 10) -> "subprocess.Popen[str]":
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(place), str(beat)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "True\n"
    return holder


def test_processes_that_count_together_lose_no_number(tmp_path: Path):
    (tmp_path / "number").write_text("0")
    some = [subprocess.Popen([sys.executable, "-c", COUNTER, str(tmp_path), "40"]) for _ in range(4)]
    assert [one.wait(60) for one in some] == [0] * 4
    assert (tmp_path / "number").read_text() == "160"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["number"]


def test_the_claim_of_a_killed_process_is_free_at_once(tmp_path: Path):
    with start(tmp_path / "claim") as holder:
        with hold_claim(tmp_path / "claim", wait=False) as mine:
            assert not mine
        holder.kill()
        holder.wait()
        with hold_claim(tmp_path / "claim", wait=False) as mine:
            assert mine


def far_away(place: Path) -> None:
    """Let a claim be one of another machine."""
    facts = json.loads((place / OWNER).read_text())
    (place / OWNER).write_text(json.dumps(facts | {"machine": "far away"}))


def test_a_claim_of_another_machine_is_free_after_a_time_without_a_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(claims, "STALE", 1.0)
    with start(tmp_path / "claim", beat=0.2) as holder:
        far_away(tmp_path / "claim")
        until = time.monotonic() + 3
        while time.monotonic() < until:  # it lives
            with hold_claim(tmp_path / "claim", wait=False) as mine:
                assert not mine
            time.sleep(0.1)
        holder.kill()
        holder.wait()
        began = time.monotonic()
        with hold_claim(tmp_path / "claim", busy="waits") as mine:
            assert mine
            assert 0.5 < time.monotonic() - began < 10


def test_a_claim_that_took_the_place_of_a_stale_one_is_left_alone(tmp_path: Path):
    with hold_claim(tmp_path / "claim"):
        claims._take_away(tmp_path / "claim", "of one that was here before")
        with hold_claim(tmp_path / "claim", wait=False) as mine:
            assert not mine
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", ["", "no json", "[1]", '{"process": "x"}', "[" * 100_000, '{"machine": 3, "process": -1}']
)
def test_a_claim_that_cannot_be_read_is_somebodys_until_it_is_old(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "claim").mkdir()
    (tmp_path / "claim" / OWNER).write_text(content)
    with hold_claim(tmp_path / "claim", wait=False) as mine:
        assert not mine
    monkeypatch.setattr(claims, "STALE", 0.0)
    time.sleep(0.01)
    with hold_claim(tmp_path / "claim", wait=False) as mine:
        assert mine


def test_a_link_and_a_file_at_its_place_are_refused(tmp_path: Path):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(ValueError, match="is no folder, where kogen says who is at"), hold_claim(tmp_path / name):
            pass
    assert (tmp_path / "file").read_text() == "precious"


def test_what_killed_processes_left_half_made_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "claim-0123").mkdir()
    os.utime(tmp_path / "claim-0123", (1, 1))
    with hold_claim(tmp_path / "claim"):
        assert [file.name for file in tmp_path.iterdir()] == ["claim"]


def test_threads_of_one_process_exclude_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(claims, "LOOK", 0.001)
    inside = []

    def work(_: int) -> None:
        with hold_claim(tmp_path / "claim"):
            inside.append(1)
            assert len(inside) == 1
            inside.pop()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(40)))
