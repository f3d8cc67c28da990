"""Sets of views in a file become settings, which a study writes down: its runs do not need the file any more."""

from pathlib import Path

import pytest

from kogen.augmentation.view_sets import view_set
from kogen.options.study import StudyOptions
from kogen.options.view_files import resolve_views


def write(folder: Path, text: str) -> str:
    place = folder / "mine.toml"
    place.write_text(text)
    return str(place)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ('views = "inspection"', "inspection"),
        ('views = "inspection"\nwithout = ["flip", "noise"]', "inspection?without=flip,noise"),
        ('views = "natural"\ncrop = [0.5, 1.0]\nquarter_turns = true', "natural?crop=0.5,1.0&quarter_turns=true"),
        ('views = "natural?solarize=0"\n[first]\nblur = 0.5', "natural?solarize=0&first_blur=0.5"),
    ],
)
def test_a_file_is_written_out(tmp_path: Path, text: str, spec: str) -> None:
    assert resolve_views(write(tmp_path, text)) == spec
    assert view_set(spec, 32)


def test_options_hold_what_the_file_says(tmp_path: Path) -> None:
    place = write(tmp_path, 'views = "gentle"\nwithout = ["tone"]')
    asked = StudyOptions(views=place, compare_views={"mine": place, "other": "natural"})
    assert asked.views == "gentle?without=tone"
    assert asked.compare_views == {"mine": "gentle?without=tone", "other": "natural"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flip = 0.5", r"mine.toml: views = None names no set to begin with: wanted views = \"natural\""),
        ('views = "other.toml"', "views = 'other.toml' names no set"),
        ('views = "natural"\nflip = "a&b"', "flip = 'a&b' is no setting of views"),
        ('views = "natural"\n[third]\nflip = 0', "third = .* is no setting of views"),
        ("views = ", "mine.toml"),
    ],
)
def test_what_is_no_set_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_views(write(tmp_path, text))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"absent\.toml"):
        resolve_views(str(tmp_path / "absent.toml"))
