"""The command line as a program reads it: --json and --quiet of every verb, errors as events, exit codes unchanged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kogen.cli import COMMANDS, main

SMALL = ["--epochs", "2", "--image-size", "8", "--backbone", "tiny?width=8", "--batch-size", "128", "--precision", "32"]


def run_main(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, events and stderr of a command with --json."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main([*words, "--json"])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), [json.loads(line, parse_constant=pytest.fail) for line in out.splitlines()], err


def test_a_training_tells_its_epochs_as_its_table_has_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["pretrain", "simclr", "digits", *SMALL, "--out", str(tmp_path / "run")]
    code, events, err = run_main(capsys, *command)
    assert (code, err) == (0, "")
    epochs = [event for event in events if event["event"] == "epoch_ended"]
    assert [event["epoch"] for event in epochs] == [0, 1, 2]
    assert epochs[0]["images_per_second"] is None or epochs[0]["images_per_second"] == 0
    table = pd.read_parquet(tmp_path / "run" / "training.parquet")
    for event in epochs[1:]:
        rows = table[table.epoch == event["epoch"]]
        assert event["terms"] == dict(zip(rows.term, rows.value, strict=True))
        assert event["rank_me"] == rows.rank_me.iloc[0]
    started = next(event for event in events if event["event"] == "run_started")
    ended, trained = events[-2:]
    record = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert (started["event"], started["run"], started["done"]) == ("run_started", record["id"], 0)
    assert (ended["event"], ended["run"], ended["status"], ended["alarms"]) == ("run_ended", record["id"], "done", 0)
    assert trained["weights"] == str(tmp_path / "run" / "weights.safetensors")
    assert trained["images_seen"] == ended["images_seen"]
    code, again, _ = run_main(capsys, *command)
    assert [event["event"] for event in again if event["event"] not in ("note",)] == ["trained"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["pretrain", "boyl", "digits"], 1, "unknown name 'boyl' among the methods: did you mean 'byol'?"),
        (["pilot"], 2, "Missing argument 'source'."),
        (["pilot", "digits", "--seeds", "many"], 2, "Invalid value for '--seeds'"),
        (["pilot", "digits", "--seeds", "0"], 2, "pilot: seeds = 0: wanted 1 or more"),
        (["report", "nowhere"], 1, "nowhere holds no study"),
        (["lottery", "nowhere.csv"], 1, "nowhere.csv"),
    ],
)
def test_an_error_is_an_event_and_its_exit_code_stays(
    words: list[str], code: int, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    found, events, err = run_main(capsys, *words)
    assert (found, err) == (code, "")
    assert (events[-1]["event"], events[-1]["level"], events[-1]["exit_code"]) == ("error", "error", code)
    assert text in events[-1]["text"]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == code


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_takes_both_flags_anywhere(verb: str, capsys: pytest.CaptureFixture[str]):
    for words in ([verb, "--help", "--json"], ["--quiet", verb, "--help"]):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0
        out, err = capsys.readouterr()
        assert (out == "") == ("--json" in words)  # help is no event: it goes where everything else goes
        assert f"Example: kogen {verb}" in " ".join((out + err).split())


def test_names_are_listed_one_an_event(capsys: pytest.CaptureFixture[str]):
    code, events, _ = run_main(capsys, "list", "probes")
    assert code == 0
    assert [(one["event"], one["shelf"], one["name"]) for one in events] == [
        ("listed", "probes", "knn"),
        ("listed", "probes", "linear"),
        ("listed", "probes", "linear45"),
    ]


SCORES = "model,val,real,sketch\n" + "".join(f"m{i},{60 + i},{50 + i},{40 + i % 3}\n" for i in range(6))


def test_a_lottery_tells_its_judgement_and_quiet_its_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "t.csv").write_text(SCORES)
    command = ["lottery", str(tmp_path / "t.csv"), "--reference", "val", "--unit", "percent"]
    code, events, err = run_main(capsys, *command, "--out", str(tmp_path / "out"))
    assert (code, err) == (0, "")
    verdict = events[-1]
    assert (verdict["event"], verdict["page"]) == ("verdict", str((tmp_path / "out" / "report.html").resolve()))
    assert verdict["facts"]["judgement"]["reference"] == "val"
    with pytest.raises(SystemExit):
        main([*command, "--out", str(tmp_path / "out"), "--quiet"])
    assert tuple(capsys.readouterr()) == ("\n".join([*verdict["words"], "", verdict["page"], ""]), "")


def test_stopped_is_an_event_with_75(tmp_path: Path):
    program = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from kogen.__main__ import main
import kogen.study.view_picture as picture
picture.open_source = lambda *_: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["kogen", "views", "digits", "--json", "--out", {str(tmp_path / "v.png")!r}]
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 75
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["exit_code"] == 75
