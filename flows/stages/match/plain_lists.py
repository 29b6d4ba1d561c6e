"""Both lanes of a scan by a plain loop over rows and vectors, for `match --verify`.

Nothing here is the search's: no block that proposes, no margin of float32, no reach, no gallery. Only the
definition of distance is common to both, as it is to everything.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from siamese.search.distance import Metric, distances

Entry = tuple[int | None, str, float]  # rank, prior, distance

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = np.iinfo(np.int64).max
QUERIES_AT_ONCE = 64  # with 100,000 scans: 50 MiB of products
SLACK = 1e-8  # in cosine: ten times what rounding to nine decimals moves


@dataclass(frozen=True, eq=False)
class Row:
    """One scan that lists may hold."""

    scan: str
    patient: str
    study: str
    own_lane: bool  # the patient id can be trusted
    begins: datetime | None
    ends: datetime | None


class PlainLists:
    """The scans of one kind with their vectors by one encoder, those of one patient side by side."""

    def __init__(
        self, rows: Sequence[Row], vectors: NDArray[np.float32], *, metric: Metric, dates: str, k: int
    ) -> None:
        """Take rows and vectors (N, D); `dates` and `k` as in the configuration."""
        order = sorted(range(len(rows)), key=lambda i: (rows[i].patient, rows[i].scan))
        self.rows = [rows[i] for i in order]
        self.vectors = vectors[order]
        self.metric, self.dates, self.k = metric, dates, k
        exact = self.vectors.astype(np.float64)
        self.directions = exact / np.linalg.norm(exact, axis=1, keepdims=True)
        self.of_patient: dict[str, list[int]] = {}
        for place, row in enumerate(self.rows):
            self.of_patient.setdefault(row.patient, []).append(place)
        self.starts = np.array([places[0] for places in self.of_patient.values()], np.int64)
        self.ends_us = np.array([NEVER if row.ends is None else _microseconds(row.ends) for row in self.rows], np.int64)

    def own(self, place: int) -> list[Entry]:
        """Return the own lane of a scan: other studies of the patient, latest first, those in doubt unranked."""
        asked = self.rows[place]
        if not asked.own_lane:
            return []
        listed = [i for i in self.of_patient[asked.patient] if self.rows[i].study != asked.study]
        listed = [i for i in listed if not self._is_later(self.rows[i], asked)]
        listed.sort(key=lambda i: self.rows[i].scan)
        listed.sort(key=lambda i: self._begins(self.rows[i]) or datetime.min.replace(tzinfo=UTC), reverse=True)
        entries: list[Entry] = []
        rank = 0
        for i, distance in zip(listed, self._distances(place, listed), strict=True):
            is_prior = self._is_over(self.rows[i], asked)
            rank += is_prior
            entries.append((rank if is_prior else None, self.rows[i].scan, distance))
        return entries

    def others(self) -> Iterator[tuple[int, list[Entry]]]:
        """Yield the place of each scan and its lane of other patients, nearest first."""
        for first in range(0, len(self.rows), QUERIES_AT_ONCE):
            some = range(first, min(first + QUERIES_AT_ONCE, len(self.rows)))
            cosines = 1.0 - self.directions[some.start : some.stop] @ self.directions.T  # (B, D) @ (D, N) -> (B, N)
            for place, cosine in zip(some, cosines, strict=True):
                yield place, self._nearest(place, cosine)

    def _nearest(self, place: int, cosine: NDArray[np.float64]) -> list[Entry]:
        asked = self.rows[place]
        own = self.of_patient[asked.patient]
        cosine[own[0] : own[-1] + 1] = np.inf
        if self.dates == "true":
            begins = self._begins(asked)
            if begins is None:
                return []
            cosine[self.ends_us > _microseconds(begins)] = np.inf
        nearest = np.minimum.reduceat(cosine, self.starts)  # of each patient
        k = min(self.k, len(nearest))
        edge = np.partition(nearest, k - 1)[k - 1] + SLACK
        near = np.flatnonzero((cosine <= edge) & np.isfinite(cosine)).tolist()
        best: dict[str, tuple[float, str]] = {}
        for i, distance in zip(near, self._distances(place, near), strict=True):
            found, patient = (distance, self.rows[i].scan), self.rows[i].patient
            best[patient] = min(best.get(patient, found), found)
        return [(rank, scan, distance) for rank, (distance, scan) in enumerate(sorted(best.values())[: self.k], 1)]

    def _distances(self, place: int, others: Sequence[int]) -> list[float]:
        if not others:
            return []
        found: list[float] = distances(self.vectors[place], self.vectors[list(others)], self.metric).tolist()
        return found

    def _begins(self, row: Row) -> datetime | None:
        return None if self.dates == "none" else row.begins

    def _is_over(self, row: Row, asked: Row) -> bool:
        """True when a scan is over before the asked one begins."""
        begins = self._begins(asked)
        return begins is not None and row.ends is not None and row.ends <= begins

    def _is_later(self, row: Row, asked: Row) -> bool:
        """True when a scan begins after the asked one is over."""
        begins = self._begins(row)
        return begins is not None and asked.ends is not None and begins >= asked.ends


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
