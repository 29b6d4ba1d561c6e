"""Coverage of whole nights: shares add up, and follow what comes, what is named and who is forgotten."""

import json

import pytest
from nights import run
from sqlalchemy import select

from db.coverage import ALL
from db.tables import FILE, SERIES
from flows.answers.coverage import Coverage, Gain, Reason
from flows.night.summary import Summary
from flows.operator.forget import forget_patient, found_patient
from flows.operator.kinds import coverage_with_lines
from flows.operator.status import standing
from flows.records.coverage import coverage
from flows.records.gain import gains
from flows.site.opened import open_site
from flows.site.settings import ScansSettings
from scans.codes import APART
from scans.outcome import OUTCOMES


def adds_up(found: Coverage, n_seen: int) -> None:
    """Every file is counted once: in a list, with its reason, or apart."""
    for part in (found.total, *found.modalities):
        for what in ("files", "studies", "files_this_night", "studies_this_night"):
            covered = getattr(part, what)
            assert covered.in_lists + sum(getattr(reason, what) for reason in part.reasons) == covered.total
        assert part.files_this_night.total <= part.files.total
        assert part.files_this_night.in_lists <= part.files.in_lists
        assert part.studies_this_night.total <= part.studies.total
    assert sum(part.files.total for part in found.modalities) == found.total.files.total
    assert found.total.files.total + sum(found.apart.values()) == n_seen


def counted_anew(site, since):
    with site.db.read() as connection:
        return coverage(connection, site.settings.scans, since=since)


def names(uid):
    return {"study": uid, "series": f"{uid}.1", "instance": f"{uid}.1.1"}


@pytest.fixture
def mixed(hospital, make_site, write_dicom, db_url):
    """Scans, two of one unknown kind, a slice alone, a file that cannot be read, and what is no image."""
    site = make_site(url=db_url)
    hospital.deliver(site.archive)
    for number in (1, 2):
        write_dicom(site.archive / f"odd{number}", patient="P7", date="20200601", **names(f"1.2.9.{number}"),
                    BodyPartExamined="XYZ", StudyDescription="")  # fmt: skip
    write_dicom(site.archive / "slice", patient="P8", date="20200601", modality="CT", **names("1.2.9.3"),
                ImagePositionPatient=[0, 0, 0])  # fmt: skip
    (site.archive / "broken").write_bytes(bytes(128) + b"DICM" + b"\0" * 9)
    return site


def test_a_site_without_a_file_has_no_share(make_site):
    site = make_site()
    found = run(site).coverage
    assert found == Coverage(found.total, modalities=[], apart={}, gains=[], basis=found.basis)
    assert (found.total.modality, found.total.files.total, found.total.files.share) == (ALL, 0, None)
    assert found.sentence == "No image file is there yet." and found.total.files.percent == "-"


def test_files_in_lists_with_those_of_each_reason_are_all_image_files(mixed, write_dicom):
    first = run(mixed)
    adds_up(first.coverage, first.files["seen"])
    assert first.coverage.total.files == first.coverage.total.files_this_night
    reasons = {reason.code: reason for reason in first.coverage.total.reasons}
    assert (reasons["kind-unknown"].files, reasons["kind-unknown"].studies) == (2, 2)
    assert (reasons["single-slice"].files, reasons["single-slice"].studies) == (1, 1)
    assert {part.modality for part in first.coverage.modalities} == {"DX", "CT", "unknown"}
    write_dicom(mixed.archive / "late", patient="P9", date="20200602", **names("1.2.9.4"))
    second = run(mixed)
    adds_up(second.coverage, second.files["seen"])
    tonight = second.coverage.total.files_this_night
    assert (tonight.total, tonight.in_lists, second.coverage.total.studies_this_night.total) == (1, 1, 1)
    assert second.coverage.total.files.in_lists == first.coverage.total.files.in_lists + 1
    nothing = run(mixed)
    assert nothing.coverage.total.files_this_night.total == 0
    assert nothing.coverage.total.files == second.coverage.total.files
    assert standing(open_site(mixed.config)).coverage == nothing.coverage == counted_anew(mixed, since=second.night)
    (page,) = mixed.store.glob(f"reports/night-{second.night:05d}.html")
    assert second.coverage.sentence in page.read_text() and "scantwin kinds --coverage" in page.read_text()


def test_a_summary_that_was_written_has_its_coverage_again(mixed):
    summary = run(mixed)
    assert Summary.from_json(summary.as_json()).coverage == summary.coverage
    old = json.loads(summary.as_json())
    del old["coverage"]
    assert Summary.from_json(json.dumps(old)).coverage is None


