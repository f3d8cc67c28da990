"""Outputs: nothing that kogen did not write is replaced, nothing that it reads is written to, no link is followed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kogen.common.files import write_json
from kogen.common.outputs import MARKER, STAMP, claim_file, claim_folder
from kogen.common.records import record_id


def test_a_new_folder_an_empty_one_and_ones_own_may_be_written(tmp_path: Path):
    for _ in range(2):
        claim_folder(tmp_path / "new" / "study")
    assert "kogen" in (tmp_path / "new" / "study" / MARKER).read_text()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()
    claim_folder(tmp_path / "empty")
    (tmp_path / "asked").mkdir()
    (tmp_path / "asked" / "study.toml").touch()
    claim_folder(tmp_path / "asked", expected=["study.toml"])


@pytest.mark.parametrize("name", ["views.png", "data.json", "report.html", "runs", "notes.txt", "verdict.json"])
def test_a_folder_with_files_of_others_is_refused_and_left_as_it_is(tmp_path: Path, name: str):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=rf"holds files that kogen did not write \({name}\): choose a new or empty"):
        claim_folder(tmp_path, expected=["study.toml"])
    assert os.listdir(tmp_path) == [name]


def older_run(folder: Path) -> None:
    content = {"method": "byol", "seed": 1}
    write_json(folder / "plan.json", {"id": record_id(content), "model": "byol", **content})


def edited_run(folder: Path) -> None:
    write_json(folder / "plan.json", {"id": "0" * 12, "model": "byol", "method": "byol"})


@pytest.mark.parametrize(
    ("make", "own"),
    [
        (older_run, True),
        (lambda folder: older_run(folder / "runs" / "x"), True),
        (lambda folder: write_json(folder / "landscape.json", {"runs": [], "pairs": [], "flatness": []}), True),
        (lambda folder: write_json(folder / "verdict.json", {"lottery": {}}), True),
        (edited_run, False),
        (lambda folder: write_json(folder / "verdict.json", {"winner": "me"}), False),
        (lambda folder: (folder / "verdict.json").write_text("{"), False),
        (lambda folder: write_json(folder / "landscape.json", ["a"]), False),
    ],
)
def test_a_folder_of_an_older_version_is_known_by_what_it_holds(
    tmp_path: Path, make: Callable[[Path], object], own: bool
):
    make(tmp_path)
    if own:
        claim_folder(tmp_path)
    else:
        with pytest.raises(ValueError, match="did not write"):
            claim_folder(tmp_path)


@pytest.mark.parametrize("place", [".", "runs/a", "report.html"])
def test_links_in_a_folder_are_refused(tmp_path: Path, place: str):
    mine = tmp_path / "mine"
    mine.mkdir()
    out = tmp_path / "out"
    if place == ".":
        out.symlink_to(mine)
    else:
        claim_folder(out)
        (out / place).parent.mkdir(parents=True, exist_ok=True)
        (out / place).symlink_to(mine)
    with pytest.raises(ValueError, match=r"is a link to .*mine, and nothing is written through links"):
        claim_folder(out)
    assert not os.listdir(mine)


def test_a_folder_on_in_or_around_what_is_read_is_refused(tmp_path: Path):
    images, table = tmp_path / "imgs", tmp_path / "study" / "t.csv"
    (images / "deep").mkdir(parents=True)
    table.parent.mkdir()
    table.touch()
    for out in (images, images / "study", images / "deep" / "study", images / "a" / ".." / "study"):
        with pytest.raises(ValueError, match=r"lies inside .*imgs, which is read and stays as it is"):
            claim_folder(out, [images])
    with pytest.raises(ValueError, match=r"t\.csv, which is read, lies inside --out"):
        claim_folder(tmp_path / "study", [table])
    with pytest.raises(ValueError, match=r"lies on .*t\.csv"):
        claim_folder(table, [table])
    (tmp_path / "short").symlink_to(images)
    with pytest.raises(ValueError, match="lies inside"):
        claim_folder(tmp_path / "short" / "study", [images])
    assert not (images / "study").exists()


def test_a_file_of_others_is_replaced_by_force_alone_and_what_is_read_never(tmp_path: Path):
    photo, own, images = tmp_path / "photo.png", tmp_path / "own.png", tmp_path / "imgs"
    images.mkdir()
    (images / "1.png").write_text("image")
    photo.write_text("photo")
    own.write_bytes(b"\x89PNG\r\n\x1a\n" + STAMP.encode())
    claim_file(own, [images])
    claim_file(tmp_path / "new.png", [images])
    with pytest.raises(ValueError, match=r"photo\.png was not written by kogen: choose another --out, or .* --force"):
        claim_file(photo, [images])
    claim_file(photo, [images], force=True)
    os.link(images / "1.png", tmp_path / "hard.png")
    for out, sources, match in (
        (images / "1.png", [images], "lies inside"),
        (images / "1.png", [images / "1.png"], r"lies on .*1\.png"),
        (tmp_path / "hard.png", [images / "1.png"], "lies on"),
        (images, [], "is no file, wanted one to write"),
    ):
        with pytest.raises(ValueError, match=match):
            claim_file(out, sources, force=True)
    (tmp_path / "link.png").symlink_to(photo)
    with pytest.raises(ValueError, match="is a link"):
        claim_file(tmp_path / "link.png", [], force=True)
