"""What the operator is shown of scans without a kind."""

from nights import run

from flows.operator.kinds import coverage_with_lines, unknown_kinds
from flows.site.opened import open_site


def test_contradicting_tags_are_said_and_no_line_is_proposed_that_other_scans_would_obey(make_site, write_dicom, call):
    site = make_site()
    told = {"sides": {"BodyPartExamined": "HAND", "ImageLaterality": "R", "Laterality": "L"},
            "parts": {"BodyPartExamined": "CHEST", "SeriesDescription": "KNEE AP"},
            "several": {"BodyPartExamined": "", "StudyDescription": "HEAD AND KNEE"}}  # fmt: skip
    for number, (name, tags) in enumerate(told.items(), 1):
        uid = f"1.2.7.{number}"
        write_dicom(site.archive / name, patient=f"P{number}", study=uid, series=f"{uid}.1", instance=f"{uid}.1.1",
                    date="20200601", **tags)  # fmt: skip
    run(site)
    rows = unknown_kinds(site.config).combinations
    assert {row.contradiction: row.add for row in rows} == {
        "ImageLaterality says right, Laterality says left": "",
        "BodyPartExamined says chest, SeriesDescription says knee": "",
        "StudyDescription names several parts": "",
    }
    assert [gain.act for gain in coverage_with_lines(site.config).gains if gain.code == "kind-unknown"] == [
        "scantwin kinds"
    ]
    _, shown, _ = call("kinds", "--config", site.config)
    assert "not believed: ImageLaterality says right, Laterality says left" in shown and "to name it" not in shown


def test_volumes_that_another_one_stands_for_lower_no_share(make_site, write_dicom):
    site = make_site()
    for number in range(18):  # six time points of three slices
        time, slice_ = divmod(number, 3)
        write_dicom(site.archive / str(number), patient="P1", study="1.2.7", series="1.2.7.1", modality="CT",
                    instance=f"1.2.7.1.{number + 1}", date="20200601", TemporalPositionIdentifier=time + 1,
                    ImagePositionPatient=[0, 0, 5.0 * slice_])  # fmt: skip
    run(site)
    found = coverage_with_lines(open_site(site.config).config)
    assert (found.total.files.in_lists, found.total.files.total, found.apart) == (3, 3, {"time-point": 15})
