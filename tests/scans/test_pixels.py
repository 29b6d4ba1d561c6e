"""Stored pixel values are those of the file, whatever the transfer syntax, and nothing else."""

import dataclasses
import logging
import os
from pathlib import Path

import gdcm
import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from scans import decoder, pixels
from scans.decoder import DECODERS, can_decode
from scans.header import Header, read_header
from scans.outcome import (
    BadValue,
    CodestreamDiffers,
    Colour,
    DecodeFailed,
    StillArriving,
    TooLarge,
    Truncated,
    UnsupportedSyntax,
)
from scans.pixels import read_stored
from scans.values import real_values

ODD = Path(__file__).parents[3] / "shared" / "data" / "dicom_odd"
needs_odd = pytest.mark.skipif(not ODD.is_dir(), reason="the collection of odd files is not beside this checkout")
JPEG_LOSSLESS = {
    "1.2.840.10008.1.2.4.57": "JPEGLosslessProcess14",
    "1.2.840.10008.1.2.4.70": "JPEGLosslessProcess14_1",
}


def slice_of(words: np.ndarray, *, bits_stored: int = 16, **tags: object) -> Dataset:
    """Return a CT slice whose pixel words are written as they are."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "1.2.3.1"
    ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.Modality = "1.2.3.2", "1.2.3.3", "CT"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = words.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8 * words.dtype.itemsize, bits_stored, bits_stored - 1
    ds.PixelRepresentation = int(words.dtype.kind == "i")
    ds.PixelData = words.tobytes() + b"\0" * (words.nbytes % 2)
    ds["PixelData"].VR = "OW" if words.dtype.itemsize > 1 else "OB"
    for name, value in tags.items():
        setattr(ds, name, value)
    return ds


def saved(ds: Dataset, path: Path) -> Path:
    ds.save_as(path, enforce_file_format=True)
    return path


def stored(path: Path) -> pixels.Stored:
    return read_stored(path, read_header(path))


def ramp(bits: int, *, signed: bool) -> np.ndarray:
    """Return 65 x 47 values from the lowest to the highest that fit into the bits."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return np.linspace(low, high, 65 * 47).astype("<i2" if signed else "<u2").reshape(65, 47)


def by_gdcm(path: Path, syntax: str) -> Path:
    """Compress a file in place by gdcm, which pydicom cannot do for JPEG Lossless."""
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, JPEG_LOSSLESS[syntax])))
    if not reader.Read():
        raise ValueError("gdcm cannot read the file")
    change.SetInput(reader.GetImage())
    if not change.Change():
        raise ValueError("gdcm cannot compress the file")
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(path))
    writer.Write()
    return path


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless, *JPEG_LOSSLESS])
def test_lossless_syntaxes_give_the_native_pixels(tmp_path, syntax, bits, signed):
    words = ramp(bits, signed=signed)
    ds = slice_of(words, bits_stored=bits)
    if syntax in JPEG_LOSSLESS:
        path = by_gdcm(saved(ds, tmp_path / "a"), syntax)
    else:
        ds.compress(syntax)
        path = saved(ds, tmp_path / "a")
    assert read_header(path).transfer_syntax_uid == syntax
    assert stored(path).values[0].tolist() == words.tolist()


def test_a_big_endian_file_gives_the_native_pixels(tmp_path):
    words = ramp(16, signed=True)
    ds = slice_of(words)
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    ds.PixelData = words.byteswap().tobytes()
    assert stored(saved(ds, tmp_path / "a")).values[0].tolist() == words.tolist()


