"""What a page shows of a question: all of it, or nothing that says where images, labels and weights lie."""

from pathlib import Path

from kogen.reporting.study import question_text
from kogen.reporting.study.question_text import addition_lines, private_quality, study_text, without_places
from kogen.results.asked import Asked, Extension

TEXT = """source = "/secret/imgs"
test = "line=/secret/val"
margin = 0.5
methods = ["byol"]
plugins = ["methods=/secret/mine.py:A"]
runs = ["/secret/a", "/secret/b"]

[shifts]
night = "/secret/night"
"""


def test_a_private_question_has_no_places(tmp_path: Path):
    place = tmp_path / "study.toml"
    assert study_text(place, private=True) is None
    place.write_text(TEXT)
    assert study_text(place, private=False) == TEXT
    told = study_text(place, private=True)
    assert told is not None
    assert "secret" not in told
    assert 'night = "(private)"' in told
    assert "margin = 0.5" in told
    assert told.count("(private)") == 6


def test_a_long_text_is_cut(tmp_path: Path):
    (tmp_path / "study.toml").write_text("# " + "x" * 30_000)
    told = study_text(tmp_path / "study.toml", private=False)
    assert told is not None
    assert told[-2:] == "\n…"
    assert len(told) == question_text.LONGEST_TEXT + 2


def test_what_was_added_to_a_private_question_has_no_places():
    added = {"seeds": 5, "shifts": [["night", "/secret/night"]], "candidates": [["mae", "/secret/mae.pth"]]}
    one = Extension(added, {"plugins": ["methods=/secret/mine.py:A"]}, {"seeds": 3, "plugins": []})
    asked = Asked({}, (one,))
    assert "/secret/night" in addition_lines(asked, private=False)[0]
    (line,) = addition_lines(asked, private=True)
    assert set(line.split(", ")) == {
        *("--seeds 5 (3 before)", "--shift night=(private)", "--candidates mae=(private)"),
        "--plugins (private) (none before)",
    }
    assert added["shifts"] == [["night", "/secret/night"]]
    assert without_places({"init": None, "prices": {"label": 1}}) == {"init": None, "prices": {"label": 1}}


def test_notes_of_a_private_study_keep_names_of_files_alone():
    question = {"source": "my work/imgs", "test": "line=/secret/val", "shifts": {"night": "deep/er/night.csv"}}
    notes = [
        "read of my work/imgs/labels.csv: a/b",
        "read of deep/er/night.csv: label from 'y'",
        "in /secret/val, /else/x",
    ]
    told = private_quality({"sets": [{"source": "my work/imgs", "notes": notes, "images": 3}], "note": ""}, question)
    (row,) = told["sets"]
    assert row["notes"] == ["read of imgs/labels.csv: a/b", "read of night.csv: label from 'y'", "in val, x"]
    assert (row["source"], row["images"]) == ("(private)", 3)
