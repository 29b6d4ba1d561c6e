from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import select

from db import identity
from db.files import FileEnding, files_with_outcome
from db.identity import patients_by_id
from db.lease import begin_night, begin_stage
from db.lists import nearest_entered
from db.matches import replace_lane
from db.nights import first_begun_at, last_success_at, running_night, running_stage
from db.scans import ScanFacts, scan_facts
from db.tables import Match, Night
from db.verdicts import save_verdict, wrong_patient_verdicts


def put(archive, connection, scan: str, *priors: str, night: int, lane: str = "others", encoder: str = "e") -> None:
    matches = [
        {"prior": prior, "rank": rank, "code": "prior", "distance": rank * ord(scan) / 1000, "kind": "k"}
        for rank, prior in enumerate(priors, 1)
    ]
    replace_lane(connection, encoder=encoder, scan=scan, lane=lane, matches=matches, night=night)


def test_files_are_listed_with_their_paths_by_outcome_or_code(archive) -> None:
    blank = dict.fromkeys(("why", "sop_uid", "series", "study", "series_uid", "file_sha256", "pixel_sha256"), "")
    numbers = {"size_bytes": 1, "mtime_ns": 1, "inode": 1}
    with archive.db.write() as connection:
        archive.scan(connection, "s")
        archive.file(connection, "1", scan="s")
        archive.file(connection, "2", outcome="quarantined", code="truncated", why="short")
        rows = [
            blank | numbers | {"key": key, "path": path, "state": "read", "code": "", "header": "", "grouped": True}
            for key, path in (("1", "b"), ("2", "a"))
        ]
        identity.save_files(connection, rows)
        bad = FileEnding(path="a", outcome="quarantined", code="truncated", why="short", scan=None)
        used = FileEnding(path="b", outcome="used", code="used", why="", scan="s")
        for wanted, found in (
            (None, [bad, used]),
            ("quarantined", [bad]),
            ("truncated", [bad]),
            ("gone", []),
        ):
            assert files_with_outcome(connection, wanted) == found
        assert files_with_outcome(connection, None, most=1) == [bad]
        assert files_with_outcome(connection, None, after="a", most=1) == [used]
        assert files_with_outcome(connection, None, after="b") == []


def test_an_id_that_two_issuers_gave_is_two_patients(db) -> None:
    person = {"key": "a", "patient_id": "7", "issuer": "", "name": "", "birth_date": ""}
    rows = [person, person | {"key": "b", "issuer": "ward"}, person | {"key": "c", "patient_id": ""}]
    with db.write() as connection:
        identity.save_patients(connection, rows)
        found = patients_by_id(connection)
    assert {number: sorted(keys) for number, keys in found.items()} == {"7": ["a", "b"]}


def test_matches_of_an_encoder_that_has_earned_its_place_come_before_nearer_ones(scans, new_night) -> None:
    night = new_night()
    with scans.db.write() as connection:
        scans.encoder(connection, "earned", cover="2d", provisional=False)
        for key in "abf":
            scans.embedding(connection, key, "earned")
        put(scans, connection, "e", "a", night=night)
        put(scans, connection, "f", "b", "a", night=night, encoder="earned")
        rows = nearest_entered(connection, night, 5)
    assert [(row.scan, row.provisional) for row in rows] == [("f", False), ("e", True)]


def test_the_nearest_new_matches_come_first_one_a_scan(scans, new_night: Callable[[], int]) -> None:
    night = new_night()
    with scans.db.write() as connection:
        put(scans, connection, "a", "b", night=1)
        put(scans, connection, "f", "a", "b", night=night)
        put(scans, connection, "e", "a", night=night)
        put(scans, connection, "d", "a", night=night, lane="own")
        rows = nearest_entered(connection, night, 5)
        assert [(row.scan, row.prior) for row in rows] == [("e", "a"), ("f", "a")]
        assert len(nearest_entered(connection, night, 1)) == 1
        assert scan_facts(connection, ["a", "none"]) == {
            "a": ScanFacts(
                key="a",
                patient="pa",
                study="study-a",
                kind="ct/chest/3d",
                contrast=None,
                acquired_local_date=None,
                date_doubts="",
                manufacturer=None,
                model=None,
            )
        }


def test_what_runs_now_and_what_went_well_is_told_apart(archive) -> None:
    def told() -> tuple[int | None, str | None]:
        with archive.db.read() as connection:
            return running_night(connection), running_stage(connection)

    assert told() == (None, None)
    night = begin_night(
        archive.db,
        owner="o",
        ttl_s=60,
        settings_digest="",
        version="",
        key_id="",
        is_dead=lambda owner: False,
    ).night
    with archive.db.write() as connection:
        begin_stage(connection, night, "embed")
        first, *_ = connection.execute(select(Night.begun_at, Night.ended_at).order_by(Night.id))
        assert first_begun_at(connection) == first.begun_at
        assert last_success_at(connection) == first.ended_at
    assert told() == (2, "embed")


def test_a_time_that_never_was_is_none(db) -> None:
    with db.read() as connection:
        assert first_begun_at(connection) is last_success_at(connection) is None


def test_a_wrong_patient_asks_the_operator(scans) -> None:
    with scans.db.write() as connection:
        put(scans, connection, "f", "a", night=1)
        number = int(connection.scalar(select(Match.id)))
        save_verdict(connection, match=number, verdict="unsure", by="A")
        save_verdict(connection, match=number, verdict="wrong-patient", by="B")
        (row,) = wrong_patient_verdicts(connection)
    assert (row.match, row.scan, row.prior, row.by) == (number, "f", "a", "B")
    assert abs((row.at - datetime.now(UTC)).total_seconds()) < 60
