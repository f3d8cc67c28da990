"""What processes tell is an event again, and how far the runs are is counted."""

import json

from kogen.common.speech.events import Caution, EpochEnded, Failed, RunEnded, RunStarted
from kogen.study.executors.tally import Tally, event_of

FOLDER = {"alarms": 0, "folder": "f"}


def test_lines_of_a_job_are_events_again():
    fields = {"run": "ab", "status": "done", "minutes": 1.5, "images_seen": 3, "images_per_second": None, "kwh": 0.1}
    line = json.dumps({"event": "run_ended", "time": "t", "level": "info", "text": "x", "later": 1, **fields} | FOLDER)
    assert event_of(line) == RunEnded("ab", "done", 1.5, 3, None, 0.1, 0, "f")
    assert event_of('{"event": "warning", "text": "careful", "about": "x"}') == Caution("careful", "x")
    assert event_of('{"event": "error", "exit_code": 1, "text": "oh"}') == Failed(1, "oh")
    for other in ("", "no json", "[1]", '{"event": "note", "text": "a"}', '{"text": "a"}'):
        assert event_of(other) is None


def test_a_tally_knows_how_far_runs_are():
    class Plan:
        epochs, title, seed = 10, "byol", 1

    tally = Tally.__new__(Tally)
    tally.runs, tally.done, tally.at_work, tally.steps = {"a": Plan()}, {"a": 0}, {}, 11  # type: ignore[assignment]
    start = RunStarted("a", "byol", "byol", 1, "", 8, 10, 4, "f")
    tally.hear(1, start)
    assert (tally.done, tally.words) == ({"a": 4}, "byol seed 1 4/10")
    tally.hear(1, EpochEnded("a", 7, 10, {}, 0.1, 1.0, 1.0, 1.0, 1.0))
    assert tally.words == "byol seed 1 7/10"
    tally.hear(2, EpochEnded("of another study", 7, 10, {}, 0.1, 1.0, 1.0, 1.0, 1.0))
    tally.hear(1, RunEnded("a", "done", 1.0, 8, 1.0, 0.0, 0, "f"))
    assert (tally.done, tally.words) == ({"a": 11}, "byol seed 1 10/10")
