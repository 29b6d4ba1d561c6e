import ast
import json
import logging
import os
import threading
import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from scans.content import NOT_CONTENT
from scans.header import Header, read_header
from scans.kind import EDITABLE
from scans.outcome import Refusal
from scans.stack import Member, group

Save = Callable[..., Path]


def code_of(path: Path) -> str:
    with pytest.raises(Refusal) as refused:
        read_header(path)
    return refused.value.code


def test_the_fields_are_those_of_the_file(save: Save) -> None:
    header = read_header(save(position_mm=(1.5, -2, 30), ConvolutionKernel="Br40", EchoTime="2.5"))
    assert header.identity.patient_id == "P1" and header.identity.name == "Canary^Carla"
    assert (header.modality, header.rows, header.columns, header.body_part) == ("CT", 4, 3, "CHEST")
    assert header.position_mm == (1.5, -2.0, 30.0) and header.orientation == (1, 0, 0, 0, 1, 0)
    assert header.pixel_spacing_mm == (0.5, 0.75)
    assert (header.kernel, header.echo_time_ms, header.rescale_intercept) == ("Br40", 2.5, -1024.0)
    assert header.age_years == pytest.approx(64.0, abs=0.05)


def test_hash_size_and_place_of_native_pixels_are_known(save: Save) -> None:
    path = save(value=0x1234)
    header, content = read_header(path), path.read_bytes()
    assert (header.size_bytes, header.file_sha256) == (len(content), sha256(content).hexdigest())
    assert header.pixel_offset is not None
    assert content[header.pixel_offset : header.pixel_offset + header.pixel_length] == b"\x34\x12" * 12


def test_a_header_survives_json_exactly(save: Save) -> None:
    header = read_header(save(EchoTime="0.1", PatientName="Müller^\\x", SpecificCharacterSet="ISO_IR 192"))
    assert Header.from_json(header.to_json()) == header


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(), st.integers())
def test_numbers_and_texts_survive_json_exactly(
    make_header: Callable[..., Header], number: float, text: str, count: int
) -> None:
    header = make_header(echo_time_ms=number, kernel=text, instance_number=count)
    assert Header.from_json(header.to_json()) == header


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"identity":{}}', '{"identity":{"no":1}}', "null"])
def test_json_that_is_no_header_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        Header.from_json(text)


def test_a_copy_in_another_syntax_has_the_same_pixels(save: Save) -> None:
    syntaxes = (ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
    copies = [read_header(save(str(s), value=77, TransferSyntaxUID=s)) for s in syntaxes]
    big = save("big", value=77, TransferSyntaxUID=ExplicitVRBigEndian, PixelData=b"\0\x4d" * 12)
    hashes = {h.pixel_sha256 for h in [read_header(save(value=77)), read_header(big), *copies]}
    assert len(hashes) == 1
    assert copies[1].pixel_offset is None


def test_zeros_behind_the_last_pixel_do_not_count(save: Save) -> None:
    padded = read_header(save("padded", PixelData=b"\x01\0" * 12 + bytes(6)))
    assert (padded.pixel_sha256, padded.faults) == (read_header(save()).pixel_sha256, ())


@pytest.mark.parametrize("change", [{"value": 2}, {"Rows": 3, "Columns": 4}, {"PixelRepresentation": 0}])
def test_other_pixels_have_another_hash(save: Save, change: dict[str, int]) -> None:
    assert read_header(save("other", **change)).pixel_sha256 != read_header(save()).pixel_sha256


def test_compressed_pixels_have_a_hash_and_no_place(save: Save) -> None:
    pixels = encapsulate([b"abcd"])
    header = read_header(save(TransferSyntaxUID=JPEG2000Lossless, PixelData=pixels))
    assert header.pixel_offset is None and len(header.pixel_sha256) == 64
    assert header.pixel_length == len(pixels) + 8  # with the delimiter


@pytest.mark.parametrize("n_cut", [1, 5, 9])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_file_that_ends_in_its_pixels_is_truncated(save: Save, n_cut: int, is_compressed: bool) -> None:
    tags = {"TransferSyntaxUID": JPEG2000Lossless, "PixelData": encapsulate([b"abcd"])} if is_compressed else {}
    path = save(**tags)
    path.write_bytes(path.read_bytes()[:-n_cut])
    assert code_of(path) == "truncated"


def test_a_file_that_ends_in_its_header_is_never_a_good_one(save: Save) -> None:
    path = save()
    content = path.read_bytes()
    for end in range(132, len(content) - 30, 7):
        path.write_bytes(content[:end])
        try:
            assert not read_header(path).pixel_element
        except Refusal as refusal:
            assert refusal.code in ("truncated", "unreadable", "missing-uid")


def test_a_file_that_ends_inside_a_value_is_truncated(save: Save) -> None:
    path = save()
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"Canary") + 3])
    assert code_of(path) == "truncated"


