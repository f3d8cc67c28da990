"""DICOM: what its numbers mean, what it does not say, what is refused."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pictures import dicom
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from kogen.data.decode import decode, read_header
from kogen.data.image_facts import UnreadableImage, widen

STORED = np.random.default_rng(0).integers(0, 4096, (6, 8), dtype=np.uint16)
SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"


def agree(data: bytes) -> np.ndarray:
    pixels, facts = decode(data)
    assert read_header(data) == facts
    return pixels


def test_whole_numbers_have_the_depth_that_is_stored() -> None:
    np.testing.assert_array_equal(agree(dicom(STORED))[..., 0], widen(STORED, 12))
    assert read_header(dicom(STORED)).depth == 12
    full = agree(dicom(STORED, BitsStored=16, HighBit=15))
    np.testing.assert_array_equal(full[..., 0], STORED)
    eight = agree(dicom(STORED >> 4, BitsStored=8, HighBit=7))  # 8 of 16 bits
    assert eight.dtype == np.uint8
    np.testing.assert_array_equal(eight[..., 0], STORED >> 4)


def test_the_least_number_is_white_in_monochrome1() -> None:
    np.testing.assert_array_equal(
        agree(dicom(STORED, PhotometricInterpretation="MONOCHROME1"))[..., 0], widen(4095 - STORED, 12)
    )


def test_slope_and_intercept_are_applied_and_windows_are_not() -> None:
    window = {"WindowCenter": "40", "WindowWidth": "400"}
    got = agree(dicom(STORED, RescaleSlope="2", RescaleIntercept="-1024", **window))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got[..., 0], STORED * 2.0 - 1024)
    np.testing.assert_array_equal(agree(dicom(STORED, **window)), agree(dicom(STORED)))
    assert agree(dicom(STORED, RescaleSlope="1", RescaleIntercept="0")).dtype == np.uint16  # changes nothing


def test_signed_numbers_are_floats() -> None:
    signed = STORED.astype(np.int16) - 2000
    np.testing.assert_array_equal(agree(dicom(signed))[..., 0], signed)
    inverted = agree(dicom(signed, PhotometricInterpretation="MONOCHROME1", RescaleSlope="3", RescaleIntercept="1"))
    np.testing.assert_array_equal(inverted[..., 0], (-1.0 - signed) * 3 + 1)


def test_padding_is_no_part_of_the_image() -> None:
    signed = STORED.astype(np.int16)
    signed[0] = -2000
    got = agree(dicom(signed, PixelPaddingValue=-2000, RescaleSlope="1", RescaleIntercept="-1024"))
    assert got.min() == signed[1:].min() - 1024
    signed[1] = -1990
    got = agree(dicom(signed, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1990))
    assert got.min() == signed[2:].min()


def test_colours() -> None:
    colours = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(agree(dicom(colours)), colours)
    for name in ("SC_rgb_jpeg_dcmtk.dcm", "SC_ybr_full_422_uncompressed.dcm"):  # YBR
        got, wanted = agree((SAMPLES / name).read_bytes()), agree((SAMPLES / "SC_rgb_rle.dcm").read_bytes())
        assert np.abs(got.astype(int) - wanted).mean() < 12


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm"])
def test_real_files_are_what_pydicom_makes_of_them(name: str) -> None:
    data = pydicom.dcmread(SAMPLES / name)
    wanted = data.pixel_array * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0))
    got = agree((SAMPLES / name).read_bytes())[..., 0]
    inside = data.pixel_array != data.get("PixelPaddingValue", 10**6)
    np.testing.assert_array_equal(got[inside], wanted[inside])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            dicom(STORED, NumberOfFrames=2),
            "has 2 frames, which may be depth or time: save each image as a file of its own",
        ),
        (
            dicom(STORED, PhotometricInterpretation="PALETTE COLOR"),
            "colours are PALETTE COLOR with 1 samples: save it as gray",
        ),
        (
            dicom(STORED, BitsAllocated=32, BitsStored=32),
            "DICOM with 32 of 32 bits a value, wanted at most 16, of 8 or 16",
        ),
        (dicom(STORED, Rows=None), r"DICOM without an image \(no Rows\)"),
        (dicom(STORED, PixelData=None), "DICOM without pixels"),
        (dicom(STORED, ModalityLUTSequence=[Dataset()]), r"a lookup table \(modality LUT\): apply it first"),
        (dicom(STORED, syntax=DeflatedExplicitVRLittleEndian), "a deflated DICOM file, whose size is not known before"),
        (dicom(STORED, Rows=60000, Columns=60000), "absurdly large: 60000 x 60000 pixels"),
        (dicom(STORED)[:-20], "cannot be decoded: .*less than expected"),
        (bytes(128) + b"DICM", "DICOM without an image|cannot be decoded"),
    ],
)
def test_what_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        decode(data)
