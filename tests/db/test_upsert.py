import math
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from db.base import table_of
from db.engine import Database
from db.tables import IdentityFile, IdentityPatient, Label, Scan, Stage
from db.upsert import change, chunks, plain_rows, upsert

PERSON = {"key": "a", "patient_id": "1", "issuer": "", "name": "n", "birth_date": ""}


def people(db: Database) -> dict[str, str]:
    with db.read() as connection:
        return dict(connection.execute(select(IdentityPatient.key, IdentityPatient.name)).tuples().all())


def test_writing_twice_changes_nothing(db: Database) -> None:
    rows = [PERSON, PERSON | {"key": "b"}]
    with db.write() as connection:
        assert upsert(connection, IdentityPatient, rows) == 2
        assert upsert(connection, IdentityPatient, rows) == 0


def test_only_rows_that_differ_are_written(db: Database) -> None:
    rows = [PERSON, PERSON | {"key": "b"}]
    with db.write() as connection:
        upsert(connection, IdentityPatient, rows)
        assert upsert(connection, IdentityPatient, [PERSON | {"name": "new"}, *rows[1:]]) == 1
    assert people(db) == {"a": "new", "b": "n"}


def test_of_rows_with_one_key_the_last_counts(db: Database) -> None:
    with db.write() as connection:
        assert upsert(connection, IdentityPatient, [PERSON, PERSON | {"name": "last"}]) == 1
    assert people(db) == {"a": "last"}


@pytest.mark.parametrize(
    ("options", "kept"),
    [({"update": ()}, "n"), ({"once": ["name"]}, "n"), ({"update": ["issuer"]}, "n"), ({}, "new")],
)
def test_columns_that_stay_are_left_alone(db: Database, options: dict[str, Any], kept: str) -> None:
    with db.write() as connection:
        upsert(connection, IdentityPatient, [PERSON])
        upsert(connection, IdentityPatient, [PERSON | {"name": "new", "issuer": "i"}], **options)
    assert people(db) == {"a": kept}


def test_a_stamp_is_written_with_a_change_and_is_none_itself(db: Database) -> None:
    with db.write() as connection:
        upsert(connection, IdentityPatient, [PERSON], stamp=["name"])
        assert upsert(connection, IdentityPatient, [PERSON | {"name": "later"}], stamp=["name"]) == 0
        assert upsert(connection, IdentityPatient, [PERSON | {"name": "later", "issuer": "i"}], stamp=["name"]) == 1
    assert people(db) == {"a": "later"}


def test_nothing_to_write_is_fine(db: Database) -> None:
    with db.write() as connection:
        assert upsert(connection, IdentityPatient, []) == change(connection, IdentityPatient, []) == 0


def test_a_change_touches_only_rows_that_are_there_and_differ(db: Database) -> None:
    with db.write() as connection:
        upsert(connection, IdentityPatient, [PERSON, PERSON | {"key": "b"}])
        rows = [{"key": "a", "name": "n"}, {"key": "b", "name": "new"}, {"key": "c", "name": "nobody"}]
        assert change(connection, IdentityPatient, rows) == 1
    assert people(db) == {"a": "n", "b": "new"}


def test_a_change_to_and_from_nothing_counts(db: Database, archive) -> None:
    with db.write() as connection:
        archive.scan(connection, "s")
        for value, n_changed in ((None, 1), (None, 0), ("F", 1)):
            assert change(connection, Scan, [{"key": "s", "sex": value}]) == n_changed


def test_numpy_scalars_become_plain_and_come_back(db: Database, archive) -> None:
    values = {
        "n_slices": np.int64(7),
        "coverage_mm": np.float32(2.5),
        "is_main": np.True_,
        "kind": np.str_("k"),
    }
    with db.write() as connection:
        archive.scan(connection, "s", **values)
        row = connection.execute(select(Scan).where(Scan.n_slices == 7)).one()
    assert (row.n_slices, row.coverage_mm, row.is_main, row.kind) == (7, 2.5, True, "k")


class Word(StrEnum):
    used = "used"


