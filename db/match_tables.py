"""Encoders, their vectors, the matches between these, and what people said of them."""

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.archive_tables import COVERS
from db.base import Base, Moment, one_of

METRICS = ("cosine", "euclidean")
ORIGINS = ("starter", "trained", "imported")
LANES = ("own", "others")
MATCH_CODES = ("prior", "same-day")
SUBJECTS = ("patient", "study")
VALUES = ("present", "absent")
VERDICTS = ("relevant", "not-relevant", "unsure", "wrong-patient", "duplicate")
ALWAYS_FROM, ALWAYS_UNTIL = date(1, 1, 1), date(9999, 12, 31)  # an open end; NULL would defeat the unique key
CURRENT = text("left_night IS NULL")


class Encoder(Base):
    """One row an encoder: backbone, weights, preprocessing and purpose, named by the fingerprint of all."""

    __tablename__ = "encoder"
    __table_args__ = (
        one_of("cover", COVERS),
        one_of("metric", METRICS),
        one_of("origin", ORIGINS),
        CheckConstraint("dim >= 1", name="dim"),
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True, doc="fingerprint")
    cover: Mapped[str] = mapped_column(Text, doc="the scans it serves")
    purpose: Mapped[str] = mapped_column(Text, doc="what its positives share: finding, patient or view")
    backbone: Mapped[str] = mapped_column(Text, doc="name of the network")
    dim: Mapped[int] = mapped_column(doc="length of its vectors")
    metric: Mapped[str] = mapped_column(Text, doc="distance its matches use")
    recipe: Mapped[str] = mapped_column(Text, doc="digest of the preprocessing it was made for")
    origin: Mapped[str] = mapped_column(Text, doc="shipped, trained here, or brought in")
    provisional: Mapped[bool] = mapped_column(doc="true: has not beaten the plain baselines on this archive")
    folder: Mapped[str] = mapped_column(Text, doc="where it is kept, relative to the work folder")
    manifest: Mapped[str] = mapped_column(Text, doc="its manifest as JSON")
    held_reason: Mapped[str] = mapped_column(
        Text, server_default="", doc="why it was not made active when it was trained; empty: it was, or came otherwise"
    )
    chosen_reason: Mapped[str] = mapped_column(
        Text, server_default="", doc="why it is to become active once every scan has its vector; empty: it is not to be"
    )
    forgotten_patients: Mapped[int] = mapped_column(
        server_default="0", doc="persons it learned from who were forgotten since; above 0: train anew"
    )
    kernels: Mapped[str] = mapped_column(
        Text, server_default="", doc="kernel level of the processor that trained it; empty: not recorded"
    )
    created_night: Mapped[int | None] = mapped_column(ForeignKey("night.id"), doc="night that made it")
    created_at: Mapped[datetime] = mapped_column(Moment, doc="when it was made")


