import json

import pytest
from nights import run
from sqlalchemy import update

from db.drift import WatchedLists, WatchedNight, WatchedScanner
from db.tables import STAGE
from flows.answers.status import Alarm
from flows.night.drift import is_more, jumps, shifted
from flows.site.opened import open_site


def lists(n, mean, *, unmatched=0, spread=0.1):
    """Figures of n scans whose nearest are at a mean distance."""
    return WatchedLists(n, unmatched, nearest=n, total=n * mean, squares=n * (mean**2 + spread**2))


def night(**values):
    usual = {"files": 100, "refused": 1, "lists": {"enc ct/chest/3d": lists(50, 0.4)}, "scanners": {}}
    return WatchedNight(**usual | values)


def test_nights_like_the_others_raise_no_alarm():
    assert jumps(night(), [night()] * 5) == []


def test_the_first_nights_are_held_against_nothing():
    assert jumps(night(refused=90), []) == []


@pytest.mark.parametrize(
    ("changed", "code", "facts"),
    [
        ({"refused": 30}, "refusals-jumped", "30 of 100 (30%), usually 1%"),
        ({"lists": {"enc ct/chest/3d": lists(50, 0.4, unmatched=20)}}, "unmatched-jumped",
         "ct/chest/3d: 20 of 50 (40%), usually 0%"),
        ({"lists": {"enc ct/chest/3d": lists(50, 0.6)}}, "distances-jumped",
         "ct/chest/3d: mean of the nearest 0.6000, usually 0.4000"),
        ({"lists": {"enc ct/chest/3d": lists(50, 0.2)}}, "distances-jumped",
         "ct/chest/3d: mean of the nearest 0.2000, usually 0.4000"),
    ],
)  # fmt: skip
def test_what_jumps_is_named_with_its_figures(changed, code, facts):
    assert jumps(night(**changed), [night()] * 5) == [Alarm(code, facts)]


def test_a_share_is_held_against_its_standard_error():
    # 20 of 100 against 10 of 100: pooled 0.15, error 0.0505, 1.98 standard errors
    assert not is_more((20, 100), (10, 100))
    # 40 of 100 against 10 of 100: pooled 0.25, error 0.0612, 4.9 standard errors
    assert is_more((40, 100), (10, 100))
    assert not is_more((10, 10), (0, 1000))


def test_a_sure_but_small_drift_wakes_nobody():
    assert shifted(lists(10_000, 0.42), lists(100_000, 0.40)) is None


def test_another_encoder_is_held_against_nothing():
    assert jumps(night(lists={"other ct/chest/3d": lists(50, 0.9)}), [night()] * 5) == []


def test_a_scanner_that_a_kind_never_came_from_is_named_in_summary_status_and_report(make_site, write_dicom):
    from flows.operator.status import standing

    site = make_site()

    def deliver(patients, model):
        for p in patients:
            names = f"1.2.{p}.1"
            write_dicom(site.archive / f"{p}", patient=f"P{p}", study=names, series=f"{names}.1", time="101500",
                        instance=f"{names}.1.1", date="20200101", ManufacturerModelName=model)  # fmt: skip

    deliver(range(100, 106), "One")
    assert run(site).watch == []
    deliver(range(200, 206), "Two")
    found = run(site)
    assert [row["code"] for row in found.watch] == ["new-scanner"]
    assert found.watch[0]["facts"].endswith("6 scans of Maker Two")
    assert [alarm.to_json() for alarm in standing(open_site(site.config)).watch] == found.watch
    (page,) = site.store.glob(f"reports/night-{found.night:05d}.html")
    assert "6 scans of Maker Two" in page.read_text()
    assert run(site).watch == []


def brought(studies, compared, scanner="CT Maker One"):
    """A night in which a share of a scanner's images could be compared."""
    return night(scanners={scanner: WatchedScanner(studies, round(1000 * studies * (1 - compared)))})


def test_a_scanner_whose_images_can_no_longer_be_compared_is_named():
    # 12 of 24 studies lost against 5 of 100: pooled 17/124, error 0.0782, 5.8 standard errors
    assert jumps(brought(24, 0.5), [brought(20, 0.95)] * 5) == [
        Alarm("coverage-fell", "CT Maker One: 50% of the images of 24 studies, usually 95%")
    ]


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (brought(24, 0.95), [brought(20, 0.95)] * 5),  # as ever
        (brought(24, 1.0), [brought(20, 0.5)] * 5),  # better
        (brought(3, 0.0), [brought(4, 1.0)] * 4),  # nineteen studies in all
        (brought(24, 0.0), []),  # the first night
        (brought(24, 0.0), [brought(24, 1.0, "MR Maker One")] * 5),  # another scanner
        (brought(24, 0.85), [brought(20, 0.95)] * 5),  # 3.6 lost against 5 of 100: 1.7 standard errors
        (night(), [brought(20, 0.95)] * 5),  # it brought nothing
    ],
)
def test_a_scanner_with_few_studies_or_a_steady_share_raises_no_alarm(now, before):
    assert jumps(now, before) == []


def test_a_scanner_of_few_studies_a_night_is_watched_over_several_nights():
    nights = [brought(5, 0.0), *[brought(5, 0.0)] * 3, *[brought(5, 1.0)] * 10]
    (alarm,) = jumps(nights[0], nights[1:])
    assert alarm.facts == "CT Maker One: 0% of the images of 20 studies, usually 100%"
    assert jumps(brought(5, 1.0), nights[1:]) == []  # mended: what was lost before is old news


def test_nights_of_an_older_version_tell_nothing_of_scanners(make_site):
    from db.drift import watched_before
    from db.nights import last_stage_counts

    site = make_site()
    run(site)
    with site.db.read() as connection:
        assert last_stage_counts(connection, "match")["watch"]["scanners"] == {}
    kept = {"watch": {"files": 3, "refused": 0, "lists": {}}}
    with site.db.write() as connection:
        connection.execute(update(STAGE).where(STAGE.c.name == "match").values(counts=json.dumps(kept)))
        (before,) = watched_before(connection, 9, last=20)
    assert before == WatchedNight(3, 0, {}, {})


def test_a_scanner_that_begins_to_send_single_slices_is_named_by_the_night_that_sees_it(make_site, write_dicom):
    site = make_site()

    def deliver(first, n_slices):
        for p in range(first, first + 20):
            for z in range(n_slices):
                names = f"1.2.{p}.1"
                place = {"study": names, "series": f"{names}.1", "instance": f"{names}.1.{z + 1}"}
                write_dicom(site.archive / f"{p}-{z}", patient=f"P{p}", date="20200101", modality="CT", **place,
                            ImagePositionPatient=[0, 0, 5.0 * z])  # fmt: skip

    deliver(100, 4)
    assert run(site).watch == []
    deliver(200, 4)
    assert run(site).watch == []
    deliver(300, 1)
    found = run(site)
    assert [row["facts"] for row in found.watch if row["code"] == "coverage-fell"] == [
        "CT Maker One: 0% of the images of 20 studies, usually 100%"
    ]
