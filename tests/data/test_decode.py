"""One file to pixels or a reason: every mode, every kind of bad file, and mangled bytes."""

import io
import os
import re
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pictures import dicom, heic, png16, tiff
from PIL import Image, ImageFile

from kogen.data.decode import decode, read_header
from kogen.data.image_facts import ImageFacts, UnreadableImage, content_id

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (6, 9), dtype=np.uint16)


def packed(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def agree(data: bytes) -> np.ndarray:
    """The pixels, after checking that the header claimed what decoding found."""
    pixels, facts = decode(data)
    assert read_header(data) == facts
    assert (facts.height, facts.width, facts.channels) == pixels.shape
    return pixels


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_colour_and_gray_come_back_exactly(kind: str) -> None:
    np.testing.assert_array_equal(agree(packed(Image.fromarray(COLOUR), kind)), COLOUR)
    np.testing.assert_array_equal(agree(packed(Image.fromarray(GRAY), kind)), GRAY[..., None])


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_lossy_kinds_are_what_pillow_makes_of_them(kind: str) -> None:
    data = packed(Image.fromarray(COLOUR), kind)
    np.testing.assert_array_equal(agree(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_gray_stays_sixteen_bit(kind: str) -> None:
    pixels = agree(packed(Image.fromarray(DEEP), kind))
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels[:, :, 0], DEEP)


def test_big_endian_and_32_bit_gray() -> None:
    big = Image.frombytes("I;16B", (9, 6), DEEP.astype(">u2").tobytes())
    np.testing.assert_array_equal(agree(packed(big, "TIFF"))[:, :, 0], DEEP)
    np.testing.assert_array_equal(agree(packed(Image.fromarray(DEEP.astype(np.int32)), "TIFF"))[:, :, 0], DEEP)
    with pytest.raises(UnreadableImage, match="32-bit pixels from 0 to 70000, wanted 0 to 65535"):
        decode(packed(Image.fromarray(np.array([[0, 70000]], np.int32)), "TIFF"))


def test_transparency_is_laid_on_white() -> None:
    pixels = np.dstack([COLOUR, np.full(GRAY.shape, 255, np.uint8)])
    np.testing.assert_array_equal(agree(packed(Image.fromarray(pixels))), COLOUR)  # opaque: not a bit changes
    pixels[0, 0] = (10, 20, 30, 0)
    assert agree(packed(Image.fromarray(pixels)))[0, 0].tolist() == [255, 255, 255]


def test_gray_with_alpha_stays_gray() -> None:
    pixels = np.dstack([GRAY, np.full(GRAY.shape, 255, np.uint8)])
    pixels[0, 0, 1] = 0
    got = agree(packed(Image.fromarray(pixels, "LA")))
    assert got.shape == (6, 9, 1)
    assert got[0, 0, 0] == 255
    np.testing.assert_array_equal(got.ravel()[1:], GRAY.ravel()[1:])


def test_one_bit() -> None:
    got = agree(packed(Image.fromarray(GRAY > 127)))
    np.testing.assert_array_equal(got[:, :, 0], np.where(GRAY > 127, 255, 0))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palettes(kind: str) -> None:
    colours = Image.fromarray(COLOUR).quantize(16)
    np.testing.assert_array_equal(agree(packed(colours, kind)), np.asarray(colours.convert("RGB")))
    grays = Image.new("P", (9, 6))
    grays.putpalette([level for level in range(255, -1, -1) for _ in range(3)])
    grays.putdata([int(v) for v in GRAY.ravel()])
    np.testing.assert_array_equal(agree(packed(grays, kind))[:, :, 0], 255 - GRAY)


def test_transparent_palette() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.putdata([0, 1])
    assert agree(packed(image, transparency=0)).tolist() == [[[255, 255, 255], [0, 200, 0]]]


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = agree(packed(image, "JPEG", quality=95))
    assert red.shape == (16, 16, 3)
    assert (np.abs(red.astype(int) - [255, 0, 0]) < 12).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = (250, 10, 10)  # red top left
    upright[8:, 16:] = (10, 10, 250)  # blue bottom right
    undo = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}  # how a camera would have stored it: the inverse turn
    turns = [None, None, "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE"]
    image = Image.fromarray(upright)
    if orientation in undo:
        image = image.transpose(Image.Transpose[[*turns, "ROTATE_90"][undo[orientation]]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = packed(image, kind, exif=exif.tobytes(), **({"lossless": True} if kind == "WEBP" else {}))
    pixels, facts = decode(data)
    assert pixels.shape == (16, 32, 3)
    assert np.abs(pixels.astype(int) - upright).mean() < 6
    if kind != "TIFF":
        assert read_header(data) == facts


def test_broken_exif_says_nothing_against_the_pixels() -> None:
    data = packed(Image.fromarray(COLOUR), exif=b"Exif\0\0garbage, not a header")
    np.testing.assert_array_equal(agree(data), COLOUR)


def test_npy(tmp_path) -> None:
    for number, pixels in enumerate([GRAY, COLOUR, DEEP, RNG.integers(0, 9, (8, 9, 7), dtype=np.uint16)]):
        path = str(tmp_path / f"{number}.npy")
        np.save(path, pixels)
        with open(path, "rb") as file:
            data = file.read()
        for source in (path, data):
            got, facts = decode(source)
            np.testing.assert_array_equal(got, pixels.reshape(*pixels.shape[:2], -1))
            assert read_header(source) == facts


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((2, 2), np.complex64), "pixels are complex64, wanted whole numbers or floats"),
        (np.zeros((0, 2), np.uint8), re.escape("shape (0, 2), wanted (H, W) or (H, W, C)")),
        (np.zeros((1, 2, 3, 4), np.uint8), re.escape("shape (1, 2, 3, 4)")),
        (np.array([{}]), "Python objects"),
    ],
)
def test_npy_that_is_no_image(tmp_path, pixels: np.ndarray, reason: str) -> None:
    np.save(tmp_path / "a.npy", pixels, allow_pickle=True)
    for step in (read_header, decode):
        with pytest.raises(UnreadableImage, match=reason):
            step(str(tmp_path / "a.npy"))


