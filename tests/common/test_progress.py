"""Progress: lines away from a terminal."""

from kogen.common import progress


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
