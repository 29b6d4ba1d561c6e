"""`match --verify`: every list once more, by a plain loop, beside what the tables hold."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from sqlalchemy import Connection

from db import calibrations
from db.embeddings import Vectors, embeddings_of, kinds_of
from db.encoders import EncoderRow, active_encoders
from db.lists import list_ends, listed_entries, listed_scans
from flows.answers.care import Verified
from flows.site.opened import Site
from flows.stages.match.plain_lists import Entry, PlainLists, Row

MOST_SHOWN = 20
SCANS_AT_ONCE = 512

Lists = dict[tuple[str, str], list[Entry]]
Ends = dict[tuple[str, str], tuple[str, int]]  # how a list ended: code, number of matches


def verify_matches(site: Site) -> Verified:
    """Compare every current list, and how it is said to have ended, with a plain loop's; shares no search.

    The differences hold the first of them in words. While scans wait to be matched (`waiting`), lists
    that these will enter differ, and rightly so.
    """
    n_lists, differences, waiting = 0, list[str](), 0
    with site.db.read() as connection:
        for encoder in active_encoders(connection):
            for kind in kinds_of(connection, encoder.id):
                found = embeddings_of(connection, encoder.id, kind)
                waiting += sum(night is None for night in found.matched_nights)
                n_lists += 2 * len(found.scans)
                differences += _differences(site, connection, encoder, kind, found)
    return Verified(n_lists, len(differences), differences[:MOST_SHOWN], waiting)


def _differences(site: Site, connection: Connection, encoder: EncoderRow, kind: str, found: Vectors) -> Iterator[str]:
    identifier, s = encoder.id, site.settings
    vectors = np.frombuffer(b"".join(found.vectors), "<f4").reshape(len(found.scans), encoder.dim)  # by itself here too
    columns = (found.scans, found.patients, found.studies, found.own_lanes, found.acquired_from, found.acquired_until)
    rows = [Row(*row) for row in zip(*columns, strict=True)]
    plain = PlainLists(rows, vectors, metric=encoder.metric, dates=s.scans.dates, k=s.siamese.k)
    known = calibrations.calibration_of(connection, identifier, kind)
    cutoff = None if known is None else known.cutoff
    answers = plain.others()
    while some := list(islice(answers, SCANS_AT_ONCE)):
        scans = [plain.rows[place].scan for place, _ in some]
        stored, ended = _stored(connection, identifier, kind, scans)
        for place, others in some:
            row = plain.rows[place]
            for lane, entries in (("own", plain.own(place)), ("others", others)):
                end = _code(site, row, lane, entries, cutoff), len(entries)
                if (stored.get((row.scan, lane), []), ended.get((row.scan, lane))) != (_in_order(entries), end):
                    yield f"{kind}, scan {row.scan[:8]}, lane {lane}"
    entitled = {row.scan for row in rows}
    for scan, lane in listed_scans(connection, identifier, kind):
        if scan not in entitled:
            yield f"{kind}, scan {scan[:8]}, lane {lane}: has no right to a list"


def _stored(connection: Connection, encoder: str, kind: str, scans: Sequence[str]) -> tuple[Lists, Ends]:
    lists: Lists = defaultdict(list)
    for scan, lane, rank, prior, distance in listed_entries(connection, encoder, kind, scans):
        lists[scan, lane].append((rank, prior, distance))
    ended = {(scan, lane): (code, n) for scan, lane, code, n in list_ends(connection, encoder, scans)}
    return {key: _in_order(entries) for key, entries in lists.items()}, ended


def _in_order(entries: Sequence[Entry]) -> list[Entry]:
    """By rank, those without one last, by prior."""
    return sorted(entries, key=lambda entry: (entry[0] is None, entry[0] or 0, entry[1]))


def _code(site: Site, row: Row, lane: str, entries: Sequence[Entry], cutoff: float | None) -> str:
    """How a list has to have ended."""
    if lane == "own" and not row.own_lane:
        return "no-own-lane"
    if site.settings.scans.dates == "true" and row.begins is None:
        return "date-unknown"
    if not entries:
        return "no-prior"
    if lane == "own":
        return "ok"
    if cutoff is not None and entries[0][2] > cutoff:
        return "no-similar-case"
    return "ok" if len(entries) == site.settings.siamese.k else "fewer-than-k"
