"""Writes of the archive, the encoders and the vectors, each safe to repeat.

Every function takes a connection from `db.write(...)`; rows are dicts from column name to plain value.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select, update

from db.base import table_of
from db.engine import database_time
from db.match_tables import ALWAYS_FROM, ALWAYS_UNTIL
from db.tables import (
    Activation,
    Embedding,
    Encoder,
    File,
    FurtherScan,
    Label,
    Match,
    Night,
    Patient,
    Scan,
    Study,
    Verdict,
)
from db.upsert import Row, change, chunks, plain_rows, upsert

LABEL_KEY = ("subject", "subject_key", "finding", "kind", "valid_from", "valid_until", "source")
WITHDRAWN = "withdrawn"
BLANK_SCAN = {"is_main": None, "main_rule": "", "code": "used", "pictures": 0}  # what a row may leave out


def save_patients(connection: Connection, rows: Iterable[Row]) -> int:
    """Save patients; where one falls when patients are divided is drawn once and never again."""
    return upsert(connection, Patient, rows, once=("split", "first_night"))


def save_studies(connection: Connection, rows: Iterable[Row]) -> int:
    """Save studies."""
    return upsert(connection, Study, rows, once=("first_night",))


def delete_empty_studies(connection: Connection, keys: Iterable[str]) -> set[str]:
    """Delete those of some studies that hold no scan, and return the others."""
    study, left = table_of(Study), set[str]()
    for some in chunks(keys):
        held = select(Scan.key).where(Scan.study == study.c.key).exists()
        connection.execute(delete(study).where(study.c.key.in_(some), ~held))
        left.update(connection.scalars(select(study.c.key).where(study.c.key.in_(some))))
    return left


def save_scans(connection: Connection, rows: Iterable[Row]) -> int:
    """Save scans; a column that a row leaves out stays as it is, or unknown in a new row.

    One that was withdrawn and is back has `withdrawn_night` None in its row.
    """
    by_columns: dict[frozenset[str], list[Row]] = {}
    for row in rows:
        by_columns.setdefault(frozenset(row), []).append(row)
    n_saved = 0
    for given, some in by_columns.items():
        blank = {name: value for name, value in BLANK_SCAN.items() if name not in given}
        full = [{**row, **blank} for row in some]
        n_saved += upsert(connection, Scan, full, once=("first_night", *blank))
    return n_saved


def save_main(connection: Connection, rows: Iterable[Row]) -> int:
    """Save which scans stand for their study; rows hold key, is_main, main_rule and code."""
    return change(connection, Scan, rows)


def withdraw_scans(connection: Connection, scans: Iterable[str], night: int) -> int:
    """Withdraw scans whose files have changed or gone; those withdrawn before keep their night."""
    table = table_of(Scan)
    n_withdrawn = 0
    for keys in chunks(scans):
        statement = update(table).where(table.c.key.in_(keys), table.c.state != WITHDRAWN)
        withdrawn = {"state": WITHDRAWN, "code": WITHDRAWN, "is_main": False, "withdrawn_night": night}
        n_withdrawn += connection.execute(statement.values(withdrawn)).rowcount
    return n_withdrawn


def save_files(connection: Connection, rows: Iterable[Row]) -> int:
    """Save where files stand; `changed_night` is written only when that changed.

    Further scans of these files are forgotten: `save_further_scans` comes behind.
    """
    rows = list(rows)
    further = table_of(FurtherScan)
    for keys in chunks(str(row["key"]) for row in rows):
        connection.execute(delete(further).where(further.c.file.in_(keys)))
    return upsert(connection, File, rows, once=("first_night",), stamp=("changed_night",))


def save_further_scans(connection: Connection, rows: Iterable[Row]) -> int:
    """Save which scans, beside the one in `file.scan`, the frames of multi-frame files make; rows hold file, scan."""
    return upsert(connection, FurtherScan, rows, update=())


def save_encoder(connection: Connection, row: Row) -> int:
    """Save an encoder; one that is there keeps what was found out about it, but may have moved."""
    return upsert(connection, Encoder, [row], update=("folder", "manifest"))


def set_provisional(connection: Connection, encoder: str, provisional: bool) -> int:
    """Note whether an encoder has beaten the plain baselines on this archive."""
    return change(connection, Encoder, [{"id": encoder, "provisional": provisional}])


def activate(
    connection: Connection,
    *,
    cover: str,
    purpose: str,
    encoder: str | None,
    reason: str,
    night: int | None = None,
) -> bool:
    """Make an encoder the active one of its cover and purpose, or none; returns False if it is so already.

    Raises:
        ValueError: The encoder is unknown or was made for another cover or purpose.
    """
    if encoder is not None:
        made_for = connection.execute(select(Encoder.cover, Encoder.purpose).where(Encoder.id == encoder)).one_or_none()
        if made_for is None or tuple(made_for) != (cover, purpose):
            found = "unknown" if made_for is None else f"for {made_for.cover} {made_for.purpose}"
            raise ValueError(f"encoder {encoder} is {found}, not for {cover} {purpose}")
    mine = select(Activation.encoder).where(Activation.cover == cover, Activation.purpose == purpose)
    active = connection.execute(mine.order_by(Activation.id.desc()).limit(1)).one_or_none()
    if (None if active is None else active.encoder) == encoder:
        return False
    row = {
        "cover": cover, "purpose": purpose, "encoder": encoder, "night": night,
        "at": database_time(connection), "reason": reason,
    }  # fmt: skip
    connection.execute(insert(Activation), row)
    return True


def save_embeddings(connection: Connection, rows: Iterable[Row]) -> int:
    """Save vectors; one that is there stays, as it is the record its matches were made from."""
    fresh = [{"matched_night": None, **row} for row in rows]
    return upsert(connection, Embedding, fresh, update=())


def save_labels(connection: Connection, rows: Iterable[Row], *, night: int | None = None) -> int:
    """Save labels; a row may leave out all but subject, subject_key, finding, value and source. A newer import wins."""
    at = database_time(connection)
    full = [
        {
            "kind": "", "grade": None, "size_mm": None, "contrast_to_noise": None, "site": None, **row,
            "night": night, "at": at,
            "valid_from": row.get("valid_from") or ALWAYS_FROM,
            "valid_until": row.get("valid_until") or ALWAYS_UNTIL,
        }
        for row in rows
    ]  # fmt: skip
    return upsert(connection, Label, full, key=LABEL_KEY, stamp=("night", "at"))


def delete_labels(connection: Connection, source: str, *, keep: Iterable[Row]) -> int:
    """Delete the labels of a source, except those of the same subject, finding and kind as a row to keep."""
    named = ("subject", "subject_key", "finding", "kind")
    kept = {tuple(row[name] for name in named) for row in keep}
    mine = connection.execute(select(Label.id, *(getattr(Label, name) for name in named)).where(Label.source == source))
    gone = [number for number, *subject in mine if tuple(subject) not in kept]
    for number in gone:
        connection.execute(delete(Label).where(Label.id == number))
    return len(gone)


def save_verdict(connection: Connection, *, match: int, verdict: str, by: str, note: str = "") -> int:
    """Add a person's judgement on a match and return its id; said again at once, it is not added again.

    Raises:
        LookupError: There is no match of this id.
    """
    pair = connection.execute(select(Match.scan, Match.prior, Match.encoder).where(Match.id == match)).one_or_none()
    if pair is None:
        raise LookupError(f"there is no match {match}: ids stand in the view match_for_review")
    row = {
        "match": match, "scan": pair.scan, "prior": pair.prior, "encoder": pair.encoder, "verdict": verdict,
        "by": by, "note": note, "at": database_time(connection), "night": newest_night(connection),
    }  # fmt: skip
    return add_verdict(connection, row)


def add_verdict(connection: Connection, row: Row) -> int:
    """Add a row of verdict and return its id; what its reader said last of the pair is not added again."""
    (row,) = plain_rows(table_of(Verdict), [row])
    mine = select(Verdict).where(Verdict.scan == row["scan"], Verdict.prior == row["prior"], Verdict.by == row["by"])
    last = connection.execute(mine.order_by(Verdict.id.desc()).limit(1)).one_or_none()
    said = ("match", "verdict", "note")
    if last is not None and all(getattr(last, name) == row[name] for name in said):
        return int(last.id)
    added = connection.execute(insert(Verdict).values(row).returning(Verdict.id))
    return int(added.scalar_one())


def newest_night(connection: Connection) -> int | None:
    """Return the number of the newest night, None before the first."""
    return connection.scalar(select(Night.id).order_by(Night.id.desc()).limit(1))
