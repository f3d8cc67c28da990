"""The verb `run`: one run by its number, the next that is free, or all; planned runs are those that are done."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pictures import write_set

import kogen
from kogen.common.files import write_sealed_json
from kogen.study import planned_runs
from kogen.training.run import take_run

QUICK: dict[str, Any] = {"epochs": 1, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 8, "precision": "32"}
QUICK |= {"methods": ("simclr", "random"), "probes": ("knn",), "costs": "none", "seeds": 2}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("sets")
    return {name: write_set(root / name, n, seed) for seed, (name, n) in enumerate((("a", 12), ("b", 6)))}


@pytest.fixture
def study(sets: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    out = tmp_path / "study"
    assert kogen.pilot(sets["a"], test=sets["b"], prepare=True, out=out, **QUICK) == {}
    said = capsys.readouterr().out
    assert f"4 runs are planned: kogen run {out} --index 0 to 3, or kogen submit {out}" in " ".join(said.split())
    assert not list(out.glob("runs/*/weights.safetensors"))
    return out


def test_runs_one_by_one_give_what_the_pilot_gives(study: Path, sets: dict[str, str], tmp_path: Path):
    planned = [run["id"] for run in json.loads((study / "plans.json").read_text())["runs"]]
    assert kogen.run(study, index=2) == {"runs": [planned[2]], "left": 3}
    assert kogen.run(study, index=2) == {"runs": [], "left": 3}
    assert kogen.run(study, next=True) == {"runs": [planned[0]], "left": 2}
    with take_run(study / "runs" / planned[1]) as mine:
        assert mine
        done = subprocess.run(  # another process: a lock is no obstacle to its own
            [sys.executable, "-m", "kogen", "run", str(study), "--next"], capture_output=True, text=True
        )
        assert done.stdout.strip() == f"done: {planned[3]}; 1 runs of the study are left", done.stderr
    assert kogen.run(study) == {"runs": [planned[1]], "left": 0}
    assert kogen.run(study, next=True) == {"runs": [], "left": 0}
    kogen.report(study)
    kogen.pilot(sets["a"], test=sets["b"], out=tmp_path / "whole", **QUICK)
    tables = [
        pd.read_parquet(at / "predictions.parquet").sort_values(["run", "item"]) for at in (study, tmp_path / "whole")
    ]
    pd.testing.assert_frame_equal(*(table.reset_index(drop=True) for table in tables))
    again = kogen.pilot(sets["a"], test=sets["b"], out=study, **QUICK)  # all of it is there
    assert again["values"]


WITHOUT_LOCKS = """
import sys
from kogen.common import locks

def refuse(descriptor, *, wait):
    raise OSError(37, "No locks available")

locks.try_lock = refuse
from kogen.__main__ import main
sys.argv = ["kogen", "--json", "run", *sys.argv[1:]]
main()
"""


def test_two_processes_share_the_runs_on_a_file_system_without_locks(study: Path):
    words = [sys.executable, "-c", WITHOUT_LOCKS, str(study)]
    some = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [one.communicate(timeout=120) for one in some]
    assert [one.returncode for one in some] == [0, 0], said
    events = [json.loads(line) for out, _ in said for line in out.splitlines()]
    trained = [event["run"] for event in events if event["event"] == "epoch_ended" and event["epoch"] == 1]
    assert len(trained) == len(set(trained)) == 2, said  # each of the runs that train, by one of the two
    kogen.report(study)
    assert len(list(study.glob("runs/*/summary.json"))) == 4
    assert not list(study.rglob("*.claim*"))


def test_wrong_numbers_and_folders_are_sentences(study: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"--index 4: .*study has 4 runs, 0 to 3"):
        kogen.run(study, index=4)
    with pytest.raises(ValueError, match="--index names a run, and --next takes the first that is free: give one"):
        kogen.run(study, index=0, next=True)
    with pytest.raises(
        ValueError, match=r"holds no study \(no study.toml\): write one, or plan it with `kogen pilot ... --prepare`"
    ):
        kogen.run(tmp_path / "nothing")
    (tmp_path / "judged").mkdir()
    (tmp_path / "judged" / "study.toml").write_text("runs = ['a']\n")
    with pytest.raises(ValueError, match="holds runs that `kogen evaluate` judged, no study of a pilot"):
        kogen.run(tmp_path / "judged")


def test_a_machine_that_would_train_other_runs_refuses(study: Path):
    place = study / "plans.json"
    content = json.loads(place.read_text())
    was = content["runs"][1]
    was["id"], was["device"] = "0123456789ab", "cuda"
    write_sealed_json(place, {key: content[key] for key in ("asked", "runs")})
    match = (
        r"run 1 of .*study was planned as 0123456789ab, and would be \w{12} here \(device: cuda there, cpu here\): use"
    )
    with pytest.raises(ValueError, match=match):
        kogen.run(study, index=0)
    assert not list(study.glob("runs/*/weights.safetensors"))
    place.unlink()
    assert kogen.run(study, next=True)["left"] == 3
    assert place.exists()
    place.write_text(place.read_text().replace('"cpu"', '"tpu"', 1))
    with pytest.raises(ValueError, match="give its own file back, or delete it to plan anew"):
        kogen.run(study, next=True)


def test_planned_runs_of_an_older_question_are_planned_anew(study: Path, sets: dict[str, str]):
    kogen.pilot(sets["a"], test=sets["b"], prepare=True, out=study, **QUICK | {"seeds": 3})
    assert len(json.loads((study / "plans.json").read_text())["runs"]) == 6
    content = json.loads((study / "plans.json").read_text())
    write_sealed_json(study / "plans.json", {"asked": "older", "runs": content["runs"][:1]})
    assert kogen.run(study, index=5)["left"] == 5
    assert len(json.loads((study / planned_runs.PLANNED).read_text())["runs"]) == 6
