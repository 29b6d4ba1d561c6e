"""The schema `identity`: the only tables that hold names, patient numbers, UIDs and paths."""

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.base import IDENTITY, Base, one_of

FILE_STATES = ("listed", "read", "refused", "arriving", "gone")


class IdentityPatient(Base):
    """One row a person, as the hospital knows them."""

    __tablename__ = "patient"
    __table_args__ = ({"schema": IDENTITY},)

    key: Mapped[str] = mapped_column(Text, primary_key=True, doc="keyed digest of issuer and patient id")
    patient_id: Mapped[str] = mapped_column(Text, index=True, doc="PatientID (0010,0020)")
    issuer: Mapped[str] = mapped_column(Text, doc="IssuerOfPatientID (0010,0021), empty when absent")
    name: Mapped[str] = mapped_column(Text, doc="PatientName (0010,0010), as last seen")
    birth_date: Mapped[str] = mapped_column(Text, doc="PatientBirthDate (0010,0030) as written, empty when absent")


class IdentityStudy(Base):
    """One row a study, with the numbers by which a clinician asks for it."""

    __tablename__ = "study"
    __table_args__ = ({"schema": IDENTITY},)

    key: Mapped[str] = mapped_column(
        Text, primary_key=True, doc="keyed digest of the study's UID, and of whose it is where people share one"
    )
    patient: Mapped[str] = mapped_column(
        Text, ForeignKey(f"{IDENTITY}.patient.key"), index=True, doc="whose study it is"
    )
    study_uid: Mapped[str] = mapped_column(Text, index=True, doc="StudyInstanceUID (0020,000D)")
    accession_number: Mapped[str] = mapped_column(
        Text, index=True, doc="AccessionNumber (0008,0050), empty when absent"
    )


class IdentityRejection(Base):
    """One row an instance that a rejection note names; it holds while the note's file is read."""

    __tablename__ = "rejection"
    __table_args__ = ({"schema": IDENTITY},)

    note: Mapped[str] = mapped_column(Text, primary_key=True, doc="file.key of the note")
    sop_uid: Mapped[str] = mapped_column(Text, primary_key=True, index=True, doc="SOPInstanceUID that it names")
    code: Mapped[str] = mapped_column(Text, doc="why, a code of the scheme DCM: 113001, 113037, 113038 or 113039")


class IdentityFile(Base):
    """One row a file the archive has ever shown, with what its header said."""

    __tablename__ = "file"
    __table_args__ = (
        UniqueConstraint("path"),
        one_of("state", FILE_STATES),
        # The nightly listing reads these columns alone; without the index it would drag every header along.
        Index("ix_file_listing", "path", "size_bytes", "mtime_ns", "inode", "state"),
        Index("ix_file_pending", "grouped", "series"),
        Index("ix_file_part", "part"),
        {"schema": IDENTITY},
    )

    key: Mapped[str] = mapped_column(Text, primary_key=True, doc="keyed digest of the path; the same key as file.key")
    path: Mapped[str] = mapped_column(Text, doc="relative to the archive, with /; odd bytes escaped")
    size_bytes: Mapped[int] = mapped_column(BigInteger, doc="size when last looked at")
    mtime_ns: Mapped[int] = mapped_column(BigInteger, doc="time of last change, nanoseconds since 1970 UTC")
    inode: Mapped[int] = mapped_column(BigInteger, doc="inode number, as a signed 64-bit number")
    state: Mapped[str] = mapped_column(Text, index=True, doc="how far the header pass has come with it")
    code: Mapped[str] = mapped_column(Text, doc="outcome code when the header was refused, else empty")
    why: Mapped[str] = mapped_column(Text, doc="the refusal in words, else empty")
    sop_uid: Mapped[str] = mapped_column(Text, index=True, doc="SOPInstanceUID (0008,0018); empty: not read")
    series: Mapped[str] = mapped_column(Text, index=True, doc="key of the file's series; empty: not read")
    study: Mapped[str] = mapped_column(Text, index=True, doc="keyed digest of the study's UID; empty: not read")
    part: Mapped[str] = mapped_column(
        Text, server_default="", doc="study.key where several people share the study's UID; empty: that is `study`"
    )
    series_uid: Mapped[str] = mapped_column(Text, doc="SeriesInstanceUID (0020,000E); empty: not read")
    file_sha256: Mapped[str] = mapped_column(Text, doc="SHA-256 of the whole file; empty: not read")
    pixel_sha256: Mapped[str] = mapped_column(Text, doc="SHA-256 of pixels and their shape; empty: not read")
    person: Mapped[str] = mapped_column(Text, index=True, server_default="", doc="person.key; empty: not read")
    header: Mapped[str] = mapped_column(Text, doc="every tag that is used, as JSON; empty: not read")
    grouped: Mapped[bool] = mapped_column(doc="false: the core tables do not yet say what became of it")
