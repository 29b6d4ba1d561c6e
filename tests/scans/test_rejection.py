from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID

from scans.header import Header, read_header
from scans.outcome import BadValue
from scans.rejection import REASONS
from scans.screen import screen
from scans.stack import Member, group

KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
Save = Callable[..., Path]


def item(**tags: object) -> Dataset:
    ds = Dataset()
    for name, value in tags.items():
        setattr(ds, name, value)
    return ds


def note_tags(*uids: str, code: str = "113001", scheme: str = "DCM") -> dict[str, object]:
    """A key object that names instances in two series."""
    series = [item(SeriesInstanceUID="1.2", ReferencedSOPSequence=[
        item(ReferencedSOPClassUID="1.2.3", ReferencedSOPInstanceUID=uid) for uid in some
    ]) for some in (uids[:1], uids[1:])]  # fmt: skip
    return {
        "SOPClassUID": UID(KEY_OBJECT), "Modality": "KO", "PixelData": None, "SOPInstanceUID": "2.25.77",
        "ConceptNameCodeSequence": [item(CodeValue=code, CodingSchemeDesignator=scheme, CodeMeaning="?")],
        "CurrentRequestedProcedureEvidenceSequence": [item(StudyInstanceUID="1.1", ReferencedSeriesSequence=series)],
    }  # fmt: skip


def test_the_classes_and_titles_are_the_standard_s() -> None:
    assert UID(KEY_OBJECT).name == "Key Object Selection Document Storage"
    assert sorted(REASONS) == ["113001", "113037", "113038", "113039"]


@pytest.mark.parametrize("code", sorted(REASONS))
def test_each_of_the_four_titles_withdraws_what_is_named(save: Save, code: str) -> None:
    header = read_header(save(**note_tags("1.5", "1.4", "1.4", code=code)))
    assert (header.rejection, header.identity.rejects) == (code, ("1.4", "1.5"))
    assert Header.from_json(header.to_json()) == header
    refusal = screen(header)
    assert refusal is not None and refusal.code == "rejection-note"
    assert refusal.facts == f"{code}, {REASONS[code]}; 2 instances named"


@pytest.mark.parametrize("changes", [{"code": "113002"}, {"scheme": "99SITE"}])
def test_another_key_object_withdraws_nothing(save: Save, changes: dict[str, str]) -> None:
    header = read_header(save(**note_tags("1.5", **changes)))
    refusal = screen(header)
    assert (header.rejection, header.identity.rejects) == ("", ())
    assert refusal is not None and refusal.code == "not-an-image"


def test_a_note_that_names_nothing_wants_a_person(save: Save) -> None:
    with pytest.raises(BadValue, match="names no instance"):
        read_header(save(**note_tags()))


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_uids_that_are_none_are_left_out(save: Save) -> None:
    assert read_header(save(**note_tags("1.5", "Carla Canary"))).identity.rejects == ("1.5",)


def test_what_is_rejected_ends_so_and_the_rest_is_grouped_without_it(
    make_members: Callable[..., list[Member]],
) -> None:
    grouping = group(make_members([0, 1, 2, 3]), rejected={"file3": "113001"})
    assert [(e.file, e.code, e.why) for e in grouping.endings] == [("file3", "rejected", "113001")]
    assert [len(stack.members) for stack in grouping.stacks] == [3]


def test_a_note_is_not_withdrawn_by_another(make_members: Callable[..., list[Member]]) -> None:
    (note,) = make_members([0], sop_class_uid=KEY_OBJECT, rejection="113001")
    (ending,) = group([note], rejected={note.file: "113037"}).endings
    assert ending.code == "rejection-note"
