from typing import Any

from sqlalchemy import inspect, text

from db import identity
from db.base import IDENTITY, Base
from db.engine import Database
from db.rows import mapping_of


def file(key: str, series: str = "s", **values: Any) -> dict[str, Any]:
    row = {
        "key": key, "path": f"folder/{key}", "size_bytes": 10, "mtime_ns": 100, "inode": 1, "state": "read",
        "code": "", "why": "", "sop_uid": f"1.{key}", "series": series, "study": "t", "series_uid": "1.2",
        "file_sha256": "", "pixel_sha256": "", "header": "{}", "grouped": False,
    }  # fmt: skip
    return row | values


def save(db: Database, *rows: dict[str, Any]) -> None:
    with db.write() as connection:
        identity.save_files(connection, rows)


def test_known_files_are_all_but_the_gone_ones_by_the_bytes_of_their_paths(db: Database) -> None:
    odd = "Ælfrøð/50% it's\\x"
    names = ["a/b", "a.b", "B", "a-", "é", "\U0001f600", "\uffff"]
    save(db, file("c", state="gone"), *(file(name, path=name) for name in names))
    save(db, file("b", path=odd, size_bytes=2**40, mtime_ns=2**60, inode=7))
    with db.read() as connection:
        known = list(identity.known_files(connection))
        assert identity.n_known_files(connection) == len(known) == 8
    assert [row[0] for row in known] == sorted([*names, odd], key=str.encode)
    assert known[[row[0] for row in known].index(odd)][1:] == (2**40, 2**60, 7)


def test_listing_known_files_touches_no_headers(db: Database) -> None:
    save(db, *(file(str(n), header="x" * 3000) for n in range(200)))
    if db.is_sqlite:
        with db.read() as connection:
            listing = "SELECT path, size_bytes, mtime_ns, inode FROM identity.file WHERE state != 'gone' ORDER BY path"
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {listing}"))
            told = str(plan.all())
            assert "COVERING INDEX ix_file_listing" in told and "TEMP B-TREE" not in told


def test_keys_are_found_by_path(db: Database) -> None:
    save(db, file("a"), file("b"))
    with db.read() as connection:
        assert identity.keys_of_paths(connection, ["folder/b", "folder/none"]) == ["b"]


def test_work_that_waits_is_found_newest_first(db: Database) -> None:
    save(
        db, file("a", "old"), file("b", "new", mtime_ns=300), file("c", "old", mtime_ns=200),
        file("d", "done", grouped=True), file("e", "", state="listed"),
        file("f", "", state="listed", mtime_ns=101), file("g", "left", state="gone"),
        file("h", "", state="listed", grouped=True),
    )  # fmt: skip
    with db.read() as connection:
        assert identity.pending_series(connection) == ["new", "old"]
        assert identity.pending_files(connection, ["listed"]) == ["f", "e"]
        assert identity.pending_files(connection, ["gone", "refused"]) == ["g"]


def test_grouping_a_series_settles_its_readable_files(db: Database) -> None:
    save(db, file("a"), file("b", "other"), file("c", state="gone"))
    with db.write() as connection:
        assert identity.mark_series_grouped(connection, ["s"]) == 1
        assert identity.pending_series(connection) == ["other"]
        assert identity.pending_files(connection, ["gone"]) == ["c"]
        assert identity.mark_grouped(connection, ["c"]) == 1
        assert identity.pending_files(connection, ["gone"]) == []


def test_a_gone_file_is_marked_once(db: Database) -> None:
    save(db, file("a", grouped=True, code="not-dicom", why="text", state="refused"))
    with db.write() as connection:
        assert identity.mark_gone(connection, ["a", "nobody"]) == 1
        assert identity.mark_gone(connection, ["a"]) == 0
        (row,) = identity.file_rows(connection, ["a"])
    assert (row.state, row.code, row.why, row.grouped) == ("gone", "gone", "", False)


def test_members_are_the_readable_files_of_the_series(db: Database) -> None:
    save(db, file("b"), file("a"), file("c", state="gone"), file("d", "other"), file("e", state="refused"))
    with db.read() as connection:
        rows = identity.members_of_series(connection, ["s"])
    assert [row.key for row in rows] == ["a", "b"]
    assert set(mapping_of(rows[0])) == {"key", "path", "series", "part", "size_bytes", "mtime_ns", "sop_uid", "header"}


def test_one_uid_in_two_series_is_a_conflict_of_both(db: Database) -> None:
    save(
        db, file("a", sop_uid="1.9"), file("b", "other", sop_uid="1.9"), file("c"), file("d", sop_uid="1.8"),
        file("e", sop_uid="1.8"), file("f", "gone", sop_uid="1.c", state="gone"), file("g", sop_uid=""),
        file("h", "other", sop_uid=""),
    )  # fmt: skip
    with db.read() as connection:
        assert identity.conflicting_files(connection, ["s"]) == {"a": ["b"]}
        assert identity.conflicting_files(connection, ["s", "other"]) == {"a": ["b"], "b": ["a"]}


def grouped(db: Database) -> set[str]:
    with db.read() as connection:
        return {str(row[0]) for row in connection.execute(text("SELECT key FROM identity.file WHERE grouped"))}


def test_a_file_to_regroup_takes_its_series_along_and_those_that_share_its_uid(db: Database) -> None:
    done = {"grouped": True}
    save(
        db, file("a", **done), file("b", **done), file("c", "far", sop_uid="1.a", **done),
        file("d", "far", **done), file("e", "", state="refused", sop_uid="", **done),
        file("f", "", state="refused", sop_uid="", **done),
    )  # fmt: skip
    with db.write() as connection:
        identity.request_regroup(connection, ["a", "e"])
    assert grouped(db) == {"d", "e", "f"}  # series far is pending by c
    with db.write() as connection:
        assert identity.pending_series(connection) == ["far", "s"]
        assert identity.request_regroup_all(connection) == 1
    assert grouped(db) == {"e", "f"}


def test_studies_are_found_by_their_numbers(db: Database) -> None:
    person = {"key": "p", "patient_id": "1", "issuer": "", "name": "", "birth_date": ""}
    study = {"key": "s1", "patient": "p", "study_uid": "1.2", "accession_number": "A1"}
    with db.write() as connection:
        identity.save_patients(connection, [person])
        identity.save_studies(connection, [study, study | {"key": "s2", "study_uid": "1.3"}])
        assert identity.studies_by_uid(connection, "1.3") == ["s2"]
        assert identity.studies_by_accession(connection, "A1") == ["s1", "s2"]
        assert identity.studies_by_accession(connection, "") == []


def test_paths_are_found_by_key(db: Database) -> None:
    save(db, file("a"), file("b"))
    with db.read() as connection:
        assert identity.paths_of_files(connection, ["b"]) == {"b": "folder/b"}


def test_no_foreign_key_leaves_its_schema(db: Database) -> None:
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            assert key.column.table.schema == table.schema


def test_core_tables_have_no_column_for_identity(db: Database) -> None:
    telling = {"patient_id", "issuer", "name", "birth_date", "study_uid", "series_uid", "sop_uid", "path",
               "accession_number", "header"}  # fmt: skip
    with db.read() as connection:
        inspector = inspect(connection)
        found = {
            (table, column["name"]) for table in inspector.get_table_names() for column in inspector.get_columns(table)
        }
        assert {pair for pair in found if pair[1] in telling} == {("stage", "name"), ("lease", "name")}
        assert set(inspector.get_table_names(schema=IDENTITY)) == {
            "patient", "study", "file", "rejection", "person", "merge", "scan", "tombstone", "backup",
        }  # fmt: skip
