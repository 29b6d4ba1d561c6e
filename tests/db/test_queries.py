from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from db.backlog import work_left, work_left_by_stage
from db.embeddings import Vectors, embedding_count, embeddings_of, kinds_of, scans_to_embed
from db.encoders import encoder_row, set_active_encoder
from db.files import FileCount, file_counts, files_by_code
from db.lease import begin_stage, end_stage
from db.lists import ineligible_current, kinds_to_match, lanes_of_scan, scans_matched_with
from db.matches import mark_matched, replace_lane, save_lane_outcomes
from db.nights import last_begin, last_key_id, last_nights, last_stage_counts, last_success, night_row, stages_of
from db.scans import (
    eligible_scans,
    find_scans,
    save_main,
    save_patients,
    scan_counts,
    scan_states,
    scans_of_studies,
    scans_without_files,
    studies_without_main,
    withdraw_scans,
)

KIND = "ct/chest/3d"


def put(archive: Any, connection: Any, scan: str, *priors: str, lane: str = "others", code: str = "ok") -> None:
    matches = [
        {"prior": prior, "rank": rank, "code": "prior", "distance": rank / 10, "kind": KIND}
        for rank, prior in enumerate(priors, 1)
    ]
    replace_lane(connection, encoder="e", scan=scan, lane=lane, matches=matches, night=archive.night)
    row = {"scan": scan, "encoder": "e", "lane": lane, "code": code, "gallery_patients": 4,
           "n_matches": len(priors), "rules": "r", "night": archive.night, "reach": None}  # fmt: skip
    save_lane_outcomes(connection, [row])


def test_scans_are_found_by_the_beginning_of_their_key(archive) -> None:
    with archive.db.write() as connection:
        for key in ("ab1", "ab2", "ac1", "a%x"):
            archive.scan(connection, key)
        for prefix, found in (("ab", ["ab1", "ab2"]), ("ac1", ["ac1"]), ("a%", ["a%x"]), ("b", []), ("", 4)):
            rows = [row.key for row in find_scans(connection, prefix)]
            assert rows == found or len(rows) == found


def test_a_withdrawn_or_held_back_scan_is_not_of_its_study(archive) -> None:
    with archive.db.write() as connection:
        archive.scan(connection, "a", study="s")
        archive.scan(connection, "b", study="s", state="held_back")
        archive.scan(connection, "c", study="s")
        withdraw_scans(connection, ["c"], archive.night)
        assert [row.key for row in scans_of_studies(connection, ["s", "none"])] == ["a"]
        assert scan_states(connection, ["series-b", "series-c"]) == {
            "b": ("held_back", KIND, "s"), "c": ("withdrawn", KIND, "s")
        }  # fmt: skip
        assert scan_counts(connection, archive.night) == {"new": 1, "held_back": 1, "withdrawn": 1}
        assert scan_counts(connection, 99) == {"new": 0, "held_back": 0, "withdrawn": 0}


def test_a_scan_without_files_is_found_until_it_is_withdrawn(archive) -> None:
    with archive.db.write() as connection:
        for key in "abc":
            archive.scan(connection, key)
        archive.file(connection, "1", scan="a")
        archive.file(connection, "2", scan="a")
        assert scans_without_files(connection) == ["b", "c"]
        withdraw_scans(connection, ["b"], archive.night)
        assert scans_without_files(connection) == ["c"]


@pytest.mark.parametrize(
    ("mains", "waits"),
    [([True, False], False), ([None, True], True), ([False, False], True), ([True, True], True)],
)
def test_a_study_waits_until_each_kind_has_one_main_scan(archive, mains: list[bool | None], waits: bool) -> None:
    with archive.db.write() as connection:
        for key, is_main in zip("ab", mains, strict=True):
            archive.scan(connection, key, study="s", is_main=is_main)
        archive.scan(connection, "c", study="s", kind="other", is_main=True)
        archive.scan(connection, "d", study="t", state="held_back", is_main=None)
        assert studies_without_main(connection) == (["s"] if waits else [])


def test_files_are_counted_by_outcome_and_by_night(archive, new_night: Callable[[], int]) -> None:
    night = new_night()
    with archive.db.write() as connection:
        archive.file(connection, "a")
        archive.file(connection, "b", outcome="quarantined", code="truncated", changed_night=night)
        archive.file(connection, "c", outcome="quarantined", code="truncated")
        assert file_counts(connection) == {"used": 1, "quarantined": 2}
        assert file_counts(connection, changed_since=1) == {"quarantined": 1}
        assert files_by_code(connection, outcome="quarantined") == [
            FileCount(outcome="quarantined", code="truncated", n_files=2, newest_night=night)
        ]


