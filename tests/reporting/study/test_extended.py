"""The page's cautions about a study's question: extended after a verdict, and runs that have not begun."""

from pathlib import Path

import pytest

from kogen.reporting.study.extended import question_sentences
from kogen.reporting.words import Sentence, say
from kogen.results.asked import Extension, append_extension, read_asked, write_first


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text('source = "a"\nseeds = 1\nmethods = ["byol", "random"]\n')
    write_first(tmp_path)
    for name in "ab":
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "plan.json").write_text("{}")
    return tmp_path


def said(study: Path) -> list[Sentence]:
    return question_sentences(read_asked(study), len(list(study.glob("runs/*/plan.json"))))


def test_runs_that_are_not_judged_are_told(study: Path) -> None:
    assert [one.key for one in question_sentences(read_asked(study), 2, 1)] == ["runs_unjudged"]
    assert "not judged here yet: 1" in say("en", "runs_unjudged", n=1)


def test_nothing_is_said_of_a_study_that_was_asked_once_and_is_done(study: Path) -> None:
    assert said(study) == []
    append_extension(study, Extension({"probes": ["knn"]}))  # before anybody could read a verdict
    assert said(study) == []


def test_a_study_that_was_extended_after_its_verdict_and_is_not_done(study: Path) -> None:
    (study / "verdict.json").write_text("{}")
    append_extension(study, Extension({"seeds": 2}, {"lang": "ja"}, {"seeds": 1, "lang": "en"}))
    append_extension(study, Extension({"shifts": [["line3", "imgs/line3"]]}))
    extended, unfinished = said(study)
    assert (extended.part, extended.key, extended.values["times"]) == ("catch", "extended", 2)
    assert unfinished.values == {"left": 2, "all": 4}
    words = say("en", extended.key, **extended.values)
    assert (
        "this study was extended (how often: 2): --seeds 2 (1 before), --lang ja (en before) and --shift line3="
        in words
    )
    assert "Runs that are asked for and have not begun: 2 of 4;" in say("en", unfinished.key, **unfinished.values)
    assert "4 件の学習のうち 2 件" in say("ja", unfinished.key, **unfinished.values)