@pytest.mark.parametrize(
    ("column", "given_value", "plain"),
    [
        ("kind", Word.used, "used"),
        ("kind", "a\x00b", "a\ufffdb"),
        ("kind", "a\ud800b", "a\ufffdb"),
        ("kind", "Ærø 心 🩻", "Ærø 心 🩻"),
        ("coverage_mm", math.nan, None),
        ("coverage_mm", 3, 3),
        ("padding", 2**64 - 1, -1),
        ("padding", -(2**63), -(2**63)),
        ("acquired_local_date", date(2026, 1, 2), date(2026, 1, 2)),
    ],
)
def test_a_value_becomes_plain(column: str, given_value: object, plain: object) -> None:
    (row,) = plain_rows(table_of(Scan), [{column: given_value}])
    assert row[column] == plain
    assert type(row[column]) is type(plain)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("n_slices", "12"), ("n_slices", True), ("n_slices", 1.0), ("n_slices", np.array([1])), ("kind", 3),
        ("kind", b"ct"), ("is_main", 1), ("coverage_mm", "3.5"), ("acquired_from", "2026-01-01"),
        ("acquired_from", date(2026, 1, 1)), ("acquired_local_date", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused_by_name(column: str, value: object) -> None:
    with pytest.raises(TypeError, match=rf"scan\.{column} takes .*, not {type(value).__name__}"):
        plain_rows(table_of(Scan), [{column: value}])


def test_rows_must_have_the_same_columns_and_only_the_tables() -> None:
    with pytest.raises(KeyError, match="name"):
        plain_rows(table_of(IdentityPatient), [PERSON, {"key": "b"}])
    with pytest.raises(KeyError, match="has no column nmae"):
        plain_rows(table_of(IdentityPatient), [{"nmae": "x"}])


def test_the_rows_given_are_not_touched() -> None:
    row = {"kind": "a\x00"}
    plain_rows(table_of(Scan), [row])
    assert row == {"kind": "a\x00"}


@given(st.text())
def test_any_text_can_be_kept(text: str) -> None:
    (row,) = plain_rows(table_of(Label), [{"finding": text}])
    kept = row["finding"]
    assert kept.encode("utf-8").find(b"\x00") == -1
    assert kept == text or "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text)


def test_odd_text_is_kept_alike_on_both_databases(db: Database) -> None:
    odd = PERSON | {"name": "M\x00ller^\ud83d\x1b[2J\u202e", "patient_id": "';--%s"}
    with db.write() as connection:
        upsert(connection, IdentityPatient, [odd])
        assert upsert(connection, IdentityPatient, [odd]) == 0
    assert people(db) == {"a": "M\ufffdller^\ufffd\x1b[2J\u202e"}


def test_two_part_keys_are_told_apart(db: Database, archive) -> None:
    begun_at = datetime(2026, 1, 1, tzinfo=UTC)
    row = {"night": archive.night, "name": "ingest", "state": "done", "begun_at": begun_at, "seconds": None}
    row["counts"] = ""
    with db.write() as connection:
        assert upsert(connection, Stage, [row, row | {"name": "embed"}]) == 2
        assert change(connection, Stage, [{"night": archive.night, "name": "embed", "seconds": 1.5}]) == 1
        found = connection.execute(select(Stage.name, Stage.seconds).order_by(Stage.name)).all()
    assert found == [("embed", 1.5), ("ingest", None)]


def test_many_keys_come_in_short_lists_each_once() -> None:
    keys = [f"{number:04}" for number in range(1201)]
    lists = list(chunks(reversed(keys + keys)))
    assert [len(some) for some in lists] == [500, 500, 201]
    assert [key for some in lists for key in some] == keys


def test_more_rows_than_a_statement_has_variables(db: Database) -> None:
    rows = [PERSON | {"key": f"{number:06}"} for number in range(7_000)]
    with db.write() as connection:
        assert upsert(connection, IdentityPatient, rows) == 7_000
    assert len(people(db)) == 7_000


def test_times_of_change_beyond_the_century_are_kept(db: Database) -> None:
    row = {
        "key": "f", "path": "p", "size_bytes": 1, "mtime_ns": 15_000_000_000 * 10**9, "inode": 2**64 - 2,
        "state": "listed", "code": "", "why": "", "sop_uid": "", "series": "", "study": "", "series_uid": "",
        "file_sha256": "", "pixel_sha256": "", "header": "", "grouped": False,
    }  # fmt: skip
    with db.write() as connection:
        upsert(connection, IdentityFile, [row])
        kept = connection.execute(select(IdentityFile.mtime_ns, IdentityFile.inode)).one()
    assert tuple(kept) == (15_000_000_000 * 10**9 - 2**64, -2)