def test_floats_must_be_numbers(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.array([[0.5, np.nan], [np.inf, 1]], np.float64))
    with pytest.raises(UnreadableImage, match="2 of its 4 values are NaN or infinite: fill them, or leave it out"):
        decode(str(tmp_path / "a.npy"))


def bomb(side: int) -> bytes:
    """A PNG of a few bytes whose header claims `side` x `side` pixels."""
    head, small = b"\x89PNG\r\n\x1a\n", packed(Image.fromarray(GRAY))
    claim = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return head + struct.pack(">I", 13) + claim + struct.pack(">I", zlib.crc32(claim)) + small[33:]


def bad_files(folder: str) -> dict[str, tuple[str, str]]:
    """Bad files of every kind, made in a folder: kind -> (path, what the reason says)."""
    whole = packed(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    frames = [Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)]
    kinds = {
        "truncated": (whole[: len(whole) // 2], "truncated|cannot be decoded"),
        "zero": (b"", "empty"),
        "words": (b"these are words, not an image", "not an image of a known format"),
        "gif": (packed(frames[0], "GIF", save_all=True, append_images=frames[1:]), "several frames"),
        "apng": (packed(frames[0], "PNG", save_all=True, append_images=frames[1:]), "several frames"),
        "webp": (packed(frames[0], "WEBP", save_all=True, append_images=frames[1:]), "several frames"),
        "pages": (packed(frames[0], "TIFF", save_all=True, append_images=frames[1:]), "has several pages"),
        "floats": (
            packed(Image.fromarray(np.full((9, 9), np.inf, np.float32)), "TIFF"),
            "81 of its 81 values are",
        ),
        "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image of a known format"),
        "bomb": (bomb(40_000), "absurdly large"),
    }
    made = {}
    for kind, (data, reason) in kinds.items():
        path = os.path.join(folder, f"{kind}.png")
        with open(path, "wb") as file:
            file.write(data)
        made[kind] = (path, reason)
    os.mkdir(os.path.join(folder, "directory.png"))
    made["directory"] = (os.path.join(folder, "directory.png"), "a directory")
    os.symlink("nowhere", os.path.join(folder, "dangling.png"))
    made["dangling"] = (os.path.join(folder, "dangling.png"), "no such file")
    os.mkfifo(os.path.join(folder, "pipe.png"))
    made["pipe"] = (os.path.join(folder, "pipe.png"), "not a regular file")
    return made


def test_every_kind_of_bad_file_has_its_reason(tmp_path) -> None:
    for kind, (path, reason) in bad_files(str(tmp_path)).items():
        with pytest.raises(UnreadableImage) as caught:
            decode(path)
        assert re.search(reason, str(caught.value)), (kind, str(caught.value))


def test_a_bomb_is_refused_by_its_header(monkeypatch) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    data = packed(Image.new("L", (50, 50)))
    for step in (read_header, decode):
        with pytest.raises(UnreadableImage, match="absurdly large: 50 x 50 pixels, at most 2499"):
            step(data, 2499)


def test_no_permission(tmp_path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UnreadableImage, match="no permission to read it"):
        decode(str(tmp_path / "a.png"))


def test_a_lenient_pillow_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(UnreadableImage, match="LOAD_TRUNCATED_IMAGES = False"):
        decode(packed(Image.fromarray(COLOUR)))


def test_a_phone_picture_with_a_preview_is_one_image() -> None:
    data = packed(Image.fromarray(COLOUR), "MPO", save_all=True, append_images=[Image.fromarray(COLOUR)])
    assert agree(data).shape == (6, 9, 3)


def test_content_id_knows_shape_depth_and_pixels() -> None:
    ids = {
        content_id(x)
        for x in (COLOUR, COLOUR[::-1], COLOUR.reshape(9, 6, 3), COLOUR.astype(np.uint16), GRAY[..., None])
    }
    assert len(ids) == 5
    assert content_id(COLOUR.copy()) == content_id(np.asfortranarray(COLOUR))
    assert re.fullmatch("[0-9a-f]{16}", content_id(COLOUR))


WHOLE = [
    packed(Image.fromarray(RNG.integers(0, 256, (24, 24, 3), dtype=np.uint8)), kind)
    for kind in ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP")
] + [packed(Image.fromarray(DEEP), kind) for kind in ("PNG", "TIFF")]
SMOOTH = np.linspace(0, 65535, 64 * 48 * 3).astype(np.uint16).reshape(64, 48, 3)
WHOLE += [png16(SMOOTH), tiff(SMOOTH, photometric="rgb", compression="zlib"), tiff(SMOOTH[..., 0] / np.float32(9))]
WHOLE += [heic("RGB;16", SMOOTH), dicom(SMOOTH[..., 0].copy()), dicom(SMOOTH[..., 0].copy(), RescaleSlope="2")]
WHOLE.append(
    b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (6, 9), }".ljust(127) + b"\n" + b"7" * 54
)