class Activation(Base):
    """One row a switch; the newest of a cover and purpose says what is active. Rows are never changed."""

    __tablename__ = "activation"
    __table_args__ = (
        one_of("cover", COVERS),
        Index(None, "cover", "purpose"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True, doc="rises with time")
    cover: Mapped[str] = mapped_column(Text, doc="2d or 3d")
    purpose: Mapped[str] = mapped_column(Text, doc="purpose")
    encoder: Mapped[str | None] = mapped_column(ForeignKey("encoder.id"), doc="active from now on; empty: none")
    night: Mapped[int | None] = mapped_column(ForeignKey("night.id"), doc="night that switched, if one did")
    at: Mapped[datetime] = mapped_column(Moment, doc="when")
    reason: Mapped[str] = mapped_column(Text, doc="why")


class Embedding(Base):
    """One row a scan and encoder: the vector, which is the record that matches are made from."""

    __tablename__ = "embedding"
    __table_args__ = (
        CheckConstraint("dim >= 1 AND length(vector) = 4 * dim", name="length"),
        Index(None, "encoder", "matched_night"),
    )

    scan: Mapped[str] = mapped_column(ForeignKey("scan.key"), primary_key=True, doc="the scan")
    encoder: Mapped[str] = mapped_column(ForeignKey("encoder.id"), primary_key=True, doc="the encoder")
    dim: Mapped[int] = mapped_column(doc="numbers in the vector")
    device: Mapped[str] = mapped_column(Text, doc="where it was computed: cpu or cuda")
    kernels: Mapped[str] = mapped_column(
        Text, server_default="", doc="kernel level of the processor or GPU that computed it; empty: not recorded"
    )
    night: Mapped[int] = mapped_column(ForeignKey("night.id"), index=True, doc="night that computed it")
    matched_night: Mapped[int | None] = mapped_column(
        ForeignKey("night.id"), doc="night that wrote the lanes of it and to it; empty: still to do"
    )
    # Last, so that reading the other columns of a wide row can stop before it.
    vector: Mapped[bytes] = mapped_column(doc="little-endian float32, unit length; counts as identifying")


class Match(Base):
    """One row a scan, prior, encoder, lane and stay in the list; current while left_night is empty."""

    __tablename__ = "match"
    __table_args__ = (
        ForeignKeyConstraint(["scan", "encoder"], ["embedding.scan", "embedding.encoder"]),
        ForeignKeyConstraint(["prior", "encoder"], ["embedding.scan", "embedding.encoder"]),
        one_of("lane", LANES),
        one_of("code", MATCH_CODES),
        CheckConstraint("scan <> prior", name="other_scan"),
        CheckConstraint("distance >= 0", name="distance"),
        CheckConstraint("rank >= 1", name="rank"),
        CheckConstraint("rank IS NOT NULL OR (lane = 'own' AND code = 'same-day')", name="ranked"),
        CheckConstraint("left_night > entered_night", name="stay"),
        Index(
            "uq_match_current", "scan", "prior", "encoder", "lane",
            unique=True, sqlite_where=CURRENT, postgresql_where=CURRENT,
        ),
        Index(None, "encoder", "scan", "left_night"),
        Index(None, "encoder", "prior", "left_night"),
        {"sqlite_autoincrement": True},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True, doc="what `scantwin verdict` is given; never used twice")
    scan: Mapped[str] = mapped_column(Text, doc="the later scan, whose list this is")
    prior: Mapped[str] = mapped_column(Text, doc="the earlier scan")
    encoder: Mapped[str] = mapped_column(Text, doc="both vectors are from it")
    lane: Mapped[str] = mapped_column(Text, doc="own: same patient; others: other patients")
    kind: Mapped[str] = mapped_column(Text, doc="kind of both scans")
    rank: Mapped[int | None] = mapped_column(doc="1 is first; empty: same day, order unknown")
    code: Mapped[str] = mapped_column(Text, doc="prior, or same-day when the order is unknown")
    distance: Mapped[float] = mapped_column(Double, doc="distance of the two vectors, by the encoder's metric")
    entered_night: Mapped[int] = mapped_column(ForeignKey("night.id"), index=True, doc="night it entered the list")
    left_night: Mapped[int | None] = mapped_column(
        ForeignKey("night.id"), index=True, doc="night it left; empty: current"
    )
    entered_why: Mapped[str] = mapped_column(
        Text, server_default="", doc="outcome code: why it entered; empty: not known"
    )
    left_why: Mapped[str] = mapped_column(Text, server_default="", doc="outcome code: why it left; empty: current")
    moved_night: Mapped[int | None] = mapped_column(doc="night of the last change of its rank; empty: never moved")
    rank_before: Mapped[int | None] = mapped_column(doc="its rank before that night")
    former_moved_night: Mapped[int | None] = mapped_column(doc="night of the move before the last one; empty: none")
    former_rank_before: Mapped[int | None] = mapped_column(doc="its rank before that night")
    chance_code: Mapped[str] = mapped_column(
        Text, server_default="not-calibrated", doc="estimate, fewer-than or not-calibrated: what is known by chance"
    )
    chance_share: Mapped[float | None] = mapped_column(
        Double, doc="share of unrelated patients who look this near; empty unless it is an estimate"
    )
    chance_below: Mapped[float | None] = mapped_column(Double, doc="its one-sided 95 % upper bound")
    chance_low: Mapped[float | None] = mapped_column(Double, doc="begin of its 95 % interval")
    chance_high: Mapped[float | None] = mapped_column(Double, doc="end of its 95 % interval")
    chance_basis: Mapped[str] = mapped_column(
        Text, server_default="", doc="calibration.basis that these were read from; another one: to be read again"
    )
    change_code: Mapped[str] = mapped_column(
        Text, server_default="", doc="own lane: change or no-reference; empty: another patient's scan"
    )
    change_percentile: Mapped[float | None] = mapped_column(
        Double, doc="share of reference pairs (same patient, unchanged, soon again) that are nearer, percent"
    )
    change_references: Mapped[int | None] = mapped_column(doc="how many reference pairs there are, one a patient")
    change_scanner: Mapped[str] = mapped_column(
        Text, server_default="", doc="same-scanner or other-scanner: which references; empty: not known"
    )


class LaneOutcome(Base):
    """One row a scan, encoder and lane: why its list is as long as it is."""

    __tablename__ = "lane_outcome"
    __table_args__ = (
        ForeignKeyConstraint(["scan", "encoder"], ["embedding.scan", "embedding.encoder"]),
        one_of("lane", LANES),
        Index(None, "encoder", "lane"),
    )

    scan: Mapped[str] = mapped_column(Text, primary_key=True, doc="whose list")
    encoder: Mapped[str] = mapped_column(Text, primary_key=True, doc="by which encoder")
    lane: Mapped[str] = mapped_column(Text, primary_key=True, doc="which list")
    code: Mapped[str] = mapped_column(Text, doc="outcome code")
    gallery_patients: Mapped[int] = mapped_column(doc="patients who had a prior that could have been listed")
    n_matches: Mapped[int] = mapped_column(doc="matches in the list")
    reach: Mapped[float | None] = mapped_column(
        Double, doc="distance of the last of k matches; empty: the list is short"
    )
    rules: Mapped[str] = mapped_column(Text, doc="digest of the settings of the search")
    night: Mapped[int] = mapped_column(ForeignKey("night.id"), doc="night of the last change")
    alarm: Mapped[str] = mapped_column(
        Text, server_default="", doc="outcome code of an alarm of an encoder of purpose patient; empty: none"
    )


class Calibration(Base):
    """One row an encoder and kind: what a distance is worth among unrelated patients of validation."""

    __tablename__ = "calibration"

    encoder: Mapped[str] = mapped_column(ForeignKey("encoder.id"), primary_key=True, doc="whose distances")
    kind: Mapped[str] = mapped_column(Text, primary_key=True, doc="kind of scan")
    basis: Mapped[str] = mapped_column(Text, doc="digest of the scans, labels and settings that it was made from")
    n_patients: Mapped[int] = mapped_column(doc="patients of validation that it was made from")
    curve: Mapped[str] = mapped_column(Text, doc="share of unrelated patients by distance as JSON; empty: too few")
    why_not: Mapped[str] = mapped_column(Text, doc="what is not calibrated, and why")
    cutoff: Mapped[float | None] = mapped_column(
        Double, doc="beyond it: no sufficiently similar case; empty: off; -1: nothing is ever near enough"
    )
    wrong_patient: Mapped[float | None] = mapped_column(
        Double, doc="nearest own prior beyond it: possibly another person; empty: no reference"
    )
    same_person: Mapped[float | None] = mapped_column(
        Double, doc="other patient within it: possibly one person; empty: no reference; -1: never"
    )
    rates: Mapped[str] = mapped_column(Text, doc="what cut-off and alarms cost, with intervals, as JSON")
    unchanged: Mapped[str] = mapped_column(
        Text, server_default="", doc="distances of reference pairs, by same and other scanner, as JSON; empty: none"
    )
    night: Mapped[int] = mapped_column(ForeignKey("night.id"), doc="night that made it")


class Label(Base):
    """One row a statement about a patient or study, from one source."""

    __tablename__ = "label"
    __table_args__ = (
        one_of("subject", SUBJECTS),
        one_of("value", VALUES),
        CheckConstraint("valid_from <= valid_until", name="valid"),
        UniqueConstraint("subject", "subject_key", "finding", "kind", "valid_from", "valid_until", "source"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True, doc="number of the row")
    subject: Mapped[str] = mapped_column(Text, doc="what subject_key is a key of")
    subject_key: Mapped[str] = mapped_column(Text, doc="patient.key or study.key; may name one not seen yet")
    finding: Mapped[str] = mapped_column(Text, doc="what is present or absent")
    value: Mapped[str] = mapped_column(Text, doc="present or absent")
    kind: Mapped[str] = mapped_column(Text, doc="kind of scan it holds for; empty: any")
    valid_from: Mapped[date] = mapped_column(doc="first day it holds; 0001-01-01: always did")
    valid_until: Mapped[date] = mapped_column(doc="last day it holds; 9999-12-31: no end known")
    grade: Mapped[str | None] = mapped_column(Text, doc="severity, in the source's words")
    size_mm: Mapped[float | None] = mapped_column(Double, doc="largest diameter of what is present")
    contrast_to_noise: Mapped[float | None] = mapped_column(Double, doc="how far it stands out, in units of noise")
    site: Mapped[str | None] = mapped_column(Text, doc="hospital or group where the scan was made")
    source: Mapped[str] = mapped_column(Text, doc="who or what said so")
    night: Mapped[int | None] = mapped_column(ForeignKey("night.id"), doc="night that brought it, if one did")
    at: Mapped[datetime] = mapped_column(Moment, doc="when it was imported")


class Control(Base):
    """One row a pair that was shown among matches to be judged, and is none: drawn at random."""

    __tablename__ = "control"
    __table_args__ = (
        ForeignKeyConstraint(["scan", "encoder"], ["embedding.scan", "embedding.encoder"]),
        ForeignKeyConstraint(["prior", "encoder"], ["embedding.scan", "embedding.encoder"]),
    )

    scan: Mapped[str] = mapped_column(Text, primary_key=True, doc="the later scan, whose list it was mixed into")
    prior: Mapped[str] = mapped_column(Text, primary_key=True, doc="an earlier scan of another patient")
    encoder: Mapped[str] = mapped_column(Text, primary_key=True, doc="whose list")
    night: Mapped[int | None] = mapped_column(ForeignKey("night.id"), doc="newest night when it was first shown")


class Verdict(Base):
    """One row a judgement of a person on a pair. Rows are never changed: a change of mind is a new one."""

    __tablename__ = "verdict"
    __table_args__ = (
        one_of("verdict", VERDICTS),
        Index(None, "scan", "prior"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True, doc="rises with time")
    match: Mapped[int | None] = mapped_column(
        ForeignKey("match.id", ondelete="SET NULL"), index=True, doc="the match that was shown"
    )
    scan: Mapped[str] = mapped_column(ForeignKey("scan.key"), doc="the later scan of the pair")
    prior: Mapped[str] = mapped_column(ForeignKey("scan.key"), index=True, doc="the earlier scan of the pair")
    encoder: Mapped[str] = mapped_column(ForeignKey("encoder.id"), doc="the encoder that found it")
    verdict: Mapped[str] = mapped_column(Text, doc="what the person said")
    by: Mapped[str] = mapped_column(Text, doc="who")
    note: Mapped[str] = mapped_column(Text, doc="remark, may be empty; never exported")
    night: Mapped[int | None] = mapped_column(ForeignKey("night.id"), doc="newest night when it was given")
    at: Mapped[datetime] = mapped_column(Moment, doc="when")
