"""Views for analysts: core tables only, the same SQL on both databases, made anew by every upgrade.

They hold nothing themselves; a view's columns may be added to, never renamed. A view whose text changes needs a
revision that lists its new digest: databases of one revision have the same views.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError


@dataclass(frozen=True)
class View:
    """A view.

    Attributes:
        name: Its name.
        grain: What one row of it is.
        columns: Column names, in order, to what they hold.
        sql: The SELECT behind it.
    """

    name: str
    grain: str
    columns: dict[str, str]
    sql: str

    @property
    def digest(self) -> str:
        """16 hex digits of its text, however that is broken into lines."""
        return hashlib.sha256(_plain(self.sql).encode()).hexdigest()[:16]


ACTIVE_ENCODER = View(
    "active_encoder",
    "One row a cover and purpose that has an active encoder.",
    {
        "cover": "2d or 3d",
        "purpose": "what its positives share",
        "encoder": "encoder.id",
        "metric": "its distance",
        "provisional": "true: has not beaten the plain baselines on this archive",
        "since": "when it was made active",
    },
    """
    SELECT a.cover, a.purpose, a.encoder, e.metric, e.provisional, a.at AS since
    FROM activation a
    JOIN encoder e ON e.id = a.encoder
    WHERE a.id IN (SELECT max(id) FROM activation GROUP BY cover, purpose)
    """,
)

MATCH_FOR_REVIEW = View(
    "match_for_review",
    "One row a current match of an active encoder.",
    {
        "match": "match.id, what `scantwin verdict` is given",
        "cover": "2d or 3d",
        "purpose": "purpose of the encoder",
        "encoder": "encoder.id",
        "provisional": "true: the encoder has not beaten the plain baselines on this archive",
        "lane": "own: same patient; others: other patients",
        "kind": "kind of both scans",
        "rank": "1 is first; empty: same day, order unknown",
        "code": "prior, or same-day when the order is unknown",
        "distance": "distance of the two vectors, by the encoder's metric",
        "scan": "scan.key of the later scan",
        "study": "its study.key",
        "patient": "its patient.key",
        "acquired": "begin of its acquisition, UTC",
        "local_date": "its date where it was made",
        "prior": "scan.key of the earlier scan",
        "prior_study": "its study.key",
        "prior_patient": "its patient.key",
        "prior_acquired": "begin of its acquisition, UTC",
        "prior_local_date": "its date where it was made",
        "entered_night": "night the match entered the list",
        "n_verdicts": "judgements on this pair of scans, by any encoder",
        "last_verdict": "the newest of them; empty: none",
        "last_verdict_by": "who gave it",
        "hidden": "true: the newest judgement is not-relevant or wrong-patient",
        "contrast": "contrast agent of the later scan: given, not-given or unknown",
        "prior_contrast": "contrast agent of the earlier scan",
        "gallery_patients": "N: other patients who had a scan that could have been listed",
        "chance_code": "estimate, fewer-than or not-calibrated",
        "expected_by_chance": "how many of N unrelated patients would look this near; empty unless an estimate",
        "expected_fewer_than": "one-sided 95 % upper bound of that number; empty: not calibrated",
        "expected_low": "begin of its 95 % interval",
        "expected_high": "end of its 95 % interval",
        "change_code": "own lane: change or no-reference; empty: another patient's scan",
        "change_percentile": "share of unchanged pairs that are nearer, percent; such pairs are of people who were "
        "scanned again soon, and these are the ill ones",
        "change_references": "how many unchanged pairs there are, one a patient",
        "change_scanner": "same-scanner or other-scanner: which pairs; empty: not known",
        "entered_why": "outcome code: why it entered the list; empty: not known",
        "moved_night": "night of the last change of its rank; empty: never moved",
        "rank_before": "its rank before that night",
        "date_doubts": "outcome codes of what speaks against the date of the later scan; empty: nothing does",
        "prior_date_doubts": "and of the earlier scan",
    },
    """
    SELECT m.id AS "match", a.cover, a.purpose, m.encoder, a.provisional, m.lane, m.kind, m.rank, m.code,
        m.distance, m.scan, s.study, s.patient, s.acquired_from AS acquired,
        s.acquired_local_date AS local_date, m.prior, p.study AS prior_study, p.patient AS prior_patient,
        p.acquired_from AS prior_acquired, p.acquired_local_date AS prior_local_date, m.entered_night,
        coalesce(v.n_verdicts, 0) AS n_verdicts, l.verdict AS last_verdict, l."by" AS last_verdict_by,
        coalesce(l.verdict IN ('not-relevant', 'wrong-patient'), FALSE) AS hidden,
        coalesce(s.contrast, 'unknown') AS contrast, coalesce(p.contrast, 'unknown') AS prior_contrast,
        coalesce(o.gallery_patients, 0) AS gallery_patients,
        CASE WHEN o.gallery_patients > 0 THEN m.chance_code ELSE 'not-calibrated' END AS chance_code,
        m.chance_share * nullif(o.gallery_patients, 0) AS expected_by_chance,
        m.chance_below * nullif(o.gallery_patients, 0) AS expected_fewer_than,
        m.chance_low * nullif(o.gallery_patients, 0) AS expected_low,
        m.chance_high * nullif(o.gallery_patients, 0) AS expected_high,
        m.change_code, m.change_percentile, m.change_references, m.change_scanner, m.entered_why, m.moved_night,
        m.rank_before, s.date_doubts, p.date_doubts AS prior_date_doubts
    FROM "match" m
    JOIN active_encoder a ON a.encoder = m.encoder
    JOIN scan s ON s.key = m.scan
    JOIN scan p ON p.key = m.prior
    LEFT JOIN lane_outcome o ON o.scan = m.scan AND o.encoder = m.encoder AND o.lane = 'others'
    LEFT JOIN
        (SELECT scan, prior, count(*) AS n_verdicts, max(id) AS last FROM verdict GROUP BY scan, prior) v
        ON v.scan = m.scan AND v.prior = m.prior
    LEFT JOIN verdict l ON l.id = v.last
    WHERE m.left_night IS NULL
    """,
)

STUDY_MATCH = View(
    "study_match",
    "One row a pair of studies, purpose and lane: what the current matches of their scans come to.",
    {
        "purpose": "purpose of the encoders",
        "lane": "own: same patient; others: other patients",
        "study": "study.key of the later study",
        "patient": "its patient.key",
        "prior_study": "study.key of the earlier study",
        "prior_patient": "its patient.key",
        "n_matches": "current matches between their scans",
        "best_rank": "best rank among these; empty: none is ranked",
        "best_distance": "smallest distance among these",
        "provisional": "true: one of the encoders is provisional",
        "n_hidden": "matches among these that the newest judgement refuses",
        "expected_by_chance": "least number of unrelated patients expected this near; empty: no estimate among these",
        "expected_fewer_than": "least upper bound of such a number; empty: not calibrated",
    },
    """
    SELECT purpose, lane, study, patient, prior_study, prior_patient, count(*) AS n_matches,
        min(rank) AS best_rank, min(distance) AS best_distance,
        max(CASE WHEN provisional THEN 1 ELSE 0 END) = 1 AS provisional,
        sum(CASE WHEN hidden THEN 1 ELSE 0 END) AS n_hidden,
        min(expected_by_chance) AS expected_by_chance, min(expected_fewer_than) AS expected_fewer_than
    FROM match_for_review
    GROUP BY purpose, lane, study, patient, prior_study, prior_patient
    """,
)

NIGHT_SUMMARY = View(
    "night_summary",
    "One row a night.",
    {
        "night": "night.id",
        "state": "how it ended; running while it runs",
        "exit_code": "exit code of the command",
        "begun_at": "begin, by the database's clock, UTC",
        "ended_at": "end, UTC",
        "error_code": "why it failed; empty when it did not",
        "seconds": "sum over its stages",
        "files_changed": "files whose outcome it set last",
        "scans_new": "scans it accepted first",
        "scans_withdrawn": "scans it withdrew",
        "embeddings_new": "vectors it computed",
        "matches_entered": "matches that entered a list, and may have left it since",
        "matches_left": "matches that left a list",
    },
    """
    SELECT n.id AS night, n.state, n.exit_code, n.begun_at, n.ended_at, n.error_code,
        (SELECT sum(g.seconds) FROM stage g WHERE g.night = n.id) AS seconds,
        (SELECT count(*) FROM file f WHERE f.changed_night = n.id) AS files_changed,
        (SELECT count(*) FROM scan s WHERE s.first_night = n.id) AS scans_new,
        (SELECT count(*) FROM scan s WHERE s.withdrawn_night = n.id) AS scans_withdrawn,
        (SELECT count(*) FROM embedding e WHERE e.night = n.id) AS embeddings_new,
        (SELECT count(*) FROM "match" m WHERE m.entered_night = n.id) AS matches_entered,
        (SELECT count(*) FROM "match" m WHERE m.left_night = n.id) AS matches_left
    FROM night n
    """,
)

PROBE = "scantwin_probe"
VIEWS = (ACTIVE_ENCODER, MATCH_FOR_REVIEW, STUDY_MATCH, NIGHT_SUMMARY)  # each may read those before it


def drop_views(connection: Connection) -> None:
    """Drop the views, so that the tables under them may change."""
    for view in reversed(VIEWS):
        connection.execute(text(f"DROP VIEW IF EXISTS {view.name}"))


def create_views(connection: Connection) -> None:
    """Create the views; on PostgreSQL in the place of those that are there, where their columns allow it."""
    is_sqlite = connection.dialect.name == "sqlite"
    for view in VIEWS:
        connection.execute(text(f"CREATE {'' if is_sqlite else 'OR REPLACE '}VIEW {view.name} AS {view.sql.strip()}"))
        if not is_sqlite:  # PostgreSQL keeps a view's meaning, not its text
            remark = _remark(view).replace("'", "''").replace(":", "\\:")
            connection.execute(text(f"COMMENT ON VIEW {view.name} IS '{remark}'"))


def view_differences(connection: Connection) -> list[str]:
    """Say which views are missing, or have another text or other columns than described here; empty when none."""
    return [found for view in VIEWS if (found := _difference(connection, view))]


def replaced_views(connection: Connection) -> list[str]:
    """Say which views of PostgreSQL do something else than described here, whatever their remark says.

    PostgreSQL keeps what a view means and writes that in one way. So each is made once more, for this transaction
    alone, and the two meanings are compared. Where no such view may be made, nothing is said.

    Args:
        connection: In a transaction that may write, and is rolled back afterwards.
    """
    if not connection.scalar(text("SELECT has_database_privilege(current_database(), 'TEMP')")):
        return []
    return [found for view in VIEWS if (found := _replaced(connection, view))]


def _replaced(connection: Connection, view: View) -> str:
    try:
        with connection.begin_nested():
            connection.execute(text(f"CREATE TEMPORARY VIEW {PROBE} AS {view.sql.strip()}"))
            meant, kept = (
                connection.scalar(text("SELECT pg_get_viewdef(to_regclass(:name))"), {"name": name})
                for name in (PROBE, view.name)
            )
            connection.execute(text(f"DROP VIEW pg_temp.{PROBE}"))
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        return ""  # what it reads from is not as described: that is said elsewhere
    return "" if kept in (None, meant) else f"view {view.name} was replaced by another one of the same columns"


def _difference(connection: Connection, view: View) -> str:
    if connection.dialect.name == "sqlite":
        kept = connection.scalar(
            text("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = :name"), {"name": view.name}
        )
        is_same = kept is not None and _plain(str(kept)) == _plain(f"CREATE VIEW {view.name} AS {view.sql}")
    else:
        kept = connection.scalar(text("SELECT to_regclass(:name)::text"), {"name": view.name})
        remark = connection.scalar(text("SELECT obj_description(to_regclass(:name))"), {"name": view.name})
        is_same = remark == _remark(view)
    if kept is None:
        return f"view {view.name} is missing"
    if not is_same:
        return f"view {view.name} has another text than this program's"
    try:
        found = list(connection.execute(text(f"SELECT * FROM {view.name} LIMIT 0")).keys())
    except DBAPIError as error:
        return f"view {view.name} cannot be read: {error.orig}"
    return "" if found == list(view.columns) else f"view {view.name} has columns {found}, not {list(view.columns)}"


def _remark(view: View) -> str:
    return f"{view.grain} [{view.digest}]"


def _plain(sql: str) -> str:
    return " ".join(sql.split())
