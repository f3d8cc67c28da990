"""Progress: lines away from a terminal."""

from kogen.common.speech import progress


def test_progress_is_printed_now_and_then_away_from_a_terminal(capsys, monkeypatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", -1.0)
    with progress.progress_bar("decoding", transient=True) as report:
        report(2, 3)
    assert capsys.readouterr().err == "decoding: 2 of 3\n"
    with progress.progress_bar("decoding", show=False) as report:
        report(2, 3)
    assert capsys.readouterr().err == ""


def test_only_a_training_prints_its_last_line(capsys) -> None:
    with progress.progress_bar("decoding", transient=True) as report:
        report(3, 3)
    assert capsys.readouterr().err == ""
    with progress.training_bar("byol seed 0") as report_progress:
        report_progress(1, 2, {"loss": 1.0}, 9.6, 0.5)
        report_progress(2, 2, {"loss": 1.0}, 9.6, 0.5)
    assert capsys.readouterr().err == "byol seed 0: 2 of 2, 10 images/s, RankMe 0.50, loss 1.000\n"


def test_a_line_says_how_long_it_will_take(capsys, monkeypatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", -1.0)
    clock = iter([0.0, 0.0, 60.0, 90.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    with progress.progress_bar("decoding", transient=True) as report:
        for step in (10, 20, 25):  # 10 were done by an earlier call
            report(step, 30)
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == ["decoding: 20 of 30, about 1.0 min left", "decoding: 25 of 30, about 0.5 min left"]
