"""What pixels may add to a kind: slots that no tag tells, never a side, never against a tag."""

import pytest

from scans.likeness import completed, likeness_of


@pytest.mark.parametrize(
    ("kind", "likeness"),
    [
        ("xr/knee/2d/frontal/left", "xr/knee/2d/frontal"),
        ("xr/chest/2d/frontal", "xr/chest/2d/frontal"),
        ("mg/breast/3d/mlo/right", "mg/breast/3d/mlo"),
        ("pt/knee/3d/fdg/suv", "pt/knee/3d/fdg/suv"),
        ("ct/knee/3d", "ct/knee/3d"),
    ],
)
def test_a_likeness_is_a_kind_without_its_side(kind: str, likeness: str) -> None:
    assert likeness_of(kind) == likeness


@pytest.mark.parametrize(
    ("kind", "likeness", "wanted"),
    [
        ("ct/unknown/3d", "ct/head/3d", "ct/head/3d"),
        ("mr/head/3d/unknown", "mr/head/3d/t1", "mr/head/3d/t1"),
        ("mr/head/3d/unknown", "mr/knee/3d/t1", ""),
        ("xr/chest/2d/unknown", "xr/chest/2d/frontal", "xr/chest/2d/frontal"),
        ("xr/knee/2d/unknown/left", "xr/knee/2d/frontal", "xr/knee/2d/frontal/left"),
        ("xr/knee/2d/frontal/unknown", "xr/knee/2d/frontal", ""),
        ("xr/knee/2d/unknown/left", "xr/chest/2d/frontal", ""),
        ("xr/unknown/2d/unknown", "xr/knee/2d/frontal", ""),
        ("ct/unknown/3d", "pt/head/3d/fdg/suv", ""),
    ],
)
def test_a_kind_is_completed_only_by_what_agrees_with_its_tags(kind: str, likeness: str, wanted: str) -> None:
    assert completed(kind, likeness) == wanted