def test_a_structure_that_breaks_before_the_pixels_is_unreadable(save: Save) -> None:
    path = save()
    content = path.read_bytes()
    at = content.index(b"\x20\0\x13\0")  # InstanceNumber; a stray end of an item stands in front of it
    path.write_bytes(content[:at] + b"\xfe\xff\x0d\xe0\0\0\0\0" + content[at:])
    assert code_of(path) == "unreadable"


def test_a_file_without_preamble_counts_when_the_image_is_complete(save: Save) -> None:
    path = save(TransferSyntaxUID=ImplicitVRLittleEndian)
    content = path.read_bytes()
    path.write_bytes(content[content.index(b"\x08\0\x08\0") :])  # from ImageType on: no preamble, no meta group
    header = read_header(path)
    assert (header.has_preamble, header.syntax_guessed) == (False, True)
    assert header.transfer_syntax_uid == ImplicitVRLittleEndian


@pytest.mark.parametrize("missing", ["SOPClassUID", "Rows", "PixelData"])
def test_without_preamble_and_proof_it_is_not_conformant(save: Save, missing: str) -> None:
    path = save(TransferSyntaxUID=ImplicitVRLittleEndian)
    content = path.read_bytes()
    ds = dcmread(path)
    delattr(ds, missing)
    ds.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
    content = path.read_bytes()
    path.write_bytes(content[content.index(b"\x08\0\x08\0") :])
    assert code_of(path) == "not-conformant"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "not-dicom"), (b"x", "not-dicom"), (b"hello, world\n" * 999, "not-dicom"),
        (bytes(5000), "not-dicom"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "not-dicom"), (b"PK\x03\x04" + bytes(500), "packed"),
        (b"\x1f\x8b" + bytes(500), "packed"), (bytes(128) + b"DICM", "missing-uid"),
    ],
)  # fmt: skip
def test_what_is_not_dicom_is_told_apart(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "f").write_bytes(content)
    assert code_of(tmp_path / "f") == code


@pytest.mark.parametrize("missing", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"])
@pytest.mark.parametrize("value", ["", "1.2/../../etc/passwd", "1" * 65, None])
def test_a_uid_that_is_none_is_quarantined(save: Save, missing: str, value: str | None) -> None:
    path = save()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom says that the UID is bad, which is the point
        ds = dcmread(path)
        if value is None:
            delattr(ds, missing)
        else:
            setattr(ds, missing, value)
        ds.save_as(path)
    assert code_of(path) == "missing-uid"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Rows": 0}, "bad-value"), ({"Columns": None}, "bad-value"), ({"BitsAllocated": 0}, "bad-value"),
        ({"Rows": 65535, "Columns": 65535, "NumberOfFrames": 9}, "too-large"), ({"Rows": 400}, "truncated"),
        ({"TransferSyntaxUID": JPEG2000Lossless}, "unreadable"),
    ],
)  # fmt: skip
def test_pixels_that_cannot_be_as_announced_are_refused(save: Save, tags: dict[str, object], code: str) -> None:
    is_compressed = "TransferSyntaxUID" in tags
    path = save() if is_compressed else save(**tags)
    if is_compressed:  # written as native, named compressed
        path.write_bytes(save("plain").read_bytes().replace(b"10008.1.2.1\0", b"10008.1.2.5\0"))
    assert code_of(path) == code


