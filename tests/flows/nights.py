"""Nights without Prefect, and what they left behind, for the tests of the promises."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from db.base import table_of
from db.evaluations import EVALUATION
from db.tables import Embedding, File, LaneOutcome, Match, Scan
from flows.night.conductor import conduct
from flows.night.summary import Summary
from flows.site.opened import Site

_NUMBERS = count()


class Killed(BaseException):
    """The process is gone: nothing it would still do happens."""


def run(site: Site, *only: str) -> Summary:
    """Run one night without Prefect."""
    return conduct(site, only=only) if only else conduct(site)


@contextmanager
def killed_at_commit(site: Site, number: int, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> Iterator[None]:
    """Let the process die at its commit of this number, before or after it; later commits do not happen either.

    The lease stays held, by an owner who is dead, as after kill -9.
    """
    owner = f"test:dead:{next(_NUMBERS)}:0"
    monkeypatch.setattr("flows.work.lease.this_owner", lambda: owner)
    monkeypatch.setattr("flows.work.lease.is_dead", lambda name: name.startswith("test:dead"))
    seen = 0

    def die(connection: Connection) -> None:
        nonlocal seen
        seen += 1
        if seen > number or (seen == number and not after):
            raise Killed

    def die_at_begin(connection: Connection) -> None:
        if seen >= number:
            raise Killed

    event.listen(site.db.engine, "commit", die)
    event.listen(site.db.engine, "begin", die_at_begin)
    try:
        yield
    finally:
        event.remove(site.db.engine, "commit", die)
        event.remove(site.db.engine, "begin", die_at_begin)


def tables(site: Site) -> dict[str, Any]:
    """What promise 3 speaks of: everything current, without ids and nights."""
    match, lane, scan, file, vector = (table_of(model) for model in (Match, LaneOutcome, Scan, File, Embedding))
    present = select(scan.c.key).where(scan.c.state != "withdrawn")
    with site.db.read() as connection:
        return {
            "matches": _rows(connection, select(match).where(match.c.left_night.is_(None)),
                             "scan", "prior", "encoder", "lane", "kind", "rank", "code", "distance", "chance_code",
                             "chance_share", "chance_basis", "change_code", "change_percentile", "change_scanner"),
            "lanes": _rows(connection, select(lane), "scan", "encoder", "lane", "code", "gallery_patients", "n_matches",
                           "reach", "rules", "alarm"),
            "scans": _rows(connection, select(scan).where(scan.c.state != "withdrawn"),
                           "key", "study", "patient", "kind", "state", "code", "is_main", "acquired_from"),
            "files": _rows(connection, select(file).where(file.c.outcome != "gone"),
                           "key", "outcome", "code", "why", "scan"),
            "vectors": _rows(connection, select(vector).where(vector.c.scan.in_(present)), "scan", "encoder", "vector"),
        }  # fmt: skip


def _rows(connection: Connection, statement: Any, *columns: str) -> list[tuple[Any, ...]]:
    rows = connection.execute(statement).mappings()
    return sorted((tuple(row[name] for name in columns) for row in rows), key=repr)


def evaluations(site: Site) -> list[dict[str, Any]]:
    """Return every reading of test that was recorded, whole rows."""
    with site.db.read() as connection:
        return [dict(row) for row in connection.execute(select(EVALUATION).order_by(EVALUATION.c.id)).mappings()]


def write_pairs(write_dicom: Callable[..., Any], home: Path, *, n_patients: int, letter: str) -> Path:
    """Write X-rays of some people at two visits a year apart."""
    for number in range(n_patients):
        for visit in (1, 2):
            study = f"1.2.{ord(letter)}.{number}.{visit}"
            write_dicom(
                home / f"{number}-{visit}.dcm", patient=f"{letter}{number}", study=study, series=f"{study}.1",
                instance=f"{study}.1.1", date=f"20{10 + visit}01{number % 28 + 1:02}", time="101500",
            )  # fmt: skip
    return home
