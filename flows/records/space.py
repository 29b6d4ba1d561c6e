"""Space: the vectors of one encoder and kind, with what the filters of the search need to know of each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from db.embeddings import embeddings_of
from db.encoders import encoder_row
from db.engine import utc_microseconds
from db.lists import LaneRow, lane_outcomes
from flows.site.opened import Site
from siamese.search.distance import Metric
from siamese.search.gallery import NEVER_US, UNKNOWN_US, Gallery, Order
from siamese.vector_bytes import stacked


@dataclass(frozen=True)
class Space:
    """One encoder's vectors of one kind, with what the filters need; index = row = the gallery's index."""

    encoder: str
    kind: str
    metric: Metric
    gallery: Gallery
    own_lane: np.ndarray  # (N,) bool: the patient id can be trusted
    joins: np.ndarray  # (N,) bool: not matched yet
    outcomes: Mapping[tuple[str, str], LaneRow]  # (scan, lane) -> row of lane_outcome
    patient_codes: Mapping[str, int]  # patient key -> the gallery's code
    study_codes: Mapping[str, int]


def read_space(
    site: Site,
    connection: Connection,
    encoder: str,
    kind: str,
    *,
    between: tuple[float, float] | None = None,
    any_kind: bool = False,
) -> Space:
    """Read the eligible vectors of one encoder and kind, earliest first, so that a search may skip what is too late.

    With `between` only those of patients whose number for divisions lies in [first, second); with `any_kind` those
    of every kind of its modality, for a search on request.
    """
    columns = embeddings_of(connection, encoder, kind, between=between, any_kind=any_kind)
    row = encoder_row(connection, encoder)
    is_dated = site.settings.scans.dates != "none"
    from_us = _microseconds(columns.acquired_from, is_dated)
    until_us = _microseconds(columns.acquired_until, is_dated)
    ends = np.where(until_us == UNKNOWN_US, NEVER_US, until_us).tolist()
    order = sorted(range(len(ends)), key=lambda i: (ends[i], columns.scans[i]))
    vectors = stacked([columns.vectors[i] for i in order], row.dim)
    patient_codes, patients = _coded(columns.patients[i] for i in order)
    study_codes, studies = _coded(columns.studies[i] for i in order)
    keys = [columns.scans[i] for i in order]
    gallery = Gallery(keys, vectors, patients, from_us[order], until_us[order], studies)
    outcomes = lane_outcomes(connection, encoder, kind)
    return Space(
        encoder, kind, row.metric, gallery,
        np.array([columns.own_lanes[i] for i in order], bool),
        np.array([columns.matched_nights[i] is None for i in order], bool),
        {(some.scan, some.lane): some for some in outcomes}, patient_codes, study_codes,
    )  # fmt: skip


def order_of(site: Site) -> Order:
    """Whether order between patients means anything here: "earlier" or "any"."""
    return "earlier" if site.settings.scans.dates == "true" else "any"


def _coded(keys: Iterable[str]) -> tuple[dict[str, int], np.ndarray]:
    """Give each different key a number; returns the numbers by key, and of each key in turn (N,) int64."""
    codes: dict[str, int] = {}
    column = [codes.setdefault(key, len(codes)) for key in keys]
    return codes, np.array(column, np.int64)


def _microseconds(moments: Sequence[datetime | None], is_dated: bool) -> np.ndarray:
    """Moments as (N,) int64; all unknown where the site's dates mean nothing."""
    return np.array([utc_microseconds(m) if m is not None and is_dated else UNKNOWN_US for m in moments], np.int64)
