"""What a study was asked: first and later, what the report takes from it, and records that are not true any more."""

import hashlib
import json
from pathlib import Path

import pytest

from kogen.results.asked import (
    Asked,
    Extension,
    append_extension,
    extension_lines,
    read_asked,
    write_first,
)

TEXT = 'source = "a"\nseeds = 2\nmethods = ["byol", "random"]\nmargin = 1.5\n\n[candidates]\nown = "w.pth"\n'


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text(TEXT)
    write_first(tmp_path)
    return tmp_path


def not_begun(study: Path) -> int:
    return read_asked(study).not_begun(len(list(study.glob("runs/*/plan.json"))))


def test_a_study_that_was_asked_once(study: Path) -> None:
    asked = read_asked(study)
    assert asked.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert (asked.extensions, asked.after_verdict, asked.question) == ((), (), asked.first)
    assert asked.runs == 2 * 2 + 1
    assert not_begun(study) == 5
    for name in "abc":
        (study / "runs" / name).mkdir(parents=True)
        (study / "runs" / name / "plan.json").write_text("{}")
    assert not_begun(study) == 2
    for name in "defg":
        (study / "runs" / name).mkdir()
        (study / "runs" / name / "plan.json").write_text("{}")
    assert not_begun(study) == 0


def test_a_folder_without_a_pilot_was_asked_nothing(tmp_path: Path) -> None:
    assert read_asked(tmp_path) == Asked()
    assert (Asked().sha256, Asked().runs, not_begun(tmp_path)) == (None, 0, 0)
    assert Asked({"runs": ["x"], "seeds": 3}).runs == 0  # of `kogen evaluate`


def test_defaults_of_a_question_that_says_little() -> None:
    assert Asked({"source": "a"}).runs == 3 * 4
    assert Asked({"source": "a", "pools": ["10%", "100%"]}).runs == 3 * (2 + 2 + 1 + 1)  # byol, simclr on a part too
    more = Extension({"pools": ["30%"]})
    assert Asked({"source": "a", "pools": ["10%"], "init": "w.pth"}, (more,)).runs == 3 * (2 * 3 * 2 + 2 + 1) + 1
    assert Asked({"source": "a"}, (Extension({"probes": ["new"]}),)).question["probes"] == ["linear", "knn", "new"]


def test_extensions_are_kept_in_order_with_the_verdict_that_was_there(study: Path) -> None:
    append_extension(study, Extension({"seeds": 3, "probes": ["knn"]}, {"lang": "ja"}, {"seeds": 2, "lang": "en"}))
    first = read_asked(study)
    assert first.extensions[0].verdict is None
    assert first.after_verdict == ()  # nobody had seen a verdict
    (study / "verdict.json").write_text("{}")
    read = hashlib.sha256(b"{}").hexdigest()
    append_extension(study, Extension({}, {"lang": "en"}, {"lang": "ja"}))
    append_extension(study, Extension({}, {"margin": 3.0}, {"margin": 1.5}))
    shifts = [["z", "imgs/z"], ["a", "imgs/a"]]
    more = {"methods": ["vicreg"], "candidates": [["other", "v.pth"]], "shifts": shifts, "corrupt": "jpeg:2"}
    append_extension(study, Extension({}, {"metric": "auroc"}, {"metric": None}))
    append_extension(study, Extension({}, {"metric": None}, {"metric": "auroc"}))
    append_extension(study, Extension(more | {"settings": {"vicreg": {"rate": 0.1}}}))
    asked = read_asked(study)
    assert [one.verdict for one in asked.extensions] == [None, *[read] * 5]
    assert [bool(one.added) for one in asked.after_verdict] == [False] * 3 + [True]  # a language is no question
    assert asked.extensions[5].added["shifts"] == shifts  # in the order they were named
    assert asked.runs == 3 * 3 + 2
    assert (asked.question["margin"], asked.question["lang"]) == (3.0, "en")
    assert asked.first["margin"] == 1.5
    assert len({first.sha256, asked.sha256, hashlib.sha256(TEXT.encode()).hexdigest()}) == 3
    assert extension_lines(asked) == [
        "--probe knn, --seeds 3 (2 before), --lang ja (en before)",
        "--lang en (ja before)",
        "--margin 3.0 (1.5 before)",
        "--metric auroc (by default before)",
        "--metric by default (auroc before)",
        "--corrupt jpeg:2, --shift z=imgs/z, --shift a=imgs/a, --methods vicreg, --candidates other=v.pth, "
        "--set vicreg.rate=0.1",
    ]


def test_a_first_question_that_was_edited(study: Path) -> None:
    place = study / "study.toml"
    place.write_text(TEXT.replace("seeds = 2", "seeds = 3"))
    write_first(study)  # nothing was trained for the other one
    assert json.loads((study / "asked.json").read_text())["study"] == hashlib.sha256(place.read_bytes()).hexdigest()
    (study / "runs" / "x").mkdir(parents=True)
    (study / "runs" / "x" / "plan.json").write_text("{}")
    write_first(study)  # the same
    place.write_text(TEXT)
    with pytest.raises(ValueError, match=r"study\.toml was edited since it was asked first: put its own back"):
        write_first(study)
    assert read_asked(study).first["seeds"] == 2  # a report of it can be drawn: nothing was extended
    append_extension(study, Extension({"seeds": 9}, {}, {"seeds": 2}))
    with pytest.raises(ValueError, match=r"is not the question that was asked first and extended since .*asked\.json"):
        read_asked(study)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"study": "x", "extensions": [], "checksum": "y"}', "is damaged or was edited"),
        ('{"study": "x"}', "does not say what was asked first and what later: put its own back"),
        ('{"extensions": []}', "does not say what was asked first and what later"),
        ("[]", "holds a list, wanted the names and values"),
    ],
)
def test_a_damaged_record(study: Path, text: str, message: str) -> None:
    (study / "asked.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_asked(study)


def test_a_record_whose_extension_lacks_what_was_added(study: Path) -> None:
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    (study / "asked.json").write_text(json.dumps({"study": digest, "extensions": [{"changed": {}}]}))
    with pytest.raises(ValueError, match=r"asked\.json does not hold what is wanted, at 'added'"):
        read_asked(study)


def test_runs_are_counted_by_methods_seeds_starts_and_candidates() -> None:
    first = {"source": "a", "methods": ["byol", "random", "supervised"], "seeds": 2}
    plain = Asked(first).runs
    assert plain == 6
    assert Asked(first | {"candidates": {"own": "w", "other": "v"}}).runs == plain + 2
    later = Extension({"seeds": 3, "methods": ["simclr"], "candidates": [["x", "w"]]})
    assert Asked(first, (later,)).runs == 3 * 4 + 1
    assert Asked(first, (later, Extension({"seeds": 4}))).runs == 4 * 4 + 1
    assert (Asked(first).not_begun(2), Asked(first).not_begun(9)) == (4, 0)


def test_what_was_added_and_changed_is_written_as_the_command_line_writes_it() -> None:
    added = {"seeds": 5, "shifts": [["line3", "imgs"]], "methods": ["a", "b"], "settings": {"byol": {"tau": 1, "x": 2}}}
    one = Extension(added, {"margin": 0.5, "metric": None}, {"seeds": 3, "margin": 1.0, "metric": "auroc"})
    (line,) = extension_lines(Asked({}, (one,)))
    assert set(line.split(", ")) == {
        *("--seeds 5 (3 before)", "--shift line3=imgs", "--methods a,b", "--set byol.tau=1", "--set byol.x=2"),
        *("--margin 0.5 (1.0 before)", "--metric by default (auroc before)"),
    }
