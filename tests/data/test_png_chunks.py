"""PNG files without their texts."""

import io

import numpy as np
import pytest
from pictures import png
from PIL.PngImagePlugin import PngInfo

from kogen.data.decode import decode, read_header
from kogen.data.png_chunks import drop_texts

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("behind", [True, False])
def test_a_sound_image_with_a_long_text_is_read(packed: bool, behind: bool) -> None:
    info = PngInfo()
    info.add_text("why", "x" * 3_000_000, zip=packed)
    data = png(PIXELS, pnginfo=info)
    if behind:  # the text after the pixels, where it is only met while decoding
        start = data.find(b"zTXt" if packed else b"tEXt") - 4
        stop = start + 12 + int.from_bytes(data[start : start + 4], "big")
        end = data.rfind(b"IEND") - 4
        data = data[:start] + data[stop:end] + data[start:stop] + data[end:]
    np.testing.assert_array_equal(decode(data)[0], PIXELS)
    assert read_header(data) == decode(data)[1]


def test_nothing_is_dropped_where_there_is_nothing() -> None:
    assert drop_texts(io.BytesIO(png(PIXELS))) is None
    assert drop_texts(io.BytesIO(b"GIF89a")) is None
    assert drop_texts(io.BytesIO(b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEX")) is None  # cut off
