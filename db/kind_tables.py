"""What tells the kind of scans whose header does not."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.archive_tables import COVERS
from db.base import Base, Moment, one_of


class KindClassifier(Base):
    """One row a classifier of kinds that was learned here, with its evidence; its numbers lie in store/kinds/ID."""

    __tablename__ = "kind_classifier"
    __table_args__ = (one_of("cover", COVERS), Index(None, "encoder"))

    id: Mapped[str] = mapped_column(Text, primary_key=True, doc="digest of its numbers, its encoder and its cover")
    encoder: Mapped[str] = mapped_column(ForeignKey("encoder.id"), doc="whose vectors it reads")
    cover: Mapped[str] = mapped_column(Text, doc="the scans it may name")
    figures: Mapped[str] = mapped_column(Text, doc="what it is worth on patients left out, by family, as JSON")
    n_named: Mapped[int] = mapped_column(doc="scans of patients left out that it named")
    n_wrong: Mapped[int] = mapped_column(doc="those of them that it named otherwise than their tags")
    in_use: Mapped[bool] = mapped_column(doc="true: it names scans, at most one of a cover does")
    off_reason: Mapped[str] = mapped_column(
        Text, server_default="", doc="why it is in use no more; empty: it is, or was not"
    )
    off_night: Mapped[int | None] = mapped_column(ForeignKey("night.id"), doc="night that switched it off, if one did")
    forgotten_patients: Mapped[int] = mapped_column(
        server_default="0", doc="persons it may have learned from who were forgotten since; above 0: learn anew"
    )
    created_at: Mapped[datetime] = mapped_column(Moment, doc="when it was learned")
