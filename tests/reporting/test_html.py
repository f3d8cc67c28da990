"""Pictures of a page: only whole ones are shown."""

from pathlib import Path

import pytest

from kogen.reporting.html import (
    BAD_FILES_SHOWN,
    CLASSES_SHOWN,
    JPEG_END,
    JPEG_HEAD,
    MAX_PICTURE_BYTES,
    PNG_END,
    PNG_HEAD,
    jpeg_data_url,
    png_data_url,
)


@pytest.mark.parametrize(
    ("read", "head", "end", "start"),
    [
        (png_data_url, PNG_HEAD, PNG_END, "data:image/png;base64,"),
        (jpeg_data_url, JPEG_HEAD, JPEG_END, "data:image/jpeg;base64,"),
    ],
)
def test_a_picture_is_shown_where_it_is_whole_and_small(tmp_path: Path, read, head: bytes, end: bytes, start: str):
    place = tmp_path / "picture"
    assert read(place) is None
    room = MAX_PICTURE_BYTES - len(head) - len(end)
    for content, shown in (
        (head + b"12" + end, True),
        (head + bytes(room) + end, True),
        (head + bytes(room + 1) + end, False),
        (head + b"12", False),  # it was cut
        (b"12" + end, False),
        (b"", False),
    ):
        place.write_bytes(content)
        assert (read(place) is not None) == shown
    place.write_bytes(head + end)
    assert str(read(place)).startswith(start)


def test_how_many_classes_and_unusable_files_of_a_set_are_listed() -> None:
    assert (CLASSES_SHOWN, BAD_FILES_SHOWN) == (12, 8)
