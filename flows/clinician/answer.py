"""The answer to a question for similar scans, made in one way of stored lists, of scans and of files from outside."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol

from sqlalchemy import Connection

from db.scans import scan_facts
from flows.answers.lanes import Change, Expectation, Lane, ListedScan, Similar, Uncompared

KINDS_MIXED = (
    "Kinds are mixed: encoders are made and judged for scans of one kind, and their evidence says nothing of these "
    "distances."
)
NOT_COMPARED = (
    "Not compared: the kind of this scan is unknown. --any-kind compares it with every kind of its modality, unjudged."
)


class Shown(Protocol):
    """A row that says what a list shows of an earlier scan."""

    @property
    def patient(self) -> str:
        """Key of its patient."""

    @property
    def kind(self) -> str:
        """What it may be compared with."""

    @property
    def acquired_local_date(self) -> date | None:
        """Its date, None where unknown."""

    @property
    def contrast(self) -> str | None:
        """As its header says."""


class Doubted(Protocol):
    """A row that says what speaks against a scan's date."""

    @property
    def date_doubts(self) -> str:
        """Codes, with commas between them."""


def answer_of(
    connection: Connection, *, scan: str, kind: str, contrast: str | None, code: str, doubts: Sequence[str],
    lanes: Sequence[Lane], any_kind: bool = False, uncompared: Uncompared | None = None,
) -> Similar:  # fmt: skip
    """Return the answer that lists make, with what speaks against the dates of the scans in them."""
    compared = list(dict.fromkeys(match.scan for lane in lanes for match in lane.matches))
    if uncompared is not None:
        uncompared = replace(uncompared, scans=[row for row in uncompared.scans if row.scan not in compared])
    listed = compared + ([] if uncompared is None else [row.scan for row in uncompared.scans])
    facts = scan_facts(connection, listed)
    theirs = {key: codes for key in listed if (codes := doubts_of(facts[key]))}
    note = KINDS_MIXED if any_kind else "" if uncompared is None else NOT_COMPARED
    return Similar(
        scan, kind, contrast or "unknown", code, list(doubts), theirs, lanes, any_kind=any_kind, note=note,
        uncompared=uncompared,
    )  # fmt: skip


def listed_scan(
    prior: Shown, *, scan: str, match: str | None, rank: int | None, distance: float, provisional: bool,
    expected_by_chance: Expectation, change: Change | None,
) -> ListedScan:  # fmt: skip
    """Return an earlier scan as a list shows it."""
    return ListedScan(
        match=match,
        rank=rank,
        scan=scan,
        patient=prior.patient,
        acquired=day(prior.acquired_local_date),
        distance=distance,
        contrast=prior.contrast or "unknown",
        expected_by_chance=expected_by_chance,
        change=change,
        provisional=provisional,
        kind=prior.kind,
    )


def day(when: date | None) -> str:
    """Return a date as the public JSON says it, empty where it is not known."""
    return when.isoformat() if when is not None else ""


def doubts_of(scan: Doubted) -> list[str]:
    """Return the codes of what speaks against a scan's date."""
    return scan.date_doubts.split(", ") if scan.date_doubts else []