def test_scans_wait_for_a_vector_newest_first(archive) -> None:
    with archive.db.write() as connection:
        archive.encoder(connection)
        for key, year in (("a", 2020), ("b", 2024), ("c", 2022)):
            archive.scan(connection, key, acquired_from=datetime(year, 1, 1, tzinfo=UTC))
        archive.scan(connection, "d", acquired_from=None, acquired_until=None)
        archive.scan(connection, "e", state="held_back")
        archive.scan(connection, "f", cover="2d")
        archive.scan(connection, "g", is_main=False, acquired_from=None, acquired_until=None)
        archive.scan(connection, "h", tensor=None)
        archive.embedding(connection, "b")
        assert scans_to_embed(connection, "e", "3d") == ["c", "a", "d", "g"]
        assert embedding_count(connection, archive.night) == 1


def test_vectors_come_with_what_the_search_filters_by(scans) -> None:
    with scans.db.write() as connection:
        save_patients(connection, [{"key": "pa", "split": 0.5, "sex": "F", "own_lane": False, "first_night": 1}])
        mark_matched(connection, "e", ["b"], scans.night)
        save_main(connection, [{"key": "c", "is_main": False, "main_rule": "r", "code": "alternate-reconstruction"}])
        withdraw_scans(connection, ["d"], scans.night)
        scans.scan(connection, "f", patient="pf", kind="other")
        columns = embeddings_of(connection, "e", KIND)
        empty = embeddings_of(connection, "e", "none")
    assert list(columns.scans) == ["a", "b", "e"]
    assert list(columns.patients) == ["pa", "pb", "pe"]
    assert list(columns.studies) == ["study-a", "study-b", "study-e"]
    assert list(columns.own_lanes) == [False, True, True]
    assert list(columns.matched_nights) == [None, scans.night, None]
    assert list(columns.vectors) == [bytes(8)] * 3
    assert columns.acquired_from[0] == columns.acquired_until[0] == datetime(2026, 1, 1, tzinfo=UTC)
    assert empty == Vectors((), (), (), (), (), (), (), ())


def test_vectors_of_any_kind_are_those_of_one_modality(scans) -> None:
    with scans.db.write() as connection:
        for key, kind, main in (("a", "ct/head/3d", True), ("b", "mr/head/3d/t1", True), ("c", "ct/head/3d", False)):
            scans.scan(connection, key, patient=f"p{key}", kind=kind, is_main=main)
        withdraw_scans(connection, ["d"], scans.night)
        save_main(connection, [{"key": "c", "is_main": False, "main_rule": "r", "code": "alternate-reconstruction"}])
        of_ct, of_unknown, of_mr = (
            embeddings_of(connection, "e", kind, any_kind=True)
            for kind in (KIND, "ct/unknown/3d", "mr/unknown/3d/unknown")
        )
    assert list(of_ct.scans) == list(of_unknown.scans) == ["a", "e", "f"]
    assert list(of_mr.scans) == ["b"]


def test_examples_are_main_scans_with_an_input(scans) -> None:
    with scans.db.write() as connection:
        scans.scan(connection, "a", patient="pa", tensor=None)
        scans.scan(connection, "b", patient="pb", is_main=False)
        rows = eligible_scans(connection, "3d")
    assert [row.key for row in rows] == ["c", "d", "e", "f"]
    assert rows[0].split == 0.5


def change_main(archive: Any, connection: Any) -> None:
    save_main(connection, [{"key": "a", "is_main": False, "main_rule": "", "code": "used"}])


def change_state(archive: Any, connection: Any) -> None:
    withdraw_scans(connection, ["a"], archive.night)


def change_kind(archive: Any, connection: Any) -> None:
    archive.scan(connection, "a", patient="pa", kind="other")


