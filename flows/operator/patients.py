"""Patient ids that cannot be trusted, and the hospital's corrections: ids merged into another, or taken apart again."""

import csv
from pathlib import Path
from typing import Literal, Self, TextIO

from pydantic import model_validator

from db import forgetting, persons
from db.persons import Id, PersonRow
from flows.answers import corrections
from flows.answers.corrections import Conflict, Merged, PatientId, Unmerged
from flows.operator.alike import merges_to_ask_for
from flows.records.csv_line import CsvLine, RefusedLine
from flows.records.persons import contested_persons, doubt, is_placeholder, patients_of, resolved
from flows.site.errors import WrongUsage
from flows.site.opened import Site
from siamese.pairs import split_of

Verb = Literal["merge", "unmerge"]


class MergeLine(CsvLine):
    """A line of a CSV of merges: an id, and the one that its patient has now."""

    from_id: str = ""
    from_issuer: str = ""
    to_id: str = ""
    to_issuer: str = ""

    @model_validator(mode="after")
    def _names_two(self) -> Self:
        if not self.from_id or not self.to_id:
            raise RefusedLine("from_id or to_id is empty")
        if self.who == self.to:
            raise RefusedLine("both sides are the same id")
        return self

    @property
    def who(self) -> Id:
        """The id that is corrected."""
        return self.from_id, self.from_issuer

    @property
    def to(self) -> Id:
        """The id that counts."""
        return self.to_id, self.to_issuer


COLUMNS = tuple(MergeLine.model_fields)


def correct(site: Site, path: Path, verb: Verb) -> Merged | Unmerged:
    """Read a CSV of merges, or of merges to take back; lines that cannot be used are listed by number.

    Keys and lanes follow at the next night.

    Raises:
        WrongUsage: The file is no CSV with the columns from_id, from_issuer, to_id, to_issuer.
    """
    with site.db.read() as connection:
        before, rows = persons.merges(connection), persons.present_persons(connection)
        contested = contested_persons(site, connection, rows)
    now, refused = dict(before), list[corrections.RefusedLine]()
    with _opened(path) as file:
        reader = csv.DictReader(file)
        if tuple(str(name).strip() for name in reader.fieldnames or []) != COLUMNS:
            raise WrongUsage(f"columns found: {', '.join(reader.fieldnames or []) or 'none'}; wanted "
                             f"{', '.join(COLUMNS)}")  # fmt: skip
        for line in reader:
            try:
                pair = MergeLine.read(line)
                _merge(site, now, pair.who, pair.to) if verb == "merge" else _unmerge(now, pair.who, pair.to)
            except RefusedLine as error:
                refused.append(corrections.RefusedLine(reader.line_num, str(error)))
    changed = {who for who in before.keys() | now.keys() if before.get(who) != now.get(who)}
    was, will = (patients_of(site, rows, merges, contested) for merges in (before, now))
    moved = {key for key in will if was[key] != will[key]}
    with site.db.write() as connection:
        persons.save_merges(connection, [(who, now[who]) for who in changed if who in now])
        persons.delete_merges(connection, [who for who in changed if who not in now])
        persons.request_regroup_persons(connection, moved)
    n_crossing, encoders = _straddling(site, {(was[key], will[key]) for key in moved if was[key] and will[key]})
    return (Merged if verb == "merge" else Unmerged)(len(changed), len(moved), refused, n_crossing, encoders)


def conflicts(site: Site) -> list[Conflict]:
    """Return the ids that are not trusted, with the reason, and those that may be another spelling of one.

    Each study of an id that is not trusted counts for itself. An id that is written like another one is another
    patient, until somebody merges the two: `merge_into` says into which.
    """
    with site.db.read() as connection:
        rows = persons.present_persons(connection)
        n_files, merges = persons.n_files(connection), persons.merges(connection)
        contested = contested_persons(site, connection, rows)
    by_id: dict[Id, list[PersonRow]] = {}
    for row in rows:
        by_id.setdefault((row.patient_id, row.issuer), []).append(row)
    why = {
        who: "a placeholder" if is_placeholder(site, who[0]) else doubt(some, contested) for who, some in by_id.items()
    }
    files = {who: sum(n_files[row.key] for row in some) for who, some in by_id.items()}
    trusted = {who: some for who, some in by_id.items() if not why[who]}
    alike = {a: b for a, b in merges_to_ask_for(trusted, files).items() if resolved(a, merges) != resolved(b, merges)}
    return [
        Conflict(
            *who,
            why=why[who] or "written like another id",
            persons=len(by_id[who]),
            files=files[who],
            trusted=who in alike,
            merge_into=PatientId(*alike[who]) if who in alike else None,
        )
        for who in sorted(by_id)
        if why[who] or who in alike
    ]


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", errors="replace", newline="")
    except OSError as error:
        raise WrongUsage(f"cannot read {path}: {error.strerror}; name a CSV of patient ids") from error


def _merge(site: Site, merges: dict[Id, Id], who: Id, to: Id) -> None:
    if is_placeholder(site, who[0]) or is_placeholder(site, to[0]):
        raise RefusedLine("a placeholder stands for nobody; nothing can be merged with it")
    if merges.get(who, to) != to:
        raise RefusedLine("from_id is merged into another id already; unmerge that first")
    if resolved(to, merges) == who:
        raise RefusedLine("to_id is merged into from_id already; that would be a circle")
    with site.db.read() as connection:
        tombstones = forgetting.tombstones(connection)
    if not tombstones.isdisjoint({key for some in (who, to) for key in site.keys.tombstones(*some, "")}):
        raise RefusedLine("one of the two was forgotten")
    merges[who] = to


def _unmerge(merges: dict[Id, Id], who: Id, to: Id) -> None:
    if merges.get(who) != to:
        raise RefusedLine("there is no such merge")
    del merges[who]


def _straddling(site: Site, moves: set[tuple[str, str]]) -> tuple[int, list[str]]:
    """Say how many people go to another split, and which encoders learned from them on the other side."""
    with site.db.read() as connection:
        numbers = persons.splits(connection, {key for pair in moves for key in pair})
        crossing = sorted(
            old
            for old, new in moves
            if old in numbers and split_of(numbers[old]) != split_of(numbers.get(new, site.keys.split_number(new)))
        )
        encoders = sorted({e for patient in crossing for e in forgetting.trained_on(connection, patient)})
    return len(crossing), encoders
