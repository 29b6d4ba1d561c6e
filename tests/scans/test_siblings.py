from collections.abc import Callable

import pytest

from scans.header import Header
from scans.siblings import exposure_of

Maker = Callable[..., Header]
MR = "1.2.840.10008.5.1.4.1.1.4"
DX = "1.2.840.10008.5.1.4.1.1.1.1"


def test_two_kernels_of_one_event_are_one_exposure(make_header: Maker) -> None:
    soft = make_header(irradiation_event_uid="1.9", kernel="Br40", acquisition_number=2)
    sharp = make_header(index=5, irradiation_event_uid="1.9", kernel="Br64", acquisition_number=3)
    other = make_header(irradiation_event_uid="1.8")
    assert exposure_of([soft]) == exposure_of([sharp]) != exposure_of([other])


def test_without_event_frame_and_number_tell(make_header: Maker) -> None:
    tags = {"frame_of_reference_uid": "1.7", "acquisition_number": 2}
    thick, thin = make_header(**tags), make_header(index=9, slice_thickness_mm=1.0, **tags)
    assert exposure_of([thick]) == exposure_of([thin])
    for other in ({"acquisition_number": 3}, {"frame_of_reference_uid": "1.6"}, {"identity": {"study_uid": "1.1"}}):
        assert exposure_of([make_header(**(tags | other))]) != exposure_of([thick])


def test_reconstructions_of_a_ct_that_begin_at_other_slices_are_one_exposure(make_header: Maker) -> None:
    tags = {"frame_of_reference_uid": "1.7", "acquisition_number": 2, "acquisition_date": "20240305"}
    whole, lungs = (make_header(acquisition_time=time, **tags) for time in ("101500.0", "101501.2"))
    assert exposure_of([whole]) == exposure_of([lungs]) != ""


def test_the_order_of_slices_does_not_matter(make_header: Maker) -> None:
    one, two = (make_header(index=n, frame_of_reference_uid="1.7", acquisition_number=n) for n in (1, 2))
    assert exposure_of([one, two]) == exposure_of([two, one])


def test_two_mr_sequences_that_both_count_from_one_are_two(make_header: Maker) -> None:
    tags = {
        "sop_class_uid": MR,
        "frame_of_reference_uid": "1.7",
        "acquisition_number": 1,
        "acquisition_date": "20240305",
    }
    first, second = (make_header(acquisition_time=time, **tags) for time in ("101500", "102000"))
    assert exposure_of([first]) != exposure_of([second])


@pytest.mark.parametrize(
    "tags",
    [{}, {"acquisition_number": 1}, {"frame_of_reference_uid": "1.7"},
     {"sop_class_uid": DX, "frame_of_reference_uid": "1.7", "acquisition_number": 1}],
)  # fmt: skip
def test_nothing_told_is_no_exposure(make_header: Maker, tags: dict[str, object]) -> None:
    assert exposure_of([make_header(**tags)]) == ""
