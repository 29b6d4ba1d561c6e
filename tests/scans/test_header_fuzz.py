"""No byte of any file may crash the header pass: only refusals come out."""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from scans.header import Header, read_header
from scans.outcome import Refusal
from scans.stack import Member, group

N_CASES = int(os.environ.get("SCANTWIN_FUZZ_CASES", "300"))
LARGEST = 700_000  # bytes; larger files only take longer


def survive(path: Path, content: bytes) -> Header | None:
    path.write_bytes(content)
    try:
        header = read_header(path)
    except Refusal as refusal:
        assert refusal.outcome.subject == "file"
        return None
    assert Header.from_json(header.to_json()) == header
    grouping = group([Member("k", "p", header)])
    assert len(grouping.endings) + len(grouping.stacks) == 1
    return header


def damaged(content: bytes, random_: random.Random) -> bytes:
    """Flip bytes (mostly of the header), cut, double or shift a part."""
    broken = bytearray(content)
    if not broken:
        return b"\0"
    reach = len(broken) if random_.random() < 0.2 else min(len(broken), 4000)
    for _ in range(random_.choice([1, 1, 2, 8, 64])):
        broken[random_.randrange(reach)] = random_.choice([0, 255, random_.randrange(256)])
    at = random_.randrange(reach)
    match random_.randrange(6):
        case 0:
            del broken[at:]
        case 1:
            del broken[at : at + random_.randrange(1, 40)]
        case 2:
            broken[at:at] = broken[max(0, at - 64) : at]
    return bytes(broken)


def test_no_damage_to_any_odd_file_crashes_the_reader(shared_data: Path, tmp_path: Path) -> None:
    files = sorted(p for p in (shared_data / "dicom_odd").rglob("*") if p.is_file() and p.stat().st_size < LARGEST)
    random_, n_read = random.Random(20240305), 0
    for case in range(N_CASES):
        content = files[case % len(files)].read_bytes()
        try:
            n_read += survive(tmp_path / "f", damaged(content, random_)) is not None
        except Exception as error:
            raise AssertionError(f"case {case}, {files[case % len(files)].name}") from error
    assert 0 < n_read < N_CASES  # both ends were reached: a header, or a refusal of a file


def test_no_damage_to_a_good_file_crashes_the_reader(save: Callable[..., Path], tmp_path: Path) -> None:
    content = save(ViewPosition="PA", PatientName="Ä^Ö", SpecificCharacterSet="ISO_IR 100").read_bytes()
    random_ = random.Random(7)
    n_read = sum(survive(tmp_path / "f", damaged(content, random_)) is not None for _ in range(N_CASES))
    assert 0 < n_read < N_CASES  # both ends were reached: a header, or a refusal of a file


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_behind_a_preamble_crash_nothing(tmp_path: Path, seed: int) -> None:
    assert survive(tmp_path / "f", bytes(128) + b"DICM" + random.Random(seed).randbytes(2000)) is None


def test_every_odd_file_has_the_outcome_that_was_decided_for_it(shared_data: Path) -> None:
    odd = shared_data / "dicom_odd"
    expected = {
        "pydicom__MR_truncated.dcm": "truncated", "pydicom__DICOMDIR-empty.dcm": "dicomdir",
        "dicomdir_fileset/DICOMDIR-bigEnd": "dicomdir", "fodicom__abd1.zip": "packed",
        "fodicom__GH340.dcm": "not-conformant", "pydicom__rtstruct.dcm": "not-conformant",
        "pydicom__no_meta.dcm": "not-dicom", "pydicom__badVR.dcm": "bad-value",
        "pydicom__rtplan_truncated.dcm": "truncated", "fodicom__GH626.dcm": "truncated",
        "fodicom__GH177_D_CLUNIE_CT1_IVRLE_BigEndian_undefined_length.dcm": "unreadable",
        "pydicomdata__emri_small_jpeg_2k_lossless_too_short.dcm": "truncated",
        "pydicom__priv_SQ.dcm": "missing-uid", "pydicomdata__bad_sequence.dcm": "missing-uid",
    }  # fmt: skip
    found = {}
    for name in expected:
        with pytest.raises(Refusal) as refused:
            read_header(odd / name)
        found[name] = refused.value.code
    assert found == expected


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("fodicom__CT-MONO2-16-ankle", "secondary-capture"), ("pydicom__liver_1frame.dcm", "derived-object"),
        ("pydicom__reportsi.dcm", "not-an-image"), ("pydicom__waveform_ecg.dcm", "not-an-image"),
        ("fodicom__GH178.dcm", "no-pixels"), ("pydicom__chrKoreanMulti.dcm", "no-pixels"),
        ("fodicom__GH355.dcm", "sop-class-unknown"), ("fodicom__GH184.dcm", "single-slice"),
        ("pydicomdata__emri_small.dcm", "enhanced-unsupported"),
        ("pydicom__rtdose.dcm", "derived-object"),
        ("pydicomdata__parametric_map_float.dcm", "derived-object"),
        ("pydicom__CT_small.dcm", "single-slice"),
        ("dicomdir_fileset/98892001/CT2N/6293", "localizer"), ("fodicom__GH064.dcm", "localizer"),
        ("dicomdir_fileset/98892003/MR700/4467", "derived"),
        ("pydicomdata__explicit_VR-UN.dcm", "single-slice"),
    ],
)  # fmt: skip
def test_an_odd_instance_ends_with_its_code(shared_data: Path, name: str, code: str) -> None:
    header = read_header(shared_data / "dicom_odd" / name)
    assert [e.code for e in group([Member("k", name, header)]).endings] == [code]


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("chrArab", "\u0642\u0628\u0627\u0646\u064a"), ("chrGerm", "\u00c4neas"), ("chrRuss", "\u041b\u044e"),
        ("chrX1", "Wang^XiaoDong=\u738b"), ("chrX2", "Wang^XiaoDong=\u738b"),
        ("chrH31", "Yamada^Tarou=\u5c71\u7530"),
        ("chrI2", "Hong^Gildong=\u6d2a"),
    ],
)  # fmt: skip
def test_names_survive_their_character_set(shared_data: Path, name: str, start: str) -> None:
    header = read_header(shared_data / "dicom_odd" / f"pydicom__{name}.dcm")
    assert header.identity.name.startswith(start)
