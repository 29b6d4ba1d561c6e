"""What encoders were found to be worth."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Double, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.archive_tables import COVERS
from db.base import Base, Moment, one_of

TASKS = ("finding", "patient")
GALLERIES = ("prior", "open")
EVALUATION_CODES = ("earned", "provisional")


class Evaluation(Base):
    """One row an evaluation of an encoder, or of a fold's each: a reading of test. Rows are never changed."""

    __tablename__ = "evaluation"
    __table_args__ = (
        one_of("cover", COVERS),
        one_of("task", TASKS),
        one_of("gallery", GALLERIES),
        one_of("code", EVALUATION_CODES),
        CheckConstraint("reading >= 1", name="reading"),
        CheckConstraint("folds >= 1", name="folds"),
        UniqueConstraint("cover", "reading"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True, doc="rises with time")
    night: Mapped[int | None] = mapped_column(ForeignKey("night.id"), doc="night that asked; empty: a person did")
    encoder: Mapped[str | None] = mapped_column(
        ForeignKey("encoder.id"),
        index=True,
        doc="whose worth this is; empty: of several, none of them kept",
    )
    folds: Mapped[int] = mapped_column(
        default=1, server_default="1", doc="5: of five encoders, each asked about people whom it never saw; else 1"
    )
    cover: Mapped[str] = mapped_column(Text, doc="the scans it serves")
    reading: Mapped[int] = mapped_column(doc="1, 2, 3 ... in each cover: how often its test patients were read")
    task: Mapped[str] = mapped_column(Text, doc="finding: another patient with it; patient: the same patient")
    kind: Mapped[str] = mapped_column(Text, doc="the kind it was restricted to; empty: all kinds")
    gallery: Mapped[str] = mapped_column(Text, doc="prior: earlier scans; open: all others, where dates are unknown")
    n_queries: Mapped[int] = mapped_column(doc="queries with something relevant to find")
    n_patients: Mapped[int] = mapped_column(doc="patients of these queries")
    p_at_1: Mapped[float | None] = mapped_column(Double, doc="share of queries whose nearest is relevant")
    p_at_1_low: Mapped[float | None] = mapped_column(Double, doc="lower end of its 95 % interval")
    p_at_1_high: Mapped[float | None] = mapped_column(Double, doc="upper end")
    map_at_r: Mapped[float | None] = mapped_column(Double, doc="mean average precision at R")
    map_at_r_low: Mapped[float | None] = mapped_column(Double, doc="lower end of its 95 % interval")
    map_at_r_high: Mapped[float | None] = mapped_column(Double, doc="upper end")
    lift_over: Mapped[str] = mapped_column(Text, doc="the baseline that it is least ahead of; empty: none")
    lift: Mapped[float | None] = mapped_column(Double, doc="p_at_1 less that baseline's, on the same queries")
    lift_low: Mapped[float | None] = mapped_column(Double, doc="lower end of its 95 % interval")
    lift_high: Mapped[float | None] = mapped_column(Double, doc="upper end")
    code: Mapped[str] = mapped_column(Text, doc="provisional: the lift over a baseline does not exclude 0; else earned")
    made_at: Mapped[datetime] = mapped_column(Moment, index=True, doc="when")
    result: Mapped[str] = mapped_column(Text, doc="all its figures as JSON, without any key")
