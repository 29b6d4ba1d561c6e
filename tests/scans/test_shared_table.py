"""Every file of the shared data against a table that was read line by line by a person."""

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from scans.archive import list_files
from scans.header import read_header
from scans.mainscan import MainCandidate, main_scan
from scans.outcome import Refusal
from scans.pixels import decoded_digest
from scans.stack import Grouping, Member, Stack, group

# what: a file, or a folder with all files in it; reading: what a radiologist would call it; diagnostic: an image of a
# patient, made to be read; shape: volume, projection, picture (of an ultrasound), slice or none; right: the kind or the
# code that a person gives it, nothing if no kind is right; end: what it ends as; why: what the file does not say
TABLE = Path(__file__).with_name("shared_table.csv")
REPAIR = ("missing-slices", "uneven-spacing", "tilt")  # as a site does unless it says otherwise
MAIN = {  # series: why it stands for its study; None: held back, so never a main scan
    "ct_head_small_93": None,
    "mr_t1_siemens7t_384": "only scan of its kind",
    "mr_t1sag_siemens_hfs_35": "only scan of its kind",
    "mr_t1sag_siemens_hfp_35": "only scan of its kind",
}
FEWEST_RIGHT = 0.95  # of the diagnostic volumes and projections, films included


@dataclass(frozen=True)
class Row:
    what: str
    reading: str
    diagnostic: str
    shape: str
    right: str
    end: str
    why: str

    @property
    def is_right(self) -> bool:
        return self.right in self.end.split()


with TABLE.open() as file:
    ROWS = [Row(**row) for row in csv.DictReader(file)]
READ = [row for row in ROWS if row.diagnostic == "yes" and row.shape in ("volume", "projection")]


def ends(folder: Path) -> tuple[dict[str, str], Grouping]:
    found, members = {}, []
    for entry in list_files(folder):
        try:
            members.append(Member(entry.path, entry.path, read_header(folder / entry.path)))
        except Refusal as refusal:
            found[entry.path] = refusal.code
    digest = lambda member: decoded_digest(folder / member.path, member.header)  # noqa: E731
    grouping = group(members, decoded=digest, repair=REPAIR)
    found |= {ending.file: ending.code for ending in grouping.endings}
    found |= {member.file: stack.kind.key for stack in grouping.stacks for member in stack.members}
    return found, grouping


def by_row(found: dict[str, str], root: str) -> dict[str, str]:
    """Return row -> what its files ended as; a file that no row is of stands for itself."""
    folders = [row.what for row in ROWS if row.what.endswith("/")]
    told: dict[str, set[str]] = {}
    for path, end in found.items():
        of = [folder for folder in folders if f"{root}{path}".startswith(folder)]
        told.setdefault(of[0] if of else f"{root}{path}", set()).add(end)
    return {what: " ".join(sorted(some)) for what, some in told.items()}


def candidate(stack: Stack) -> MainCandidate:
    row = asdict(stack.passport) | {"key": stack.digest, "kind": stack.kind.key}
    return MainCandidate.from_row(row | {"series": stack.members[0].header.identity.series_uid})


def test_every_odd_file_ends_as_the_table_says(shared_data: Path) -> None:
    found, _ = ends(shared_data / "dicom_odd")
    assert by_row(found, "dicom_odd/") == {row.what: row.end for row in ROWS if row.what.startswith("dicom_odd/")}


@pytest.mark.parametrize("row", [row for row in ROWS if row.what.startswith("dicom_series/")], ids=lambda row: row.what)
def test_every_real_series_ends_as_the_table_says(unpack: Callable[[str], Path], row: Row) -> None:
    found, _ = ends(unpack(row.what.split("/")[1]))
    assert by_row(found, row.what) == {row.what: row.end}


def test_the_table_has_every_real_series(shared_data: Path) -> None:
    names = {path.name.split(".")[0] for path in (shared_data / "dicom_series").iterdir()}
    assert {row.what.split("/")[1] for row in ROWS if row.what.startswith("dicom_series/")} == names


@pytest.mark.parametrize("row", [row for row in ROWS if "/" in row.end], ids=lambda row: row.what)
def test_no_kind_is_wrong_and_what_is_not_told_is_unknown(row: Row) -> None:
    (kind,) = (end for end in row.end.split() if "/" in end)
    if not row.right:
        assert "unknown" in kind.split("/")
        return
    for told, right in zip(kind.split("/"), row.right.split("/"), strict=True):
        assert told in (right, "unknown")


def test_whatever_ends_otherwise_than_a_person_says_has_its_reason() -> None:
    assert [row.what for row in ROWS if not row.is_right and row.right and not row.why] == []
    assert {row.what for row in READ if not row.is_right} == {"dicom_series/ct_head_small_93/"}  # 12 of 13 are right
    pictures = [row for row in ROWS if row.shape == "picture" and "/" in row.end]
    assert (sum(row.is_right for row in pictures), len(pictures)) == (4, 8)


@pytest.mark.parametrize("name", MAIN)
def test_a_real_series_stands_for_its_study_or_is_held_back(unpack: Callable[[str], Path], name: str) -> None:
    (stack,) = ends(unpack(name))[1].stacks
    assert stack.kind.known == (MAIN[name] is not None)
    if rule := MAIN[name]:
        assert main_scan([candidate(stack)]) == (stack.digest, rule)


def test_two_views_of_one_study_and_kind_have_one_main_scan(shared_data: Path) -> None:
    _, grouping = ends(shared_data / "dicom_odd" / "dicomdir_fileset")
    oblique = [stack for stack in grouping.stacks if stack.kind.key == "xr/cspine/2d/oblique"]
    key, rule = main_scan([candidate(stack) for stack in oblique])
    by_uid = min(oblique, key=lambda stack: stack.members[0].header.identity.series_uid)
    assert len(oblique) == 2 and (key, rule) == (by_uid.digest, "UID")


def test_every_chest_x_ray_has_the_view_of_its_label(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    labels = shared_data / "retrieval_cxr" / "labels.csv"
    subprocess.run([sys.executable, str(shared_data / "dicomise.py"), str(labels), str(tmp_path)], check=True)
    with labels.open() as file:
        views = [row["view"] for row in csv.DictReader(file)]
    _, grouping = ends(tmp_path)
    assert (len(grouping.stacks), grouping.endings) == (175, [])
    assert {stack.kind.key.rpartition("/")[0] for stack in grouping.stacks} == {"xr/chest/2d"}
    kinds = [stack.kind.key.rpartition("/")[2] for stack in grouping.stacks]
    assert kinds.count("lateral") == views.count("L") > 0
    assert kinds.count("frontal") == sum(view in ("PA", "AP", "AP Supine") for view in views)
    n_right = kinds.count("lateral") + kinds.count("frontal") + sum(row.is_right for row in READ)  # 187 of 188
    assert n_right >= FEWEST_RIGHT * (len(views) + len(READ))
    studies: dict[tuple[str, str], list[Stack]] = {}
    for stack in grouping.stacks:
        studies.setdefault((stack.members[0].header.identity.study_uid, stack.kind.key), []).append(stack)
    for some in studies.values():  # films of one study and view: nothing but UID and key tells which stands for it
        rules = {"only scan of its kind"} if len(some) == 1 else {"UID", "key"}
        assert main_scan([candidate(stack) for stack in some])[1] in rules