@pytest.mark.parametrize("change", [change_main, change_state, change_kind])
def test_a_scan_that_may_no_longer_be_listed_is_found_on_either_side(scans, change: Callable[..., None]) -> None:
    with scans.db.write() as connection:
        put(scans, connection, "f", "a", "b")
        put(scans, connection, "a", "c")
        assert ineligible_current(connection, "e", KIND) == []
        change(scans, connection)
        assert ineligible_current(connection, "e", KIND) == ["a"]
        assert scans_matched_with(connection, "e", ["a"]) == ["f"]
        put(scans, connection, "f", "b")
        put(scans, connection, "a")
        assert ineligible_current(connection, "e", KIND) == []


def test_a_scan_that_was_matched_without_a_match_is_found_too(scans) -> None:
    with scans.db.write() as connection:
        mark_matched(connection, "e", ["a", "b"], scans.night)
        change_main(scans, connection)
        assert ineligible_current(connection, "e", KIND) == ["a"]


def test_a_kind_is_matched_when_something_about_it_changed(scans) -> None:
    def waiting(rules: str = "r") -> list[str]:
        return kinds_to_match(connection, "e", rules)

    with scans.db.write() as connection:
        assert kinds_of(connection, "e") == waiting() == [KIND]
        put(scans, connection, "f", "a")
        mark_matched(connection, "e", "abcdef", scans.night)
        assert waiting() == []
        assert waiting("other rules") == [KIND]
        change_main(scans, connection)
        assert waiting() == [KIND]
        put(scans, connection, "f")
        assert waiting() == [KIND]
        mark_matched(connection, "e", "a", None)  # not a main scan any more: it waits for nothing
        assert waiting() == []
        mark_matched(connection, "e", "b", None)
        assert waiting() == [KIND]


def test_a_scans_lists_come_with_what_is_shown_of_the_priors(scans) -> None:
    with scans.db.write() as connection:
        put(scans, connection, "f", "b", "a")
        put(scans, connection, "f", lane="own", code="no-prior")
        own, others = lanes_of_scan(connection, "f")
        assert lanes_of_scan(connection, "a") == []
        set_active_encoder(connection, cover="3d", purpose="view", encoder=None, reason="")
        assert lanes_of_scan(connection, "f") == []
    assert (own.lane, own.code, own.matches) == ("own", "no-prior", [])
    assert (others.purpose, others.provisional, others.gallery_patients) == ("view", True, 4)
    assert [(row.prior, row.rank, row.patient) for row in others.matches] == [
        ("b", 1, "pb"),
        ("a", 2, "pa"),
    ]


def test_the_last_success_and_its_stages_are_known(archive, new_night: Callable[[], int]) -> None:
    night = new_night()
    with archive.db.write() as connection:
        for number, counts in ((1, {"rules": "x"}), (night, {"rules": "y"})):
            begin_stage(connection, number, "ingest")
            end_stage(connection, number, "ingest", state="done", seconds=1, counts=counts)
        begin_stage(connection, night, "embed")
        assert last_success(connection) == night
        assert last_stage_counts(connection, "ingest") == {"rules": "y"}
        assert last_stage_counts(connection, "ingest", night=1) == {"rules": "x"}
        assert last_stage_counts(connection, "embed") == {}
        assert [row.name for row in stages_of(connection, night)] == ["ingest", "embed"]
        assert [row.id for row in last_nights(connection, last=1)] == [night]
        assert last_begin(connection) == night_row(connection, night).begun_at


def test_what_is_not_there_is_said_by_name(archive) -> None:
    with archive.db.read() as connection:
        with pytest.raises(LookupError, match="no encoder nobody"):
            encoder_row(connection, "nobody")
        with pytest.raises(LookupError, match="no night 9"):
            night_row(connection, 9)
        assert last_key_id(connection) is None


def test_the_backlog_counts_every_kind_of_waiting_work(scans) -> None:
    from db import identity

    row = {"size_bytes": 1, "mtime_ns": 1, "inode": 1, "code": "", "why": "", "sop_uid": "", "study": "",
           "series_uid": "", "file_sha256": "", "pixel_sha256": "", "header": "",
           "grouped": False}  # fmt: skip
    with scans.db.write() as connection:
        files = [row | {"key": "1", "path": "1", "state": "listed", "series": ""},
                 row | {"key": "2", "path": "2", "state": "read", "series": "s"}]  # fmt: skip
        identity.save_files(connection, files)
        scans.scan(connection, "g")
        mark_matched(connection, "e", "abcd", scans.night)
        assert work_left_by_stage(connection) == {"files": 1, "series": 1, "embed": 1, "match": 2}
        assert work_left(connection) == 5