def outcome(data: bytes) -> None:
    """Either pixels or a reason, never anything else."""
    for step in (lambda: decode(data, 1 << 20)[0], lambda: read_header(data, 1 << 20)):
        try:
            result = step()
        except UnreadableImage as error:
            result = str(error)
        if isinstance(result, str | ImageFacts):
            assert result
            continue
        assert result.dtype in (np.uint8, np.uint16, np.float32)
        assert result.ndim == 3
        assert result.size


def test_the_fuzz_starts_from_good_images() -> None:
    for data in WHOLE:
        assert decode(data)[0].size


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
@pytest.mark.filterwarnings("ignore")
def test_mangled_bytes_give_pixels_or_a_reason(data: st.DataObject) -> None:
    mangled = bytearray(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, max(0, len(mangled) - 1)))
        kind = data.draw(st.sampled_from(["flip", "cut", "drop", "insert"]))
        if kind == "flip" and mangled:
            mangled[place] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del mangled[place:]
        elif kind == "drop":
            del mangled[place : place + data.draw(st.integers(1, 16))]
        else:
            mangled[place:place] = data.draw(st.binary(max_size=16))
    outcome(bytes(mangled))


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"",
            b"\x93NUMPY",
            b"\xff\xd8\xff",
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"II*\0",
            b"II+\0",
            b"\0\0\0\x18ftypheic",
            bytes(128) + b"DICM",
            b"P6 9 9 999\n",
            b"BM",
        ]
    ),
)
@pytest.mark.filterwarnings("ignore")
def test_random_bytes_give_pixels_or_a_reason(tail: bytes, head: bytes) -> None:
    outcome(head + tail)