def test_a_damaged_hint_is_an_absent_value_and_costs_no_scan(save: Save) -> None:
    path = save(SliceThickness="1.25", EchoTime="17.5", PatientAge="042Y")
    path.write_bytes(path.read_bytes().replace(b"1.25", b"thin").replace(b"17.5", b"17,5"))
    header = read_header(path)
    assert (header.slice_thickness_mm, header.echo_time_ms, header.age_years) == (None, None, 42.0)
    assert header.faults == ()


@pytest.mark.parametrize("spacing", [[0, 0], [-1, 1], [1e9, 1]])
def test_an_impossible_spacing_is_an_absent_one(save: Save, spacing: list[float]) -> None:
    assert read_header(save(PixelSpacing=spacing)).pixel_spacing_mm is None


def test_a_projection_falls_back_on_the_detector_s_spacing(save: Save) -> None:
    tags = {
        "SOPClassUID": ComputedRadiographyImageStorage,
        "PixelSpacing": None,
        "ImagerPixelSpacing": [0.2, 0.1],
    }
    header = read_header(save(**tags))
    assert header.pixel_spacing_mm == (0.2, 0.1)


def test_a_slice_never_takes_the_detector_s_spacing(save: Save) -> None:
    assert read_header(save(PixelSpacing=None, ImagerPixelSpacing=[0.2, 0.1])).pixel_spacing_mm is None


def test_a_broken_character_set_costs_no_scan_and_no_warning(save: Save) -> None:
    path = save(PatientName="Xaxa^Xexe")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Xaxa^Xexe", b"X\xe4xa^X\xff\x1be"))
    assert read_header(path).identity.name.startswith("X")


def test_view_and_region_come_from_code_sequences_too(save: Save) -> None:
    code = Dataset()
    code.CodeMeaning = "postero-anterior"
    header = read_header(save(ViewCodeSequence=Sequence([code])))
    assert (header.view_code, header.region) == ("POSTERO-ANTERIOR", "")


def test_padding_is_read_in_the_sign_of_the_pixels(save: Save) -> None:
    path = save(PixelRepresentation=0)
    ds = dcmread(path)
    ds.add_new(0x00280120, "US", 63536)
    ds.PixelRepresentation = 1
    ds.save_as(path)
    assert read_header(path).padding_value == -2000


