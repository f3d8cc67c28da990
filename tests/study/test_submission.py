"""The script for SLURM: a task a run, what is cut off is requeued, a failure is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kogen
from kogen.common.files import write_sealed_json

PROGRAM = """#!/bin/bash
echo "$@" >> {folder}/called
[ -n "$SLOW" ] && {{ trap 'exit 75' TERM; sleep 30 & wait; }}
exit $CODE
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "my study"
    folder.mkdir()
    write_sealed_json(folder / "plans.json", {"asked": "x", "runs": [{"id": str(n)} for n in range(12)]})
    return folder


def test_the_script_asks_for_what_is_wanted(study: Path):
    out = kogen.submit(study, gpus=1, cpus=8, at_once=3)
    assert out == study / "study.sbatch"
    text = out.read_text()
    for line in ("--array=0-11%3", "--cpus-per-task=8", "--gpus-per-task=1", "--requeue", "--signal=B:TERM@120"):
        assert f"\n#SBATCH {line}\n" in text
    assert f"{sys.executable} -m kogen run '{study.resolve()}' --index" in text
    assert "gpus-per-task" not in kogen.submit(study).read_text()  # it is kogen's own, and written anew
    assert subprocess.run(["bash", "-n", str(out)]).returncode == 0


def run_script(study: Path, tmp_path: Path, **env: str) -> tuple[int, str]:
    """The script with a program and a scontrol that write down how they were called."""
    for name in ("program", "scontrol"):
        (tmp_path / name).write_text(
            PROGRAM.format(folder=tmp_path)
            if name == "program"
            else f"#!/bin/bash\necho scontrol $@ >> {tmp_path}/called\n"
        )
        (tmp_path / name).chmod(0o755)
    script = kogen.submit(study)
    script.write_text(script.read_text().replace(f"{sys.executable} -m kogen", str(tmp_path / "program")))
    known = {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_JOB_ID": "99", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    begun = subprocess.Popen(["bash", str(script)], env=os.environ | known | env)
    if env.get("SLOW"):
        with pytest.raises(subprocess.TimeoutExpired):
            begun.wait(2)
        begun.terminate()
    return begun.wait(20), (tmp_path / "called").read_text()


def test_a_run_that_ends_well_and_one_that_fails(study: Path, tmp_path: Path):
    assert run_script(study, tmp_path, CODE="0") == (0, f"run {study} --index 7 --processes 1\n")
    (tmp_path / "called").unlink()
    assert run_script(study, tmp_path, CODE="1") == (1, f"run {study} --index 7 --processes 1\n")


@pytest.mark.parametrize("env", [{"CODE": "75"}, {"CODE": "0", "SLOW": "1"}])
def test_a_run_that_is_cut_off_is_requeued(study: Path, tmp_path: Path, env: dict[str, str]):
    code, called = run_script(study, tmp_path, **env)
    assert code == 75
    assert called.splitlines()[1] == "scontrol requeue 99_7"


def test_what_cannot_be_submitted_is_a_sentence(study: Path, tmp_path: Path):
    with pytest.raises(
        ValueError, match=r"has no planned runs \(no plans.json\): kogen pilot ... --out .* --prepare plans them"
    ):
        kogen.submit(tmp_path)
    mine = tmp_path / "mine.sh"
    mine.write_text("#!/bin/bash\n")
    with pytest.raises(ValueError, match=r"mine\.sh was not written by kogen"):
        kogen.submit(study, out=mine)
    kogen.submit(study, out=mine, force=True)
    assert "kogen run" in mine.read_text() or "-m kogen run" in mine.read_text()
