"""Files .ts: cases of one and of several lengths, values that are missing, and damage that is named by its line."""

from pathlib import Path

import numpy as np
import pytest

from kogen.data.series.recording import Reading
from kogen.data.series.ts_files import read_ts

NOTES: list[str] = []
HEAD = "# a comment\n@problemName Few\n@timeStamps false\n@univariate false\n@classLabel true up down\n@data\n"


def read(folder: Path, text: str, **reading):
    place = folder / "few.ts"
    place.write_text(text)
    return list(read_ts(str(place), "few.ts", Reading(**reading), NOTES))


def values(recording) -> np.ndarray:
    return np.concatenate([block.values for block in recording.blocks])


def test_cases_channels_lengths_and_classes(tmp_path: Path):
    found = read(tmp_path, HEAD + "1,2,3:4,5,6:up\n\n7,8:9,?:down\n")
    assert [one.name for one in found] == ["few.ts[0]", "few.ts[1]"]
    assert values(found[0]).tolist() == [[1, 4], [2, 5], [3, 6]]
    np.testing.assert_array_equal(values(found[1]), [[7, 9], [8, np.nan]])
    assert [one.blocks[0].label for one in found] == ["up", "down"]
    assert values(read(tmp_path, HEAD + "1,2,3:4,5,6:up\n", channels=("2",))[0]).tolist() == [[4], [5], [6]]


def test_a_file_without_classes(tmp_path: Path):
    found = read(tmp_path, "@classLabel false\n@data\n1,2,3\n4,5,6\n")
    assert [one.blocks[0].label for one in found] == ["", ""]
    assert found[0].channels == 1


def test_a_measured_target_is_no_class(tmp_path: Path):
    NOTES.clear()
    (one,) = read(tmp_path, "@targetLabel true\n@data\n1,2,3:0.25\n")
    assert values(one).ravel().tolist() == [1, 2, 3]
    assert one.blocks[0].label == ""
    assert NOTES == ["few.ts has a measured target, which is no class: it is read without labels"]


def test_a_class_may_be_written_as_another_number(tmp_path: Path):
    assert read(tmp_path, "@classLabel true 1.0 2.0\n@data\n5,6:1\n")[0].blocks[0].label == "1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n", "no line @data"),
        (HEAD, "no cases below @data"),
        (HEAD + "1,2:3,4:up\n1,2:up\n", "few.ts, line 8 has 1 channels, the first case 2"),
        (HEAD + "1,2:3,4,5:up\n", "few.ts, line 7 has channels of 2 to 3 samples"),
        (HEAD + "1,x:3,4:up\n", "few.ts, line 7, channel 1: 'x' is no number"),
        (HEAD + "1,2:3,4\n", "few.ts, line 7 ends in the class '3,4', the file lists down, up"),
        ("@timestamps true\n@classlabel true a\n@data\n(0,1),(1,2):a\n", "has times beside its values"),
    ],
)
def test_damage_is_named_by_its_line(text: str, message: str, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


def test_a_channel_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="has no channel '3'"):
        read(tmp_path, HEAD + "1,2:3,4:up\n", channels=("3",))
