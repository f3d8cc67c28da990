"""Containers: a zip is read as a folder is, and a damaged or hostile one is named."""

import zipfile
from pathlib import Path

import pytest
from box_files import in_folder, in_zip

from kogen.data.boxes.containers import MAX_IMAGE, Zip, open_container
from kogen.data.image_facts import UnreadableImage

FILES = {"a/1.png": b"one", "b.txt": b"two", "a/.hidden": b"x", "__MACOSX/a.png": b"x"}


def test_hidden_files_are_none(tmp_path: Path):
    (tmp_path / "in").mkdir()
    for name, data in FILES.items():
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(data)
    for path in (tmp_path / "in", in_zip(tmp_path / "in.zip", FILES)):
        container = open_container(str(path))
        assert container.names == ["a/1.png", "b.txt"]
        assert container.read("a/1.png", 3) == b"one"
        with pytest.raises(ValueError, match=r"at most 2 are read"):
            container.read("a/1.png", 2)


def test_names_that_lead_out_of_a_zip_lead_nowhere(tmp_path: Path):
    container = open_container(
        str(in_zip(tmp_path / "in.zip", {"../../up.png": b"x", "/root.png": b"y", "./a.png": b"z"}))
    )
    assert container.names == ["/root.png", "a.png"]
    assert not (tmp_path.parent.parent / "up.png").exists()


def test_what_is_neither_a_folder_nor_a_zip_is_named(tmp_path: Path):
    (tmp_path / "a.tar").write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"a.tar is neither a folder nor a zip"):
        open_container(str(tmp_path / "a.tar"))


def test_a_name_that_stands_twice_is_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("a.png", b"one")
        archive.writestr("./a.png", b"two")
    with pytest.raises(ValueError, match=r"in.zip holds a.png twice: keep one of each"):
        _ = Zip(str(tmp_path / "in.zip")).names


def test_other_ways_to_pack_are_refused(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "in.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.png", b"one")
    with pytest.raises(ValueError, match=r"packed in a way that is not read \(a.png\): unpack it"):
        _ = Zip(str(tmp_path / "in.zip")).names
    data = bytearray(in_zip(tmp_path / "in.zip", {"a.png": b"one"}).read_bytes())
    data[6] |= 1  # encrypted, in both heads
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "in.zip").write_bytes(data)
    with pytest.raises(ValueError, match=r"in.zip is encrypted \(a.png\): unpack it"):
        _ = Zip(str(tmp_path / "in.zip")).names


def test_a_damaged_member_is_named(tmp_path: Path):
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"one two three")
    data = path.read_bytes().replace(b"one two", b"one TWO")
    path.write_bytes(data)
    container = Zip(str(path))
    with pytest.raises(ValueError, match=r"in.zip/a.png is damaged \(Bad CRC-32"):
        container.read("a.png", 100)
    with pytest.raises(UnreadableImage, match=r"in.zip/a.png is damaged"):
        container.listing(["a.png"]).decode(0, 10)
    path.write_bytes(data[:-30])
    with pytest.raises(ValueError, match=r"neither a folder nor a zip|cannot read the zip"):
        open_container(str(path))


def test_a_member_that_claims_too_much_is_not_read(tmp_path: Path):
    path = in_zip(tmp_path / "in.zip", {"a.png": b"one"})
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = (MAX_IMAGE + 1).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(UnreadableImage, match=r"a.png has 1,073,741,825 bytes, at most 1,073,741,824 are read"):
        Zip(str(path)).listing(["a.png"]).read_header(0, 10)


def test_the_key_of_a_listing_changes_with_the_zip(tmp_path: Path):
    first = Zip(str(in_zip(tmp_path / "in.zip", {"a.png": b"one"}))).listing(["a.png"]).key()
    assert Zip(str(tmp_path / "in.zip")).listing(["a.png"]).key() == first
    assert Zip(str(in_zip(tmp_path / "in.zip", {"a.png": b"other"}))).listing(["a.png"]).key() != first


def test_a_folder_is_listed_as_it_is(tmp_path: Path):
    container = open_container(str(in_folder(tmp_path / "in", {"a.png": b"no image"})))
    with pytest.raises(UnreadableImage):
        container.listing(["a.png"]).decode(0, 10)
