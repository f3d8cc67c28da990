"""What a study was asked: first and later, what the report takes from it, and records that are not true any more."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from kogen.common.files import write_sealed_json
from kogen.results.asked import (
    Asked,
    Extension,
    append_extension,
    extension_lines,
    leaves_open,
    read_asked,
    read_question,
    read_whole_question,
    write_first,
)
from kogen.study.extension import read_opened_question

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
    changed = {"margin": 0.5, "metric": None, "statistics": ("a", "b")}
    one = Extension(added, changed, {"seeds": 3, "margin": 1.0, "metric": "auroc", "statistics": []})
    (line,) = extension_lines(Asked({}, (one,)))
    assert set(line.split(", ")) == {
        "--statistics a,b (none before)",
        *("--seeds 5 (3 before)", "--shift line3=imgs", "--methods a,b", "--set byol.tau=1", "--set byol.x=2"),
        *("--margin 0.5 (1.0 before)", "--metric by default (auroc before)"),
    }


QUESTION = """source = "imgs"
test = "val"
methods = ["byol", "supervised", "random"]
corrupt = "blur:1"
probes = ["linear", "tune:head"]
[settings.byol]
momentum = 0.9
[shifts]
line2 = "line2"
[candidates]
mae = "mae.pth"
"""
EXTENSIONS: list[dict[str, Any]] = [
    {"added": {"seeds": 5, "draws": 2, "methods": ["vicreg"], "settings": {"vicreg": {"dim": 64}}}},
    {"added": {"shifts": [["line3", "imgs/3"]], "candidates": [["dino", "dino.pth"]], "corrupt": "noise:2"}},
    {"added": {"probes": ["knn"], "budgets": ["10%"], "shots": [5], "pools": ["30%"]}, "changed": {"margin": 2.0}},
    {"added": {}, "changed": {"metric": None, "prices": {"currency": "EUR", "label": 0.5}}},
]


def test_what_the_report_asks_for_has_defaults(tmp_path: Path):
    (tmp_path / "study.toml").write_text("source = 'x'\nruns = ['a']\nmargin = 2\n")
    known = {"margin": 2.0, "probes": ("linear",), "lang": "en"}
    assert read_question(tmp_path) == known | {"metric": None, "private": False, "prices": {}, "task": "classify"} | {
        "plugins": (),
        "statistics": (),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("margin = -1", "study.toml: margin = -1: wanted 0 or more"),
        ("margin = 101", "study.toml: margin = 101: wanted 100 or less"),
        ("margin = nan", "study.toml: margin = nan: no number: wanted one"),
        ("margin = true", "study.toml: margin = True: wanted a number"),
        ("margin = 'x'", "study.toml: margin = 'x': Input should be a valid number"),
        ("probes = []", "no probes: name one or more"),
        ("probes = 3", "study.toml: probes = 3: Input should be a valid tuple"),
        ("probes = ['../linear']", r"unknown name '../linear' among the probes"),
        ("lang = 'xx'", "unknown language 'xx'"),
        ("lang = 3", "study.toml: lang = 3: Input should be a valid string"),
        ("[", "cannot read .*study.toml"),
    ],
)
def test_a_question_that_cannot_be_asked(text: str, message: str, tmp_path: Path):
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_question(tmp_path)
    with pytest.raises(ValueError, match="holds no study"):
        read_question(tmp_path / "nowhere")


def write_question(folder: Path, first: str, extensions: list[dict[str, Any]]) -> None:
    (folder / "study.toml").write_text(first)
    write_first(folder)
    for one in extensions:
        append_extension(folder, Extension(**one))


@pytest.mark.parametrize("count", range(len(EXTENSIONS) + 1))
def test_the_whole_question_is_what_a_pilot_makes_of_it(count: int, tmp_path: Path):
    """The words alone say what `make_study`, which looks every name up, says."""
    write_question(tmp_path, QUESTION, EXTENSIONS[:count])
    assert not leaves_open(read_asked(tmp_path))
    assert read_whole_question(tmp_path) == read_opened_question(tmp_path)
    whole = read_whole_question(tmp_path)[1]
    assert whole is not None
    assert whole["seeds"] == (5 if count else 3)
    assert list(whole["shifts"]) == (["line2", "line3"] if count > 1 else ["line2"])


def test_what_was_judged_by_evaluate_has_no_question_of_a_pilot(tmp_path: Path):
    (tmp_path / "study.toml").write_text("runs = ['a']\nmargin = 2\n")
    assert read_whole_question(tmp_path)[1] is None


@pytest.mark.parametrize(
    ("first", "extensions", "wanted"),
    [
        ("source = 'a'\ninit = 'w.pth'\n", [], True),
        ("source = 'a'\ninit = 'w.pth'\nbackbone = 'tiny'\nimage_size = 16\n", [], False),
        ("source = 'surfaces?n=60'\n", [{"added": {"seeds": 5}}], False),
        ("source = 'surfaces?n=60'\n", [{"added": {"shifts": [["a", "b"]]}}], True),
        ("source = 'surfaces?n=60'\ntest = 'b'\n", [{"added": {"shifts": [["a", "b"]]}}], False),
        ("source = 'imgs'\n", [{"added": {"shifts": [["a", "b"]]}}], False),
    ],
)
def test_what_only_weights_or_images_say_is_known(
    first: str, extensions: list[dict[str, Any]], wanted: bool, tmp_path: Path
):
    write_question(tmp_path, first, extensions)
    assert leaves_open(read_asked(tmp_path)) is wanted


def test_an_extension_that_is_none_is_named(tmp_path: Path):
    write_question(tmp_path, QUESTION, [])
    found = read_asked(tmp_path)
    odd = {"added": {"seeds": -1}, "changed": {}, "before": {}, "verdict": None}
    write_sealed_json(tmp_path / "asked.json", {"study": found.sha256, "extensions": [odd]})
    with pytest.raises(ValueError, match="pilot: seeds = -1: wanted 1 or more"):
        read_whole_question(tmp_path)
