"""Every file of the shared data against a table that was read line by line by a person."""

import csv
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from scans.archive import list_files
from scans.header import read_header
from scans.mainscan import MainCandidate, main_scan
from scans.outcome import Refusal
from scans.pixels import decoded_digest
from scans.stack import Grouping, Member, Stack, group

TABLE = Path(__file__).with_name("shared_table.csv")
MAIN = {  # series: kind, whether it stands for its study, why
    "ct_head_small_93": ("ct/unknown/3d", None),  # no tag names the part; held back, so never a main scan
    "mr_t1_siemens7t_384": ("mr/head/3d/t1", "only scan of its kind"),  # by a name of the Brain Imaging Data Structure
    "mr_t1sag_siemens_hfs_35": ("mr/head/3d/t1", "only scan of its kind"),
    "mr_t1sag_siemens_hfp_35": ("mr/head/3d/t1", "only scan of its kind"),
}


def ends(folder: Path) -> tuple[dict[str, str], Grouping]:
    found, members = {}, []
    for entry in list_files(folder):
        try:
            members.append(Member(entry.path, entry.path, read_header(folder / entry.path)))
        except Refusal as refusal:
            found[entry.path] = refusal.code
    grouping = group(members, decoded=lambda member: decoded_digest(folder / member.path, member.header))
    found |= {ending.file: ending.code for ending in grouping.endings}
    found |= {member.file: stack.kind.key for stack in grouping.stacks for member in stack.members}
    return found, grouping


def candidate(stack: Stack) -> MainCandidate:
    row = asdict(stack.passport) | {"key": stack.digest, "kind": stack.kind.key}
    return MainCandidate.from_row(row | {"series": stack.members[0].header.identity.series_uid})


def test_every_odd_file_ends_as_the_table_says(shared_data: Path) -> None:
    with TABLE.open() as file:
        table = {row["file"]: row["end"] for row in csv.DictReader(file)}
    found, _ = ends(shared_data / "dicom_odd")
    assert {path: (end, table.get(path)) for path, end in found.items() if end != table.get(path)} == {}
    assert set(table) == set(found)


@pytest.mark.parametrize("name", MAIN)
def test_a_real_series_has_its_kind_and_stands_for_its_study_or_not(unpack: Callable[[str], Path], name: str) -> None:
    kind, rule = MAIN[name]
    (stack,) = ends(unpack(name))[1].stacks
    assert (stack.kind.key, stack.kind.known) == (kind, rule is not None)
    if rule:
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
    kinds = [stack.kind.key.rpartition("/")[2] for stack in grouping.stacks]
    assert kinds.count("lateral") == views.count("L") > 0
    assert kinds.count("frontal") == sum(view in ("PA", "AP", "AP Supine") for view in views)
    studies: dict[tuple[str, str], list[Stack]] = {}
    for stack in grouping.stacks:
        studies.setdefault((stack.members[0].header.identity.study_uid, stack.kind.key), []).append(stack)
    for some in studies.values():  # films of one study and view: nothing but UID and key tells which stands for it
        rules = {"only scan of its kind"} if len(some) == 1 else {"UID", "key"}
        assert main_scan([candidate(stack) for stack in some])[1] in rules
