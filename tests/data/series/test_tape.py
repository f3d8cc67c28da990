"""A tape in the cache: found again, written anew where it is damaged or a file changes, by one process alone."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from kogen.data.cache_settings import CacheSettings
from kogen.data.series import tape as tapes
from kogen.data.series.recording import Reading, Refused
from kogen.data.series.recording_files import find_recordings
from kogen.data.series.tape import RECORD, VALUES, load_or_record

COLUMN = "x\n" + "\n".join(map(str, range(20))) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "in" / name).write_text(COLUMN)
    return tmp_path / "in"


@pytest.fixture
def settings(tmp_path: Path) -> CacheSettings:
    return CacheSettings(cache=tmp_path / "cache", progress=False)


def load(folder: Path, settings: CacheSettings, **reading):
    return load_or_record(find_recordings(str(folder)), Reading(**reading), settings)


def test_a_tape_is_found_again(folder: Path, settings: CacheSettings, monkeypatch):
    first = load(folder, settings)
    assert first.values.ravel().tolist() == [*range(20), *range(20)]
    monkeypatch.setattr(tapes, "_record", None)  # nothing is read again
    assert load(folder, settings).record == first.record


def test_a_file_that_changes_or_another_reading_is_another_tape(folder: Path, settings: CacheSettings):
    first = load(folder, settings)
    (folder / "a.csv").write_text(COLUMN.replace("7", "8"))
    second = load(folder, settings)
    assert first.folder != second.folder
    assert second.values[7] == 8
    assert load(folder, settings, own_rate=5.0).record["rate"] == 5


@pytest.mark.parametrize("damage", ["values", "record", "no values", "seal"])
def test_a_damaged_tape_is_written_anew(damage: str, folder: Path, settings: CacheSettings):
    first = load(folder, settings)
    if damage == "values":
        with (first.folder / VALUES).open("ab") as file:
            file.write(b"more")
    elif damage == "no values":
        (first.folder / VALUES).unlink()
    elif damage == "record":
        (first.folder / RECORD).write_text("{")
    else:
        record = json.loads((first.folder / RECORD).read_text())
        (first.folder / RECORD).write_text(json.dumps(record | {"rate": 7.0}))
    again = load(folder, settings)
    assert again.record == first.record
    assert again.values.ravel().tolist() == [*range(20), *range(20)]


def test_many_at_once_write_it_once(folder: Path, settings: CacheSettings, monkeypatch):
    wrote = []
    record = tapes._record
    monkeypatch.setattr(tapes, "_record", lambda *given: wrote.append(1) or record(*given))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: load(folder, settings), range(8)))
    assert len(wrote) == 1
    assert all(one.values.ravel().tolist() == [*range(20), *range(20)] for one in found)


def test_nothing_stays_of_a_tape_that_is_refused(folder: Path, settings: CacheSettings):
    (folder / "b.csv").write_text("x,y\n1,2\n")
    with pytest.raises(Refused, match=r"a.csv has 1 channel \(x\), b.csv has 2 channels \(x, y\)"):
        load(folder, settings)
    assert [place.suffix for place in settings.cache_folder.iterdir()] == [".lock"]


def test_bad_files_are_listed_and_leave_nothing_behind(folder: Path, settings: CacheSettings):
    (folder / "a.csv").write_text(COLUMN + "text\n")
    found = load(folder, settings)
    assert [bad.source for bad in found.bad] == ["a.csv"]
    assert "row 21 has 'text' in the column 'x'" in found.bad[0].reason
    assert found.values.ravel().tolist() == list(range(20))


def test_one_file_that_cannot_be_used_is_refused(folder: Path, settings: CacheSettings):
    (folder / "a.csv").write_text("")
    with pytest.raises(Refused, match=r"a.csv cannot be used: .*empty"):
        load(folder / "a.csv", settings)


def test_a_full_disk_is_no_bad_file(folder: Path, settings: CacheSettings, monkeypatch):
    def full(self, values):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kogen.data.series.tape_writer.TapeWriter._write", full)
    with pytest.raises(ValueError, match=r"cannot write to the cache .*No space left"):
        load(folder, settings)


def test_values_without_recordings_are_empty(tmp_path: Path):
    record = {"samples": 0, "channels": 2}
    assert np.shape(tapes.Tape(tmp_path, record).values) == (0, 2)