def test_links_and_pipes_are_never_opened(save: Save, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(save())
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    names = ("link", "pipe", "folder")
    assert [code_of(tmp_path / name) for name in names] == ["not-a-regular-file"] * 3


def test_a_missing_file_is_gone(tmp_path: Path) -> None:
    assert code_of(tmp_path / "nothing") == "gone"


def test_a_forbidden_file_says_so(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*args: object) -> int:
        raise PermissionError

    path = save()
    monkeypatch.setattr(os, "open", forbid)
    assert code_of(path) == "no-permission"


def test_a_failing_disk_is_no_refusal_and_worth_another_try(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> int:
        raise OSError(5, "Input/output error")

    path = save()
    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(OSError, match="Input/output"):
        read_header(path)


def test_facts_and_codes_never_hold_identity(save: Save) -> None:
    path = save(Rows=400)
    with pytest.raises(Refusal) as refused:
        read_header(path)
    assert "Canary" not in str(refused.value) and "P1" not in str(refused.value) and "2.25" not in str(refused.value)


def test_many_threads_read_the_same_and_leave_the_filters_as_they_were(save: Save) -> None:
    path, before, found = save(), list(warnings.filters), []
    threads = [threading.Thread(target=lambda: found.append(read_header(path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 16 and list(warnings.filters) == before


def test_what_pydicom_has_to_say_reaches_neither_log_nor_terminal(
    save: Save, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save()
    path.write_bytes(
        path.read_bytes().replace(b"2.25.1000.1.1.1\0", b"2.25..Canary..1\0").replace(b"DA\x08", b"DA\x07")
    )
    with caplog.at_level(logging.DEBUG), pytest.raises(Refusal):
        read_header(path)
    assert caplog.records == [] and capfd.readouterr() == ("", "")
    assert not logging.getLogger("pydicom").disabled


def test_two_equal_files_differ_in_nothing(save: Save) -> None:
    assert replace(read_header(save("a")), file_sha256="") == replace(read_header(save("b")), file_sha256="")


ROOMS = ("scans", "flows", "siamese")
READS_THEM = ("header.py", "frame.py")  # and is no reader of what they read


def test_every_field_of_a_header_that_makes_another_scan_has_a_reader() -> None:
    root = Path(__file__).parents[2]
    files = [path for room in ROOMS for path in (root / room).rglob("*.py") if path.name not in READS_THEM]
    trees = [ast.parse(path.read_text()) for path in files]
    used = {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= set(STANDING_FOR) | {field for field, _ in EDITABLE.values()}
    assert {field.name for field in fields(Header)} - NOT_CONTENT - used == set()


STANDING_FOR = ("faults",)  # empty in every scan, so that it stands in no key


@pytest.mark.parametrize("tags", [
    {"WindowCenter": "40", "WindowWidth": "400"}, {"VOILUTFunction": "SIGMOID"}, {"PresentationLUTShape": "INVERSE"},
    {"PatientPosition": "HFP"}, {"MRAcquisitionType": "3D"}, {"PlanarConfiguration": 0},
])  # fmt: skip
def test_what_nobody_looks_at_makes_no_other_scan(save: Save, tags: dict[str, object]) -> None:
    digests = []
    for more in ({}, tags):
        members = [
            Member(str(i), "p", read_header(save(f"{i}", index=i, position_mm=(0, 0, 2 * i), value=i + 1, **more)))
            for i in range(3)
        ]
        digests.append(group(members).stacks[0].digest)
    assert digests[0] == digests[1]


def test_a_header_of_an_older_version_is_read_without_what_nobody_looks_at_any_more(save: Save) -> None:
    header = read_header(save())
    older = json.loads(header.to_json()) | {"window_center": [40.0], "lut_shape": "IDENTITY"}
    del older["faults"], older["units"]
    assert Header.from_json(json.dumps(older)) == header


@pytest.mark.parametrize(
    ("items", "modified"),
    [
        ([], ()), (["20240310120000.5+0100"], ("20240310120000.5+0100",)), (["2024", None], ("2024", "")),
        (["soon"], ("soon",)),
    ],
)  # fmt: skip
def test_when_a_header_was_corrected_is_read_from_every_item(
    save: Save, items: list[str | None], modified: tuple[str, ...]
) -> None:
    def item(text: str | None) -> Dataset:
        ds = Dataset()
        if text is not None:
            ds.add(DataElement(0x04000562, "DT", text, validation_mode=0))
        ds.SourceOfPreviousValues = "H"
        return ds

    tags = {"InstanceCreationDate": "20240305", "InstanceCreationTime": "101500"}
    header = read_header(save(OriginalAttributesSequence=[item(text) for text in items], **tags))
    assert (header.modified, header.created_date, header.created_time) == (modified, "20240305", "101500")


def test_the_phase_of_a_heart_is_a_number_of_four_bytes(save: Save) -> None:
    assert read_header(save(NominalPercentageOfCardiacPhase=70.5)).cardiac_phase == 70.5
