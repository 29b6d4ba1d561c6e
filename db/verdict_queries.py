"""Reads of what people said of pairs, with what chance would have shown."""

from typing import Any

from sqlalchemy import Connection, and_, func, select

from db.archive_queries import SCAN
from db.base import table_of
from db.match_queries import LANE, MATCH
from db.rows import rows_of
from db.tables import Control, Verdict

VERDICT, CONTROL = table_of(Verdict), table_of(Control)


def newest_verdicts(connection: Connection) -> list[dict[str, Any]]:
    """Return the newest judgement of each reader on each pair, oldest first.

    Rows hold id, scan, prior, by, verdict, the study and kind of both scans, lane and chance_* of the match that was
    shown (empty when it is gone), is_control (true: a random control was shown), and gallery_patients of the list of
    other patients now.
    """
    last = select(func.max(VERDICT.c.id)).group_by(VERDICT.c.scan, VERDICT.c.prior, VERDICT.c.by)
    later, prior = SCAN.alias("later"), SCAN.alias("prior_scan")
    columns = (
        VERDICT.c.id, VERDICT.c.scan, VERDICT.c.prior, VERDICT.c.by, VERDICT.c.verdict, later.c.study, later.c.kind,
        prior.c.study.label("prior_study"), prior.c.kind.label("prior_kind"), MATCH.c.lane, MATCH.c.chance_code,
        MATCH.c.chance_share, MATCH.c.chance_below, LANE.c.gallery_patients,
        CONTROL.c.scan.is_not(None).label("is_control"),
    )  # fmt: skip
    lane = and_(LANE.c.scan == VERDICT.c.scan, LANE.c.encoder == VERDICT.c.encoder, LANE.c.lane == "others")
    found = select(*columns).join(later, later.c.key == VERDICT.c.scan).join(prior, prior.c.key == VERDICT.c.prior)
    found = found.outerjoin(MATCH, MATCH.c.id == VERDICT.c.match).outerjoin(LANE, lane)
    shown = and_(CONTROL.c.scan == VERDICT.c.scan, CONTROL.c.prior == VERDICT.c.prior,
                 CONTROL.c.encoder == VERDICT.c.encoder, VERDICT.c.match.is_(None))  # fmt: skip
    found = found.outerjoin(CONTROL, shown)
    return rows_of(connection, found.where(VERDICT.c.id.in_(last)).order_by(VERDICT.c.id))