def test_the_line_of_the_largest_unknown_combination_is_named_with_its_gain(mixed):
    run(mixed)
    found = coverage_with_lines(mixed.config)
    assert [(gain.code, gain.files, gain.studies) for gain in found.gains] == [("kind-unknown", 2, 2)] * 2
    assert sorted(gain.act for gain in found.gains) == ['"BodyPartExamined=XYZ" = "PART"', "scantwin kinds"]
    # only the operator's door reads headers: what a night keeps holds no text of a header
    assert "XYZ" not in json.dumps(standing(open_site(mixed.config)).coverage.to_json())


def test_whoever_is_forgotten_is_not_counted_any_more(mixed, write_dicom):
    before = run(mixed).coverage
    with mixed.db.read() as connection:
        known = set(connection.scalars(select(SERIES.c.key)))
    forget_patient(open_site(mixed.config), found_patient(open_site(mixed.config), "P7", "HOSPITAL"))
    site = open_site(mixed.config)
    after = standing(site).coverage
    assert after.total.files.total == before.total.files.total - 2
    assert after.total.studies.total == before.total.studies.total - 2
    assert after.apart["forgotten"] == 2 and "kind-unknown" not in {reason.code for reason in after.total.reasons}
    with site.db.read() as connection:
        assert len(known - set(connection.scalars(select(SERIES.c.key)))) == 2
        assert set(connection.scalars(select(FILE.c.series).where(FILE.c.code == "forgotten"))) == {""}
    adds_up(after, standing(site).files.seen)


def test_an_archive_of_an_older_version_is_counted_by_modality_after_one_night(mixed):
    from sqlalchemy import delete, update

    from db.tables import STAGE

    before = run(mixed)
    with mixed.db.write() as connection:  # as revision 0022 leaves it: each file's series, and no row of these
        connection.execute(delete(SERIES))
        connection.execute(update(STAGE).where(STAGE.c.name == "ingest").values(counts='{"rules": "others"}'))
    again = run(mixed)
    assert again.files_this_night["seen"] == 0 and again.state == "nothing_new"
    assert again.coverage.modalities != [] and again.coverage.total.files == before.coverage.total.files
    assert [(m.modality, m.files) for m in again.coverage.modalities] == [
        (m.modality, m.files) for m in before.coverage.modalities
    ]  # fmt: skip


def test_a_night_of_nothing_new_takes_the_figures_of_the_night_before(mixed, monkeypatch):
    first = run(mixed).coverage
    monkeypatch.setattr("flows.records.coverage.code_tallies", None)
    assert run(mixed).coverage == first.unchanged()
    assert standing(open_site(mixed.config)).coverage == first.unchanged()
    changed = mixed.settings.scans.model_copy(update={"repair": ["tilt"]})
    with mixed.db.read() as connection, pytest.raises(TypeError):
        coverage(connection, changed, since=2, kept=first.unchanged())


def test_every_code_that_is_counted_apart_is_one_of_a_file():
    assert {OUTCOMES[code].subject for code in APART} == {"file"}
    assert "used" not in {OUTCOMES[code].state for code in APART}


def reason(code, files):
    return Reason(code, files, 0, 1, 0)


def test_the_greatest_gain_comes_first_and_what_the_site_cannot_mend_is_none():
    found = gains(
        [reason("truncated", 900), reason("tilted", 50), reason("kind-unknown", 70)], ScansSettings(repair=[])
    )
    assert [(gain.act, gain.files) for gain in found] == [("scantwin kinds", 70), ('repair = ["tilt"]', 50)]


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("tilted", 'repair = ["tilt", "uneven-spacing"]'), ("uneven-spacing", None),
        ("missing-slices", 'repair = ["missing-slices", "uneven-spacing"]'),
        ("mixed-patients", "scantwin patients merge CSV"), ("no-encoder", "scantwin train"),
        ("took-too-long", "guard_seconds = 3600"), ("too-much-memory", "guard_mib = 8192"), ("single-slice", None),
    ],
)  # fmt: skip
def test_a_gain_is_what_may_be_typed_with_the_settings_there_are(code, act):
    settings = ScansSettings(repair=["uneven-spacing"], guard_seconds=2000.0)
    found = gains([reason(code, 5)], settings)
    assert [gain.act for gain in found] == ([] if act is None else [act])


def test_decoders_are_asked_for_where_one_is_missing(monkeypatch):
    assert gains([reason("unsupported-syntax", 5)], ScansSettings()) == []
    monkeypatch.setattr("scans.decoder.find_spec", lambda name: None)
    (found,) = gains([reason("unsupported-syntax", 5)], ScansSettings())
    assert isinstance(found, Gain) and found.act == "pip install imagecodecs"
