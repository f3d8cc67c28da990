"""Files: atomic, lasting, sealed; what is no plain file is refused at once."""

import json
import os
import platform
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kogen.common.files import (
    check_regular_file,
    read_json,
    read_sealed_json,
    read_toml,
    sweep_temporary,
    write_atomically,
    write_json,
    write_sealed_json,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=8,
)


def test_a_reader_sees_the_old_file_or_the_new_one_and_a_failure_leaves_nothing_behind(tmp_path: Path):
    place = tmp_path / "a.txt"
    write_atomically(place, lambda new: new.write_text("old"))

    def broken(new: Path) -> None:
        assert place.read_text() == "old"
        new.write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_atomically(place, broken)
    assert place.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_umask_decides_who_may_read_a_file(tmp_path: Path):
    was = os.umask(0o027)
    try:
        write_json(tmp_path / "a.json", {})
    finally:
        os.umask(was)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640


def test_nothing_is_written_through_a_link(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("precious")
    (tmp_path / "a.json").symlink_to(tmp_path / "mine.txt")
    with pytest.raises(ValueError, match=r"is a link to .*mine\.txt, and nothing is written through links"):
        write_json(tmp_path / "a.json", {})
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_what_a_killed_process_left_half_written_is_swept_and_nothing_else(tmp_path: Path):
    host, gone = platform.node(), 2**22 + 1  # more than Linux has
    killed = f".a.json.{host}-{gone}-0123abcd.tmp"
    others = [f".a.json.{host}-{os.getpid()}-0123abcd.tmp", f".a.json.{host}x-{gone}-0123abcd.tmp", ".a.tmp", "b.tmp"]
    for name in (killed, *others, ".hidden"):
        (tmp_path / name).touch()
    sweep_temporary(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*others, ".hidden"])


@given(data=st.dictionaries(st.text(max_size=5).filter(lambda name: name != "checksum"), JSON, max_size=4))
def test_a_sealed_record_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, data: dict):
    place = tmp_path_factory.mktemp("sealed") / "a.json"
    write_sealed_json(place, data)
    assert read_sealed_json(place) == json.loads(json.dumps(data))


def test_an_edited_record_is_refused_and_one_of_an_older_version_is_read(tmp_path: Path):
    place = tmp_path / "summary.json"
    write_sealed_json(place, {"minutes": 1.5, "status": "done"})
    place.write_text(place.read_text().replace("1.5", "1.4"))
    with pytest.raises(ValueError, match=r"summary.json is damaged or was edited .*; train it again"):
        read_sealed_json(place, "train it again")
    write_json(place, {"minutes": 1.4})
    assert read_sealed_json(place) == {"minutes": 1.4}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"{", "cannot read .*a.json: .*; delete it and run the command again"),
        (b"\xff\xfe", "cannot read .*a.json"),
        (b"[" * 100_000, "nested too deep"),
        (b"", "cannot read .*a.json"),
    ],
)
def test_broken_json_is_a_sentence_with_the_file_and_the_cure(tmp_path: Path, content: bytes, match: str):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=match):
        read_json(tmp_path / "a.json")


def test_a_record_that_is_a_list_is_refused(tmp_path: Path):
    (tmp_path / "a.json").write_text("[1]")
    with pytest.raises(ValueError, match="holds a list, wanted the names and values"):
        read_sealed_json(tmp_path / "a.json")


@pytest.mark.parametrize("content", [b"a = ", b"\xff", b"a = " + b"[" * 50_000, b"a = 1\na = 2"])
def test_broken_toml_is_a_sentence_with_the_file(tmp_path: Path, content: bytes):
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read .*a\.toml: "):
        read_toml(tmp_path / "a.toml")


def test_pipes_devices_folders_and_large_files_are_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path, match in (
        (tmp_path / "pipe", "pipe is a pipe or a device, wanted a file"),
        ("/dev/zero", "/dev/zero is a pipe or a device"),
        (tmp_path, "is a folder, wanted a file"),
        (tmp_path / "absent", "cannot read .*absent: No such file"),
        ("a\0b", "cannot read"),
    ):
        with pytest.raises(ValueError, match=match):
            check_regular_file(path)
    (tmp_path / "large").write_bytes(bytes(2000))
    check_regular_file(tmp_path / "large", 2000)
    with pytest.raises(ValueError, match=r"large has 2,000 bytes, at most 1,999 are read"):
        check_regular_file(tmp_path / "large", 1999)


def test_a_name_that_is_not_utf_8_is_written_and_read(tmp_path: Path):
    name = os.fsdecode(b"caf\xe9.png")
    write_json(tmp_path / "a.json", {name: 1})
    assert read_json(tmp_path / "a.json") == {name: 1}
