"""What the phantoms intend is what the reader of this room finds."""

import numpy as np
import pytest

from scans.header import read_header
from scans.outcome import Refusal
from scans.stack import Member, group
from scans.volume import read_volume


@pytest.fixture(scope="module")
def found(written):
    """All stacks by series UID, and the codes of the files that make none."""
    root = written.out / "archive"
    members, codes = [], []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = str(path.relative_to(root))
        try:
            members.append(Member(name, name, read_header(path)))
        except Refusal as refusal:
            codes.append(refusal.code)
    grouping = group(members)
    stacks = {stack.members[0].header.identity.series_uid: stack for stack in grouping.stacks}
    assert len(stacks) == len(grouping.stacks)
    return stacks, sorted(codes + [ending.code for ending in grouping.endings])


def test_every_series_is_one_stack_of_the_kind_intended(written, found) -> None:
    stacks, _ = found
    assert {uid: stack.kind.key for uid, stack in stacks.items()} == {
        row["series_uid"]: row["kind"] for row in written.rows
    }


def test_odd_files_end_as_what_they_are(found) -> None:
    _, codes = found
    assert codes == sorted(["localizer", "not-an-image", "dicomdir", "not-dicom", "duplicate"])


def test_volumes_have_the_geometry_and_brightness_of_the_truth(written, found) -> None:
    stacks, _ = found
    for row in written.rows:
        if row["modality"] == "DX":
            continue
        volume = read_volume(stacks[row["series_uid"]], written.out / "archive")
        wanted = [float(row[name]) for name in ("spacing_z_mm", "spacing_y_mm", "spacing_x_mm")]
        assert np.allclose(volume.spacing_mm, wanted, atol=1e-3)
        if row["modality"] == "CT":
            assert (volume.is_padding is not None) == bool(row["padding"])
            corners = volume.voxels[:, :3, :3].mean()  # air, or padding turned into air
            heart = np.percentile(volume.voxels, 90)
            assert abs(corners + 1000) < 30 and 0 < heart < 120
