"""Stored values become real ones by numbers worked out by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import CTImageStorage

from scans.header import Header, read_header
from scans.outcome import BadValue, ConstantImage, NotFinite
from scans.pixels import read_stored
from scans.sandbox.pool import Guard
from scans.sopclass import MR
from scans.values import check_image, empty_value, fill_padding, lookup_table, real_values

ODD = Path(__file__).parents[3] / "shared" / "data" / "dicom_odd"
NOWHERE = Path("/nowhere")


@pytest.fixture
def header() -> Header:
    """A header of a CT slice: slope 1, intercept -1024."""
    return read_header(Path(get_testdata_file("CT_small.dcm", download=False)))


def test_rescale_is_slope_times_stored_plus_intercept(header):
    changed = dataclasses.replace(header, rescale_slope=0.5, rescale_intercept=-10.0)
    real = real_values(np.array([0, 3, -4], dtype=np.int16), NOWHERE, changed)
    assert real.dtype == np.float32
    assert real.tolist() == [-10.0, -8.5, -12.0]


@pytest.mark.parametrize(("slope", "intercept", "wanted"), [(2, 1, 7.0), (1, 1, 4.0), (2, 0, 6.0), (1, 0, 3.0)])
def test_small_whole_slopes_and_intercepts_count_as_any_other(header, slope, intercept, wanted):
    changed = dataclasses.replace(header, rescale_slope=float(slope), rescale_intercept=float(intercept))
    assert real_values(np.array([3], dtype=np.int16), NOWHERE, changed).tolist() == [wanted]


def test_rescale_does_not_wrap_at_sixteen_bits(header):
    changed = dataclasses.replace(header, rescale_slope=4.0, rescale_intercept=0.0)
    assert real_values(np.array([65535], dtype=np.uint16), NOWHERE, changed).tolist() == [262140.0]


def test_without_rescale_the_values_of_an_mr_are_as_stored(header):
    changed = dataclasses.replace(header, sop_class_uid=MR, rescale_slope=None, rescale_intercept=None)
    assert real_values(np.array([7, -7], dtype=np.int16), NOWHERE, changed).tolist() == [7.0, -7.0]


@pytest.mark.parametrize(
    ("sop_class", "slope", "intercept"), [(MR, None, -10.0), (MR, 2.0, None), (CTImageStorage, None, None)]
)
def test_half_a_rescale_and_a_ct_without_one_are_refused(header, sop_class, slope, intercept):
    changed = dataclasses.replace(header, sop_class_uid=sop_class, rescale_slope=slope, rescale_intercept=intercept)
    with pytest.raises(BadValue, match="is absent"):
        real_values(np.array([7, -7], dtype=np.int16), NOWHERE, changed)


def test_a_rescale_beyond_all_numbers_is_no_image(header):
    changed = dataclasses.replace(header, rescale_slope=1e300)
    with pytest.raises(NotFinite):
        check_image(real_values(np.array([1, 2], dtype=np.int16), NOWHERE, changed))


def test_a_slope_of_zero_is_refused(header):
    with pytest.raises(BadValue, match=r"or the slope 0$"):
        real_values(np.array([1, 2]), NOWHERE, dataclasses.replace(header, rescale_slope=0.0))


@pytest.mark.skipif(not ODD.is_dir(), reason="the collection of odd files is not beside this checkout")
def test_a_modality_lut_comes_before_slope_and_intercept():
    path = ODD / "pydicomdata__mlut_18.dcm"
    head = dataclasses.replace(read_header(path), bits_stored=16, high_bit=15)  # it says 12, and holds -2048 and 4095
    stored = read_stored(path, head).values
    item = dcmread(path).ModalityLUTSequence[0]
    n, first, _ = item.LUTDescriptor
    table = np.frombuffer(item["LUTData"].value, "<u2") if isinstance(item.LUTData, bytes) else np.array(item.LUTData)
    first = first - 65536 if first > 32767 else first
    wanted = table[np.clip(stored.astype(int) - first, 0, (n or 65536) - 1)]
    assert np.array_equal(real_values(stored, path, head), wanted.astype(np.float32))


@pytest.mark.parametrize(
    ("modality", "inverted", "filled"),
    [("CT", False, -1000.0), ("MR", False, 3.0), ("CR", False, 3.0), ("CR", True, 9.0)],
)
def test_padding_becomes_what_nothing_looks_like(modality, inverted, filled):
    voxels = np.array([-2000.0, 3.0, 9.0, 4.0], dtype=np.float32)
    fill_padding(voxels, voxels == -2000, modality=modality, inverted=inverted)
    assert voxels.tolist() == [filled, 3.0, 9.0, 4.0]


@pytest.mark.parametrize(("modality", "value"), [("CT", -1000.0), ("MR", 3.0)])
def test_outside_of_the_slices_is_air_or_the_darkest_value(modality, value):
    assert empty_value(np.array([[4.0, 3.0], [9.0, 5.0]], dtype=np.float32), modality) == value


def test_nothing_but_padding_is_refused():
    with pytest.raises(ConstantImage):
        fill_padding(np.zeros(4, dtype=np.float32), np.ones(4, dtype=bool), modality="MR", inverted=False)


@pytest.mark.parametrize(
    ("voxels", "error"),
    [
        ([1.0, 1.0], ConstantImage),
        ([1.0, np.nan], NotFinite),
        ([1.0, np.inf], NotFinite),
        ([-np.inf, 0.0], NotFinite),
    ],
)
def test_an_image_that_shows_nothing_is_refused(voxels, error):
    with pytest.raises(error):
        check_image(np.array(voxels, dtype=np.float32))


def test_the_facts_of_an_image_that_shows_nothing_name_its_value():
    with pytest.raises(ConstantImage, match=r": every voxel is -1024$"):
        check_image(np.full((2, 2), -1024.0, dtype=np.float32))
    with pytest.raises(ConstantImage, match=r": every voxel is padding$"):
        fill_padding(np.zeros(4, dtype=np.float32), np.ones(4, dtype=bool), modality="CT", inverted=False)
    with pytest.raises(NotFinite, match=r": some voxels are not finite numbers$"):
        check_image(np.array([0.0, np.nan], dtype=np.float32))


def test_an_image_of_two_values_is_one():
    check_image(np.array([0.0, 1e-6], dtype=np.float32))


def with_lut(tmp_path, stored, descriptor, table, opener=None, **tags):
    from enhanced import item  # any sequence of one item

    words = np.asarray([stored], dtype="<i2")
    ds = dcmread(get_testdata_file("CT_small.dcm", download=False))
    del ds.RescaleSlope, ds.RescaleIntercept
    ds.Rows, ds.Columns, ds.PixelData = *words.shape, words.tobytes()
    ds.ModalityLUTSequence = item(ModalityLUTType="HU")
    ds.ModalityLUTSequence[0].add_new("LUTDescriptor", "SS", descriptor)
    ds.ModalityLUTSequence[0].add_new("LUTData", "OW", np.array(table, "<u2").tobytes())
    for name, value in tags.items():
        setattr(ds, name, value)
    ds.save_as(tmp_path / "lut")
    head = read_header(tmp_path / "lut")
    return real_values(read_stored(tmp_path / "lut", head).values[0], tmp_path / "lut", head, opener)[0].tolist()


def test_a_modality_lut_begins_at_its_first_value_and_holds_beyond_its_ends(tmp_path):
    found = with_lut(tmp_path, [-5, -2, -1, 0, 9], [3, -2, 16], [100, 700, 40000])
    assert found == [100.0, 100.0, 700.0, 40000.0, 40000.0]


def test_a_modality_lut_goes_before_a_rescale_that_should_not_be_there(tmp_path):
    assert with_lut(tmp_path, [0, 1], [2, 0, 16], [5, 9], RescaleSlope="7", RescaleIntercept="1") == [5.0, 9.0]


def test_the_guards_child_reads_the_modality_lut_and_this_process_does_not(tmp_path, monkeypatch):
    monkeypatch.delattr("scans.values.lookup_table")
    with Guard() as guard:
        found = with_lut(tmp_path, [-32768, -2, 0, 32767], [3, -2, 16], [100, 700, 40000], guard)
    assert found == [100.0, 100.0, 40000.0, 40000.0]


@pytest.mark.parametrize("guarded", [False, True])
def test_a_modality_lut_that_is_cut_short_is_a_bad_value(tmp_path, guarded):
    with Guard() as guard, pytest.raises(BadValue, match="modality LUT"):
        with_lut(tmp_path, [0, 1], [300, 0, 16], [5, 9], guard if guarded else None)


@pytest.mark.parametrize(
    ("bits", "signed", "wanted"),
    [
        (8, 0, {0: 100, 2: 100, 3: 700, 4: 40000, 255: 40000}),
        (8, 1, {0: 100, 3: 700, 127: 40000, 128: 100, 255: 100}),
        (16, 0, {0: 100, 3: 700, 32768: 40000, 65535: 40000}),
        (16, 1, {0: 100, 3: 700, 32767: 40000, 32768: 100, 65535: 100}),
    ],
)
def test_a_lookup_table_has_one_value_for_every_pattern_of_bits(tmp_path, bits, signed, wanted):
    with_lut(tmp_path, [0], [3, 2, 16], [100, 700, 40000])
    head = dataclasses.replace(read_header(tmp_path / "lut"), bits_allocated=bits, pixel_representation=signed)
    table = lookup_table(tmp_path / "lut", head)
    assert (table.dtype, table.shape) == (np.float32, (1 << bits,))
    assert {index: table[index] for index in wanted} == wanted


def test_a_modality_lut_of_a_file_without_preamble_is_read(tmp_path):
    with_lut(tmp_path, [0], [3, 2, 16], [100, 700, 40000])
    path = tmp_path / "lut"
    path.write_bytes(path.read_bytes()[132:])
    head = read_header(path)
    assert (head.has_preamble, head.has_modality_lut) == (False, True)
    assert lookup_table(path, head)[3] == 700


def test_a_modality_lut_is_for_eight_or_sixteen_bits(header):
    deep = dataclasses.replace(header, has_modality_lut=True, bits_allocated=32)
    with pytest.raises(BadValue, match="32 bits"):
        real_values(np.array([1], dtype=np.int32), NOWHERE, deep)
