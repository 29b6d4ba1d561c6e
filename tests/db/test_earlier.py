"""The scans of a patient that came before one: whose, of which modality, and in which order."""

from datetime import UTC, datetime, timedelta

import pytest

from db.earlier import has_own_lane, own_scans, unknown_scans
from db.scans import find_scans, save_patients, withdraw_scans

UNKNOWN = "ct/unknown/3d"


def dated(year: int) -> dict[str, datetime]:
    at = datetime(year, 6, 1, tzinfo=UTC)
    return {"acquired_from": at, "acquired_until": at + timedelta(minutes=1)}


UNDATED = {"acquired_from": None, "acquired_until": None}
HELD = {"state": "held_back", "code": "kind-unknown", "is_main": None, "kind": UNKNOWN}


@pytest.fixture
def people(archive):
    """Patient p has scans of three years beside the one of 2022 that is asked about, patient q one of unknown kind."""
    with archive.db.write() as connection:
        archive.scan(connection, "asked", **HELD, **dated(2022))
        archive.scan(connection, "old", kind="ct/chest/3d", **dated(2020))
        archive.scan(connection, "older", **HELD, **dated(2019))
        archive.scan(connection, "undated", kind="ct/head/3d", **UNDATED)
        archive.scan(connection, "mr", kind="mr/head/3d/t1", **dated(2021))
        archive.scan(connection, "later", kind="ct/chest/3d", **dated(2023))
        archive.scan(connection, "beside", study="study-asked", **dated(2022))
        archive.scan(connection, "alternate", is_main=False, **dated(2020))
        archive.scan(connection, "gone", **dated(2020))
        withdraw_scans(connection, ["gone"], archive.night)
        archive.scan(connection, "other", patient="q", **HELD, **dated(2022))
    return archive


def asked(connection, key="asked"):
    return find_scans(connection, key)[0]


def test_own_scans_are_those_of_other_studies_that_are_not_later(people) -> None:
    with people.db.read() as connection:
        every = [row.key for row in own_scans(connection, asked(connection))]
        of_ct = [row.key for row in own_scans(connection, asked(connection), like=UNKNOWN)]
    assert every == ["mr", "old", "older", "undated"]
    assert of_ct == ["old", "older", "undated"]


def test_a_modality_is_the_whole_first_word_of_a_kind(people) -> None:
    with people.db.write() as connection:
        people.scan(connection, "near", kind="ctx/chest/3d", **dated(2020))
        assert "near" not in [row.key for row in own_scans(connection, asked(connection), like=UNKNOWN)]
        assert "near" in [row.key for row in own_scans(connection, asked(connection))]


def test_nothing_is_later_than_a_scan_without_a_date(people) -> None:
    with people.db.write() as connection:
        people.scan(connection, "asked", **HELD, **UNDATED)
        found = [row.key for row in own_scans(connection, asked(connection), like=UNKNOWN)]
    assert found == ["later", "old", "older", "undated"]


def test_an_id_that_is_not_trusted_has_no_own_scans(people) -> None:
    with people.db.write() as connection:
        assert has_own_lane(connection, "p") and not has_own_lane(connection, "nobody")
        save_patients(connection, [{"key": "p", "split": 0.5, "sex": "F", "own_lane": False, "first_night": 1}])
        assert not has_own_lane(connection, "p")
        assert own_scans(connection, asked(connection)) == []
        assert unknown_scans(connection, people.night, limit=9).n_in_all == 0


def test_unknown_scans_of_a_night_are_those_with_earlier_ones_of_their_modality(people) -> None:
    with people.db.write() as connection:
        people.scan(connection, "film", patient="p", **HELD | {"kind": "xr/unknown/2d/frontal"}, **dated(2024))
        found = unknown_scans(connection, people.night, limit=9)
        first = unknown_scans(connection, people.night, limit=1)
        before = unknown_scans(connection, people.night - 1, limit=9)
    # "older" has one without a date, which may be earlier; "other" nobody of q's; "film" none of its modality
    assert [row.key for row in found.scans] == ["asked", "older"] and found.n_in_all == 2
    assert [row.key for row in first.scans] == ["asked"] and first.n_in_all == 2
    assert (before.scans, before.n_in_all) == ([], 0)