@pytest.mark.parametrize("other", ["RLE", "bigendian", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded"])
def test_every_form_of_one_mr_slice_has_equal_pixels(other):
    native = stored(Path(get_testdata_file("MR_small.dcm", download=False)))
    again = stored(Path(get_testdata_file(f"MR_small_{other}.dcm", download=False)))
    assert np.array_equal(again.values, native.values)


@needs_odd
@pytest.mark.parametrize(
    ("reference", "pattern", "n_files"),
    [
        ("cornerstone__CTImage.dcm", "cornerstone__CTImage_*Endian*", 2),
        ("cornerstone__CTImage.dcm", "cornerstone__CTImage_JPEG2000Lossless*", 1),
        ("cornerstone__CTImage.dcm", "cornerstone__CTImage_JPEGLSLossless*", 1),
        ("cornerstone__CTImage.dcm", "cornerstone__CTImage_JPEGProcess14*", 2),
        ("cornerstone__CTImage.dcm", "cornerstone__CTImage_RLE*", 1),
        ("pydicomdata__emri_small.dcm", "pydicomdata__emri_small_*[!t].dcm", 4),
    ],
)
def test_a_family_of_real_files_has_equal_pixels(reference, pattern, n_files):
    native = stored(ODD / reference).values
    family = sorted(ODD.glob(pattern))
    assert len(family) == n_files
    for path in family:
        assert np.array_equal(stored(path).values, native), path.name


@needs_odd
@pytest.mark.parametrize(
    "name",
    ["JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91", "JPEGLSLossyTransferSyntax_1.2.840.10008.1.2.4.81"],
)
def test_lossy_syntaxes_stay_close_to_the_native_pixels(name):
    native = stored(ODD / "cornerstone__CTImage.dcm").values
    lossy = stored(ODD / f"cornerstone__CTImage_{name}.dcm").values
    assert 0 < np.abs(lossy.astype(int) - native).max() < 32


@needs_odd
def test_a_codestream_without_the_sign_of_the_header_gets_it():
    values = stored(ODD / "pydicom__J2K_pixelrep_mismatch.dcm").values
    assert (values.min(), values.max()) == (-2000, 1896)


@needs_odd
def test_a_frame_in_several_fragments_is_one_frame():
    values = stored(ODD / "fodicom__D_CLUNIE_CT1_RLE_FRAGS.dcm").values
    assert values.shape == (1, 512, 512)
    assert values.min() == -2000


def test_plain_pixels_are_read_at_their_offset_without_parsing_again(tmp_path, monkeypatch):
    words = ramp(16, signed=True)
    path = saved(slice_of(words), tmp_path / "a")
    header = read_header(path)
    monkeypatch.setattr(decoder, "dcmread", None)
    assert read_stored(path, header).values[0].tolist() == words.tolist()


def with_overlays(ds: Dataset, *bits: int) -> Dataset:
    for plane, bit in enumerate(bits):
        ds.add_new(0x60000100 + 0x20000 * plane, "US", ds.BitsAllocated)
        ds.add_new(0x60000102 + 0x20000 * plane, "US", bit)
    return ds


def test_overlay_bits_are_no_values(tmp_path):
    words = np.array([[0x0001, 0xF001], [0x5FFF, 0x0800]], dtype="<u2")
    ds = with_overlays(slice_of(words, bits_stored=12), 12, 13, 14, 15)
    assert stored(saved(ds, tmp_path / "a")).values[0].tolist() == [[1, 1], [4095, 2048]]


@pytest.mark.parametrize("overlays", [(), (13,)])
@pytest.mark.parametrize("signed", [False, True])
def test_a_value_that_needs_more_bits_than_are_stored_is_refused_and_not_cut(tmp_path, overlays, signed):
    words = np.array([[1, 4095], [4096 + 5, 0]], dtype="<i2" if signed else "<u2")
    with pytest.raises(BadValue, match="1 pixels with bits outside the 12 stored"):
        stored(saved(with_overlays(slice_of(words, bits_stored=12), *overlays), tmp_path / "a"))


def test_a_dense_pixel_beside_extended_signs_is_no_negative_one(tmp_path):
    words = np.array([[-1000, 40], [2304, 0]], dtype="<i2")  # 2304 needs 13 bits with its sign
    with pytest.raises(BadValue, match="1 pixels"):
        stored(saved(slice_of(words, bits_stored=12), tmp_path / "a"))


def test_a_sign_extended_over_all_bits_is_a_sign(tmp_path):
    words = np.array([[-1000, 40], [2047, 0]], dtype="<i2")
    assert stored(saved(slice_of(words, bits_stored=12), tmp_path / "a")).values[0].tolist() == words.tolist()


def test_the_sign_of_twelve_bits_is_extended(tmp_path):
    words = np.array([[0x0FFF, 0x0800], [0x07FF, 0x0001]], dtype="<u2").view("<i2")
    assert stored(saved(slice_of(words, bits_stored=12), tmp_path / "a")).values[0].tolist() == [
        [-1, -2048],
        [2047, 1],
    ]


def test_values_in_the_upper_bits_are_moved_down(tmp_path):
    words = np.array([[0x0010, 0xFFF0]], dtype="<u2")
    ds = slice_of(words, bits_stored=12, HighBit=15)
    assert stored(saved(ds, tmp_path / "a")).values[0].tolist() == [[1, 4095]]


def test_a_high_bit_that_the_values_contradict_is_refused(tmp_path):
    words = np.array([[1024, 1025]], dtype="<u2")  # in the lower twelve bits, as they should be
    with pytest.raises(BadValue, match="1 pixels with bits outside the 12 stored"):
        stored(saved(slice_of(words, bits_stored=12, HighBit=15), tmp_path / "a"))


def test_an_odd_number_of_bytes_has_no_pixel_in_its_pad_byte(tmp_path):
    words = np.arange(15, dtype="u1").reshape(3, 5)
    assert stored(saved(slice_of(words, bits_stored=8), tmp_path / "a")).values[0].tolist() == words.tolist()


def padding_of(ds: Dataset, path: Path) -> list[list[bool]] | None:
    found = stored(saved(ds, path)).is_padding
    return None if found is None else found[0].tolist()


def test_padding_is_found_although_its_tag_has_the_wrong_sign(tmp_path):
    ds = slice_of(np.array([[-2000, 0, 1]], dtype="<i2"))
    ds.add_new("PixelPaddingValue", "US", 63536)  # -2000 in 16 bits
    assert padding_of(ds, tmp_path / "a") == [[True, False, False]]


def test_padding_over_all_allocated_bits_is_no_value_of_the_stored_ones(tmp_path):
    words = np.array([[0xF830, 0x0830, 7]], dtype="<u2")  # 0x830 alone is 2096, a value like any other
    ds = slice_of(words, bits_stored=12, PixelPaddingValue=0xF830)
    assert padding_of(ds, tmp_path / "a") == [[True, False, False]]


def test_padding_over_all_allocated_bits_is_found_by_every_way_of_reading(tmp_path):
    words = np.array([[0xF830, 0x0830, 7]], dtype="<u2")
    ds = slice_of(words.byteswap(), bits_stored=12, PixelPaddingValue=0xF830)
    ds.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    assert padding_of(ds, tmp_path / "a") == [[True, False, False]]


def test_padding_within_the_stored_bits_is_found_below_an_overlay(tmp_path):
    words = np.array([[0x1830, 0x1000, 0x0001]], dtype="<u2").view("<i2")  # -2000 in 12 bits, not extended
    ds = with_overlays(slice_of(words, bits_stored=12, PixelPaddingValue=-2000), 12)
    assert padding_of(ds, tmp_path / "a") == [[True, False, False]]


@pytest.mark.parametrize(("value", "limit"), [(-2000, -1998), (-1998, -2000)])
def test_a_range_of_padding_holds_both_its_ends(tmp_path, value, limit):
    words = np.array([[-2001, -2000, -1999, -1998, -1997]], dtype="<i2")
    ds = slice_of(words, PixelPaddingValue=value, PixelPaddingRangeLimit=limit)
    assert padding_of(ds, tmp_path / "a") == [[False, True, True, True, False]]


def test_padding_that_occurs_nowhere_is_none(tmp_path):
    assert padding_of(slice_of(ramp(16, signed=True), PixelPaddingValue=-31000), tmp_path / "a") is None


def test_padding_is_found_in_compressed_pixels(tmp_path):
    ds = slice_of(np.full((8, 8), -2000, dtype="<i2"), PixelPaddingValue=-2000)
    ds.compress(JPEGLSLossless)
    assert np.all(padding_of(ds, tmp_path / "a"))


@pytest.fixture
def good(tmp_path) -> tuple[Path, Header]:
    path = saved(slice_of(ramp(16, signed=True)), tmp_path / "good")
    return path, read_header(path)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"samples_per_pixel": 3, "photometric": "RGB"}, Colour),
        ({"photometric": "PALETTE COLOR"}, Colour),
        ({"bits_allocated": 12}, BadValue),
        ({"bits_stored": 17}, BadValue),
        ({"bits_stored": 0}, BadValue),
        ({"high_bit": 16}, BadValue),
        ({"rows": 0}, BadValue),
        ({"n_frames": 0}, BadValue),
        ({"rows": 65535, "columns": 65535}, TooLarge),
        ({"n_frames": 2_000_000_000}, TooLarge),
        ({"rows": 66}, Truncated),
        ({"transfer_syntax_uid": "1.2.840.10008.1.2.4.52"}, UnsupportedSyntax),
        ({"transfer_syntax_uid": "1.2.3.4"}, UnsupportedSyntax),
        ({"transfer_syntax_uid": ""}, UnsupportedSyntax),
        ({"size_bytes": 17}, StillArriving),
    ],
)
def test_what_the_header_rules_out_is_refused(good, change, error):
    path, header = good
    with pytest.raises(error):
        read_stored(path, dataclasses.replace(header, **change))


