"""The type of every column that analysts and pages read; a view has none of its own on SQLite."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, Column, Date, Double, Integer, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from db.base import IDENTITY, Base, Moment
from db.views import VIEWS

MOMENT, DATE, WHOLE, TRUTH, WORDS = Moment(), Date(), Integer(), Boolean(), Text()
REAL: Double[float] = Double()

# On SQLite a moment of a view would come back as text. Every column of every view is here; a test says so.
VIEW_TYPES: Mapping[str, TypeEngine[Any]] = {
    **dict.fromkeys(("acquired", "prior_acquired", "begun_at", "ended_at", "since"), MOMENT),
    **dict.fromkeys(("local_date", "prior_local_date"), DATE),
    **dict.fromkeys(("distance", "best_distance", "seconds"), REAL),
    **dict.fromkeys(("expected_by_chance", "expected_fewer_than", "expected_low", "expected_high"), REAL),
    "change_percentile": REAL,
    **dict.fromkeys(("provisional", "hidden"), TRUTH),
    **dict.fromkeys(
        ("match", "rank", "entered_night", "n_verdicts", "n_matches", "best_rank", "n_hidden", "night", "exit_code",
         "files_changed", "scans_new", "scans_withdrawn", "embeddings_new", "matches_entered", "matches_left",
         "gallery_patients", "change_references", "moved_night", "rank_before"), WHOLE,
    ),
    **dict.fromkeys(
        ("cover", "purpose", "encoder", "metric", "lane", "kind", "code", "scan", "study", "patient", "prior",
         "prior_study", "prior_patient", "last_verdict", "last_verdict_by", "state", "error_code", "contrast",
         "prior_contrast", "chance_code", "change_code", "change_scanner", "entered_why", "date_doubts",
         "prior_date_doubts"),
        WORDS,
    ),
}  # fmt: skip


class UnknownTable(Exception):
    """There is no such table or view for analysts."""


def typed(name: str) -> Table:
    """Return a core table, or a view as a table whose columns have types.

    Raises:
        UnknownTable: No core table or view has this name.
    """
    views = {view.name: view for view in VIEWS}
    if name in views:
        return Table(name, MetaData(), *(Column(column, VIEW_TYPES[column]) for column in views[name].columns))
    table = Base.metadata.tables.get(name)
    if table is not None and table.schema != IDENTITY:
        return table
    known = [*views, *sorted(table.name for table in Base.metadata.tables.values() if table.schema != IDENTITY)]
    raise UnknownTable(f"there is no table {name!r} for analysts; there are {', '.join(known)}")