@pytest.mark.parametrize(
    ("uid", "facts"),
    [
        ("1.2.840.10008.1.2.4.52", "Process 3"),
        ("1.2.276.7", "outside the standard"),
        ("", "outside"),
        ("1.2h8", "outside"),
    ],
)
def test_an_unsupported_syntax_is_told_by_name_and_never_by_a_private_uid(good, uid, facts):
    path, header = good
    with pytest.raises(UnsupportedSyntax, match=facts) as refusal:
        read_stored(path, dataclasses.replace(header, transfer_syntax_uid=uid))
    assert "1.2." not in refusal.value.facts


def test_a_lying_size_is_refused_before_the_file_is_opened(good):
    _, header = good
    with pytest.raises(TooLarge):
        read_stored(Path("/nowhere"), dataclasses.replace(header, n_frames=100_000_000))


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless, *JPEG_LOSSLESS])
def test_damaged_pixels_are_refused_in_silence(tmp_path, capfd, caplog, recwarn, syntax):
    caplog.set_level(logging.DEBUG)
    ds = slice_of(ramp(12, signed=False), bits_stored=12, PatientName="Canary^Yellow")
    ds.compress(RLELossless if syntax in JPEG_LOSSLESS else syntax)
    ds.file_meta.TransferSyntaxUID = syntax
    value = bytearray(ds.PixelData)
    value[-40:-8] = bytes(range(32))
    value[24:40] = b"\xff" * 16  # the codestream's own header, behind the empty offset table
    ds.PixelData = bytes(value)
    path = saved(ds, tmp_path / "Canary")
    header = read_header(path)
    capfd.readouterr()
    caplog.clear()
    with pytest.raises((DecodeFailed, CodestreamDiffers)) as refusal:
        read_stored(path, header)
    assert "Canary" not in refusal.value.facts
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@needs_odd
@pytest.mark.parametrize("process", ["2_4*.51", "6_8*.53", "10_12*.55"])
def test_twelve_bit_jpeg_is_nearly_the_picture_it_was_made_from(process):
    plain, (lossy,) = ODD / "cornerstone__CTImage.dcm", ODD.glob(f"cornerstone__CTImage_JPEGProcess{process}.dcm")
    hounsfield = [real_values(stored(p).values[0], p, read_header(p)) for p in (plain, lossy)]
    assert (
        abs(hounsfield[0] - hounsfield[1]).mean() < 5
    )  # HU, what this quality loses; a wrong depth or sign is hundreds off


@needs_odd
@pytest.mark.parametrize("name", ["pydicom__JPGExtended.dcm", "dicomtest__MR4_JPLY", "dicomtest__XA1_JPLY"])
def test_twelve_bit_jpeg_of_other_makers_is_read(name):
    assert stored(ODD / name).values.max() > 255


def test_silence_ends_with_the_decoding(tmp_path, capfd, caplog):
    ds = slice_of(ramp(16, signed=True))
    ds.compress(RLELossless)
    stored(saved(ds, tmp_path / "a"))
    os.write(2, b"heard")
    logging.getLogger("pydicom.pixels").warning("read")
    assert capfd.readouterr().err.startswith("heard")
    assert "read" in caplog.text


@needs_odd
def test_what_libjpeg_says_is_not_printed(capfd):
    with pytest.raises(DecodeFailed):
        stored(ODD / "fodicom__genFile.dcm")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("syntax", DECODERS)
def test_the_decoder_of_every_syntax_is_installed(syntax):
    assert can_decode(syntax)
